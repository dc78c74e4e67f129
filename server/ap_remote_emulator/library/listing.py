"""Pages of nodes, by offset or by token.

A token holds the last id of its page, so it points at the same place however the library changes, and outlives a
restart. Like the real service, pages carry one only when the caller gave neither ``offset`` nor ``sort``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ap_remote_emulator.errors import BadRequestError, PagingError
from ap_remote_emulator.library import signing
from ap_remote_emulator.library.nodes import ALBUM, find
from ap_remote_emulator.library.store import Store
from ap_remote_emulator.library.views import View, show
from ap_remote_emulator.query import compile_drive, parse_drive, parse_drive_sort

MAX_LIMIT: Final = 200
MAX_REACH: Final = 9999
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
        content = signing.unseal(store, "page", start)
        if content is None or content[0] != scope or (filters and filters != content[1]) or sort or offset:
            raise PagingError("Next token is expired")
        _, filters, after = content
    return Page(
        filters=filters,
        sort=sort,
        limit=limit,
        offset=offset,
        token=not sort and not parameters.get("offset"),
        after=after,
    )


def list_nodes(store: Store, parameters: Mapping[str, str], view: View, *, trash: bool = False) -> dict[str, Any]:
    """Return a page of all nodes, or of those in the trash.

    Raises:
        InvalidFilterError: the filter cannot be read.
        PagingError: the page cannot be had.
    """
    scope = "trash" if trash else "nodes"
    page = read_page(store, scope, parameters)
    source = Source("nodes n")
    _narrow(source, page, view, status="TRASH" if trash else "AVAILABLE", always=trash)
    with store.read() as connection:
        return _envelope(store, connection, source, page, scope=scope, view=view)


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
    _narrow(source, page, view, status="AVAILABLE", always=False)
    with store.read() as connection:
        find(connection, parent_id, v2=view.v2)
        return _envelope(store, connection, source, page, scope=scope, view=view)


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


def _narrow(source: Source, page: Page, view: View, *, status: str, always: bool) -> None:
    condition = compile_drive(parse_drive(page.filters), ordered=bool(page.sort))
    if always or "status" not in condition.fields:
        source.also(f"n.status = '{status}'")
    if not view.v2:
        source.also(f"n.kind <> '{ALBUM}'")
    if condition.sql != "1":
        source.also(condition.sql, *condition.parameters)


def _envelope(
    store: Store,
    connection: sqlite3.Connection,
    source: Source,
    page: Page,
    *,
    scope: str,
    view: View,
) -> dict[str, Any]:
    total = count(store, connection, source)
    if page.after:
        source.also(f"{source.key} > ?", page.after)
    ids = fetch(connection, source, order=page.sort or source.key, limit=page.limit + 1, offset=page.offset)
    shown = ids[: page.limit]
    answer: dict[str, Any] = {"count": total, "data": show(store, connection, shown, view)}
    if page.token and len(ids) > page.limit:
        answer["nextToken"] = signing.seal(store, "page", [scope, page.filters, shown[-1]])
    return answer
