"""What may be wished of a transfer on the command line, under rclone's names where rclone has it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from ap_remote.errors import ConfigError
from ap_remote.transfer.options import Options
from ap_remote.transfer.ordering import parse_order
from ap_remote.transfer.units import parse_duration, parse_size, parse_timetable

if TYPE_CHECKING:
    from ap_remote.cli.sides import End
    from ap_remote.transfer.options import Compare

_WHAT: Final = "What is transferred"
_HOW: Final = "How"
_SHOWN: Final = "What is shown and kept"


class ShownOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a run is shown and told of."""

    progress: Annotated[
        bool,
        typer.Option(
            "--progress",
            "-P",
            help="Tell how it goes even where nobody watches and it is quick; a terminal shows it anyway.",
            rich_help_panel=_SHOWN,
        ),
    ] = False
    stats: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Time between two lines of progress off a terminal, 0 for none.",
            rich_help_panel=_SHOWN,
        ),
    ] = "10s"
    stats_one_line: Annotated[
        bool, typer.Option("--stats-one-line", help="Show no line per file.", rich_help_panel=_SHOWN)
    ] = False
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.", rich_help_panel=_SHOWN)] = (
        False
    )
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write what became of each file as JSON, on failure, too.", rich_help_panel=_SHOWN
        ),
    ] = None
    error_on_no_transfer: Annotated[
        bool,
        typer.Option(
            "--error-on-no-transfer", help="Exit with 9 when nothing was transferred.", rich_help_panel=_SHOWN
        ),
    ] = False

    @property
    def interval(self) -> float:
        """Seconds between two lines of progress.

        Raises:
            ConfigError: ``--stats`` is no length of time.
        """
        length = parse_duration(self.stats)
        seconds = length.total_seconds() if length is not None else 0.0
        if seconds < 0:
            raise ConfigError(f"--stats is a length of time, not {self.stats!r}")
        return seconds


class RunOptions(ShownOptions, frozen=True, kw_only=True):
    """How a run is shown, asked about and kept."""

    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Print what would be done, and do nothing.", rich_help_panel=_SHOWN)
    ] = False
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Ask for each file.", rich_help_panel=_SHOWN)
    ] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", rich_help_panel=_SHOWN)] = False
    save_plan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the plan and do nothing; `ap transfer run FILE` does it.",
            rich_help_panel=_SHOWN,
        ),
    ] = None


class TransferOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared, how, and how much may be done."""

    checksum: Annotated[
        bool,
        typer.Option(
            "--checksum", "-c", help="Read local files anew instead of trusting an earlier md5.", rich_help_panel=_WHAT
        ),
    ] = False
    size_only: Annotated[
        bool, typer.Option("--size-only", help="Files of one size are the same.", rich_help_panel=_WHAT)
    ] = False
    update: Annotated[
        bool, typer.Option("--update", "-u", help="Leave alone what is newer at the target.", rich_help_panel=_WHAT)
    ] = False
    ignore_existing: Annotated[
        bool, typer.Option("--ignore-existing", help="Leave alone what is at the target.", rich_help_panel=_WHAT)
    ] = False
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place",
            help="Replace the bytes of an account's file, which keeps its id and albums; its old bytes are lost. "
            "Otherwise the old file goes to the trash.",
            rich_help_panel=_WHAT,
        ),
    ] = False
    keep_duplicates: Annotated[
        bool,
        typer.Option("--keep-duplicates", help="Upload bytes that the account holds elsewhere.", rich_help_panel=_WHAT),
    ] = False
    no_films: Annotated[
        bool, typer.Option("--no-films", help="Leave the films of live photos behind.", rich_help_panel=_WHAT)
    ] = False
    junk: Annotated[
        bool,
        typer.Option(
            "--junk", help="Take what systems leave among photographs, too (@eaDir, Thumbs.db).", rich_help_panel=_WHAT
        ),
    ] = False
    no_empty_folders: Annotated[
        bool,
        typer.Option("--no-empty-folders", help="Do not make folders that nothing would be in.", rich_help_panel=_WHAT),
    ] = False
    create_empty_src_dirs: Annotated[
        bool,
        typer.Option("--create-empty-src-dirs", help="Is so anyway; taken for rclone's sake.", rich_help_panel=_WHAT),
    ] = False
    backup_dir: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            help="A folder for what is replaced or removed, instead of the trash; on the target's side.",
            rich_help_panel=_WHAT,
        ),
    ] = ""
    max_transfer: Annotated[
        str,
        typer.Option(metavar="SIZE", help="Stop after so many bytes, e.g. 10G (exit code 8).", rich_help_panel=_HOW),
    ] = "off"
    max_delete: Annotated[
        int | None,
        typer.Option(
            min=0, help="Refuse to begin when more than so many files would be removed.", rich_help_panel=_HOW
        ),
    ] = None
    bwlimit: Annotated[
        str,
        typer.Option(
            metavar="RATE",
            help="Bytes a second, e.g. 2M, UP:DOWN, or a timetable as rclone's, of which the rate at the start holds.",
            rich_help_panel=_HOW,
        ),
    ] = "off"
    order_by: Annotated[
        str,
        typer.Option(
            metavar="ORDER", help="name, size or modtime, and ,asc or ,desc: what comes first.", rich_help_panel=_HOW
        ),
    ] = ""
    transfers: Annotated[int, typer.Option(min=1, max=32, help="How many files at a time.", rich_help_panel=_HOW)] = 4
    checkers: Annotated[
        int, typer.Option(min=1, max=64, help="How many files are compared at a time.", rich_help_panel=_HOW)
    ] = 8

    def options(self, target: End) -> Options:
        """Return what the engine takes.

        Raises:
            ConfigError: two wishes exclude each other, or one cannot be read.
        """
        if self.checksum and self.size_only:
            raise ConfigError("--checksum reads all bytes and --size-only none: choose one")
        if self.create_empty_src_dirs and self.no_empty_folders:
            raise ConfigError("--create-empty-src-dirs and --no-empty-folders exclude each other")
        parse_order(self.order_by)
        compare: Compare = "checksum" if self.checksum else "size" if self.size_only else "md5"
        rate = parse_timetable(self.bwlimit).at(datetime.now())  # noqa: DTZ005 - a timetable is of local time
        return Options(
            compare=compare,
            update=self.update,
            ignore_existing=self.ignore_existing,
            in_place=self.in_place,
            duplicates="keep" if self.keep_duplicates else "refuse",
            films=not self.no_films,
            junk=self.junk,
            empty_folders=not self.no_empty_folders,
            backup_dir=_beside(self.backup_dir, target),
            max_transfer=parse_size(self.max_transfer),
            max_delete=self.max_delete,
            bandwidth=rate.up if target.is_remote else rate.down,
            transfers=self.transfers,
            checkers=self.checkers,
            order_by=self.order_by,
        )


def _beside(folder: str, target: End) -> str | None:
    """Return the backup folder as the engine takes it.

    Raises:
        ConfigError: it is on another side than the target.
    """
    if not folder:
        return None
    from ap_remote.cli.sides import end_of

    end = end_of(folder)
    is_same_side = end.is_remote == target.is_remote and end.account == target.account
    if not is_same_side:
        raise ConfigError(f"--backup-dir must be on the target's side: {target.text}")
    return end.place
