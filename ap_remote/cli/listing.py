"""Commands that list: ls, lsl, lsd, lsf, lsjson, find. What they print is what rclone prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from ap_remote import config
from ap_remote.cli.arguments import Spec
from ap_remote.cli.console import Json, json_line, run
from ap_remote.cli.filtering import FilterOptions
from ap_remote.cli.lines import (
    csv_row,
    emit,
    item,
    json_text,
    local_time,
    metadata_of,
    pictured,
    size_of,
    type_of,
)
from ap_remote.cli.looking import DirsOnly, FilesOnly, Fresh, MaxDepth, Place, Recursive, look, look_once
from ap_remote.cli.options import with_options
from ap_remote.cli.render import entry_json
from ap_remote.connect import split_spec
from ap_remote.errors import ConfigError
from ap_remote.transfer.filters import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ap_remote.cli.looking import Found

__all__ = ["Spec", "register"]

_COMMA: Final = ","
_SEPARATOR: Final = ";"


def _print_json(rows: Iterable[Found]) -> None:
    for row in rows:
        json_line(entry_json(row.entry))


@with_options
def ls(
    spec: Spec = None,
    *,
    max_depth: MaxDepth = None,
    fresh: Fresh = False,
    json: Json = False,
    filtering: FilterOptions,
) -> None:
    """List all files below a path, with their sizes in bytes.

    Changes nothing. Folders are descended into, as with rclone; `--max-depth 1` lists one folder.
    """
    place = Place(spec=spec, recursive=True, max_depth=max_depth, fresh=fresh, filters=filtering.filters())
    files = run(look(place)).files
    if json:
        _print_json(files)
        return
    for row in files:
        emit(f"{size_of(row.entry):9d} {pictured(row.path)}")


@with_options
def lsl(
    spec: Spec = None,
    *,
    max_depth: MaxDepth = None,
    fresh: Fresh = False,
    json: Json = False,
    filtering: FilterOptions,
) -> None:
    """List all files below a path with size and time of change.

    Changes nothing. The time is when the service last changed the file, in the local time zone; `ap stat` has the
    capture time.
    """
    place = Place(spec=spec, recursive=True, max_depth=max_depth, fresh=fresh, filters=filtering.filters())
    files = run(look(place)).files
    if json:
        _print_json(files)
        return
    for row in files:
        emit(f"{size_of(row.entry):9d} {local_time(row.entry.modified, fine=True)} {pictured(row.path)}")


@with_options
def lsd(
    spec: Spec = None,
    *,
    recursive: Recursive = False,
    max_depth: MaxDepth = None,
    fresh: Fresh = False,
    json: Json = False,
    filtering: FilterOptions,
) -> None:
    """List the folders in a folder.

    Changes nothing. The first and the third column, size and count, are -1: the service does not keep them.
    """
    place = Place(spec=spec, recursive=recursive, max_depth=max_depth, fresh=fresh, filters=filtering.filters())
    folders = run(look(place)).folders
    if json:
        _print_json(folders)
        return
    for row in folders:
        emit(f"{-1:12d} {local_time(row.entry.modified):>13} {-1:9d} {pictured(row.path)}")


def _metadata(row: Found) -> str:
    return json_text(metadata_of(row.entry))


_COLUMNS: Final[dict[str, Callable[[Found], str]]] = {
    "s": lambda row: str(size_of(row.entry)),
    "t": lambda row: local_time(row.entry.modified),
    "h": lambda row: "" if row.entry.is_folder else row.entry.md5 or "",
    "i": lambda row: row.entry.id,
    "o": lambda row: "" if row.entry.is_folder else row.entry.id,
    "m": lambda row: type_of(row.entry),
    "T": lambda _: "",
    "M": _metadata,
}
"""What a letter of ``lsf --format`` stands for, beside ``p``."""


class LsfOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a line of ``lsf`` looks."""

    columns: Annotated[
        str,
        typer.Option(
            "--format",
            "-F",
            help="Which columns: p path, s size, t time of change, h hash, i id, o id of files, m content type, "
            "T tier (always empty), M metadata as JSON.",
        ),
    ] = "p"
    separator: Annotated[
        str | None, typer.Option("--separator", "-s", help="What stands between columns; the default is ;.")
    ] = None
    csv: Annotated[bool, typer.Option("--csv", help="CSV, with commas unless --separator says else.")] = False
    absolute: Annotated[bool, typer.Option("--absolute", help="Put a / before each path.")] = False
    dir_slash: Annotated[bool, typer.Option("--dir-slash/--no-dir-slash", "-d", help="Put a / behind each folder.")] = (
        True
    )
    digest: Annotated[str, typer.Option("--hash", help="Which hash h is; the service keeps MD5.")] = "MD5"

    def checked(self) -> LsfOptions:
        """Return these options if they can be followed.

        Raises:
            ConfigError: a column or hash that nobody knows.
        """
        if "e" in self.columns:
            raise ConfigError("nothing is encrypted here, so there are no encrypted names: leave e out of --format")
        for letter in self.columns:
            if letter != "p" and letter not in _COLUMNS:
                raise ConfigError(f"--format knows no {letter!r}; known are p, {', '.join(_COLUMNS)}")
        if self.digest.lower() != "md5":
            raise ConfigError(
                f"the service keeps MD5 alone, no {self.digest}; `ap hashsum --download` works out others"
            )
        return self

    def line(self, row: Found) -> str:
        """Return an entry's line."""
        fields = [self._path(row) if letter == "p" else _COLUMNS[letter](row) for letter in self.columns]
        if self.csv:
            return csv_row(fields, (self.separator or _COMMA)[0])
        return (_SEPARATOR if self.separator is None else self.separator).join(fields)

    def _path(self, row: Found) -> str:
        slash = "/" if row.entry.is_folder and self.dir_slash else ""
        return ("/" if self.absolute else "") + pictured(row.path) + slash


@with_options
def lsf(
    spec: Spec = None,
    *,
    recursive: Recursive = False,
    max_depth: MaxDepth = None,
    files_only: FilesOnly = False,
    dirs_only: DirsOnly = False,
    look_like: LsfOptions,
    fresh: Fresh = False,
    json: Json = False,
    filtering: FilterOptions,
) -> None:
    """List names in the form that scripts want, folders with a slash behind them.

    Changes nothing.
    """
    line = look_like.checked().line
    place = Place(spec=spec, recursive=recursive, max_depth=max_depth, fresh=fresh, filters=filtering.filters())
    rows = _chosen(run(look(place)).rows, files_only=files_only, dirs_only=dirs_only)
    if json:
        _print_json(rows)
        return
    for row in rows:
        emit(line(row))


@with_options
def lsjson(
    spec: Spec = None,
    *,
    recursive: Recursive = False,
    max_depth: MaxDepth = None,
    files_only: FilesOnly = False,
    dirs_only: DirsOnly = False,
    hashes: Annotated[bool, typer.Option("--hash", help="Add Hashes (md5).")] = False,
    hash_type: Annotated[list[str] | None, typer.Option(help="Add this hash; the service keeps md5.")] = None,
    stat: Annotated[bool, typer.Option("--stat", help="One object about the path itself.")] = False,
    modtime: Annotated[bool, typer.Option("--modtime/--no-modtime", help="Say when it last changed.")] = True,
    mimetype: Annotated[bool, typer.Option("--mimetype/--no-mimetype", help="Say the content type.")] = True,
    original: Annotated[bool, typer.Option("--original", help="Add OrigID to files.")] = False,
    metadata: Annotated[bool, typer.Option("--metadata", "-M", help="Add Metadata where there is any.")] = False,
    fresh: Fresh = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print our own objects, one per line, instead of rclone's array.")
    ] = False,
    filtering: FilterOptions,
) -> None:
    """List entries as rclone's JSON array: Path, Name, Size, MimeType, ModTime, IsDir, ID.

    Changes nothing.
    """
    if unknown := [each for each in hash_type or () if each.lower() != "md5"]:
        raise ConfigError(f"the service keeps md5 alone, no {unknown[0]}")
    place = Place(spec=spec, recursive=recursive, max_depth=max_depth, fresh=fresh, filters=filtering.filters())
    sight = run(look_once(place) if stat else look(place))
    rows = [sight.itself] if stat else _chosen(sight.rows, files_only=files_only, dirs_only=dirs_only)
    if json:
        _print_json(rows)
        return

    def shown(row: Found, indent: str | None = None) -> str:
        found = item(
            row.entry,
            row.path,
            hashes=hashes or bool(hash_type),
            original=original,
            modtime=modtime,
            mimetype=mimetype,
            metadata=metadata,
        )
        return json_text(found, indent=indent)

    if stat:
        emit(shown(sight.itself, "\t"))
        return
    emit("[")
    emit(",\n".join(map(shown, rows)), end="\n" if rows else "")
    emit("]")


@with_options
def find(
    spec: Spec = None,
    *,
    files_only: FilesOnly = False,
    dirs_only: DirsOnly = False,
    max_depth: MaxDepth = None,
    null: Annotated[
        bool, typer.Option("--print0", "-0", help="End each path with NUL instead of a new line, for xargs -0.")
    ] = False,
    fresh: Fresh = False,
    json: Json = False,
    filtering: FilterOptions,
) -> None:
    """List whole paths, as other commands take them, of all files and folders; with a filter of files alone.

    Changes nothing. A filter speaks of files: what holds them is listed by --dirs-only, and never with them, so that
    `ap find … | xargs ap trash` trashes what was meant. `ap search` finds by what pictures show, when and where;
    `ap find` by name, size and age.
    """
    filters = filtering.filters()
    rows = _chosen(
        run(look(Place(spec=spec, recursive=True, max_depth=max_depth, fresh=fresh, filters=filters))).rows,
        files_only=files_only or (filters != EVERYTHING and not dirs_only),
        dirs_only=dirs_only,
    )
    account, _ = split_spec(spec, config.load())
    if json:
        _print_json(rows)
        return
    for row in rows:
        path = f"{account}:{row.entry.path}"
        # Whoever asks for NUL hands the names on to a program, which needs them as they are.
        emit(path if null else pictured(path), end="\0" if null else "\n")


def _chosen(rows: Iterable[Found], *, files_only: bool, dirs_only: bool) -> list[Found]:
    """Return files, folders, or both.

    Raises:
        ConfigError: neither.
    """
    if files_only and dirs_only:
        raise ConfigError("--files-only and --dirs-only together leave nothing")
    return [
        row for row in rows if not (files_only and row.entry.is_folder) and not (dirs_only and not row.entry.is_folder)
    ]


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.command()(ls)
    app.command()(lsl)
    app.command()(lsd)
    app.command()(lsf)
    app.command()(lsjson)
    app.command()(find)
