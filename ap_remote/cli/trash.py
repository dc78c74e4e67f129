"""Commands of the bin: trash, restore, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ap_remote.cli.completion import remote_paths
from ap_remote.cli.console import ERR, Json, Yes, json_line, line, run, say
from ap_remote.connect import resolve
from ap_remote.errors import BatchError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from ap_remote.model import Outcome, Ref
    from ap_remote.remote.base import Remote

Specs = Annotated[
    list[str],
    typer.Argument(
        metavar="REMOTE:PATH", help="Paths; an id is written as the path id:NODE_ID.", autocompletion=remote_paths
    ),
]


def trash(specs: Specs, *, json: Json = False) -> None:
    """Put entries in the bin; `ap restore` brings them back (Amazon keeps them for 30 days).

    A photograph that is named by its place in an album, .views/albums/ALBUM/NAME, only leaves the album.
    """

    async def act() -> Sequence[Outcome]:
        remote, targets = _one_remote(specs)
        async with remote:
            return await remote.trash(*targets)

    _tell(_outcomes(act), "trashed", json=json)


def restore(specs: Specs, *, json: Json = False) -> None:
    """Take entries out of the bin, to the path they had."""

    async def act() -> Sequence[Outcome]:
        remote, targets = _one_remote(specs)
        async with remote:
            return await remote.restore(*targets)

    _tell(_outcomes(act), "restored", json=json)


def delete(specs: Specs, *, yes: Yes = False, json: Json = False) -> None:
    """Delete for ever what is in the bin already. There is no way back.

    An entry that is not in the bin is refused: trash it first. So nothing is lost by a single command.
    """
    if not yes:
        if not ERR.is_terminal:
            raise ConfigError("delete removes for ever: say --yes when nobody can be asked")
        for spec in specs:
            say(f"  {spec}")
        typer.confirm(f"Delete {len(specs)} trashed entries for ever?", abort=True, err=True)

    async def act() -> Sequence[Outcome]:
        remote, targets = _one_remote(specs)
        async with remote:
            return await remote.delete(*targets)

    _tell(_outcomes(act), "deleted for ever", json=json)


def _one_remote(specs: list[str]) -> tuple[Remote, list[Ref]]:
    remote, first = resolve(specs[0])
    targets = [first]
    for spec in specs[1:]:
        other, target = resolve(spec)
        if other.name != remote.name:
            raise ConfigError("all paths must lie on one remote")
        targets.append(target)
    if "" in targets:
        raise ConfigError("this would be the whole library; name what is in it")
    return remote, targets


def _outcomes(act: Callable[[], Coroutine[Any, Any, Sequence[Outcome]]]) -> tuple[Sequence[Outcome], bool]:
    try:
        return run(act()), True
    except BatchError as exc:
        return exc.outcomes, False


def _tell(result: tuple[Sequence[Outcome], bool], verb: str, *, json: bool) -> None:
    outcomes, good = result
    for each in outcomes:
        if json:
            json_line(each)
        elif each.error:
            say(f"failed {each.target}: {each.error}")
        else:
            where = f" to {each.entry.path}" if verb == "restored" and each.entry else ""
            if each.action == "remove":
                line(f"taken out of the album {each.target}{f', it stays at {each.entry.path}' if each.entry else ''}")
            else:
                line(f"{verb} {each.target}{where}")
    if not good:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.command()(trash)
    app.command()(restore)
    app.command()(delete)
