"""Commands that compare: check two sides, dedupe one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, get_args

import msgspec
import typer

from ap_remote.atomic import write_atomically
from ap_remote.cli import plans, sides
from ap_remote.cli.completion import any_paths, remote_paths
from ap_remote.cli.console import ERR, Json, counting_bar, json_line, line, say, shown
from ap_remote.cli.console import run as run_to_end
from ap_remote.cli.filtering import FilterOptions
from ap_remote.cli.options import with_options
from ap_remote.cli.render import size_text
from ap_remote.cli.running import Session
from ap_remote.cli.sides import end_of, ends_of
from ap_remote.cli.wishes import RunOptions
from ap_remote.connect import resolve
from ap_remote.errors import ConfigError
from ap_remote.transfer.twins import Keep, plan_dedupe, saved

if TYPE_CHECKING:
    from ap_remote.cli.sides import End
    from ap_remote.transfer.checking import CheckReport, CheckRow, Sign
    from ap_remote.transfer.filters import Filters
    from ap_remote.transfer.plan import Plan

_STDOUT: Final = "-"
_LISTS: Final = "Lists of paths (FILE, or - for stdout)"
_DIFFERENT: Final = 1
_SAMPLES: Final = 10

ListFile = Annotated[str, typer.Option(metavar="FILE", rich_help_panel=_LISTS)]


class CheckOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared."""

    one_way: Annotated[bool, typer.Option("--one-way", help="Do not mind what SRC lacks.")] = False
    download: Annotated[
        bool, typer.Option("--download", help="Compare the bytes themselves, which are fetched, and trust no md5.")
    ] = False
    size_only: Annotated[bool, typer.Option("--size-only", help="Compare sizes alone.")] = False
    checksum: Annotated[
        bool, typer.Option("--checksum", "-c", help="Read local files anew instead of trusting an earlier md5.")
    ] = False
    elsewhere: Annotated[
        bool,
        typer.Option(
            "--elsewhere", help="Count a file as there if the account DST holds its bytes under another path."
        ),
    ] = False
    checkfile: Annotated[
        str, typer.Option("--checkfile", "-C", metavar="md5", help="SRC is a file of checksums, as md5sum writes them.")
    ] = ""
    junk: Annotated[
        bool, typer.Option("--junk", help="Look at what systems leave among photographs, too (@eaDir, Thumbs.db).")
    ] = False
    no_films: Annotated[bool, typer.Option("--no-films", help="Do not look at the films of live photos.")] = False
    checkers: Annotated[int, typer.Option(min=1, max=64, help="How many files are compared at a time.")] = 8


class ListOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where what was found is written."""

    combined: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            rich_help_panel=_LISTS,
            help="All paths, each with a sign: = the same, * different, + not at DST, - not at SRC, ! an error.",
        ),
    ] = ""
    match: Annotated[str, typer.Option(metavar="FILE", rich_help_panel=_LISTS, help="What is the same.")] = ""
    differ: Annotated[str, typer.Option(metavar="FILE", rich_help_panel=_LISTS, help="What is different.")] = ""
    missing_on_src: Annotated[str, typer.Option(metavar="FILE", rich_help_panel=_LISTS, help="What SRC has not.")] = ""
    missing_on_dst: Annotated[str, typer.Option(metavar="FILE", rich_help_panel=_LISTS, help="What DST has not.")] = ""
    error: Annotated[str, typer.Option(metavar="FILE", rich_help_panel=_LISTS, help="What could not be compared.")] = ""

    def places(self) -> dict[str, tuple[Sign, ...]]:
        """Return which signs are written where; a place that is asked for twice gets both.

        Raises:
            ConfigError: a file's folder is not there.
        """
        wished: tuple[tuple[str, Sign], ...] = (
            (self.match, "="),
            (self.differ, "*"),
            (self.missing_on_src, "-"),
            (self.missing_on_dst, "+"),
            (self.error, "!"),
        )
        found: dict[str, tuple[Sign, ...]] = {}
        for place, sign in wished:
            if place:
                found[place] = (*found.get(place, ()), sign)
        for place in (*found, self.combined):
            if place and place != _STDOUT and not Path(place).expanduser().absolute().parent.is_dir():
                raise ConfigError(f"the list cannot be written, its folder is not there: {place}")
        return found


@with_options
def check(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC", help="A folder, or with --checkfile a file of checksums.", autocompletion=any_paths
        ),
    ],
    target: Annotated[
        str, typer.Argument(metavar="DST", help="The folder that it is compared with.", autocompletion=any_paths)
    ],
    *,
    what: CheckOptions,
    lists: ListOptions,
    filtering: FilterOptions,
    json: Json = False,
) -> None:
    """Compare the files of SRC and DST by path, size and md5, and exit with 1 if they differ. Changes nothing.

    An account says its md5s itself, so nothing is downloaded; local files are read, once, and remembered. Bytes that
    a copy did not send twice are missing under their own path; --elsewhere finds them under another.

    Examples:
      ap check ~/Pictures home:Pictures --one-way
      ap check ~/Pictures home:Pictures --elsewhere
      ap check ~/Pictures home:Pictures --combined - --exclude '*.mov'
      ap check --checkfile md5 SUMS.md5 home:Pictures
    """
    if what.checkfile and what.checkfile.lower() != "md5":
        raise ConfigError(f"accounts know md5 alone: --checkfile md5, not {what.checkfile}")
    if what.size_only and (what.download or what.checksum or what.checkfile):
        raise ConfigError("--size-only compares no content, which the other option asks for: choose one")
    ends = (end_of(source), end_of(target)) if what.checkfile else ends_of(source, target)
    places, filters = lists.places(), filtering.filters()
    report = run_to_end(_check(*ends, what, filters))
    _write_lists(report, lists.combined, places)
    is_listed = _STDOUT in (lists.combined, *places)
    if json:
        for row in report.rows:
            json_line({"sign": row.sign, "path": row.path, "size": row.size, "reason": row.reason})
    elif not is_listed:
        for row in report.rows:
            if row.sign != "=":
                line(_text(row))
    for text in _summary(report):
        (say if json or is_listed else line)(text)
    if not report.is_same:
        raise typer.Exit(_DIFFERENT)


async def _check(source: End, target: End, what: CheckOptions, filters: Filters) -> CheckReport:
    from ap_remote.transfer import checking

    with counting_bar("files compared") as progress:
        if what.checkfile:
            from ap_remote.transfer.sums import decode_sums

            sums = decode_sums(await _read(source), name=source.text)
            async with sides.opened(target, target) as (there, _):
                return await checking.check_sums(
                    sums,
                    there,
                    name=source.text,
                    filters=filters,
                    one_way=what.one_way,
                    download=what.download,
                    checkers=what.checkers,
                    again=what.checksum,
                    junk=what.junk,
                    progress=progress,
                )
        async with sides.opened(source, target) as (here, there):
            return await checking.check(
                here,
                there,
                filters=filters,
                one_way=what.one_way,
                download=what.download,
                size_only=what.size_only,
                checkers=what.checkers,
                again=what.checksum,
                junk=what.junk,
                films=not what.no_films,
                elsewhere=what.elsewhere,
                progress=progress,
            )


async def _read(end: End) -> bytes:
    """Return a file at either side."""
    if end.is_remote:
        remote, ref = resolve(end.text)
        async with remote:
            return b"".join([piece async for piece in remote.get(ref)])
    return end.path.read_bytes()


def _write_lists(report: CheckReport, combined: str, places: dict[str, tuple[Sign, ...]]) -> None:
    if combined:
        _write(combined, [f"{row.sign} {row.path}" for row in report.rows])
    for place, signs in places.items():
        _write(place, [row.path for row in report.select(*signs)])


def _write(place: str, lines: list[str]) -> None:
    body = "".join(f"{each}\n" for each in lines)
    if place == _STDOUT:
        sys.stdout.write("".join(f"{shown(each)}\n" for each in lines))
    else:
        write_atomically(Path(place).expanduser().absolute(), body.encode("utf-8", "surrogateescape"))


def _text(row: CheckRow) -> str:
    return f"{row.sign} {row.path}" + (f"  ({row.reason})" if row.reason else "")


def _summary(report: CheckReport) -> list[str]:
    """Return the sums in rclone's words and order."""
    told = []
    if report.count("+"):
        told.append(f"{report.target}: {report.count('+')} files missing")
    if report.count("-"):
        told.append(f"{report.source}: {report.count('-')} files missing")
    told.append(f"{report.target}: {report.differences} differences found")
    if report.count("!"):
        told.append(f"{report.target}: {report.count('!')} errors while checking")
    if report.unverified:
        told.append(f"{report.target}: {report.unverified} hashes could not be checked")
    if report.count("="):
        told.append(f"{report.target}: {report.count('=')} matching files")
    if report.held:
        told.append(f"{report.target}: {report.held} of them under another path of the account")
    return told


@with_options
def dedupe(
    spec: Annotated[
        str,
        typer.Argument(metavar="REMOTE:PATH", help="Where to look, in all folders below.", autocompletion=remote_paths),
    ],
    *,
    mode: Annotated[
        str,
        typer.Option(
            "--dedupe-mode",
            metavar="MODE",
            help="list and skip change nothing; newest, oldest, first, largest, smallest say which file is kept.",
        ),
    ] = "list",
    by_hash: Annotated[
        bool, typer.Option("--by-hash", help="Is so anyway: names are unique here, so only content can be double.")
    ] = True,
    ignore_marks: Annotated[
        bool,
        typer.Option("--ignore-marks", help="Let go also of favourites, members of albums and described ones."),
    ] = False,
    run: RunOptions,
    filtering: FilterOptions,
) -> None:
    """Find files of the same bytes, and put all but one of each into the trash.

    Without --dedupe-mode it only lists them and what would be saved. A file that is a favourite, in an album or
    otherwise marked is kept before others, and left alone where its mark would be lost. It asks before it does
    anything; where nobody can be asked it needs --yes. `ap transfer undo` takes it back.

    Examples:
      ap dedupe home:
      ap dedupe home:Pictures --dedupe-mode oldest --dry-run
    """
    del by_hash
    end = end_of(spec)
    if not end.is_remote:
        raise ConfigError(f"dedupe looks at a remote, e.g. local:{spec.strip('/.')}")
    if mode not in get_args(Keep):
        raise ConfigError(f"unknown mode {mode!r}; known are list, skip, newest, oldest, first, largest, smallest")
    keep: Keep = mode  # type: ignore[assignment] # it was looked up in the line above
    filters = filtering.filters()
    session = Session("dedupe", run)

    async def work() -> None:
        async with sides.opened(end, end) as (side, target):
            with counting_bar("files looked at") as progress:
                plan = await plan_dedupe(
                    target, keep=keep, filters=filters, spare_marked=not ignore_marks, progress=progress
                )
            if keep in ("list", "skip"):
                _list_twins(plan, json=run.json)
                session.silence()
            else:
                await session.settle(plan, side, target, wishes=run, ask=lambda: _ask(plan, yes=run.yes))

    session.conduct(work)


def _list_twins(plan: Plan, *, json: bool) -> None:
    for note in plan.skipped:
        if json:
            json_line({"path": note.path, "size": note.size, "reason": note.reason})
        else:
            line(f"{note.size:12d} {note.path}  ({note.reason})")
    for note in plan.problems:
        say(f"failed {note.path}: {note.reason}")
    if not json:
        line(f"{len(plan.skipped):,} files whose bytes are there already: {size_text(saved(plan))} would be saved")


def _ask(plan: Plan, *, yes: bool) -> None:
    """Ask before anything is removed.

    Raises:
        ConfigError: nobody can be asked, and --yes was not said.
        typer.Abort: the answer is no.
    """
    say(f"{plans.sums(plan)[0]}: {size_text(saved(plan))} saved once the trash is emptied")
    if yes or not plan.steps:
        return
    for step in plan.steps[:_SAMPLES]:
        say(f"  {plans.step_text(step)}")
    if len(plan.steps) > _SAMPLES:
        say(f"  … and {len(plan.steps) - _SAMPLES:,} more (--dry-run lists all)")
    if not ERR.is_terminal:
        raise ConfigError("dedupe puts files into the trash: say --yes when nobody can be asked")
    typer.confirm("Go on?", abort=True, err=True)


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.command()(check)
    app.command()(dedupe)
