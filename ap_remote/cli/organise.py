"""Commands that organise: plan, show, list, apply, undo. Nothing changes without apply."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from ap_remote.cli import labels
from ap_remote.cli.console import ERR, Json, Yes, counting_bar, json_line, line, run
from ap_remote.cli.listing import Spec
from ap_remote.cli.proposals import show_plan, tell_plan
from ap_remote.connect import plans_folder, resolve, semantic_index
from ap_remote.errors import ConfigError, PlanError

if TYPE_CHECKING:
    from ap_remote.organise import Plan

group = typer.Typer(no_args_is_help=True, help="Albums by theme, event or label: plan, look, apply, undo.")

PlanId = Annotated[
    str | None, typer.Argument(metavar="PLAN", help="A plan's id or its first characters; the default is the newest.")
]
_JOURNAL = ".journal.jsonl"


@group.command()
def plan(
    spec: Spec = None,
    *,
    by: Annotated[
        str,
        typer.Option(
            help="theme (what pictures show; needs an index), event (when and where), person, place (city) or month."
        ),
    ] = "theme",
    min_size: Annotated[int, typer.Option(min=2, help="The smallest album worth making.")] = 3,
    granularity: Annotated[
        str, typer.Option(help="coarse, normal or fine: year, month, day; country, city, city and year; and so on.")
    ] = "normal",
    json: Json = False,
) -> None:
    """Work out which photographs would go into which new album, and why. Changes nothing."""
    from ap_remote import organise

    if by == "label":
        raise ConfigError("labels have a command of their own: ap organise label")
    known: tuple[organise.By, ...] = get_args(organise.By)
    way = next((each for each in known if each == by), None)
    if way is None:
        raise ConfigError(f"unknown way to organise {by!r}; known are {', '.join(known)}")
    grains: tuple[organise.Granularity, ...] = get_args(organise.Granularity)
    grain = next((each for each in grains if each == granularity), None)
    if grain is None:
        raise ConfigError(f"unknown granularity {granularity!r}; known are {', '.join(grains)}")

    async def propose() -> Plan:
        remote, _ = resolve(spec)
        async with remote:
            return await organise.propose(remote, semantic_index(spec), by=way, min_size=min_size, granularity=grain)

    made = run(propose())
    folder = plans_folder(spec)
    organise.save_plan(made, folder / f"{made.id}.json")
    tell_plan(made, spec, json=json)


@group.command()
def show(spec: Spec = None, plan_id: PlanId = None, *, json: Json = False) -> None:
    """Print a plan again."""
    from ap_remote import organise

    found = organise.load_plan(_file(spec, plan_id))
    if json:
        json_line(found)
    else:
        show_plan(found, samples=None)


@group.command()
def apply(spec: Spec = None, plan_id: PlanId = None, *, yes: Yes = False, json: Json = False) -> None:
    """Make the albums of a plan. Photographs stay in their folders; `undo` takes the albums away."""
    from ap_remote import organise

    file = _file(spec, plan_id)
    chosen = organise.load_plan(file)
    if not yes and ERR.is_terminal:
        show_plan(chosen)
        typer.confirm(f"Make these {len(chosen.folders)} albums?", abort=True, err=True)

    async def make() -> None:
        remote, _ = resolve(spec)
        async with remote:
            with counting_bar("albums") as progress:
                report = await organise.apply(remote, chosen, file.with_suffix(_JOURNAL), progress=progress)
        added = sum(album.members for album in report.albums)
        if json:
            json_line(report)
        else:
            line(f"{len(report.albums)} albums with {added} photographs, {len(report.skipped)} skipped")
            for each in report.skipped:
                line(f"skipped {each.path}: {each.why}")

    run(make())


@group.command()
def undo(spec: Spec = None, plan_id: PlanId = None, *, json: Json = False) -> None:
    """Take the albums of an applied plan away again."""
    from ap_remote import organise

    journal = _file(spec, plan_id).with_suffix(_JOURNAL)
    if not journal.exists():
        raise PlanError(f"the plan {journal.name.partition('.')[0]} is not applied, so there is nothing to undo")

    async def take_back() -> None:
        remote, _ = resolve(spec)
        async with remote:
            report = await organise.undo(remote, journal)
        organise.retire(journal)
        if json:
            json_line(report)
        else:
            line(f"{len(report.removed)} albums taken away")
            for note in report.notes:
                line(note)

    run(take_back())


def _file(spec: str | None, plan_id: str | None) -> Path:
    """Return the plan's file; without an id, the one that was made last."""
    folder = plans_folder(spec)
    files = sorted(folder.glob(f"{plan_id or ''}*.json"), key=lambda file: file.stat().st_mtime_ns)
    if not files:
        raise PlanError("no such plan: `ap organise plan` makes one")
    if plan_id and len(files) > 1:
        raise PlanError(f"several plans begin with {plan_id!r}: {', '.join(file.stem for file in files)}")
    return files[-1]


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    group.command()(labels.label)
    app.add_typer(group, name="organise")
