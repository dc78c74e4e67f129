"""The command that empties the bin: cleanup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ap_remote.cli.arguments import Spec
from ap_remote.cli.console import ERR, Json, Yes, json_line, line, run, say
from ap_remote.cli.filtering import FilterOptions
from ap_remote.cli.lines import local_time, pictured, size_of
from ap_remote.cli.options import with_options
from ap_remote.cli.render import entry_json
from ap_remote.connect import resolve
from ap_remote.errors import BatchError, ConfigError, UnsupportedError
from ap_remote.model import NodeId
from ap_remote.remote.features import SupportsTrashListing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry, Outcome
    from ap_remote.transfer.filters import Filters


@with_options
def cleanup(
    spec: Spec = None,
    *,
    yes: Yes = False,
    count: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="How many entries are to go; it must be right.")
    ] = None,
    json: Json = False,
    filtering: FilterOptions,
) -> None:
    """List what is in the bin; with --yes and the right count, delete it for ever. There is no way back.

    Without --yes nothing is deleted. With it the number of entries has to be typed as well, or given as --count where
    nobody can be asked. Filters look at the paths that entries had; a folder goes with all that went along with it.
    """
    filters = filtering.filters()
    found = run(_binned(spec, filters))
    if not found:
        say("the bin holds nothing of this")
    elif not yes:
        _show(found, json=json)
        say(f"{_entries(found)} in the bin; nothing was deleted (--yes --count {len(found)} deletes for ever)")
    else:
        _ask(found, count)
        _tell(run(_emptied(spec, found)), json=json)


def _show(found: Sequence[Entry], *, json: bool) -> None:
    for entry in found:
        if json:
            json_line(entry_json(entry))
        else:
            line(f"{size_of(entry):9d} {local_time(entry.modified)} {pictured(entry.path)}")


def _tell(outcomes: Sequence[Outcome], *, json: bool) -> None:
    failed = [each for each in outcomes if each.error]
    if json:
        for each in outcomes:
            json_line(each)
    else:
        line(f"{len(outcomes) - len(failed)} deleted for ever, {len(failed)} failed")
    for each in failed:
        say(f"failed {each.target}: {each.error}")
    if failed:
        raise typer.Exit(1)


async def _binned(spec: str | None, filters: Filters) -> list[Entry]:
    remote, target = resolve(spec)
    if target != "":
        await remote.close()
        raise ConfigError("cleanup takes a whole remote, e.g. local:; a filter such as --include narrows it")
    async with remote:
        if not isinstance(remote, SupportsTrashListing):
            raise UnsupportedError(f"{remote.name}: its bin cannot be looked into")
        return [each async for each in remote.trashed() if _takes(filters, each)]


def _takes(filters: Filters, entry: Entry) -> bool:
    path = entry.path.removeprefix(".views/trash/")
    return filters.takes(path, size=entry.size, modified=entry.modified)


def _ask(found: Sequence[Entry], count: int | None) -> None:
    """Ask for the number, which nobody types by accident.

    Raises:
        ConfigError: it is not the right one; nothing was deleted.
    """
    if count is None:
        if not ERR.is_terminal:
            raise ConfigError("cleanup deletes for ever: say --count N as well, where N is how many entries are to go")
        for entry in found:
            say(f"  {entry.path}")
        count = typer.prompt(f"Type how many of these {len(found)} entries to delete for ever", type=int, err=True)
    if count != len(found):
        raise ConfigError(f"{_entries(found)} would go, not {count}; nothing was deleted")


def _entries(found: Sequence[Entry]) -> str:
    return f"{len(found)} {'entry' if len(found) == 1 else 'entries'}"


async def _emptied(spec: str | None, found: Sequence[Entry]) -> Sequence[Outcome]:
    remote, _ = resolve(spec)
    async with remote:
        try:
            return await remote.delete(*(NodeId(each.id) for each in found))
        except BatchError as exc:
            return exc.outcomes


def register(app: typer.Typer) -> None:
    """Add this command to *app*."""
    app.command()(cleanup)
