"""Search over photographs, videos and albums, and what it counts beside them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ap_remote_emulator.errors import BadRequestError
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
_INLINE: Final = ("allPeople", "clusterId", "favorite", "location", "people", "things", "time", "type")
_VISIBLE: Final = "n.status = 'AVAILABLE' AND n.hidden = 0 AND n.media IS NOT NULL"
_BUCKETS: Final = {
    "year": "(n.year || '')",
    "month": "(n.year || printf('-%02d', n.month))",
    "day": "(n.year || printf('-%02d-%02d', n.month, n.day))",
}
"""How a time bucket is written is (inferred): ``2023``, ``2023-08``, ``2023-08-15``."""
_DEFAULT_ORDER: Final = "n.content_date DESC, n.id DESC"


def search(store: Store, parameters: Mapping[str, str], view: View) -> dict[str, Any]:
    """Return a page of what matches, and the aggregations over all that matches.

    Hidden and trashed nodes are left out. ``searchContext`` may say anything: there is one customer here.

    Raises:
        InvalidFilterError: the filter cannot be read; ``kind:`` is not a facet.
        BadRequestError: another parameter makes no sense.
    """
    limit = min(read_number(parameters, "limit", MAX_LIMIT, 1), MAX_LIMIT)
    offset = read_number(parameters, "offset", 0, 0)
    order = parse_search_sort(parameters.get("sort", "")) or _DEFAULT_ORDER
    bucket = _bucket(parameters.get("groupByForTime", ""))
    source = _source(parameters.get("filters", ""), view)
    with store.read() as connection:
        ids = fetch(connection, source, order=order, limit=limit, offset=offset)
        return {
            "count": count(store, connection, source),
            "data": show(store, connection, ids, view),
            "aggregations": _inline(store, connection, source, bucket),
            "nodeToSearchScoreMap": {},
        }


def aggregation(store: Store, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return one category's counts over the whole library, most frequent first.

    Raises:
        BadRequestError: there is no such category.
    """
    category = parameters.get("category", "")
    if category not in CATEGORIES:
        raise BadRequestError(f"Invalid category: {category[:40]}")
    bucket = _bucket(parameters.get("groupBy", ""))
    limit = read_number(parameters, "limit", 0, 0)
    source = _source("", View())
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
    def group(value: str, more: str = "", tag: str = "") -> list[tuple[str, int, str, str | None]]:
        join = "JOIN tags t ON t.node_id = n.id AND t.category = ?" if tag else ""
        sql = (
            f"SELECT {value} AS v, COUNT(*) AS c, MAX(n.id), {more or 'NULL'} FROM nodes n {join}"  # noqa: S608 - own text; values are parameters
            f" WHERE {source.condition} AND {value} IS NOT NULL GROUP BY v ORDER BY c DESC, v"
        )
        return [tuple(row) for row in connection.execute(sql, (*([tag] if tag else []), *source.parameters))]

    owner = {"ownerId": store.owner_id}
    found: list[tuple[str, int, dict[str, Any]]]
    match category:
        case "type":
            found = [(value, count_, {}) for value, count_, _, _ in group("n.media")]
        case "favorite":
            found = [("true", count_, {}) for _, count_, _, _ in group("nullif(n.favorite, 0)")]
        case "time":
            found = [(value, count_, {}) for value, count_, _, _ in group(_BUCKETS[bucket])]
            found.sort(reverse=True)  # a list of times reads better newest first than by size
        case "familyMembers":
            total = sum(count_ for value, count_, _, _ in group("n.media") if value != "ALBUMS")
            found = [(store.owner_id, total, owner)] if total else []
        case "things":
            found = [
                (value, count_, {"thingId": value, "nodeId": node, **owner})
                for value, count_, node, _ in group("t.value", tag="thing")
            ]
        case "location":
            found = [
                (
                    value,
                    count_,
                    {"locationId": value, "nodeId": node, "locationInfo": msgspec.json.decode(info or "{}")},
                )
                for value, count_, node, info in group(
                    "n.location", "(SELECT info FROM places WHERE location = n.location)"
                )
            ]
        case _:  # the three lists of people
            found = [
                (
                    value,
                    count_,
                    {"clusterId": value, "nodeId": node, **({"clusterName": name} if name else {}), **owner},
                )
                for value, count_, node, name in group(
                    "t.value", "(SELECT name FROM people WHERE id = t.value)", "person"
                )
            ]
    return found
