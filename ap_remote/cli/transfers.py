"""Commands that move bytes: copy, move, sync, put, get. Each makes a plan and runs it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from ap_remote import config
from ap_remote.cli import checks, history
from ap_remote.cli.completion import any_paths, local_paths, remote_paths
from ap_remote.cli.console import run as run_to_end
from ap_remote.cli.filtering import FilterOptions
from ap_remote.cli.options import with_options
from ap_remote.cli.running import Job, perform
from ap_remote.cli.sides import End, end_of, ends_of
from ap_remote.cli.wishes import RunOptions, TransferOptions
from ap_remote.connect import resolve
from ap_remote.errors import ConfigError, NotFoundError
from ap_remote.remote.paths import check_name, join
from ap_remote.transfer.localnames import local_name
from ap_remote.transfer.walking import remote_or_raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ap_remote.model import Entry
    from ap_remote.transfer.plan import Verb

Source = Annotated[
    str,
    typer.Argument(metavar="SRC", help="A folder, whose content is meant, or a file.", autocompletion=any_paths),
]
Target = Annotated[
    str, typer.Argument(metavar="DST", help="A folder; it is made if need be.", autocompletion=any_paths)
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files of the same name and other content.")]


@with_options
def copy(source: Source, target: Target, *, what: TransferOptions, run: RunOptions, filtering: FilterOptions) -> None:
    """Copy the content of SRC into the folder DST; nothing at DST is removed.

    One of the two is NAME:PATH, on a remote; the other may be a local path or a remote, too. What is the same at both
    ends, by md5, is skipped, and so are bytes that the account holds elsewhere (--keep-duplicates sends them). A file
    of other content is replaced: the old one goes to the trash. Empty folders are made, too.

    Every file is verified by md5. A run that breaks off leaves no half files; `ap transfer resume` goes on with it,
    `ap transfer undo` takes it back.

    Examples:
      ap copy ~/Pictures home:Pictures --dry-run
      ap copy home:Pictures/2023 /backup/2023 --exclude '*.mov' --report done.json
    """
    _transfer("copy", ends_of(source, target), what, run, filtering)


@with_options
def move(source: Source, target: Target, *, what: TransferOptions, run: RunOptions, filtering: FilterOptions) -> None:
    """Copy the content of SRC into the folder DST, then put what arrived into the trash at SRC.

    Within one account no bytes pass. From a local folder the files go to .ap-trash in it, and stay there until you
    remove that folder. Where an arrival cannot be verified, the source stays.

    Example:
      ap move /media/card/DCIM home:Pictures/card
    """
    _transfer("move", ends_of(source, target), what, run, filtering)


@with_options
def sync(source: Source, target: Target, *, what: TransferOptions, run: RunOptions, filtering: FilterOptions) -> None:
    """Make the folder DST like SRC: copy what is missing, replace what differs, trash what SRC does not have.

    Nothing is deleted for ever: an account's files go to its trash, local ones to .ap-trash in DST. On a terminal it
    asks before anything is removed or replaced. It refuses to begin when more than --max-delete files would go, and
    when SRC could not be read as a whole. What filters leave out is left alone at both ends.

    Examples:
      ap sync ~/Pictures home:Pictures --dry-run
      ap sync ~/Pictures home:Pictures --max-delete 100 --yes
    """
    _transfer("sync", ends_of(source, target), what, run, filtering)


@with_options
def put(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SRC… REMOTE:DIR", help="Local files and folders.", autocompletion=any_paths),
    ],
    *,
    overwrite: Overwrite = False,
    what: TransferOptions,
    run: RunOptions,
    filtering: FilterOptions,
) -> None:
    """Upload files and folders, as cp -r copies.

    A folder `trip` arrives as DIR/trip; `trip/` puts its content into DIR. Bytes that are there already, or elsewhere
    in the account, are skipped. Junk folders of NAS systems are left out. A file of the same name and other content
    is a failure, unless --overwrite is given.
    """
    *local, spec = sources
    if not local:
        raise ConfigError("put needs at least one local file and a remote folder: ap put SRC… REMOTE:DIR")
    if not end_of(spec).is_remote:
        raise ConfigError(f"the last argument is the remote folder and needs a colon: {spec!r} (did you mean local:?)")
    for each in local:
        if not Path(each).expanduser().exists():
            raise NotFoundError(each)
    target = end_of(spec)
    options, filters = what.options(target), filtering.filters()
    jobs = [
        Job(verb="copy", source=end, target=to, only=names, options=options, filters=filters, replaces=overwrite)
        for end, to, names in _uploads(local, _named(target))
    ]
    perform(jobs, run, command="put", words={"copied": "uploaded"})


@with_options
def get(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="REMOTE:PATH", help="A file, or a folder with all below it.", autocompletion=remote_paths
        ),
    ],
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="A local folder; it is made if need be.", autocompletion=local_paths),
    ] = Path(),
    *,
    overwrite: Overwrite = False,
    what: TransferOptions,
    run: RunOptions,
    filtering: FilterOptions,
) -> None:
    """Download a file or a folder, as cp -r copies: a folder `trip` arrives as DIR/trip.

    Each file is checked by md5 and gets the photograph's date. A download that is broken off goes on where it was,
    with the same command. A local file of other content is a failure, unless --overwrite is given.
    """
    source = end_of(spec if ":" in spec else f"{config.load().default.partition(':')[0]}:{spec}")
    top = run_to_end(_entry(source))
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "a folder is needed, and this is none", str(folder))
    to = folder / local_name(top.name) if top.is_folder and top.name else folder
    job = Job(
        verb="copy",
        source=source,
        target=End(text=str(to), is_remote=False),
        options=what.options(end_of(str(to))),
        filters=filtering.filters(),
        replaces=overwrite,
    )
    perform([job], run, command="get", words={"copied": "downloaded"})


def _transfer(
    verb: Verb, ends: tuple[End, End], what: TransferOptions, run: RunOptions, filtering: FilterOptions
) -> None:
    source, target = ends
    job = Job(verb=verb, source=source, target=target, options=what.options(target), filters=filtering.filters())
    perform([job], run, command=verb)


def _uploads(local: list[str], target: End) -> Iterator[tuple[End, End, frozenset[str] | None]]:
    """Yield whence, whither and what alone: a folder is a transfer of its own, files of one folder are one together."""
    files: dict[Path, set[str]] = {}
    for each in local:
        end = End(text=each, is_remote=False)
        if not end.path.is_dir():
            files.setdefault(end.path.parent, set()).add(end.path.name)
        elif each.endswith(("/", os.sep)) or not end.path.name:
            yield end, target, None
        else:
            yield end, _below(target, check_name(remote_or_raw(end.path.name))), None
    for folder, names in files.items():
        if len(names) == 1:
            yield End(text=str(folder / min(names)), is_remote=False), target, None
        else:
            yield End(text=str(folder), is_remote=False), target, frozenset(map(remote_or_raw, names))


def _below(target: End, name: str) -> End:
    account = target.text.partition(":")[0]
    return msgspec.structs.replace(target, text=f"{account}:{join(target.place, name)}")


def _named(target: End) -> End:
    """Return a folder that may be named by an id by its path."""
    _, ref = resolve(target.text)
    if isinstance(ref, str):
        return target
    account = target.text.partition(":")[0] if not target.text.startswith("id:") else ""
    account = account or config.load().default.partition(":")[0]
    return msgspec.structs.replace(target, text=f"{account}:{run_to_end(_entry(target)).path}")


async def _entry(end: End) -> Entry:
    remote, ref = resolve(end.text)
    async with remote:
        return await remote.stat(ref)


def register(app: typer.Typer) -> None:
    """Add these commands, and those that look before and after, to *app*."""
    for command in (copy, move, sync, put, get):
        app.command()(command)
    checks.register(app)
    history.register(app)
