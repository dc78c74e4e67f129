"""Commands that show a remote as a folder of this computer: mount, unmount."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ap_remote import config
from ap_remote.atomic import make_private
from ap_remote.cli.completion import local_paths, remote_paths
from ap_remote.cli.console import run, say
from ap_remote.connect import resolve, split_spec
from ap_remote.errors import ConfigError, IsFileError, UnsupportedError

if TYPE_CHECKING:
    from ap_remote.remote.base import Remote

_PATIENCE: Final = 30.0
"""Seconds within which a mount in the background must stand."""
Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="An empty folder of this computer.", autocompletion=local_paths)
]


def mount(
    spec: Annotated[str, typer.Argument(metavar="REMOTE:PATH", help="What to show.", autocompletion=remote_paths)],
    folder: Folder,
    *,
    writable: Annotated[bool, typer.Option("--writable", help="Let programs change the library.")] = False,
    daemon: Annotated[bool, typer.Option("--daemon", help="Come back when it stands; it goes on behind.")] = False,
    allow_other: Annotated[bool, typer.Option("--allow-other", help="Let other users of this computer in.")] = False,
) -> None:
    """Show a remote as a folder, until Ctrl-C or `ap unmount DIR`.

    It is read-only unless --writable is given. Then a file is uploaded when the program that writes it closes it, and
    what is removed or replaced goes to the trash. Times and permissions cannot be set.

    Examples:
      ap mount local: /mnt/photos
      ap mount home:Pictures /mnt/photos --writable --daemon
    """
    from ap_remote.fs import mount as mounts

    mounts.check(folder)
    settings = config.load()
    name, _ = split_spec(spec, settings)
    settings.account(name)
    if daemon:
        _behind(folder, settings.folder(name) / "mount.log")
        return
    remote, target = resolve(spec, settings=settings)
    if not isinstance(target, str):
        raise ConfigError("a mount needs a path, not an id")
    run(_check(remote, target))
    from ap_remote.fsspec import AmazonPhotosFileSystem

    drafts = settings.folder(name) / "mount"
    fs = AmazonPhotosFileSystem(remote=f"{name}:", skip_instance_cache=True)
    volume = mounts.Volume(fs, "/" + target, writable=writable, drafts=drafts)
    how = "read-write" if writable else "read-only"
    say(f"{spec} is at {folder}, {how}; Ctrl-C or `ap unmount {folder}` ends it")
    mounts.mount(volume, folder, name=f"{name}:{target}", writable=writable, allow_other=allow_other)


def unmount(folder: Folder) -> None:
    """End a mount; what was written is uploaded first.

    Example:
      ap unmount /mnt/photos
    """
    from ap_remote.fs import mount as mounts

    mounts.unmount(folder)


async def _check(remote: Remote, target: str) -> None:
    """Raise now what every program would otherwise meet: a login that has ended, a folder that is not there."""
    async with remote:
        if not (await remote.stat(target)).is_folder:
            raise IsFileError(target)


def _behind(folder: Path, log: Path) -> None:
    """Start the same command as a process of its own, which speaks to *log*, and wait until the mount stands.

    Raises:
        UnsupportedError: it ended before that.
    """
    words = [each for each in sys.argv[1:] if each != "--daemon"]
    make_private(log.parent)
    with log.open("wb") as said:
        process = subprocess.Popen(  # noqa: S603 - ourselves, with our own arguments
            [sys.executable, "-m", "ap_remote", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
    end = time.monotonic() + _PATIENCE
    while not os.path.ismount(folder):
        if process.poll() is not None:
            reason = log.read_text("utf-8", "replace").strip().removeprefix("ap: ")
            raise UnsupportedError(reason or f"{folder} could not be mounted")
        if time.monotonic() > end:
            process.kill()
            raise UnsupportedError(f"{folder} was not mounted within {_PATIENCE:.0f} s; {log} may say why")
        time.sleep(0.1)
    process.returncode = 0  # it lives on without us, and is no child that was forgotten


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.command(rich_help_panel="Serve")(mount)
    app.command(rich_help_panel="Serve")(unmount)
