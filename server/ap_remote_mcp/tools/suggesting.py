"""``photos_suggest_folders``: albums by event, theme, taxonomy and so on, as a plan that changes nothing.

A plan of :mod:`ap_remote.organise` is a file in the account's own folder. Making one is a job, which the next server
does again where one was stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import anyio.to_thread
import msgspec
from mcp.server.mcpserver import Context
from msgspec import Meta

from ap_remote import organise
from ap_remote.errors import UnsupportedError
from ap_remote.query import parse_search
from ap_remote.remote.features import SupportsPeople
from ap_remote.remote.paths import normalise
from ap_remote_mcp.changes.folderplans import owned, plan_file, plans_home, suggested
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.jobfiles import JobKind
from ap_remote_mcp.results.pages import Suggestions
from ap_remote_mcp.tools.jobs import handed_over
from ap_remote_mcp.tools.parameters import Filter, FolderPath

if TYPE_CHECKING:
    from ap_remote_mcp.jobs import Running

Way = Literal["event", "theme", "taxonomy", "person", "place", "month", "duplicates", "burst"]
_SEEN: Final = frozenset({"theme", "taxonomy", "duplicates", "burst"})
"""Ways that need to know what pictures look like."""
_SIZE: Final = 5


async def photos_suggest_folders(
    ctx: Context[App],
    *,
    by: Way = "event",
    filter_: Filter = "",
    path: FolderPath = "",
    granularity: organise.Granularity = "normal",
    max_folders: Annotated[int, Meta(ge=1, le=100)] = 20,
    min_size: Annotated[int, Meta(ge=0, le=1000, description="pictures in one; 0: 5, any for copies")] = 0,
) -> Suggestions:
    """Plan albums; changes nothing. photos_list(path="plan:ID/NAME") shows one, photos_apply_folders makes them."""
    app: App = ctx.request_context.lifespan_context
    if min_size == 1:
        raise CodedError(Code.BAD_ARGUMENT, "photos_suggest_folders: one picture is no album - at `$.min_size`")
    plans_home(app)
    parse_search(filter_)
    if path:
        await app.remote.stat(normalise(path))
    if by in _SEEN and not await app.covered():
        raise CodedError(
            Code.INDEX_MISSING,
            f"by={by} needs the semantic index",
            "photos_sync(what=embeddings) makes it; or by=event.",
        )
    if by == "person" and not isinstance(app.remote, SupportsPeople):
        raise UnsupportedError("this remote knows no people")
    arguments = {
        "by": by,
        "query": filter_,
        "path": path,
        "granularity": granularity,
        "max_folders": max_folders,
        "min_size": min_size or (None if by in ("duplicates", "burst") else _SIZE),
    }
    job = await handed_over(ctx, JobKind.SUGGEST, arguments)
    if job.state == "done":
        return msgspec.convert(job.result, Suggestions)
    return Suggestions(job=job)


async def suggest_folders(app: App, job: Running) -> dict[str, Any]:
    """Make a plan and keep it; called again, it makes the same or what the library then suggests."""
    found = await organise.propose(
        app.remote,
        app.index,
        plans=plans_home(app),
        progress=lambda done, total: job.report(done, total or 0, "people"),
        **job.arguments,
    )
    plan = owned(found, job.record.who)
    if plan.folders:
        await anyio.to_thread.run_sync(organise.save_plan, plan, plan_file(app, plan.id))
    return dict(msgspec.to_builtins(suggested(app, plan)))
