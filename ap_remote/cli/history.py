"""Commands of transfers that were planned or run before: transfer list, show, run, resume, undo."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ap_remote.cli import plans, runs, sides
from ap_remote.cli.completion import local_paths
from ap_remote.cli.console import ERR, Json, Yes, json_line, line, say
from ap_remote.cli.interruption import answering
from ap_remote.cli.options import with_options
from ap_remote.cli.render import time_text
from ap_remote.cli.running import Session
from ap_remote.cli.sides import end_of
from ap_remote.cli.wishes import ShownOptions
from ap_remote.errors import ConfigError, PlanError

if TYPE_CHECKING:
    from ap_remote.cli.runs import Run
    from ap_remote.transfer.plan import Plan

_SAMPLES: Final = 10
_TAKEN_BACK: Final = {"copied": "taken back", "removed": "put into the trash", "moved": "brought back"}

group = typer.Typer(no_args_is_help=True, help="Transfers of before: look, go on, take back.")

Id = Annotated[str | None, typer.Argument(metavar="ID", help="A transfer's id or its first characters.")]


@group.command("list")
def show_all(*, json: Json = False) -> None:
    """List the transfers that are kept, the newest first: the last fifty that are done, and all that are not."""
    for each in runs.runs():
        plan = runs.head(each)
        if json:
            json_line(
                {
                    "id": each.id,
                    "state": each.state,
                    "verb": plan.verb,
                    "source": plan.source,
                    "target": plan.target,
                    "created": plan.created,
                    "changed": datetime.fromtimestamp(each.when, UTC),
                }
            )
        else:
            when = time_text(datetime.fromtimestamp(each.when, UTC))
            line(f"{each.id:18} {each.state:11} {when}  {plan.verb} {plan.source} -> {plan.target}")


@group.command()
def show(
    name: Annotated[
        str | None, typer.Argument(metavar="ID|FILE", help="A transfer's id, or a plan's file; the newest if not said.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Print the plan of a transfer."""
    if name is not None and Path(name).expanduser().is_file():
        plans.show(_load(Path(name)), json=json)
        return
    kept = runs.find(name)
    plan = _load(kept.file)
    if not json:
        line(f"{kept.id} ({kept.state}): {plan.verb} {plan.source} -> {plan.target}")
    plans.show(plan, json=json)


@group.command("run")
@with_options
def run_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What --save-plan wrote.", autocompletion=local_paths)],
    *,
    yes: Yes = False,
    shown: ShownOptions,
) -> None:
    """Do what a saved plan says. What has changed since it was made is left alone and told as a failure."""
    plan = _load(file)
    session = Session("transfer run", shown, transfers=plan.options.transfers)

    async def work() -> None:
        async with sides.opened(end_of(plan.source), end_of(plan.target)) as (source, target):
            with answering():
                plans.ask(plan, yes=yes)
            await session.carry(plan, source, target)

    session.conduct(work)


@group.command()
@with_options
def resume(name: Id = None, *, shown: ShownOptions) -> None:
    """Go on with a transfer that broke off or failed in part; what is done is not done again."""
    kept = runs.find(name, "unfinished", "planned")
    if kept.state not in ("unfinished", "planned"):
        raise PlanError(f"the transfer {kept.id} is {kept.state}, so there is nothing to go on with")
    plan = _load(kept.file)
    session = Session("transfer resume", shown, transfers=plan.options.transfers)
    if name is None:
        say(f"going on with {plan.verb} {plan.source} -> {plan.target}")

    async def work() -> None:
        async with sides.opened(end_of(plan.source), end_of(plan.target)) as (source, target):
            await session.carry(plan, source, target, kept)

    session.conduct(work)


@group.command()
@with_options
def undo(name: Id = None, *, yes: Yes = False, shown: ShownOptions) -> None:
    """Take back what a transfer did: what was copied goes to the trash, what was trashed or moved comes back.

    Without an ID it is the last one. It shows what it would do and asks; where nobody can be asked it needs --yes.
    What was changed since is left alone. A file that was replaced with --in-place keeps its new bytes.
    """
    kept = runs.find(name)
    if kept.state not in ("finished", "unfinished") and (name is None or kept.state != "undone"):
        raise PlanError(f"the transfer {kept.id} is {kept.state}, so there is nothing to take back; name another")
    plan = _load(kept.file)
    session = Session("transfer undo", shown, words=_TAKEN_BACK)
    _ask(kept, plan, yes=yes)

    async def work() -> None:
        async with sides.opened(end_of(plan.source), end_of(plan.target), must_exist=False) as (source, target):
            await session.take_back(plan, kept, source, target)

    session.conduct(work)


def _ask(kept: Run, plan: Plan, *, yes: bool) -> None:
    """Show what an undo would do, and ask.

    Raises:
        ConfigError: nobody can be asked, and --yes was not said.
        typer.Abort: the answer is no.
    """
    deeds = [each for each in runs.deeds(kept) if each.deed]
    counts = Counter(each.deed for each in deeds)
    told = ", ".join(f"{count:,} {deed}" for deed, count in counts.most_common()) or "nothing that was done"
    say(f"to take back from {plan.verb} {plan.source} -> {plan.target}: {told}")
    for each in deeds[:_SAMPLES]:
        say(f"  {each.deed} {plan.steps[each.step].path}")
    if len(deeds) > _SAMPLES:
        say(f"  … and {len(deeds) - _SAMPLES:,} more")
    if not deeds or yes:
        return
    if not ERR.is_terminal:
        raise ConfigError("an undo changes both ends: say --yes when nobody can be asked")
    typer.confirm("Take it back?", abort=True, err=True)


def _load(file: Path) -> Plan:
    from ap_remote.transfer.planfile import load_plan

    return load_plan(file.expanduser())


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.add_typer(group, name="transfer")
