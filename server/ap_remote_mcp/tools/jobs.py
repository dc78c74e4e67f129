"""``photos_job``, and how a tool hands its work over to a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import anyio
import msgspec
from mcp.server.mcpserver import Context
from msgspec import Meta

from ap_remote.errors import StoreError
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.limits import MAX_WAIT
from ap_remote_mcp.principal import caller
from ap_remote_mcp.results.pages import Job

Row = TypeVar("Row")

if TYPE_CHECKING:
    from ap_remote_mcp.jobfiles import JobKind, JobRecord


async def photos_job(
    ctx: Context[App],
    *,
    job_id: Annotated[str, Meta(min_length=1, max_length=64)],
    wait_s: Annotated[int, Meta(ge=0, le=MAX_WAIT, description="wait so long for its end")] = 0,
    stop: bool = False,
) -> Job:
    """Tell how far a job is, and its result; stop it, which takes back nothing."""
    app: App = ctx.request_context.lifespan_context
    who = caller()
    if app.jobs.get(job_id, who) is None:
        raise CodedError(Code.NOT_FOUND, "There is no such job", "Jobs can be asked about for seven days.")
    seconds = min(float(wait_s), app.limits.wait_seconds)
    if stop:
        app.jobs.cancel(job_id, who)
        seconds = max(seconds, app.limits.stop_seconds)
    return await followed(ctx, app, job_id, seconds)


async def stopped(ctx: Context[App], job_id: str) -> Job:
    """Tell a job of the caller's to stop, wait a little for that, and return it as it is then."""
    app: App = ctx.request_context.lifespan_context
    app.jobs.cancel(job_id, caller())
    return await followed(ctx, app, job_id, app.limits.stop_seconds)


async def handed_over(ctx: Context[App], kind: JobKind, arguments: dict[str, Any]) -> Job:
    """Begin a job and return its result, or how far it is when the call's time is nearly over.

    A job with the same arguments that is under way already is followed instead.

    Raises:
        CodedError: it cannot be begun; the operation that the arguments name has ended then.
    """
    app: App = ctx.request_context.lifespan_context
    return await followed(ctx, app, await started(app, kind, arguments), app.limits.wait_seconds)


async def started(app: App, kind: JobKind, arguments: dict[str, Any]) -> str:
    """Begin a job and return its id; see :func:`handed_over`."""
    begun = False
    try:
        record = await app.jobs.start(kind, caller(), arguments)
        begun = True
    except StoreError as exc:
        what = "The job cannot be noted on this machine's disk, so nothing was begun"
        raise CodedError(Code.UNAVAILABLE, what, "Tell the person to look for room on the disk.") from exc
    finally:
        # Also where the call was given up meanwhile: of what was announced nothing happened.
        if not begun and "op_id" in arguments:
            app.journal.end(str(arguments["op_id"]), ())
    return record.job_id


async def followed(ctx: Context[App], app: App, job_id: str, seconds: float) -> Job:
    """Wait for a job, telling the client of its progress meanwhile, and return it as it is then.

    Other calls have their turn in the meantime, one that stops the job among them.
    """
    app.turn.leave()
    who = caller()
    told = -1
    with anyio.move_on_after(seconds):
        while (record := app.jobs.get(job_id, who)) is not None and app.jobs.is_under_way(record):
            changed = app.jobs.next_change(job_id)
            if record.done > told:
                told = record.done
                await ctx.report_progress(record.done, record.total or None, record.note)
            await changed()
    ended = app.jobs.get(job_id, who)
    if ended is None:
        raise CodedError(Code.NOT_FOUND, "The job is gone", "Begin it anew.")
    return shown(app, ended)


def within(rows: list[Row], room: int) -> tuple[list[Row], int]:
    """Return the rows that fit into so many JSON bytes, and how many are left out."""
    size = 0
    for number, row in enumerate(rows):
        size += len(msgspec.json.encode(row)) + 1
        if size > room:
            return rows[:number], len(rows) - number
    return rows, 0


def shown(app: App, record: JobRecord) -> Job:
    """Return a job as it is told; the time that is left is guessed from the time that has passed."""
    eta = 0
    if record.state == "running" and 0 < record.done < record.total:
        eta = round((app.clock() - record.begun) / record.done * (record.total - record.done))
    return Job(
        job_id=record.job_id,
        kind=record.kind,
        state=record.state,
        done=record.done,
        total=record.total,
        eta_s=max(0, eta),
        note=record.note,
        result=record.result,
    )
