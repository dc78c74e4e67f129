"""Commands of checksums: hashsum, md5sum. Their lines are those of md5sum and of rclone."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from ap_remote.cli.arguments import Spec
from ap_remote.cli.completion import local_paths
from ap_remote.cli.console import Json, json_line, run, say
from ap_remote.cli.filtering import FilterOptions
from ap_remote.cli.lines import emit, pictured
from ap_remote.cli.looking import Fresh, MaxDepth, Place, look_at
from ap_remote.cli.options import with_options
from ap_remote.cli.render import entry_json
from ap_remote.connect import resolve
from ap_remote.errors import ConfigError
from ap_remote.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ap_remote.cli.looking import Found
    from ap_remote.remote.base import Remote

MD5: Final = "md5"
KNOWN: Final = (MD5, "sha1", "sha256")


class HashOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of both commands."""

    checkfile: Annotated[
        Path | None,
        typer.Option(
            "--checkfile",
            "-C",
            metavar="SUMFILE",
            help="Compare with the sums of a local file; = equal, * different, - not in the file, + not there.",
            autocompletion=local_paths,
        ),
    ] = None
    as_base64: Annotated[bool, typer.Option("--base64", help="Sums in base64 instead of hexadecimal.")] = False
    download: Annotated[bool, typer.Option("--download", help="Read the files and work it out here.")] = False
    output_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to a local file.", autocompletion=local_paths)
    ] = None
    max_depth: MaxDepth = None
    fresh: Fresh = False
    json: Json = False


@with_options
def hashsum(
    name: Annotated[
        str, typer.Argument(metavar="HASH", help=f"One of {', '.join(KNOWN)}; without it they are listed.")
    ] = "",
    spec: Spec = None,
    *,
    hashing: HashOptions,
    filtering: FilterOptions,
) -> None:
    """List the checksums of files, or compare them with a list.

    Changes nothing. The service keeps MD5, so that costs no download; sha1 and sha256 need --download. The list is one
    that `md5sum -c` reads, and -C reads what md5sum writes. Exit code 1 means that something differs.
    """
    if not name:
        emit("Supported hashes are:")
        for each in KNOWN:
            emit(f"  * {each}")
        return
    _hashsum(name.lower(), spec, hashing, filtering)


@with_options
def md5sum(spec: Spec = None, *, hashing: HashOptions, filtering: FilterOptions) -> None:
    """List the MD5 sums of files, or compare them with a list; the same as `ap hashsum md5`.

    Changes nothing.
    """
    _hashsum(MD5, spec, hashing, filtering)


def _hashsum(algorithm: str, spec: str | None, options: HashOptions, filtering: FilterOptions) -> None:
    if algorithm not in KNOWN:
        raise ConfigError(f"unknown hash {algorithm!r}; known are {', '.join(KNOWN)}")
    if algorithm != MD5 and not options.download:
        raise ConfigError(f"the service keeps md5 alone; {algorithm} is worked out by --download")
    wanted = None
    if options.checkfile is not None:
        from ap_remote.transfer.sums import read_sums

        digits = None if options.as_base64 else 2 * hashlib.new(algorithm, usedforsecurity=False).digest_size
        wanted = read_sums(options.checkfile, digits=digits)
    place = Place(recursive=True, max_depth=options.max_depth, fresh=options.fresh, filters=filtering.filters())

    async def ask() -> list[tuple[Found, str]]:
        remote, target = resolve(spec)
        async with remote:
            files = (await look_at(remote, target, place)).files
            return [(row, await _sum_of(remote, row, algorithm, download=options.download)) for row in files]

    found = run(ask())
    if wanted is not None:
        _compare(found, wanted, options)
        return
    lines = []
    for row, digest in found:
        if options.json:
            json_line(entry_json(row.entry, hash=digest, algorithm=algorithm))
        else:
            lines.append(f"{_written(digest, algorithm, as_base64=options.as_base64)}  {pictured(row.path)}")
    if options.output_file is not None:
        options.output_file.expanduser().write_text("".join(f"{each}\n" for each in lines), "utf-8")
        return
    for each in lines:
        emit(each)


async def _sum_of(remote: Remote, row: Found, algorithm: str, *, download: bool) -> str:
    if not download:
        return row.entry.md5 or ""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    async for piece in remote.get(NodeId(row.entry.id)):
        digest.update(piece)
    return digest.hexdigest()


def _written(digest: str, algorithm: str, *, as_base64: bool) -> str:
    """Return a sum in its column; what the service does not know is blank there."""
    width = hashlib.new(algorithm, usedforsecurity=False).digest_size
    if as_base64:
        return base64.urlsafe_b64encode(bytes.fromhex(digest)).decode() if digest else " " * (-(-width // 3) * 4)
    return digest or " " * (2 * width)


def _compare(found: list[tuple[Found, str]], wanted: Mapping[str, str], options: HashOptions) -> None:
    """Say of each path how it compares; anything but equality makes the exit code 1.

    Raises:
        typer.Exit: something differs.
    """
    marks = {"=": 0, "*": 0, "-": 0, "+": 0}
    missing = dict(wanted)

    def tell(mark: str, path: str) -> None:
        marks[mark] += 1
        if options.json:
            json_line({"path": path, "result": mark})
        else:
            emit(f"{mark} {path}")

    for row, digest in found:
        path = pictured(row.path)
        # A list may hold names as they are, or as a listing shows them.
        expected = missing.pop(row.path, None) or missing.pop(path, None)
        if expected is None:
            tell("-", path)
        else:
            tell("=" if _same(expected, digest, as_base64=options.as_base64) else "*", path)
    for path in missing:
        tell("+", pictured(path))
    say(f"{marks['=']} equal, {marks['*']} different, {marks['-']} not in the list, {marks['+']} not there")
    if marks["*"] or marks["-"] or marks["+"]:
        raise typer.Exit(1)


def _same(expected: str, digest: str, *, as_base64: bool) -> bool:
    if not digest:
        return False
    if as_base64:
        return expected == base64.urlsafe_b64encode(bytes.fromhex(digest)).decode()
    return expected.lower() == digest


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.command()(hashsum)
    app.command()(md5sum)
