"""Commands that find: search, aggregations."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args

import typer

from ap_remote.cli.completion import local_paths, remote_paths
from ap_remote.cli.console import Json, is_quiet, json_line, line, run, say
from ap_remote.cli.render import entry_json
from ap_remote.connect import resolve, semantic_index
from ap_remote.errors import ConfigError
from ap_remote.model import NodeId
from ap_remote.remote.base import Category
from ap_remote.semantic.question import Example

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ap_remote.remote.base import Remote
    from ap_remote.semantic.results import Answer, Hit

LIMIT: Final = 20
Limit = Annotated[int, typer.Option(min=1, help="How many answers at most.")]

Like = Annotated[
    list[str] | None,
    typer.Option(
        help="A picture file, or id:NODE_ID, to find similar ones; several, with weights: a.jpg^2.",
        autocompletion=local_paths,
    ),
]
MinScore = Annotated[
    str | None, typer.Option(metavar="SCORE|auto", help="Leave out lower scores; auto: what does not stand out.")
]
Confidence = Annotated[
    float | None, typer.Option(min=0, max=1, help="Leave out what is less probable, where the question is calibrated.")
]
Variety = Annotated[float, typer.Option(min=0, max=1, help="How much the answers should differ from each other.")]
Every = Annotated[bool, typer.Option("--all", help="Show re-encoded copies and the frames of bursts one by one.")]
After = Annotated[
    str,
    typer.Option(metavar="CURSOR", help="Go on behind the page that gave this cursor: same question, next answers."),
]

_FILTER: Final = re.compile(r"\w+:\s*\(")
"""What a filter begins with and no remote does."""
_WEIGHED: Final = re.compile(r"(.+)\^(\d+(?:\.\d*)?|\.\d+)", re.DOTALL)
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
    semantic: Annotated[
        str | None, typer.Option(help="What the picture shows, in words (needs an index); beach sunset^2 -people.")
    ] = None,
    like: Like = None,
    unlike: Annotated[
        list[str] | None, typer.Option(help="The same for pictures that are unwanted.", autocompletion=local_paths)
    ] = None,
    limit: Limit = LIMIT,
    min_score: MinScore = None,
    confidence: Confidence = None,
    variety: Variety = 0.0,
    every: Every = False,
    subtract: Annotated[bool, typer.Option("--subtract", help="Subtract what is unwanted from the question.")] = False,
    after: After = "",
    json: Json = False,
) -> None:
    """Find photographs by filter, by words and by example; a filter narrows the other two exactly.

    Changes nothing. Where answers by words or by example go on, stderr names the command for the next page, and --json
    ends with an object that has only the cursor.
    """
    examples = [_example(each, 1) for each in like or ()] + [_example(each, -1) for each in unlike or ()]
    _check(spec, query, after, by_filter=semantic is None and not examples)

    async def ask() -> None:
        remote, _ = resolve(spec)
        async with remote:
            if semantic is None and not examples:
                await _filtered(remote, spec, query, limit, json=json)
                return
            index = semantic_index(spec)
            answer = await index.ask(
                remote,
                text=semantic,
                like=examples,
                query=query,
                limit=limit,
                min_score=_lowest(min_score),
                confidence=confidence,
                negatives="subtract" if subtract else "score",
                collapse=not every,
                variety=variety,
                cursor=after,
            )
            # What answered was checked against the vectors: theirs is the encoder's fingerprint.
            fingerprint = (await index.encoder()).fingerprint
        _tell(answer, fingerprint, json=json)
        if answer.cursor:
            said = {
                "--semantic": semantic,
                "--like": like,
                "--unlike": unlike,
                "--limit": limit if limit != LIMIT else None,
                "--min-score": min_score,
                "--confidence": confidence,
                "--all": every,
                "--subtract": subtract,
                "--json": json,
                "--after": answer.cursor,
            }
            say(f"more: {_command(spec, query, said)}")

    run(ask())


def _check(spec: str, query: str, after: str, *, by_filter: bool) -> None:
    """Raise ConfigError where a search was typed that cannot be meant."""
    if _FILTER.match(spec) and not query:
        raise ConfigError(f"the remote comes first, then the filter: ap search local: '{spec}'")
    if _WORDS.fullmatch(query):
        raise ConfigError(
            f"{query!r} is no filter; for what pictures show: ap search {spec} --semantic {shlex.quote(query)}"
        )
    if after and by_filter:
        raise ConfigError("--after goes with --semantic or --like; what a filter finds has one page: raise --limit")


def _tell(answer: Answer, fingerprint: str, *, json: bool) -> None:
    """Print the answers of a page; as JSON with its cursor behind them, if there is one."""
    for hit in answer.hits:
        if json:
            json_line(_hit_json(hit, fingerprint))
        else:
            more = f" +{hit.count - 1}" if hit.count > 1 else ""
            line(f"{hit.score:6.3f}  {hit.entry.path}{more}  ({hit.reason})")
    if json and answer.cursor:
        json_line({"cursor": answer.cursor})
    if answer.note:
        say(answer.note)


def _command(spec: str, query: str, options: Mapping[str, str | float | Sequence[str] | None]) -> str:
    """Return a search as it is typed, its words quoted; an option that is ``None`` or ``False`` was not said."""
    words = ["ap", "search"]
    for name, value in options.items():
        if value is True:
            words.append(name)
        elif isinstance(value, (list, tuple)):
            words += [word for each in value for word in (name, each)]
        elif value is not None and value is not False:
            words += [name, f"{value}"]
    return shlex.join([*words, spec, *([query] if query else [])])


async def _filtered(remote: Remote, spec: str, query: str, limit: int, *, json: bool) -> None:
    found = 0
    async for entry in remote.search(query, limit=limit):
        found += 1
        if json:
            json_line(entry_json(entry))
        else:
            line(entry.path)
    if not found and not is_quiet():
        say(f"nothing found; `ap aggregations {spec}` lists the values that exist")


def _hit_json(hit: Hit, fingerprint: str) -> dict[str, Any]:
    """Return a hit as ``--json`` prints it; what it stands for is there where it stands for more than itself."""
    facts: dict[str, Any] = {"cosine": hit.cosine, "z": hit.z, "margin": hit.margin, "confidence": hit.confidence}
    if hit.labels:
        facts["seen"] = hit.labels[:3]
    if hit.count > 1:
        facts |= {
            "count": hit.count,
            "duplicates": hit.duplicates,
            "re_encoded": hit.copies,
            "burst": hit.burst,
        }
    if hit.entry.is_video:
        facts |= {"frame": hit.frame, "moment": hit.moment}
    told = {key: value for key, value in facts.items() if value is not None}
    return entry_json(hit.entry, score=round(hit.score, 4), reason=hit.reason, fingerprint=fingerprint, **told)


def _example(like: str, sign: int) -> Example:
    """Return a picture to search by: a file or `id:NODE_ID`, with a weight behind `^` unless that is in its name."""
    name, weight = like, 1.0
    weighed = _WEIGHED.fullmatch(like)
    if weighed and not Path(like).expanduser().is_file():
        name, weight = weighed[1], float(weighed[2])
    if name.startswith("id:"):
        return Example(NodeId(name.removeprefix("id:")), sign * weight)
    file = Path(name).expanduser()
    if not file.is_file():
        raise ConfigError(f"no such picture: {name}")
    return Example(file, sign * weight)


def _lowest(text: str | None) -> float | Literal["auto"] | None:
    if text is None:
        return None
    if text == "auto":
        return "auto"
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"the lowest score is a number or auto, not {text!r}") from None


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
