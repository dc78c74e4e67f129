"""Commands that organise: plan, show, apply, undo. Nothing changes without apply."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from ap_remote.cli import labels
from ap_remote.cli.console import ERR, Json, Yes, counting_bar, json_line, line, run, say
from ap_remote.cli.listing import Spec
from ap_remote.cli.proposals import many, show_plan, tell_plan
from ap_remote.connect import plans_folder, resolve, semantic_index
from ap_remote.errors import ConfigError, PlanError
from ap_remote.model import NodeId

if TYPE_CHECKING:
    from ap_remote.organise import Plan
    from ap_remote.remote.base import Remote

group = typer.Typer(no_args_is_help=True, help="Albums by theme, event, duplicates and more: plan, look, apply, undo.")

PlanId = Annotated[
    str | None, typer.Argument(metavar="PLAN", help="A plan's id or its first characters; the default is the newest.")
]
_JOURNAL = ".journal.jsonl"
_PERCENT = 50.0
"""Share of the photographs a plan saw that may be moved without being asked for."""


@group.command()
def plan(
    spec: Spec = None,
    *,
    by: Annotated[
        str,
        typer.Option(
            help="theme (what pictures show), event (when and where), person, place (city), month, taxonomy (classes "
            "of your own), duplicates (copies that could go) or burst (frames shot in a row); theme, taxonomy, "
            "duplicates and burst need `ap index build`."
        ),
    ] = "theme",
    min_size: Annotated[
        int | None,
        typer.Option(min=1, help="Photographs that make an album; the default is 3, and 1 for duplicates."),
    ] = None,
    query: Annotated[str, typer.Option("--filter", help="Amazon's search syntax, to narrow what is organised.")] = "",
    granularity: Annotated[
        str, typer.Option(help="coarse, normal or fine: year, month, day; country, city, city and year; and so on.")
    ] = "normal",
    taxonomy: Annotated[
        Path | None, typer.Option(help="For taxonomy: a YAML file of classes; else those that come with the program.")
    ] = None,
    move: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Plan to move the files into folders below this one ('/' is the root)."),
    ] = None,
    preview: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a page to look at: pictures, reasons, a map.")
    ] = None,
    remake: Annotated[
        bool, typer.Option("--remake", help="Make albums again that you deleted, and fill in what you took out.")
    ] = False,
    json: Json = False,
) -> None:
    """Work out which photographs would go into which new album, and why. Changes nothing.

    An album that you deleted is not made again, and a photograph that you took out stays out.
    """
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

    if taxonomy is not None and way != "taxonomy":
        raise ConfigError("--taxonomy FILE goes with --by taxonomy")
    folder = plans_folder(spec)
    classes = None if taxonomy is None else organise.load_taxonomy(taxonomy)

    async def propose() -> Plan:
        remote, where = resolve(spec)
        if isinstance(where, NodeId):
            raise ConfigError("name the folder to organise by its path, not by its id")
        async with remote:
            found = await organise.propose(
                remote,
                semantic_index(spec),
                by=way,
                min_size=min_size,
                query=query,
                path=where,
                granularity=grain,
                taxonomy=classes,
                move=move,
                plans=folder,
                remake=remake,
            )
            organise.save_plan(found, folder / f"{found.id}.json")
            if preview is not None:
                await _page(remote, spec, found, preview)
            return found

    made = run(propose())
    tell_plan(made, spec, json=json)


@group.command()
def show(
    spec: Spec = None,
    plan_id: PlanId = None,
    *,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write a page instead: pictures, reasons, a map.")
    ] = None,
    json: Json = False,
) -> None:
    """Print a plan again, or write it as a page."""
    from ap_remote import organise

    found = organise.load_plan(_file(spec, plan_id))

    async def page(file: Path) -> None:
        remote, _ = resolve(spec)
        async with remote:
            await _page(remote, spec, found, file)

    if html is not None:
        run(page(html))
    if json:
        json_line(found)
    elif html is None:
        show_plan(found, samples=None)


@group.command()
def apply(
    spec: Spec = None,
    plan_id: PlanId = None,
    *,
    move: Annotated[bool, typer.Option("--move", help="Allow a plan that moves files to do so.")] = False,
    max_changes: Annotated[
        int | None, typer.Option(min=0, help="Do nothing where more would change: albums, and files moved.")
    ] = None,
    max_percent: Annotated[
        float, typer.Option(min=0, max=100, help="Do nothing where more of the photographs seen would be moved.")
    ] = _PERCENT,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Make the albums of a plan, or with --move move its files. `undo` takes either back.

    On a terminal it shows the plan and asks; where nobody can be asked it needs the plan's id, or --yes for the newest.
    Nothing is overwritten, and what changed since the plan was made is skipped.
    """
    from ap_remote import organise

    file = _file(spec, plan_id)
    chosen = organise.load_plan(file)
    if not chosen.folders:
        raise PlanError(f"the plan {chosen.id} has no albums and no folders, so there is nothing to apply")
    if not yes and not ERR.is_terminal and not plan_id:
        raise ConfigError(
            f"nothing was applied: where nobody can be asked, name the plan (the newest is {chosen.id}) or say --yes"
        )
    if not yes and ERR.is_terminal:
        show_plan(chosen)
        what = f"Move {many(chosen.moves, 'file')}" if chosen.moves else f"Make {many(len(chosen.folders), 'album')}"
        typer.confirm(f"{what}?", abort=True, err=True)

    async def make() -> None:
        remote, _ = resolve(spec)
        async with remote:
            with counting_bar("albums") as progress:
                report = await organise.apply(
                    remote,
                    chosen,
                    file.with_suffix(_JOURNAL),
                    move=move,
                    max_changes=max_changes,
                    max_percent=max_percent,
                    progress=progress,
                )
        added = sum(album.members for album in report.albums)
        if json:
            json_line(report)
        else:
            done = f"{many(len(report.albums), 'album')} with {many(added, 'photograph')}"
            if chosen.moves:
                done = f"{many(report.moved, 'file')} moved" + (f", {done}" if report.albums else "")
            line(f"{done}, {len(report.skipped)} skipped")
            for each in report.skipped:
                line(f"skipped {each.path}: {each.why}")

    run(make())


@group.command()
def undo(
    spec: Spec = None,
    plan_id: Annotated[
        str | None,
        typer.Argument(metavar="PLAN", help="A plan's id or its first characters; the default is the last applied."),
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Take the albums of an applied plan away again, and move its files back."""
    from ap_remote import organise

    journal = _last_journal(spec) if plan_id is None else _file(spec, plan_id).with_suffix(_JOURNAL)
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
            done = [f"{many(len(report.removed), 'album')} taken away"] * bool(report.removed or not report.restored)
            done += [f"{many(report.restored, 'file')} moved back"] * bool(report.restored)
            line(", ".join(done))
            for note in report.notes:
                line(note)

    run(take_back())


async def _page(remote: Remote, spec: str | None, plan: Plan, file: Path) -> None:
    """Write the page of a plan; the map is left out where there is no index."""
    from ap_remote.organise import preview

    preview.check_installed()
    with counting_bar("pictures") as progress:
        pictures = await preview.contact_sheets(remote, plan, progress=progress)
    atlas = await preview.atlas_of(plan, semantic_index(spec))
    preview.save_page(preview.render(plan, pictures=pictures, atlas=atlas), file)
    say(f"written to {file}")


def _file(spec: str | None, plan_id: str | None) -> Path:
    """Return the plan's file; without an id, the one that was made last."""
    begin = plan_id or ""
    files = [file for file in plans_folder(spec).glob("*.json") if file.name.startswith(begin)]
    files.sort(key=lambda file: file.stat().st_mtime_ns)
    if not files:
        raise PlanError("no such plan: `ap organise plan` makes one")
    if plan_id and len(files) > 1:
        raise PlanError(f"several plans begin with {plan_id!r}: {', '.join(file.stem for file in files)}")
    return files[-1]


def _last_journal(spec: str | None) -> Path:
    """Return the journal of the plan that was applied last, whatever was planned since."""
    journals = sorted(plans_folder(spec).glob(f"*{_JOURNAL}"), key=lambda file: file.stat().st_mtime_ns)
    if not journals:
        raise PlanError("no plan is applied, so there is nothing to undo")
    return journals[-1]


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    group.command()(labels.label)
    app.add_typer(group, name="organise")
