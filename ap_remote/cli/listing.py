"""Commands that look: ls, lsl, lsf, lsjson, tree, stat, cat, about."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ap_remote.cli.console import OUT, Json, json_line, line, run
from ap_remote.cli.render import details, entry_json, relative, size_text, time_text, tree
from ap_remote.connect import resolve
from ap_remote.errors import UnsupportedError
from ap_remote.model import ByteRange, Entry
from ap_remote.remote.features import SupportsUsage

Spec = Annotated[str | None, typer.Argument(metavar="REMOTE:PATH", help="What to look at; the default is AP_REMOTE.")]
Recursive = Annotated[bool, typer.Option("--recursive", "-R", help="Descend into folders.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Ask the service even where the cache could answer.")]


async def _list(spec: str | None, *, recursive: bool, fresh: bool) -> tuple[str, list[Entry]]:
    remote, target = resolve(spec)
    async with remote:
        base = await remote.stat(target, fresh=fresh)
        if not base.is_folder:
            return base.path[: -len(base.name) - 1], [base]
        return base.path, [each async for each in remote.list(target, recursive=recursive, fresh=fresh)]


def ls(spec: Spec = None, *, fresh: Fresh = False, json: Json = False) -> None:
    """List all files below a path with their sizes."""
    base, entries = run(_list(spec, recursive=True, fresh=fresh))
    for each in entries:
        if each.is_folder:
            continue
        if json:
            json_line(entry_json(each))
        else:
            line(f"{each.size:9d} {relative(each, base)}")


def lsl(spec: Spec = None, *, fresh: Fresh = False) -> None:
    """List all files below a path with size and time (UTC)."""
    base, entries = run(_list(spec, recursive=True, fresh=fresh))
    for each in entries:
        if not each.is_folder:
            line(f"{each.size:9d} {time_text(each.modified)} {relative(each, base)}")


def lsf(spec: Spec = None, *, recursive: Recursive = False, fresh: Fresh = False, json: Json = False) -> None:
    """List names, folders with a slash behind them: made for scripts."""
    base, entries = run(_list(spec, recursive=recursive, fresh=fresh))
    for each in entries:
        if json:
            json_line(entry_json(each))
        else:
            line(relative(each, base))


def lsjson(spec: Spec = None, *, recursive: Recursive = False, fresh: Fresh = False) -> None:
    """List entries as JSON, one object per line."""
    _, entries = run(_list(spec, recursive=recursive, fresh=fresh))
    for each in entries:
        json_line(entry_json(each))


def show_tree(spec: Spec = None, *, fresh: Fresh = False) -> None:
    """Draw folders and files as a tree."""
    base, entries = run(_list(spec, recursive=True, fresh=fresh))
    OUT.print(tree(entries, base, spec or base or "~"))
    files = [each for each in entries if not each.is_folder]
    OUT.print(f"{len(entries) - len(files)} folders, {len(files)} files, {size_text(sum(each.size for each in files))}")


def stat(spec: Spec = None, *, fresh: Fresh = False, json: Json = False) -> None:
    """Show all that is known of one entry."""

    async def ask() -> Entry:
        remote, target = resolve(spec)
        async with remote:
            return await remote.stat(target, fresh=fresh)

    entry = run(ask())
    if json:
        json_line(entry_json(entry))
    else:
        OUT.print(details(entry))


def cat(
    spec: Annotated[str, typer.Argument(metavar="REMOTE:PATH", help="The file to print.")],
    *,
    offset: Annotated[int, typer.Option(min=0, help="First byte.")] = 0,
    count: Annotated[int | None, typer.Option(min=0, help="How many bytes.")] = None,
) -> None:
    """Write a file's bytes to stdout."""

    async def copy() -> None:
        remote, target = resolve(spec)
        stop = None if count is None else offset + count
        span = None if offset == 0 and stop is None else ByteRange(offset, stop)
        async with remote:
            async for piece in remote.get(target, span=span):
                sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()

    run(copy())


def about(spec: Spec = None, *, json: Json = False) -> None:
    """Show how much the account holds."""
    remote, _ = resolve(spec)
    if not isinstance(remote, SupportsUsage):
        raise UnsupportedError(f"{remote.name}: cannot say how much it holds")
    usage_of = remote.usage

    async def ask() -> None:
        async with remote:
            usage = await usage_of()
        if json:
            json_line(usage)
            return
        for what, count, size in (
            ("photos", usage.photos, usage.photo_bytes),
            ("videos", usage.videos, usage.video_bytes),
            ("documents", usage.documents, usage.document_bytes),
            ("others", usage.others, usage.other_bytes),
        ):
            line(f"{what:10} {count:9d}  {size_text(size)}")
        if usage.quota is not None:
            free = "" if usage.free is None else f", {size_text(usage.free)} free"
            line(f"{'quota':10} {size_text(usage.quota)}{free}")

    run(ask())


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.command()(ls)
    app.command()(lsl)
    app.command()(lsf)
    app.command()(lsjson)
    app.command("tree")(show_tree)
    app.command()(stat)
    app.command()(cat)
    app.command()(about)
