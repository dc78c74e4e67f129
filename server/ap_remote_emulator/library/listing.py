"""Pages of nodes, by offset or by token.

A token holds the last id of its page, so it points at the same place however the library changes, and outlives a
restart; it is good for an hour (own choice). Like the real service, pages carry one only when the caller gave neither
``offset`` nor ``sort``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ap_remote_emulator.errors import BadRequestError, PagingError
from ap_remote_emulator.library import families, signing
from ap_remote_emulator.library.nodes import ALBUM, find
from ap_remote_emulator.library.store import Store
from ap_remote_emulator.library.views import View, show
from ap_remote_emulator.query import Condition, compile_drive, parse_drive, parse_drive_sort

MAX_LIMIT: Final = 200
EXPIRED: Final = "Next token is expired"
MAX_REACH: Final = 9999
WIDE: Final = 20_000
"""Matches of a range or a prefix: with more of them a page is found sooner by walking all nodes in order, with fewer by
sorting the matches. Chosen for a million nodes."""
TOKEN_LIFE_MS: Final = 3_600_000
_MAX_OFFSET: Final = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a caller asked for.

    Attributes:
        sort: the ``ORDER BY`` terms, or ``""``.
        token: whether the answer may carry a ``nextToken``.
        after: the id that the page begins behind.
    """

    filters: str = ""
    sort: str = ""
    limit: int = MAX_LIMIT
    offset: int = 0
    token: bool = True
    after: str = ""


@dataclass(slots=True)
class Source:
    """A ``FROM`` and the conditions on it.

    Attributes:
        tables: the tables, ``nodes`` under the alias ``n``.
        key: the id column that pages by token follow; equal to ``n.id``.
    """

    tables: str
    key: str = "n.id"
    where: list[str] = field(default_factory=list)
    parameters: list[str | int] = field(default_factory=list)

    def also(self, sql: str, *parameters: str | int) -> None:
        """Add a condition."""
        self.where.append(sql)
        self.parameters.extend(parameters)

    @property
    def condition(self) -> str:
        """The whole condition."""
        return " AND ".join(self.where) or "1"


def read_number(parameters: Mapping[str, str], name: str, default: int, least: int) -> int:
    """Return a whole number among the query's parameters.

    Raises:
        BadRequestError: it is no number, or less than *least*.
    """
    text = parameters.get(name, "")
    if not text:
        return default
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least or number > _MAX_OFFSET:
        raise BadRequestError(f"Invalid {name}: {text[:40]}")
    return number


def read_page(store: Store, scope: str, parameters: Mapping[str, str]) -> Page:
    """Read ``filters``, ``sort``, ``limit``, ``offset`` and ``startToken``.

    Args:
        store: whose tokens these are.
        scope: what is being listed; a token of another listing is refused.
        parameters: the query of the request.

    Raises:
        BadRequestError: a parameter makes no sense.
        PagingError: beyond the wall of 9999, or a token that is not (or no longer) valid.
    """
    filters = parameters.get("filters", "")
    sort = parse_drive_sort(parameters.get("sort", ""))
    limit = min(read_number(parameters, "limit", MAX_LIMIT, 1), MAX_LIMIT)
    offset = read_number(parameters, "offset", 0, 0)
    if offset + limit > MAX_REACH:
        raise PagingError(f"Offset + limit cannot be greater than {MAX_REACH}")
    after = ""
    if start := parameters.get("startToken", ""):
        asked, after = _unseal(store, scope, start)
        if (filters and filters != asked) or sort or offset:
            raise PagingError(EXPIRED)
        filters = asked
    return Page(
        filters=filters,
        sort=sort,
        limit=limit,
        offset=offset,
        token=not sort and not parameters.get("offset"),
        after=after,
    )


def _unseal(store: Store, scope: str, token: str) -> tuple[str, str]:
    """Return the filter that a token goes on with, and the id that its page begins behind."""
    content = signing.unseal(store, "page", token)
    life = store.knobs.behaviour.paging.token_life or TOKEN_LIFE_MS
    match content:
        case [listing, str(filters), str(after), int(made)] if listing == scope and store.clock.now() - made <= life:
            return filters, after
    raise PagingError(EXPIRED)


def list_nodes(store: Store, parameters: Mapping[str, str], view: View, *, trash: bool = False) -> dict[str, Any]:
    """Return a page of all nodes, or of those in the trash.

    Raises:
        InvalidFilterError: the filter cannot be read.
        PagingError: the page cannot be had.
    """
    scope = "trash" if trash else "nodes"
    page = read_page(store, scope, parameters)
    source, condition = _all(page, view, trash=trash)
    with store.read() as connection:
        total = count(store, connection, source)
        if condition.ranged and not page.sort and total <= WIDE:
            source.key = "+n.id"  # the plus has the matches sorted, and not all nodes walked in their order
        elif condition.ranged and not page.sort:
            source, _ = _all(page, view, trash=trash, wide=True)
        return _envelope(store, connection, source, page, total, scope=scope, view=view)


def _all(page: Page, view: View, *, trash: bool, wide: bool = False) -> tuple[Source, Condition]:
    source = Source("nodes n")
    source.also(families.OWN)
    status = "TRASH" if trash else "AVAILABLE"
    return source, _narrow(source, page, view, status=status, always=trash, wide=wide)


def list_children(store: Store, parent_id: str, parameters: Mapping[str, str], view: View) -> dict[str, Any]:
    """Return a page of what is in a folder, an album or a live photo.

    Raises:
        NodeNotFoundError: there is no such node.
        InvalidFilterError: the filter cannot be read.
        PagingError: the page cannot be had.
    """
    scope = f"children {parent_id}"
    page = read_page(store, scope, parameters)
    source = Source("edges e JOIN nodes n ON n.id = e.child_id", key="e.child_id")
    source.also("e.parent_id = ?", parent_id)
    # Whoever came by a link sees what is there, whatever the filter says.
    guest = "shareId" in parameters or "groupShareToken" in parameters
    _narrow(source, page, view, status="AVAILABLE", always=guest)
    # A folder is where it is known at once, unless the knobs say otherwise; only what is in it may lag behind.
    with store.read() if store.knobs.behaviour.lag.parents else store.truth() as connection:
        find(connection, parent_id, v2=view.v2)
    with store.read() as connection:
        return _envelope(store, connection, source, page, count(store, connection, source), scope=scope, view=view)


def fetch(
    connection: sqlite3.Connection,
    source: Source,
    *,
    order: str,
    limit: int,
    offset: int,
) -> list[str]:
    """Return the ids of a page. What is sorted or skipped costs an index entry each, not a row."""
    sql = f"SELECT n.id FROM {source.tables} WHERE {source.condition} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608 - own text; values are parameters
    return [row[0] for row in connection.execute(sql, (*source.parameters, limit, offset))]


def count(store: Store, connection: sqlite3.Connection, source: Source) -> int:
    """Return how many nodes a source has; asked again before anything changes, it costs nothing."""
    sql = f"SELECT COUNT(*) FROM {source.tables} WHERE {source.condition}"  # noqa: S608 - own text; values are parameters
    return int(
        store.remembered(
            connection,
            ("count", sql, *source.parameters),
            lambda: connection.execute(sql, source.parameters).fetchone()[0],
        ),
    )


def _narrow(source: Source, page: Page, view: View, *, status: str, always: bool, wide: bool = False) -> Condition:
    condition = compile_drive(parse_drive(page.filters), ordered=bool(page.sort), wide=wide)
    if always or "status" not in condition.fields:
        source.also(f"{'+' if condition.sharp else ''}n.status = '{status}'")
    if not view.v2:
        source.also(f"n.kind <> '{ALBUM}'")
    if condition.sql != "1":
        source.also(condition.sql, *condition.parameters)
    return condition


def _envelope(
    store: Store,
    connection: sqlite3.Connection,
    source: Source,
    page: Page,
    total: int,
    *,
    scope: str,
    view: View,
) -> dict[str, Any]:
    if page.after:
        source.also(f"{source.key} > ?", page.after)
    ids = fetch(connection, source, order=page.sort or source.key, limit=page.limit + 1, offset=page.offset)
    shown = ids[: page.limit]
    answer: dict[str, Any] = {"count": total, "data": show(store, connection, shown, view)}
    if page.token and len(ids) > page.limit:
        answer["nextToken"] = signing.seal(store, "page", [scope, page.filters, shown[-1], store.clock.now()])
    return answer
