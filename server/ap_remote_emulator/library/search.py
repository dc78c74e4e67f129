"""Search over photographs, videos and albums, and what it counts beside them.

``timeZone``, ``language``, ``searchOnFamily`` and ``dedupeContext`` are accepted and change nothing: dates are the
camera's own, there is one language, and no source says what the others do.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ap_remote_emulator.errors import BadRequestError
from ap_remote_emulator.library import families, people, previews, shares
from ap_remote_emulator.library.listing import MAX_LIMIT, Source, count, fetch, read_number
from ap_remote_emulator.library.store import Store
from ap_remote_emulator.library.views import View, show
from ap_remote_emulator.query import compile_search, parse_search, parse_search_sort

CATEGORIES: Final = (
    "allPeople",
    "clusterId",
    "familyMembers",
    "favorite",
    "location",
    "people",
    "things",
    "time",
    "type",
)
_PEOPLE: Final = ("allPeople", "clusterId", "people")
_INLINE: Final = ("allPeople", "clusterId", "favorite", "location", "people", "things", "time", "type")
_VISIBLE: Final = "n.status = 'AVAILABLE' AND n.hidden = 0 AND n.media IS NOT NULL"
"""Without ``type`` a search is over all of these (inferred). ``favorite:(false)``, which is in no source, finds those
that are no favourites (own choice)."""
_CONTEXTS: Final = frozenset({"customer", "all", "family", "groups", "unknown"})
_BUCKETS: Final = {
    "year": "(n.year || '')",
    "month": "(n.year || printf('-%02d', n.month))",
    "day": "(n.year || printf('-%02d-%02d', n.month, n.day))",
}
"""How a time bucket is written is (inferred): ``2023``, ``2023-08``, ``2023-08-15``."""
_DEFAULT_ORDER: Final = "n.content_date DESC, n.id DESC"


def search(store: Store, parameters: Mapping[str, str], view: View, *, inside: str = "") -> dict[str, Any]:
    """Return a page of what matches, and the aggregations over all that matches.

    Hidden and trashed nodes are left out. ``lowResThumbnail=true`` adds small pictures, ``fields`` takes keys away.

    Args:
        store: where to search.
        parameters: the query of the request.
        view: how the caller wants nodes shown.
        inside: the node below which everything must be; ``searchContext`` then has nothing to say.

    Raises:
        InvalidFilterError: the filter cannot be read; ``kind:`` is not a facet.
        BadRequestError: another parameter makes no sense.
    """
    limit = min(read_number(parameters, "limit", MAX_LIMIT, 1), MAX_LIMIT)
    offset = read_number(parameters, "offset", 0, 0)
    order = parse_search_sort(parameters.get("sort", "")) or _DEFAULT_ORDER
    bucket = _bucket(parameters.get("groupByForTime", ""))
    source = _source(parameters.get("filters", ""), view)
    if inside:
        source.also(shares.IN_ONE, inside)
    else:
        _within(store, source, parameters.get("searchContext", ""))
    with store.read() as connection:
        ids = fetch(connection, source, order=order, limit=limit, offset=offset)
        nodes = show(store, connection, ids, view)
        answer: dict[str, Any] = {
            "count": count(store, connection, source),
            "data": nodes,
            "aggregations": _inline(store, connection, source, bucket),
            "nodeToSearchScoreMap": {},
        }
        wants_previews = parameters.get("lowResThumbnail", "").lower() == "true"
        pictures = previews.sources(connection, ids) if wants_previews else {}
    if pictures:
        answer["data"] = previews.add(store, nodes, ids, pictures)
    if names := _names(parameters):
        answer["data"] = [_only(node, names) for node in answer["data"]]
    return answer


def aggregation(store: Store, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return one category's counts over what ``aggregationContext`` names, most frequent first.

    Raises:
        BadRequestError: there is no such category.
    """
    category = parameters.get("category", "")
    if category not in CATEGORIES:
        raise BadRequestError(f"Invalid category: {category[:40]}")
    bucket = _bucket(parameters.get("groupBy", ""))
    limit = read_number(parameters, "limit", 0, 0)
    source = _source("", View())
    _within(store, source, parameters.get("aggregationContext", ""))
    with store.read() as connection:
        found = _counts(store, connection, category, source, bucket)
    rows: list[dict[str, Any]] = []
    for value, number, data in found:
        hero = {"nodeId": data["nodeId"]} if "nodeId" in data else {}
        rows.append({"value": value, "count": number, **hero, "searchData": data})
    return {"category": category, "aggregations": rows[:limit] if limit else rows}


def _source(filters: str, view: View) -> Source:
    source = Source("nodes n")
    source.also(_VISIBLE)
    if not view.v2:
        source.also("n.media <> 'ALBUMS'")
    condition = compile_search(parse_search(filters))
    if condition.sql != "1":
        source.also(condition.sql, *condition.parameters)
    return source


def _within(store: Store, source: Source, context: str) -> None:
    """Narrow a search to whose photographs the caller wants; what ``unknown`` means is (inferred)."""
    if context and context not in _CONTEXTS:
        raise BadRequestError(f"Invalid searchContext: {context[:40]}")
    if context == "family":
        source.also("n.family_id = ?", families.family_id(store))
    elif context == "groups":
        source.also(shares.IN_GROUPS)
    elif context != "all":
        source.also(families.OWN)


def _names(parameters: Mapping[str, str]) -> frozenset[str]:
    """Return the keys that nodes shall have, none for all; of a dotted name the first part (own choice)."""
    text = parameters.get("fields") or parameters.get("fieldList") or ""
    names = {part.strip().strip("[]'\" ").partition(".")[0] for part in text.split(",")} - {""}
    return frozenset(names | {"id"}) if names else frozenset()


def _only(node: msgspec.Raw, names: frozenset[str]) -> msgspec.Raw:
    fields = msgspec.json.decode(node, type=dict[str, msgspec.Raw])
    return msgspec.Raw(msgspec.json.encode({key: value for key, value in fields.items() if key in names}))


def _bucket(text: str) -> str:
    if text and text not in _BUCKETS:
        raise BadRequestError(f"Invalid groupByForTime: {text[:40]}")
    return text or "year"


def _inline(store: Store, connection: sqlite3.Connection, source: Source, bucket: str) -> dict[str, Any]:
    return {
        category: [
            {"match": value, "count": number, "searchData": data}
            for value, number, data in _counts(store, connection, category, source, bucket)
        ]
        for category in _INLINE
    }


def _counts(
    store: Store,
    connection: sqlite3.Connection,
    category: str,
    source: Source,
    bucket: str,
) -> list[tuple[str, int, dict[str, Any]]]:
    if category in _PEOPLE:
        category = "people"  # three names for one list, which is counted once
    key = ("aggregation", category, source.condition, *source.parameters, bucket)
    found: list[tuple[str, int, dict[str, Any]]] = store.remembered(
        connection,
        key,
        lambda: _count_now(store, connection, category, source, bucket),
    )
    return found


def _count_now(
    store: Store,
    connection: sqlite3.Connection,
    category: str,
    source: Source,
    bucket: str,
) -> list[tuple[str, int, dict[str, Any]]]:
    def group(value: str, *more: str, tag: str = "") -> list[Any]:
        join = "JOIN tags t ON t.node_id = n.id AND t.category = ?" if tag else ""
        sql = (
            f"SELECT {', '.join([f'{value} AS v', 'COUNT(*) AS c', 'MAX(n.id)', *more])} FROM nodes n {join}"  # noqa: S608 - own text; values are parameters
            f" WHERE {source.condition} AND {value} IS NOT NULL GROUP BY v ORDER BY c DESC, v"
        )
        return connection.execute(sql, (*([tag] if tag else []), *source.parameters)).fetchall()

    owner = {"ownerId": store.owner_id}
    found: list[tuple[str, int, dict[str, Any]]]
    match category:
        case "type":
            found = [(value, number, {}) for value, number, _ in group("n.media")]
        case "favorite":
            found = [("true", number, {}) for _, number, _ in group("nullif(n.favorite, 0)")]
        case "time":
            found = [(value, number, {}) for value, number, _ in group(_BUCKETS[bucket])]
            found.sort(reverse=True)  # a list of times reads better newest first than by size
        case "familyMembers":
            # The owner's are what is left over: counting them apart would look at every row.
            others = [(value, number) for value, number, _ in group("n.uploader")]
            total = sum(number for value, number, _ in group("n.media") if value != "ALBUMS")
            own = total - sum(number for _, number in others)
            found = [
                (value, number, {"ownerId": value}) for value, number in [(store.owner_id, own), *others] if number
            ]
            found.sort(key=lambda row: -row[1])
        case "things":
            found = [
                (value, number, {"thingId": value, "nodeId": node, **owner})
                for value, number, node in group("t.value", tag="thing")
            ]
        case "location":
            found = [
                (
                    value,
                    number,
                    {"locationId": value, "nodeId": node, "locationInfo": msgspec.json.decode(info or "{}")},
                )
                for value, number, node, info in group(
                    "n.location",
                    "(SELECT info FROM places WHERE location = n.location)",
                )
            ]
        case _:  # people
            found = [
                (
                    value,
                    number,
                    {"clusterId": value, **({"clusterName": name} if name else {}), "nodeId": hero or node, **owner},
                )
                for value, number, node, name, hero in group(
                    "t.value",
                    "(SELECT name FROM people WHERE id = t.value)",
                    people.HERO,
                    tag=people.PERSON,
                )
            ]
    return found
