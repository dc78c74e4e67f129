"""Commands that look at one thing: cat, stat, size, about."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from ap_remote.cli.arguments import RemoteFile, Spec
from ap_remote.cli.console import OUT, Json, json_line, line, run
from ap_remote.cli.filtering import FilterOptions
from ap_remote.cli.lines import count_suffix, emit, size_suffix
from ap_remote.cli.looking import Fresh, MaxDepth, Place, look, look_at
from ap_remote.cli.options import with_options
from ap_remote.cli.render import details, entry_json, size_text
from ap_remote.connect import resolve
from ap_remote.errors import ConfigError, IsFolderError
from ap_remote.insight import About
from ap_remote.insight import about as holdings
from ap_remote.model import ByteRange, Entry, NodeId
from ap_remote.transfer.filters import EVERYTHING

if TYPE_CHECKING:
    from ap_remote.model import Ref
    from ap_remote.remote.base import Remote


def stat(spec: Spec = None, *, fresh: Fresh = False, json: Json = False) -> None:
    """Show all that is known of one entry: dates, camera, place, labels.

    Changes nothing.
    """

    async def ask() -> Entry:
        remote, target = resolve(spec)
        async with remote:
            return await remote.stat(target, fresh=fresh)

    entry = run(ask())
    if json:
        json_line(entry_json(entry))
    else:
        OUT.print(details(entry))


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Which bytes of a file are wanted."""

    offset: Annotated[int, typer.Option(help="The first byte; a negative one counts from the end.")] = 0
    count: Annotated[int | None, typer.Option(min=0, help="How many bytes.")] = None
    head: Annotated[int | None, typer.Option(min=0, help="Only so many bytes from the beginning.")] = None
    tail: Annotated[int | None, typer.Option(min=0, help="Only so many bytes from the end.")] = None

    def checked(self) -> Part:
        """Return this part if it is one.

        Raises:
            ConfigError: several are named.
        """
        ways = (self.head is not None, self.tail is not None, self.offset != 0 or self.count is not None)
        if sum(ways) > 1:
            raise ConfigError("only one of --head, --tail, and --offset with --count")
        return self

    def of(self, size: int) -> ByteRange | None:
        """Return the span within a file of *size* bytes; ``None`` is the whole."""
        if self.head is not None:
            return ByteRange(0, self.head)
        if self.tail is not None:
            return ByteRange(max(0, size - self.tail))
        start = max(0, size + self.offset) if self.offset < 0 else self.offset
        if start == 0 and self.count is None:
            return None
        return ByteRange(start, None if self.count is None else start + self.count)


@with_options
def cat(
    spec: RemoteFile,
    *,
    part: Part,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-R", help="All files of a folder, one after the other.")
    ] = False,
    separator: Annotated[str, typer.Option(help="What to print behind each file.")] = "",
    discard: Annotated[bool, typer.Option("--discard", help="Read and check the bytes, print nothing.")] = False,
    max_depth: MaxDepth = None,
    fresh: Fresh = False,
    filtering: FilterOptions,
) -> None:
    """Write a file's bytes to stdout.

    Changes nothing. A folder is refused unless -R or a filter says that all its files are meant.
    """
    part.checked()
    place = Place(spec=spec, recursive=True, max_depth=max_depth, fresh=fresh, filters=filtering.filters())
    several = recursive or max_depth is not None or place.filters != EVERYTHING

    async def copy() -> None:
        remote, target = resolve(spec)
        async with remote:
            for entry in await _files(remote, target, place, several=several):
                async for piece in remote.get(NodeId(entry.id), span=part.of(entry.size)):
                    if not discard:
                        sys.stdout.buffer.write(piece)
                if not discard:
                    sys.stdout.buffer.write(separator.encode())
        sys.stdout.buffer.flush()

    run(copy())


async def _files(remote: Remote, target: Ref, place: Place, *, several: bool) -> list[Entry]:
    base = await remote.stat(target, fresh=place.fresh)
    if not base.is_folder:
        return [base]
    if not several:
        raise IsFolderError(base.path)
    return [row.entry for row in (await look_at(remote, target, place)).files]


@with_options
def size(
    spec: Spec = None,
    *,
    max_depth: MaxDepth = None,
    fresh: Fresh = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object: count, bytes, sizeless.")] = False,
    filtering: FilterOptions,
) -> None:
    """Count the files below a path and their bytes.

    Changes nothing.
    """
    place = Place(spec=spec, recursive=True, max_depth=max_depth, fresh=fresh, filters=filtering.filters())
    files = run(look(place)).files
    count, total = len(files), sum(row.entry.size for row in files)
    if json:
        # Never without a size: the service tells one for each file.
        json_line({"count": count, "bytes": total, "sizeless": 0})
        return
    short = count_suffix(count)
    emit(f"Total objects: {count}" if short == str(count) else f"Total objects: {short} ({count})")
    emit(f"Total size: {size_suffix(total)} ({total} Byte)")


def about(
    spec: Spec = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="Total, Used, Free and Trashed in bytes.")] = False,
    json: Json = False,
) -> None:
    """Show how much the account holds and may hold.

    Changes nothing. Photographs cost no space with Prime; videos and documents count against the quota.
    """

    async def ask() -> About:
        remote, _ = resolve(spec)
        async with remote:
            return await holdings(remote)

    held = run(ask())
    totals = (("total", held.quota), ("used", held.size), ("free", held.free), ("trashed", held.trash_bytes))
    if json:
        json_line({**dict(totals), **msgspec.to_builtins(held)})
        return
    for what, amount in totals:
        if amount is not None:
            emit(f"{what.title() + ':':8} {amount if full else size_suffix(amount)}")
    for what, count, taken in held.rows():
        line(f"{what:10} {count:9d}  {size_text(taken)}")


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.command()(stat)
    app.command()(cat)
    app.command()(size)
    app.command()(about)
