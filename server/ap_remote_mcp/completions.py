"""What a person may mean who has typed half of an argument: folders, albums, people, things, places."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, get_args

from mcp.types import Completion

from ap_remote.errors import RemoteError
from ap_remote.model import Kind
from ap_remote.remote.features import SupportsAlbums
from ap_remote_mcp.errors import CodedError
from ap_remote_mcp.principal import caller, permit
from ap_remote_mcp.results.text import clean
from ap_remote_mcp.tools.facets import By

if TYPE_CHECKING:
    from mcp.server import MCPServer
    from mcp.types import CompletionArgument, CompletionContext, PromptReference, ResourceTemplateReference

    from ap_remote_mcp.context import App

Source = Callable[["App", str], Awaitable[list[str]]]

_log: Final = logging.getLogger(__name__)
_MOST: Final = 100
"""Values in one answer, by the protocol."""
_SHOWN: Final = 200
"""Characters of a value; a folder's path may be long."""


def register(server: MCPServer[App], app: App) -> None:
    """Let a server complete arguments of prompts and of the templates of resources."""

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]  # the SDK annotates it not at all
    async def complete(
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        del context
        permit()
        if ref.type == "ref/prompt":
            source = _OF_PROMPTS.get(argument.name)
        else:
            source = _OF_TEMPLATES.get((ref.uri.partition("{")[0], argument.name))
        if source is None:
            return Completion(values=[], total=0, has_more=False)
        try:
            with app.speaking(), app.in_time():
                async with app.turn:
                    values = await source(app, argument.value)
        except CodedError as exc:
            # Half an argument is no reason to disturb anybody: nothing is offered, and the log says why.
            _log.info("nothing to complete with: %s", exc.code)
            values = []
        fitting = _fitting(values, argument.value)
        return Completion(values=fitting[:_MOST], total=len(fitting), has_more=len(fitting) > _MOST)


def _fitting(values: list[str], typed: str) -> list[str]:
    """Return what begins with the text first, then what holds it, without repetition."""
    wanted = typed.casefold()
    shown = list(dict.fromkeys(clean(each, _SHOWN) for each in values if each))
    begins = [each for each in shown if each.casefold().startswith(wanted)]
    holds = [each for each in shown if wanted in each.casefold() and not each.casefold().startswith(wanted)]
    return begins + holds


async def _folders(app: App, typed: str) -> list[str]:
    """Return the folders beside what is being typed, as a shell does."""
    above = typed.rpartition("/")[0]
    try:
        inside = [each async for each in app.remote.list(above)]
    except RemoteError:
        return []
    return sorted((each.path for each in inside if each.kind is Kind.FOLDER), key=str.casefold)


async def _albums(app: App, typed: str) -> list[str]:
    del typed
    if not isinstance(app.remote, SupportsAlbums):
        return []
    return sorted([each.name async for each in app.remote.albums()], key=str.casefold)


async def _album_ids(app: App, typed: str) -> list[str]:
    del typed
    return [each.id async for each in app.remote.albums()] if isinstance(app.remote, SupportsAlbums) else []


async def _people(app: App, typed: str) -> list[str]:
    del typed
    return [each.label for each in await app.library("allPeople") if each.label]


async def _things(app: App, typed: str) -> list[str]:
    del typed
    return [each.value for each in await app.library("things")]


async def _places(app: App, typed: str) -> list[str]:
    del typed
    return [part for each in await app.library("location") for part in reversed(each.value.split("#"))]


async def _words(app: App, typed: str) -> list[str]:
    """Complete the last word of a sentence by what the library knows."""
    before = typed[: len(typed) - len(typed.rpartition(" ")[2])]
    known = [*await _people(app, typed), *await _places(app, typed), *await _things(app, typed)]
    return [before + each for each in known]


async def _scopes(app: App, typed: str) -> list[str]:
    return [*await _folders(app, typed), *await _albums(app, typed)]


async def _kinds_of_counts(app: App, typed: str) -> list[str]:
    del app, typed
    return sorted(get_args(By))


async def _jobs(app: App, typed: str) -> list[str]:
    del typed
    return [each.job_id for each in app.jobs.all(caller())]


_OF_PROMPTS: Final[dict[str, Source]] = {
    "folder": _folders,
    "album": _albums,
    "place": _places,
    "scope": _scopes,
    "description": _words,
}
"""By the names of arguments, which mean the same in every prompt."""
_OF_TEMPLATES: Final[dict[tuple[str, str], Source]] = {
    ("photos://album/", "id"): _album_ids,
    ("photos://facets/", "by"): _kinds_of_counts,
    ("photos://job/", "job_id"): _jobs,
}
"""By the beginning of a template and the name of its variable."""
