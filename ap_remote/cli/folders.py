"""Commands that change the tree without sending bytes: mkdir, move, albums, sync of the cache."""

from __future__ import annotations

from typing import Annotated

import typer

from ap_remote.cli.console import Json, counting_bar, json_line, line, run
from ap_remote.cli.listing import Spec
from ap_remote.cli.render import entry_json
from ap_remote.connect import resolve
from ap_remote.errors import ConfigError, UnsupportedError
from ap_remote.remote.features import SupportsAlbums, SupportsFolders, SupportsSync


def mkdir(spec: Annotated[str, typer.Argument(metavar="REMOTE:PATH", help="The folder to make.")]) -> None:
    """Make a folder, and those above it as needed."""

    async def make() -> None:
        remote, target = resolve(spec)
        async with remote:
            if not isinstance(remote, SupportsFolders):
                raise UnsupportedError(f"{remote.name}: has no folders to make")
            if not isinstance(target, str):
                raise ConfigError("mkdir needs a path, not an id")
            await remote.mkdir(target)

    run(make())


def moveto(
    source: Annotated[str, typer.Argument(metavar="REMOTE:PATH", help="What to move or rename.")],
    path: Annotated[str, typer.Argument(metavar="REMOTE:PATH", help="Its whole new path, on the same remote.")],
) -> None:
    """Move or rename an entry on the remote; no bytes are sent."""

    async def move() -> None:
        remote, target = resolve(source)
        other, goal = resolve(path)
        await other.close()
        if other.name != remote.name or not isinstance(goal, str):
            await remote.close()
            raise ConfigError("both paths must lie on one remote; use get and put between two")
        async with remote:
            if not isinstance(remote, SupportsFolders):
                raise UnsupportedError(f"{remote.name}: cannot move entries")
            await remote.move(target, goal)

    run(move())


def albums(spec: Spec = None, *, json: Json = False) -> None:
    """List the albums."""

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
    """Bring the node cache up to date with the service."""

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


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.command()(mkdir)
    app.command()(moveto)
    app.command()(albums)
    app.command()(refresh)
