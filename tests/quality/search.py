"""Search by words over the demo's photographs, with the offline encoder and with what ``AP_MODEL_DIR`` names."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ap_remote.semantic import load_encoder
from ap_remote.semantic.registry import OFFLINE, checkpoints
from tests.quality.library import build, queries
from tests.quality.measures import Ranking, first_right, ranking
from tests.quality.report import Figure, Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ap_remote.semantic import SemanticIndex
    from tests.quality.library import Library

LEAST_FIRST = 0.70
"""The right photograph comes first for at least so many of the questions, with the offline encoder."""


class Asked(NamedTuple):
    """What came of one question."""

    text: str
    place: int
    """Of the first right photograph."""
    first: str
    """What the first photograph is made of."""
    path: str
    right: tuple[bool, ...]


async def ask(library: Library, index: SemanticIndex | None = None) -> list[Asked]:
    """Ask every question of the whole library."""
    found = []
    for query in queries():
        hits = await (index or library.index).search(library.remote, text=query.text, limit=len(library.photographs))
        shown = [library.photographs[hit.entry.path].source or "" for hit in hits]
        right = tuple(source in query.shows for source in shown)
        found.append(Asked(query.text, first_right(right), shown[0], hits[0].entry.path, right))
    return found


def figures(name: str, asked: list[Asked], *, least: float | None = None) -> Iterator[Figure | Rows]:
    """Yield what answers are worth, and a line for each question."""
    yield Rows(
        quality=f"search.{name}",
        columns=("question", "place of the right one", "what was first"),
        rows=tuple((each.text, str(each.place), f"{each.first} ({each.path})") for each in asked),
    )
    made = judged(asked)
    for field in Ranking._fields:
        yield Figure(
            quality=f"search.{name}.{field}",
            value=round(getattr(made, field), 4),
            gate=least if field == "first" else None,
            detail={"questions": len(asked)} if field == "first" else None,
        )


def judged(asked: list[Asked]) -> Ranking:
    """Return how well the answers were ordered."""
    return ranking([list(each.right) for each in asked])


def run() -> Iterator[Figure | Rows]:
    """Yield this family's figures."""
    for name in (OFFLINE, *checkpoints()):
        with tempfile.TemporaryDirectory() as folder:
            asked = asyncio.run(_asked(Path(folder), name))
        yield from figures(name, asked, least=LEAST_FIRST if name == OFFLINE else None)


async def _asked(folder: Path, name: str) -> list[Asked]:
    library = await build(folder, load_encoder(name, cache=folder / "encoder"))
    return await ask(library)
