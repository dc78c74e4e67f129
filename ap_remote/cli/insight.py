"""Commands that tell what a library holds: report, stats, largest, gaps."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.cells import cell_len, set_cell_size

from ap_remote.atomic import write_atomically
from ap_remote.cli.arguments import Spec
from ap_remote.cli.console import Json, counting_bar, json_line, line, run, say, shown
from ap_remote.cli.filtering import FilterOptions
from ap_remote.cli.options import with_options
from ap_remote.cli.render import size_text
from ap_remote.connect import resolve
from ap_remote.errors import ConfigError, IsFileError
from ap_remote.insight import GROUPINGS, TOP, summarise
from ap_remote.model import Entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ap_remote.insight import Group, Library
    from ap_remote.model import Ref
    from ap_remote.remote.base import Remote
    from ap_remote.transfer.filters import Filters

_BAR: Final = 24
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_KEY: Final = 44
"""Cells of a key; a longer one is cut, and whole in --json."""
_UNKNOWN: Final = "(not known)"

Search = Annotated[
    str | None,
    typer.Option(metavar="FILTER", help="Only what a search finds, in Amazon's syntax: 'type:(PHOTOS)'."),
]
Count = Annotated[int, typer.Option("-n", "--limit", min=1, help="How many.")]


async def _library(remote: Remote, target: Ref, *, search: str | None, filters: Filters, top: int = TOP) -> Library:
    base = await remote.stat(target)
    if not base.is_folder:
        raise IsFileError(base.path)
    found = remote.list(target, recursive=True) if search is None else remote.search(search)
    with counting_bar("entries") as progress:
        kept = _kept(found, base=base.path, filters=filters, below=search is not None)
        return await summarise(kept, base=base.path, progress=progress, top=top)


async def _kept(entries: AsyncIterator[Entry], *, base: str, filters: Filters, below: bool) -> AsyncIterator[Entry]:
    """Yield what the filters take; with *below* also only what lies below the base, as a search knows no folders."""
    async for entry in entries:
        path = entry.path.removeprefix(f"{base}/") if base else entry.path
        if below and base and path == entry.path:
            continue
        if entry.is_folder:
            if filters.enters(path):
                yield entry
        elif filters.takes(path, size=entry.size, modified=entry.modified):
            yield entry


@with_options
def report(
    spec: Spec = None,
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="The page to write.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Show the page in a browser.")] = False,
    thumbnails: Annotated[
        int, typer.Option(min=0, metavar="N", help="Small pictures of the N largest videos and N duplicates.")
    ] = 0,
    search: Search = None,
    json: Annotated[bool, typer.Option("--json", help="Print all figures as one JSON object.")] = False,
    filtering: FilterOptions,
) -> None:
    """Write a page of plots and tables: time, places, cameras, duplicates, gaps.

    Changes nothing on the remote. The page is one file that loads nothing; only you may read it, as it tells where you
    were and when.
    """
    if output is None and not json:
        raise ConfigError("say which file to write: ap report REMOTE: -o report.html")
    if output is None and show:
        raise ConfigError("--open needs -o FILE")
    if output is not None:
        _check_output(output)
    filters = filtering.filters()

    async def look() -> tuple[Library, dict[str, str], str]:
        remote, target = resolve(spec)
        async with remote:
            library = await _library(remote, target, search=search, filters=filters)
            pictures = {}
            if thumbnails and output is not None:
                from ap_remote.insight import page

                with counting_bar("thumbnails") as progress:
                    pictures = await page.thumbnails(remote, library, count=thumbnails, progress=progress)
            return library, pictures, spec or f"{remote.name}:{target}"

    library, pictures, title = run(look())
    if output is not None:
        from ap_remote.insight import page

        with counting_bar("drawing"):
            text = page.render(library, title=title, pictures=pictures)
        body = text.encode()
        write_atomically(output, body, private=True)
        say(f"{output}: {library.files} files, {size_text(len(body))}; readable by you alone (mode 0600)")
        if show:
            webbrowser.open(output.resolve().as_uri())
    if json:
        json_line(library)


def _check_output(output: Path) -> None:
    """Say what would fail in the end before the library is read."""
    from ap_remote.insight import page

    page.check_installed()
    if output.is_dir():
        raise ConfigError(f"{output} is a folder; name a file in it: -o {output / 'report.html'}")
    if not output.parent.is_dir():
        raise ConfigError(f"there is no folder {output.parent}")


@with_options
def stats(
    spec: Spec = None,
    *,
    by: Annotated[str, typer.Option(metavar="|".join(GROUPINGS), help="What to group by.")] = "year",
    limit: Annotated[int | None, typer.Option("-n", "--limit", min=1, help="Only so many groups.")] = None,
    search: Search = None,
    json: Json = False,
    filtering: FilterOptions,
) -> None:
    """Count files and bytes by year, month, camera, kind, extension, place or folder.

    Changes nothing.
    """
    grouping = next((each for each in GROUPINGS if each == by), None)
    if grouping is None:
        raise ConfigError(f"--by {by}: one of {', '.join(GROUPINGS)} is needed")
    filters = filtering.filters()

    async def look() -> Library:
        remote, target = resolve(spec)
        async with remote:
            return await _library(remote, target, search=search, filters=filters)

    groups = run(look()).by(grouping)
    wanted = groups[:limit]
    if json:
        for each in wanted:
            json_line(each)
        return
    for row in _table(wanted):
        line(row)
    if len(wanted) < len(groups):
        say(f"and {len(groups) - len(wanted)} more")


def _table(groups: Sequence[Group]) -> list[str]:
    """Return a line for each group: its name, a bar, its files and bytes."""
    keys = [shown(each.key) or _UNKNOWN for each in groups]
    cut = [key if cell_len(key) <= _KEY else set_cell_size(key, _KEY - 1) + "…" for key in keys]
    width = max(map(cell_len, cut), default=0)
    most = max((each.count for each in groups), default=1)
    return [
        f"{set_cell_size(key, width)}  {_bar(each.count / most)}  {each.count:9,d}  {size_text(each.size):>10}"
        for key, each in zip(cut, groups, strict=True)
    ]


def _bar(share: float) -> str:
    eighths = max(1, round(share * _BAR * len(_EIGHTHS)))
    full, rest = divmod(eighths, len(_EIGHTHS))
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(_BAR)


@with_options
def largest(
    spec: Spec = None,
    *,
    videos: Annotated[bool, typer.Option("--videos", help="Only videos, which count against the quota.")] = False,
    limit: Count = 20,
    search: Search = None,
    json: Json = False,
    filtering: FilterOptions,
) -> None:
    """List the largest files, the largest first.

    Changes nothing.
    """
    filters = filtering.filters()

    async def look() -> Library:
        remote, target = resolve(spec)
        async with remote:
            return await _library(remote, target, search=search, filters=filters, top=limit)

    library = run(look())
    for each in library.largest_videos if videos else library.largest:
        if json:
            json_line(each)
        else:
            taken = each.taken.strftime("%Y-%m-%d") if each.taken else "-"
            line(f"{size_text(each.size):>10}  {taken:10}  {each.path}")


@with_options
def gaps(spec: Spec = None, *, search: Search = None, json: Json = False, filtering: FilterOptions) -> None:
    """List stretches without pictures that are long for their time.

    Changes nothing. A gap is longer than 14 days and than five times the median distance between days with pictures in
    the year around it. What hints at an import that was lost stands behind it.
    """
    filters = filtering.filters()

    async def look() -> Library:
        remote, target = resolve(spec)
        async with remote:
            return await _library(remote, target, search=search, filters=filters)

    found = run(look()).gaps
    for each in found:
        if json:
            json_line(each)
        else:
            hints = f"  {'; '.join(each.hints)}" if each.hints else ""
            line(f"{each.first} to {each.last}  {each.days:5d} days{hints}")
    if not found and not json:
        say("no gaps")


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.command()(report)
    app.command()(stats)
    app.command()(largest)
    app.command()(gaps)
