"""Commands that find: search, aggregations."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated, Final, get_args

import typer

from ap_remote.cli.completion import remote_paths
from ap_remote.cli.console import Json, is_quiet, json_line, line, run, say
from ap_remote.cli.render import entry_json
from ap_remote.connect import resolve, semantic_index
from ap_remote.errors import ConfigError
from ap_remote.model import NodeId
from ap_remote.remote.base import Category

Limit = Annotated[int, typer.Option(min=1, help="How many answers at most.")]

_FILTER: Final = re.compile(r"\w+:\s*\(")
"""What a filter begins with and no remote does."""
_WORDS: Final = re.compile(r"[\w\s',.!?-]*\w[\w\s',.!?-]*")
"""Plain language, which no filter is."""


def search(
    spec: Annotated[str, typer.Argument(metavar="REMOTE:", help="Where to search.", autocompletion=remote_paths)],
    query: Annotated[
        str,
        typer.Argument(
            metavar="FILTER",
            help="Amazon's search syntax, e.g. 'type:(PHOTOS) AND timeYear:(2023) AND location:(CAN#BC#Vancouver)'.",
        ),
    ] = "",
    *,
    semantic: Annotated[str | None, typer.Option(help="What the picture shows, in words (needs an index).")] = None,
    like: Annotated[str | None, typer.Option(help="A picture file, or id:NODE_ID, to find similar ones.")] = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """Find photographs by filter, by words and by example; a filter narrows the other two exactly.

    Changes nothing.
    """
    if _FILTER.match(spec) and not query:
        raise ConfigError(f"the remote comes first, then the filter: ap search local: '{spec}'")
    if _WORDS.fullmatch(query):
        raise ConfigError(
            f"{query!r} is no filter; for what pictures show: ap search {spec} --semantic {shlex.quote(query)}"
        )

    async def ask() -> None:
        remote, _ = resolve(spec)
        found = 0
        async with remote:
            if semantic is None and like is None:
                async for entry in remote.search(query, limit=limit):
                    found += 1
                    if json:
                        json_line(entry_json(entry))
                    else:
                        line(entry.path)
                if not found and not is_quiet():
                    say(f"nothing found; `ap aggregations {spec}` lists the values that exist")
                return
            index = semantic_index(spec)
            example = _example(like)
            for hit in await index.search(remote, text=semantic, like=example, query=query, limit=limit):
                if json:
                    json_line(entry_json(hit.entry, score=round(hit.score, 4), reason=hit.reason))
                else:
                    line(f"{hit.score:6.3f}  {hit.entry.path}  ({hit.reason})")

    run(ask())


def _example(like: str | None) -> Path | NodeId | None:
    if like is None:
        return None
    if like.startswith("id:"):
        return NodeId(like.removeprefix("id:"))
    file = Path(like).expanduser()
    if not file.is_file():
        raise ConfigError(f"no such picture: {like}")
    return file


def aggregations(
    spec: Annotated[str, typer.Argument(metavar="REMOTE:", help="Where to count.", autocompletion=remote_paths)],
    category: Annotated[str, typer.Argument(help=f"One of {', '.join(get_args(Category))}, or all.")] = "all",
    *,
    query: Annotated[str, typer.Option("--filter", help="Count only what this filter finds.")] = "",
    json: Json = False,
) -> None:
    """Count photographs by kind, year, place, thing, person.

    Changes nothing.
    """
    known: tuple[Category, ...] = get_args(Category)
    wanted = known if category == "all" else tuple(each for each in known if each == category)
    if not wanted:
        raise ConfigError(f"unknown category {category!r}; known are {', '.join(known)}, all")

    async def ask() -> None:
        remote, _ = resolve(spec)
        async with remote:
            for each in wanted:
                for facet in await remote.aggregations(each, query=query):
                    if json:
                        json_line(facet)
                    else:
                        shown = f"{facet.value} ({facet.label})" if facet.label else facet.value
                        line(f"{facet.category:14} {facet.count:9d}  {shown}")

    run(ask())


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.command()(search)
    app.command()(aggregations)
