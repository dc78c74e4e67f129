"""``photos_sync``: bringing up to date what is kept here, the node cache and the semantic index."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from mcp.server.mcpserver import Context
from msgspec import Meta

from ap_remote.errors import RemoteError, UnsupportedError
from ap_remote.remote.features import SupportsSync, SupportsUsage
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.jobfiles import JobKind
from ap_remote_mcp.results.pages import Job
from ap_remote_mcp.tools.jobs import handed_over

if TYPE_CHECKING:
    from ap_remote_mcp.jobs import Running

What = Literal["changes", "embeddings"]
_MOST: Final = 1_000_000


async def photos_sync(
    ctx: Context[App],
    *,
    what: What = "changes",
    limit: Annotated[int, Meta(ge=0, le=_MOST, description="most new embeddings; 0 is all")] = 0,
) -> Job:
    """Bring the local cache (changes) or the index of meanings (embeddings) up to date; the library stays as it is."""
    app: App = ctx.request_context.lifespan_context
    if what == "embeddings" and app.index is None:
        raise CodedError(Code.INDEX_MISSING, "This server was started without a semantic index")
    kind = JobKind.SYNC_CHANGES if what == "changes" else JobKind.SYNC_EMBEDDINGS
    return await handed_over(ctx, kind, {"limit": limit} if limit else {})


async def sync_changes(app: App, job: Running) -> dict[str, Any]:
    """Fetch what changed; called again, it goes on by the cache's own checkpoint."""
    if not isinstance(app.remote, SupportsSync):
        raise UnsupportedError("this remote keeps nothing that could grow old")
    report = await app.remote.sync(progress=lambda seen, total: job.report(seen, total or 0, "nodes"))
    app.forget_counts()
    if isinstance(app.remote, SupportsUsage):
        with suppress(RemoteError):  # what photos_status tells of it is no part of a sync
            await app.remote.usage()
    return {
        "looked_at": report.seen,
        "changed": report.changed,
        "removed": report.removed,
        "seconds": round(report.seconds, 1),
        **({"resumed": True} if report.resumed else {}),
    }


async def sync_embeddings(app: App, job: Running) -> dict[str, Any]:
    """Make the vectors that are missing; called again, it makes those that still are."""
    if app.index is None:
        raise CodedError(Code.INDEX_MISSING, "This server was started without a semantic index")
    limit = int(job.arguments.get("limit", 0)) or None
    report = await app.index.build(
        app.remote, limit=limit, progress=lambda done, total: job.report(done, total, "photographs")
    )
    # What could not be read is told by number; names stay in the index's own report.
    return {
        "photographs": report.total,
        "encoded": report.encoded,
        "reused": report.reused,
        "failed": len(report.failed),
        "seconds": round(report.seconds, 1),
        "per_second": round(report.images_per_second, 1),
    }
