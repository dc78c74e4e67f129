"""From rows that are near to answers that a person may see: what still lives, and why it was found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ap_remote.errors import NotFoundError
from ap_remote.model import NodeId, Status
from ap_remote.semantic.results import Hit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote
    from ap_remote.semantic.shards import Record


class Question(NamedTuple):
    """What is searched for, ready to be compared."""

    vector: NDArray[np.float32]
    """``[1, dim]``"""
    wanted: str
    """What a person asked for, in words."""
    query: str
    found: dict[str, list[Entry]] | None
    """What *query* finds, by md5; ``None`` without a query."""
    own: int | None
    """The row of the photograph that is searched by, which is no answer."""


async def by_md5(remote: Remote, query: str) -> dict[str, list[Entry]]:
    """Return the photographs that a filter finds, by their content."""
    found: dict[str, list[Entry]] = {}
    async for entry in remote.search(query):
        if entry.md5 is not None and entry.is_photo:
            found.setdefault(entry.md5, []).append(entry)
    return found


async def living(remote: Remote, md5: str, nodes: list[str]) -> list[Entry]:
    """Return the photographs among *nodes* that a search may show: there, not trashed or hidden, not overwritten."""
    living = []
    for node in nodes:
        try:
            entry = await remote.stat(NodeId(node))
        except NotFoundError:
            continue
        if entry.status is Status.AVAILABLE and not entry.hidden and entry.md5 == md5:
            living.append(entry)
    return living


def hit(living: list[Entry], score: float, record: Record, question: Question) -> Hit:
    """Return the answer for photographs of one content; the first stands for all."""
    return Hit(
        entry=living[0],
        score=score,
        reason=_reason(score, record, question),
        labels=record.labels,
        duplicates=tuple(entry.path for entry in living[1:]),
    )


def _reason(score: float, record: Record, question: Question) -> str:
    parts = [f"cosine {score:.2f} with {question.wanted}"]
    if record.labels:
        parts.append("looks like " + ", ".join(f"{name} ({share:.0%})" for name, share in record.labels[:3]))
    if question.query:
        parts.append(f"matches {question.query}")
    return "; ".join(parts)


def wanted(text: str | None, like: Path | bytes | NodeId | None) -> str:
    """Return in words what a person asked for."""
    words = [f"“{text.strip()}”"] if text and text.strip() else []
    if like is not None:
        words.append("the picture given")
    return " and ".join(words)
