"""Commands that change the tree and send no photographs: mkdir, rmdir, rmdirs, touch, rcat, moveto; albums, refresh."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ap_remote.cli.arguments import RemoteFile, RemoteFolder, Spec
from ap_remote.cli.completion import remote_paths
from ap_remote.cli.console import Json, counting_bar, json_line, line, run, say
from ap_remote.cli.looking import Found, Place, look_at
from ap_remote.cli.render import entry_json
from ap_remote.connect import resolve
from ap_remote.errors import (
    ConfigError,
    FolderNotEmptyError,
    FolderNotFoundError,
    IsFileError,
    NotFoundError,
    UnsupportedError,
)
from ap_remote.model import NodeId
from ap_remote.remote import paths
from ap_remote.remote.features import SupportsAlbums, SupportsFolders, SupportsSync

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry, Ref
    from ap_remote.remote.base import IfExists, Remote

DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done, and do nothing.")]


def mkdir(spec: RemoteFolder, *, json: Json = False) -> None:
    """Make a folder, and those above it as needed. One that is there already stays as it is."""

    async def make() -> Entry:
        remote, target = resolve(spec)
        async with remote:
            if not isinstance(remote, SupportsFolders):
                raise UnsupportedError(f"{remote.name}: has no folders to make")
            return await remote.mkdir(_path(target, "mkdir"))

    _tell(run(make()), json=json)


def rmdir(spec: RemoteFolder, *, dry_run: DryRun = False, json: Json = False) -> None:
    """Remove one folder that is empty; any other is refused.

    It goes to the bin, and `ap restore` brings it back.
    """

    async def remove() -> Entry:
        remote, target = resolve(spec)
        async with remote:
            folder = await _folder(remote, target)
            async for _ in remote.list(target, fresh=True):
                raise FolderNotEmptyError(folder.path)
            if not dry_run:
                await remote.trash(NodeId(folder.id))
            return folder

    _tell(run(remove()), json=json, text="would remove" if dry_run else "")


def rmdirs(
    spec: RemoteFolder,
    *,
    leave_root: Annotated[bool, typer.Option("--leave-root", help="Keep the folder itself, empty or not.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Remove the empty folders below a folder, and the folder itself if nothing is left in it.

    A folder that holds only empty folders is empty. They go to the bin, and `ap restore` brings them back.
    """

    async def remove() -> list[Entry]:
        remote, target = resolve(spec)
        async with remote:
            folder = await _folder(remote, target)
            if paths.is_view(folder.path):
                # What lies in an album lies below no folder of it, so each would be taken for an empty one.
                raise UnsupportedError(
                    f"no folders lie in a view: {folder.path!r}; `ap trash` puts an album in the bin"
                )
            rows = (await look_at(remote, target, Place(recursive=True, fresh=True))).rows
            keep_root = leave_root or not folder.path
            empty = _empty(rows, Found("", folder), keep_root=keep_root)
            if empty and not dry_run:
                await remote.trash(*(NodeId(each.id) for each in empty))
            return empty

    for each in run(remove()):
        _tell(each, json=json, text="would remove" if dry_run else "removed")


def _empty(rows: Sequence[Found], root: Found, *, keep_root: bool) -> list[Entry]:
    """Return the uppermost folders without a file anywhere below them: the others go along with these."""
    full = {""} if keep_root else set()
    for row in rows:
        if not row.entry.is_folder:
            above = paths.split(row.path)[0]
            while above not in full:
                full.add(above)
                above = paths.split(above)[0]
    folders = [root, *(row for row in rows if row.entry.is_folder)]
    gone = {row.path for row in folders if row.path not in full}
    return [row.entry for row in folders if row.path in gone and (not row.path or paths.split(row.path)[0] not in gone)]


def touch(
    spec: RemoteFile,
    *,
    no_create: Annotated[bool, typer.Option("--no-create", "-C", help="Make no file that is not there.")] = False,
    json: Json = False,
) -> None:
    """Make an empty file. One that is there is left alone, and that is an error: its time cannot be set.

    The service sets the times of its files by itself, and lets nobody else do so.
    """

    async def make() -> Entry | None:
        remote, target = resolve(spec)
        async with remote:
            try:
                found = await remote.stat(target, fresh=True)
            except NotFoundError:
                return None if no_create else await remote.put(b"", _path(target, "touch"))
            raise UnsupportedError(f"{found.path!r} is there already, and the service lets nobody set a file's time")

    made = run(make())
    if made is None:
        say(f"{spec} is not there, and was not made")
    else:
        _tell(made, json=json)


def rcat(
    spec: RemoteFile,
    *,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file of this name.")] = False,
    json: Json = False,
) -> None:
    """Upload what comes on stdin as one file. A file of this name is left alone unless --overwrite is said.

    The bytes are kept on disk until stdin ends, for the service wants to know the size first: nothing is uploaded of
    what breaks off. Empty input is refused; `ap touch` makes an empty file.
    """
    if sys.stdin.isatty():
        raise ConfigError("rcat reads from a pipe or a file: COMMAND | ap rcat REMOTE:PATH")
    if_exists: IfExists = "overwrite" if overwrite else "fail"
    with tempfile.NamedTemporaryFile(prefix="ap-rcat-") as spool:
        shutil.copyfileobj(sys.stdin.buffer, spool)
        spool.flush()
        if not spool.tell():
            raise ConfigError("nothing came on stdin, so nothing was uploaded; `ap touch` makes an empty file")

        async def send() -> Entry:
            remote, target = resolve(spec)
            async with remote:
                return await remote.put(Path(spool.name), _path(target, "rcat"), if_exists=if_exists)

        _tell(run(send()), json=json)


def moveto(
    source: Annotated[
        str, typer.Argument(metavar="REMOTE:PATH", help="What to move or rename.", autocompletion=remote_paths)
    ],
    path: Annotated[
        str,
        typer.Argument(
            metavar="REMOTE:PATH", help="Its whole new path, on the same remote.", autocompletion=remote_paths
        ),
    ],
    *,
    json: Json = False,
) -> None:
    """Move or rename one entry on the remote; no bytes are sent, and nothing is replaced.

    The second path is that of the entry itself, not of the folder to put it in; folders above it are made as needed.
    A taken name is refused.
    """

    async def move() -> Entry:
        remote, target = resolve(source)
        other, goal = resolve(path)
        await other.close()
        if other.name != remote.name or not isinstance(goal, str):
            await remote.close()
            raise ConfigError("both paths must lie on one remote; use get and put between two")
        async with remote:
            if not isinstance(remote, SupportsFolders):
                raise UnsupportedError(f"{remote.name}: cannot move entries")
            try:
                return await remote.move(target, goal)
            except NotFoundError:
                await remote.stat(target)  # before a folder is made for what is not there
                await remote.mkdir(paths.split(goal)[0])
            return await remote.move(target, goal)

    _tell(run(move()), json=json)


def albums(spec: Spec = None, *, json: Json = False) -> None:
    """List the albums.

    Changes nothing.
    """

    async def ask() -> None:
        remote, _ = resolve(spec)
        async with remote:
            if not isinstance(remote, SupportsAlbums):
                raise UnsupportedError(f"{remote.name}: has no albums")
            async for each in remote.albums():
                if json:
                    json_line(entry_json(each))
                else:
                    line(each.name)

    run(ask())


def refresh(spec: Spec = None, *, json: Json = False) -> None:
    """Bring the node cache up to date with the service.

    Changes nothing on the service.
    """

    async def update() -> None:
        remote, _ = resolve(spec)
        async with remote:
            if not isinstance(remote, SupportsSync):
                raise UnsupportedError(f"{remote.name}: keeps no cache")
            with counting_bar("nodes") as progress:
                report = await remote.sync(progress=progress)
        if json:
            json_line(report)
        else:
            line(
                f"{report.seen} nodes seen, {report.changed} changed, {report.removed} gone; "
                f"{report.requests} requests in {report.seconds:.1f} s by {report.mode}"
                f"{', taken up where it was cut off' if report.resumed else ''}"
            )

    run(update())


def _path(target: Ref, command: str) -> str:
    if not isinstance(target, str):
        raise ConfigError(f"{command} needs a path, not an id")
    return target


async def _folder(remote: Remote, target: Ref) -> Entry:
    try:
        found = await remote.stat(target, fresh=True)
    except NotFoundError as exc:
        raise FolderNotFoundError(exc.path) from exc
    if not found.is_folder:
        raise IsFileError(found.path)
    return found


def _tell(entry: Entry, *, json: bool, text: str = "") -> None:
    """Print an entry as JSON; else nothing, as is the custom of these commands, unless there is something to say."""
    if json:
        json_line(entry_json(entry))
    elif text:
        line(f"{text} {entry.path}")


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.command()(mkdir)
    app.command()(rmdir)
    app.command()(rmdirs)
    app.command()(touch)
    app.command(rich_help_panel="Transfer")(rcat)
    app.command()(moveto)
    app.command(rich_help_panel="Organise")(albums)
    app.command()(refresh)
