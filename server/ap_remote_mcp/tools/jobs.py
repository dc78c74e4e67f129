"""``photos_job``, and how a tool hands its work over to a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import anyio
import msgspec
from mcp.server.mcpserver import Context
from msgspec import Meta

from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.principal import caller
from ap_remote_mcp.results.pages import Job

Row = TypeVar("Row")

if TYPE_CHECKING:
    from ap_remote_mcp.jobs import JobRecord, Running


async def photos_job(
    ctx: Context[App],
    *,
    job_id: Annotated[str, Meta(min_length=1, max_length=64)],
    wait_s: Annotated[int, Meta(ge=0, le=45, description="wait so long for its end")] = 0,
) -> Job:
    """Tell how far a job is, and its result. photos_undo stops it."""
    app: App = ctx.request_context.lifespan_context
    who = caller()
    if app.jobs.get(job_id, who) is None:
        raise CodedError(Code.NOT_FOUND, "There is no such job", "Jobs can be asked about for seven days.")
    return await followed(ctx, app, job_id, min(float(wait_s), app.limits.wait_seconds))


async def handed_over(ctx: Context[App], kind: str, arguments: dict[str, Any]) -> Job:
    """Begin a job and return its result, or how far it is when the call's time is nearly over."""
    app: App = ctx.request_context.lifespan_context
    running: Running = app.jobs.start(kind, caller(), arguments)
    return await followed(ctx, app, running.record.job_id, app.limits.wait_seconds)


async def followed(ctx: Context[App], app: App, job_id: str, seconds: float) -> Job:
    """Wait for a job, telling the client of its progress meanwhile, and return it as it is then.

    Other calls have their turn in the meantime, one that stops the job among them.
    """
    app.turn.leave()
    who = caller()
    told = -1
    with anyio.move_on_after(seconds):
        while (running := app.jobs.running(job_id, who)) is not None:
            record, changed = running.record, running.changed
            if record.done > told:
                told = record.done
                await ctx.report_progress(record.done, record.total or None, record.note)
            await changed.wait()
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
