"""The command tree, with rclone's lines and main options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args

import msgspec
import typer

from ap_remote.cli.arguments import Spec
from ap_remote.cli.console import Json, json_line, run
from ap_remote.cli.filtering import FilterOptions
from ap_remote.cli.lines import UNKNOWN_TIME, emit, pictured, size_of, standard
from ap_remote.cli.looking import Found, Fresh, Place, look
from ap_remote.cli.options import with_options
from ap_remote.cli.render import entry_json
from ap_remote.errors import ConfigError
from ap_remote.remote import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Order = Literal["name", "size", "mtime"]
_NO_SIZE: Final = "?" * 11


class TreeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the tree is drawn."""

    level: Annotated[int | None, typer.Option("--level", "-L", min=1, metavar="N", help="Descend N levels.")] = None
    everything: Annotated[bool, typer.Option("--all", "-a", help="Also names that begin with a dot.")] = False
    dirs_only: Annotated[bool, typer.Option("--dirs-only", "-d", help="Only folders.")] = False
    dirsfirst: Annotated[bool, typer.Option("--dirsfirst", help="Folders before files.")] = False
    full_path: Annotated[bool, typer.Option("--full-path", help="Whole paths instead of names.")] = False
    noindent: Annotated[bool, typer.Option("--noindent", help="No lines, no indentation.")] = False
    noreport: Annotated[bool, typer.Option("--noreport", help="No count at the end.")] = False
    quote: Annotated[bool, typer.Option("--quote", "-Q", help="Names in quotes.")] = False
    size: Annotated[bool, typer.Option("--size", "-s", help="Bytes of each file, and of all in each folder.")] = False
    modtime: Annotated[bool, typer.Option("--modtime", "-D", help="When each file last changed.")] = False
    sort: Annotated[str, typer.Option(help="name, size or mtime.")] = "name"
    sort_modtime: Annotated[bool, typer.Option("--sort-modtime", "-t", help="The same as --sort mtime.")] = False
    reverse: Annotated[bool, typer.Option("--sort-reverse", "-r", help="The other way round.")] = False


class Branch(msgspec.Struct, frozen=True, kw_only=True):
    """An entry and what is drawn below it."""

    row: Found
    below: tuple[Branch, ...] = ()
    closed: bool = False
    """A folder that was not looked into."""

    @property
    def name(self) -> str:
        """The last component of its path."""
        return paths.split(self.row.path)[1]

    @property
    def bytes(self) -> int:
        """A file's size, or that of all files below a folder that are known."""
        if not self.row.entry.is_folder:
            return self.row.entry.size
        return sum(each.bytes for each in self.below)

    @property
    def is_known(self) -> bool:
        """Whether all below it was looked at."""
        return not self.closed and all(each.is_known for each in self.below)


def grown(rows: Sequence[Found], options: TreeOptions) -> tuple[Branch, ...]:
    """Return what a recursive listing found, parents first, as branches in the order that was asked for.

    Raises:
        ConfigError: an order that nobody knows.
    """
    known: tuple[Order, ...] = get_args(Order)
    order = "mtime" if options.sort_modtime else options.sort
    if order not in known:
        raise ConfigError(f"unknown order {order!r}; known are {', '.join(known)}")
    below: dict[str, list[Found]] = {}
    for row in rows:
        below.setdefault(paths.split(row.path)[0], []).append(row)

    def branches(above: str, level: int) -> tuple[Branch, ...]:
        found = []
        for row in below.pop(above, []):
            folder = row.entry.is_folder
            if (options.dirs_only and not folder) or (not options.everything and paths.split(row.path)[1][:1] == "."):
                continue
            closed = folder and level == options.level
            found.append(Branch(row=row, below=branches(row.path, level + 1) if folder else (), closed=closed))
        return tuple(_ordered(found, order, options))

    return branches("", 1)


def _ordered(found: list[Branch], order: str, options: TreeOptions) -> list[Branch]:
    keys: dict[str, Callable[[Branch], Any]] = {
        "name": lambda each: standard(each.name),
        "size": lambda each: size_of(each.row.entry),
        "mtime": lambda each: each.row.entry.modified or UNKNOWN_TIME,
    }
    found.sort(key=keys[order], reverse=options.reverse)
    if options.dirsfirst:
        found.sort(key=lambda each: not each.row.entry.is_folder)
    return found


def drawn(branches: Sequence[Branch], options: TreeOptions) -> Iterator[str]:
    """Yield the lines of a tree."""
    root = sum(each.bytes for each in branches)
    size = f"[{_size(root, known=all(each.is_known for each in branches))}]  " if options.size else ""
    yield size + _quoted("/", options)
    yield from _drawn(branches, "", options)
    if not options.noreport:
        folders, files = _counted(branches)
        yield ""
        yield f"{folders} directories" + ("" if options.dirs_only else f", {files} files")


def _drawn(branches: Sequence[Branch], indent: str, options: TreeOptions) -> Iterator[str]:
    for number, each in enumerate(branches, start=1):
        last = number == len(branches)
        lead = "" if options.noindent else indent + ("└── " if last else "├── ")
        name = "/" + each.row.path if options.full_path else each.name
        yield lead + _marks(each, options) + _quoted(pictured(name), options)
        yield from _drawn(each.below, indent + ("    " if last else "│   "), options)


def _marks(branch: Branch, options: TreeOptions) -> str:
    marks = [_size(branch.bytes, known=branch.is_known)] if options.size else []
    if options.modtime and not branch.row.entry.is_folder:
        marks.append((branch.row.entry.modified or UNKNOWN_TIME).astimezone().strftime("%b %d %H:%M"))
    return f"[{' '.join(marks)}]  " if marks else ""


def _size(size: int, *, known: bool) -> str:
    return f"{size:11d}" if known or size else _NO_SIZE


def _quoted(text: str, options: TreeOptions) -> str:
    return f'"{text}"' if options.quote else text


def _counted(branches: Sequence[Branch]) -> tuple[int, int]:
    folders = files = 0
    for each in branches:
        inner_folders, inner_files = _counted(each.below)
        folders += inner_folders + each.row.entry.is_folder
        files += inner_files + (not each.row.entry.is_folder)
    return folders, files


@with_options
def tree(
    spec: Spec = None,
    *,
    drawing: TreeOptions,
    fresh: Fresh = False,
    json: Json = False,
    filtering: FilterOptions,
) -> None:
    """Draw folders and files as a tree.

    Changes nothing.
    """
    place = Place(spec=spec, recursive=True, max_depth=drawing.level, fresh=fresh, filters=filtering.filters())
    sight = run(look(place))
    branches = grown(sight.rows, drawing)
    if json:
        _print_json(branches)
        return
    for line in drawn(branches, drawing):
        emit(line)


def _print_json(branches: Sequence[Branch]) -> None:
    for each in branches:
        json_line(entry_json(each.row.entry))
        _print_json(each.below)


def register(app: typer.Typer) -> None:
    """Add this command to *app*."""
    app.command()(tree)
