"""Things that a host may attach to a conversation: the status, folders, albums, counts, jobs, single photographs."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from ap_remote.model import NodeId
from ap_remote.query import FACETS, MAX_CLAUSES
from ap_remote_mcp.changes.folderplans import plan_page
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.limits import MAX_PX, MAX_ROWS, MIN_PX
from ap_remote_mcp.policy.seal import BrokenSealError
from ap_remote_mcp.principal import caller, permit
from ap_remote_mcp.results.items import details
from ap_remote_mcp.results.pages import Done, JobList, JournalPage
from ap_remote_mcp.results.pictures import PictureError
from ap_remote_mcp.tools.browse import listing
from ap_remote_mcp.tools.drawing import preview
from ap_remote_mcp.tools.facets import By, counts_by
from ap_remote_mcp.tools.jobs import shown, within
from ap_remote_mcp.tools.listing import tree
from ap_remote_mcp.tools.queries import ListQuery, SearchQuery, begin
from ap_remote_mcp.tools.status import standing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.server import MCPServer, ServerRequestContext
    from mcp.server.context import CallNext, HandlerResult

    from ap_remote.model import Entry
    from ap_remote_mcp.context import App

_SYNTAX: Final = """# Amazon's search syntax

A filter is facets joined by AND, at most {clauses} of them: `name:(value)`. Values inside the brackets are joined by
AND or OR. A value with spaces or signs stands in double quotes, with a backslash before `"` and `\\`.

{facets}

Examples:

    type:(PHOTOS) AND timeYear:(2023) AND timeMonth:(7 OR 8)
    things:(beach AND dog)
    location:("CAN#BC#Vancouver") AND favorite:(true)
    name:(IMG_20*)

`photos_facets` shows which things, places and people there are. Hidden and trashed entries are never found.
"""
_NODE: Final = "photos://node/{id}"
_DEEPEST: Final = 4
"""Levels of folders in one answer."""
_FRESH: Final = {"/preview": 86_400_000, "photos://tree": 60_000}
"""Milliseconds for which an answer stays good; a preview has its item's version behind it, the rest may change."""
_ROOM: Final = 100
"""JSON bytes around a list of jobs."""
_MINUTE: Final = 16
"""Characters of an ISO time to the minute."""
_OPERATIONS: Final = 50
"""Operations on one page of the journal."""
_ANEW: Final = "Read the journal without cursor."
_JOURNAL: Final = "journal "
"""What the cursors of the journal begin with, so that no other cursor is taken for one."""


def query_syntax() -> str:
    """Return the page on the search syntax; the facets are the parser's own."""
    rows = []
    for name, row in FACETS.items():
        takes = " or ".join(row.choices) if row.choices else row.takes
        rows.append(f"* `{name}`: {takes}{', `*` at the end for a prefix' if row.prefix else ''}")
    return _SYNTAX.format(clauses=MAX_CLAUSES, facets="\n".join(rows))


async def freshness(ctx: ServerRequestContext[App, Any], call_next: CallNext) -> HandlerResult:
    """Say how long an answer may be used again, where the protocol has a word for it. It is middleware."""
    result = await call_next(ctx)
    if ctx.method == "resources/read" and isinstance(result, dict) and "ttlMs" in result:
        uri = str((ctx.params or {}).get("uri", ""))
        result |= {"ttlMs": next((time for part, time in _FRESH.items() if part in uri), 0), "cacheScope": "private"}
    return result


def register(server: MCPServer[App], app: App) -> None:
    """Add the resources to a server. The SDK gives static resources no context, hence *app*."""

    @server.resource(
        "photos://status",
        title="Status",
        description="What this server is and may do",
        mime_type="application/json",
    )
    async def status() -> str:
        permit()
        return msgspec.json.encode(await standing(app)).decode()

    @server.resource(
        "photos://help/query-syntax",
        title="Search syntax",
        description="The facets that filter= takes",
        mime_type="text/markdown",
    )
    def help_query_syntax() -> str:
        return query_syntax()

    @server.resource(_NODE, title="An item", description="All about one item", mime_type="application/json")
    async def node(id: str) -> str:  # noqa: A002 - the name in the URI
        entry = await _entry(app, id)
        return msgspec.json.encode(details(entry, "all")).decode()

    @server.resource(
        _NODE + "/preview{?px}",
        title="A preview",
        description="A small JPEG of one item, longer side px (256 to 1568, else 768)",
        mime_type="image/jpeg",
    )
    async def node_preview(id: str, px: str = "768") -> bytes:  # noqa: A002 - the name in the URI
        permit()
        side = int(px) if px.isdigit() and MIN_PX <= int(px) <= MAX_PX else 768
        entry = await _entry(app, id)
        try:
            async with _reading(app):
                return await preview(app, entry, side)
        except PictureError as exc:
            raise ResourceError(str(exc)) from exc

    @server.resource(
        "photos://plan/{plan_id}{?folder,cursor}",
        title="A plan of folders",
        description="The folders of a plan; with folder its pictures, each with the reason",
        mime_type="application/json",
    )
    async def plan(plan_id: str, folder: str = "", cursor: str = "") -> str:
        async with _reading(app):
            return msgspec.json.encode(await plan_page(app, plan_id, folder, cursor)).decode()

    _library(server, app)
    _work(server, app)


def _library(server: MCPServer[App], app: App) -> None:
    @server.resource(
        "photos://tree{?depth}",
        title="Folders",
        description="The folders, depth (1 to 4, else 2) levels of them, with how many files and folders each holds",
        mime_type="application/json",
    )
    async def folders(depth: str = "2") -> str:
        levels = int(depth) if depth.isdigit() and 1 <= int(depth) <= _DEEPEST else 2
        async with _reading(app):
            return msgspec.json.encode(await tree(app, levels)).decode()

    @server.resource(
        "photos://album/{id}{?cursor}",
        title="An album",
        description="What an album holds, a hundred at a time",
        mime_type="application/json",
    )
    async def album(id: str, cursor: str = "") -> str:  # noqa: A002 - the name in the URI
        async with _reading(app):
            query, position = begin(app, ListQuery(album=id), cursor)
            return msgspec.json.encode(await listing(app, query, position, depth=0, limit=MAX_ROWS)).decode()

    @server.resource(
        "photos://facets/{by}",
        title="Counts",
        description="How many photographs there are by year, month, day, person, thing, place, camera, kind or folder",
        mime_type="application/json",
    )
    async def facets(by: str) -> str:
        if by not in get_args(By):
            raise ResourceNotFoundError(f"there are counts by {', '.join(get_args(By))}")
        async with _reading(app):
            counts = await counts_by(app, msgspec.convert(by, By), SearchQuery(), MAX_ROWS)
            return msgspec.json.encode(counts).decode()


def _work(server: MCPServer[App], app: App) -> None:
    @server.resource(
        "photos://job/{job_id}", title="A job", description="How far a job is", mime_type="application/json"
    )
    async def job(job_id: str) -> str:
        permit()
        record = app.jobs.get(job_id, caller())
        if record is None:
            raise ResourceNotFoundError("no job has this id")
        return msgspec.json.encode(shown(app, record)).decode()

    @server.resource("photos://jobs", title="Jobs", description="The last jobs", mime_type="application/json")
    async def jobs() -> str:
        permit()
        records = app.jobs.all(caller())[:MAX_ROWS]
        rows, _ = within([shown(app, each) for each in records], app.limits.result_bytes - _ROOM)
        return msgspec.json.encode(JobList(jobs=rows)).decode()

    @server.resource(
        "photos://journal{?cursor}",
        title="Journal",
        description="What was changed, the last first; photos_undo takes an op_id",
        mime_type="application/json",
    )
    async def journal(cursor: str = "") -> str:
        async with _reading(app):
            await app.journal.refresh()
            return msgspec.json.encode(journal_page(app, cursor)).decode()


def journal_page(app: App, cursor: str) -> JournalPage:
    """Return a page of the caller's operations.

    Raises:
        CodedError: the cursor is not one of ours.
    """
    done = [each for each in app.journal.operations() if each.who == caller()]
    begins = 0
    if cursor:
        try:
            told = app.cursors.open(cursor).decode("utf-8", "replace")
        except BrokenSealError:
            raise CodedError(Code.BAD_ARGUMENT, "The cursor is not one that this server made") from None
        if not told.startswith(_JOURNAL):
            raise CodedError(Code.BAD_ARGUMENT, "The cursor belongs to something else than the journal", _ANEW)
        last = told.removeprefix(_JOURNAL)
        begins = next((at for at, each in enumerate(done, 1) if each.op_id == last), len(done))
    page = done[begins : begins + _OPERATIONS]
    return JournalPage(
        operations=[
            Done(
                op_id=each.op_id,
                at=f"{each.at[:_MINUTE]}Z",
                action=each.action,
                entries=len(each.entries),
                done=msgspec.UNSET if each.done is None else len(each.done),
                undone_by=each.undone_by,
            )
            for each in page
        ],
        next=app.cursors.close(f"{_JOURNAL}{page[-1].op_id}".encode()) if len(done) > begins + len(page) else "",
    )


@asynccontextmanager
async def _reading(app: App) -> AsyncIterator[None]:
    """Take the turn, and say errors as the protocol has them for resources."""
    permit()
    try:
        with app.speaking(), app.in_time():
            async with app.turn:
                yield
    except CodedError as exc:
        if exc.code is Code.NOT_FOUND:
            raise ResourceNotFoundError(str(exc)) from None
        raise ResourceError(str(exc)) from exc


async def _entry(app: App, node_id: str) -> Entry:
    try:
        async with _reading(app):
            return await app.remote.stat(NodeId(node_id))
    except ResourceNotFoundError:
        raise ResourceNotFoundError("no item has this id") from None
