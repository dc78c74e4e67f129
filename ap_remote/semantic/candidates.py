"""Candidates for an answer, best first: the rows nearest to what is wanted, less what is unwanted.

A score is ``s = wanted - sum of weight * max(0, unwanted - floor)``; *floor* is what a picture of this library has of
the unwanted by chance, the mean and one standard deviation. Subtracting vectors instead leaves the part of the space in
which pictures lie, so it is offered and not the rule. As a score is never above its first term, the order is that of
scoring every row: a candidate is given out when its score is above the first term of all that were not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from ap_remote.errors import ConfigError, EncoderError
from ap_remote.semantic.calibration import Marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ap_remote.model import Entry
    from ap_remote.semantic.serving import Serving
    from ap_remote.semantic.shards import Record
    from ap_remote.semantic.store import EmbeddingStore

Negatives = Literal["score", "subtract"]

DEEPEST: Final = 16_384
"""Rows looked at before what is unwanted no longer reorders across all of them, but only within each further part."""
DIGITS: Final = 6
"""Decimals of a score; two builds of an index may differ beyond them, and a cursor must not."""
_OVERFETCH: Final = 2
_SPARE: Final = 8
_GROWTH: Final = 4


class Unwanted(NamedTuple):
    """What lowers a score."""

    vector: NDArray[np.float32]
    """``[dim]``"""
    weight: float
    floor: float


class Question(NamedTuple):
    """What is searched for, ready to be compared."""

    vector: NDArray[np.float32]
    """``[1, dim]``, of unit length."""
    words: NDArray[np.float32] | None
    """``[dim]`` of the texts alone, of unit length."""
    background: NDArray[np.float32]
    """``[n, dim]`` of texts that say nothing."""
    unwanted: tuple[Unwanted, ...]
    mean: float
    deviation: float
    """Of the cosines of the library."""
    wanted: str
    """What a person asked for, in words."""
    query: str
    found: dict[str, list[Entry]] | None
    """What *query* finds, by md5; ``None`` without a query."""
    own: frozenset[str]
    """The md5 of the photographs that are searched by, which are no answer."""


class Candidate(NamedTuple):
    """A row that may be an answer."""

    row: int
    score: float
    marks: Marks
    record: Record
    nodes: list[str]
    """Ids of the photographs with that content, by path; they may be gone."""

    @property
    def key(self) -> tuple[float, int]:
        """What candidates are ordered by."""
        return -self.score, self.row


class Part(NamedTuple):
    """A text or a picture, encoded."""

    vector: NDArray[np.float32]
    weight: float
    is_text: bool


def question(
    serving: Serving,
    parts: Sequence[Part],
    background: NDArray[np.float32],
    *,
    wanted: str,
    query: str,
    found: dict[str, list[Entry]] | None,
    own: frozenset[str],
    negatives: Negatives,
) -> Question:
    """Join what was encoded into one question.

    Raises:
        ConfigError: the parts cancel each other out.
        EncoderError: an encoder gave something that is no vector.
    """
    for each in parts:
        if not np.isfinite(each.vector).all():
            raise EncoderError("the encoder gave no usable vector for the question")
    unwanted = [each for each in parts if each.weight < 0 and negatives == "score"]
    counted = [each for each in parts if each.weight > 0 or negatives == "subtract"]
    vector = _joined(counted, serving.generation.dim)
    if vector is None:
        raise ConfigError("the terms of the question cancel each other out")
    words = _joined([each for each in counted if each.is_text], serving.generation.dim)
    spread = serving.spread()
    mean, deviation = spread.of(vector)
    return Question(
        vector=vector.reshape(1, -1),
        words=words,
        background=background,
        unwanted=tuple(Unwanted(each.vector, -each.weight, sum(spread.of(each.vector))) for each in unwanted),
        mean=mean,
        deviation=deviation,
        wanted=wanted,
        query=query,
        found=found,
        own=own,
    )


def rate(
    serving: Serving, question: Question, rows: NDArray[np.int64], cosines: NDArray[np.float32]
) -> list[tuple[int, float, Marks]]:
    """Return row, score and marks of rows with these cosines, in their order."""
    z = (cosines - question.mean) / max(question.deviation, 1e-6)
    scores = cosines.astype(np.float64)
    margins: list[float | None] = [None] * len(rows)
    if len(rows) and (question.unwanted or question.words is not None):
        vectors = serving.take(rows)
        for each in question.unwanted:
            scores -= each.weight * np.maximum(0, vectors @ each.vector - each.floor)
        if question.words is not None:
            margins = (vectors @ question.words - (vectors @ question.background.T).max(axis=1)).tolist()
    return [
        (row, score, Marks(cosine, above, margin))
        for row, score, cosine, above, margin in zip(
            rows.tolist(), scores.round(DIGITS).tolist(), cosines.tolist(), z.tolist(), margins, strict=True
        )
    ]


class Candidates:
    """Gives out candidates, best first, as many as are asked for. Its methods block."""

    def __init__(
        self, serving: Serving, question: Question, *, limit: int, allowed: NDArray[np.bool_] | None = None
    ) -> None:
        """Look for the neighbours of a question, among the rows of *allowed* where that is given."""
        self.serving = serving
        self.question = question
        self._allowed = allowed
        self._k = min(limit * _OVERFETCH + _SPARE, serving.vectors.size)
        self._seen = 0
        self._held: list[tuple[int, float, Marks]] = []
        self.is_over = False
        """Whether there is nothing more."""

    def more(self, store: EmbeddingStore) -> list[Candidate]:
        """Return the next ones; empty only where there are none any more."""
        while not self.is_over:
            ready = self._ready()
            owners = store.catalog.owners_of(self.serving.generation.fingerprint, [row for row, _, _ in ready])
            given = [Candidate(row, score, marks, *owners[row]) for row, score, marks in ready if row in owners]
            if given:
                return given
        return []

    def _ready(self) -> list[tuple[int, float, Marks]]:
        size = self.serving.vectors.size
        found = self.serving.vectors.search(self.question.vector, self._k, allowed=self._allowed)
        rows, cosines = found.rows[0][self._seen :], found.scores[0][self._seen :]
        real = (rows >= 0) & np.isfinite(cosines)
        self.is_over = self._k >= size or not bool((rows >= 0).all())
        self._held += rate(self.serving, self.question, rows[real], cosines[real])
        self._held.sort(key=lambda each: (-each[1], each[0]))
        bound = -np.inf if self.is_over or not real.any() else round(float(cosines[real][-1]), DIGITS)
        if self.question.unwanted and self._k >= DEEPEST:
            bound = -np.inf
        self._seen, self._k = self._k, min(self._k * _GROWTH, size)
        ready = [each for each in self._held if each[1] > bound]
        self._held = self._held[len(ready) :]
        return ready


def _joined(parts: Sequence[Part], dim: int) -> NDArray[np.float32] | None:
    total = np.zeros(dim, dtype=np.float32)
    for each in parts:
        total += np.float32(each.weight) * each.vector
    length = float(np.linalg.norm(total))
    if length < 1e-5 * sum(abs(each.weight) for each in parts) or not parts:
        return None
    joined: NDArray[np.float32] = total / np.float32(length)
    return joined
