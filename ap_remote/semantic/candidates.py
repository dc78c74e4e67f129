"""Candidates for an answer, best first: the rows nearest to what is wanted, less what is unwanted.

A score is ``s = wanted - sum of weight * max(0, unwanted - floor)``; *floor* is what a picture of this library has of
the unwanted by chance, the mean and one standard deviation. Subtracting vectors instead leaves the part of the space in
which pictures lie, so it is offered and not the rule. As a score is never above its first term, the order is that of
scoring every row: a candidate is given out when its score is above the first term of all that were not looked at.
Where that would mean asking an index for very many rows, the rest is scored row by row instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from ap_remote.errors import ConfigError, EncoderError
from ap_remote.semantic.calibration import Marks
from ap_remote.semantic.vectors import BLOCK, members

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ap_remote.model import Entry
    from ap_remote.semantic.serving import Serving
    from ap_remote.semantic.shards import Record
    from ap_remote.semantic.store import EmbeddingStore

Negatives = Literal["score", "subtract"]

DEEPEST: Final = 16_384
"""Rows that an index is asked for at most where something is unwanted; beyond them every row is scored."""
PART: Final = 4096
"""Candidates that are given out at once where every row was scored."""
DIGITS: Final = 6
"""Decimals of a score; two builds of an index may differ beyond them, and a cursor must not."""
_OVERFETCH: Final = 2
SPARE: Final = 4
"""So many candidates more than answers are mostly enough: few photographs went since the build."""
_SPARE: Final = 8
_GROWTH: Final = 4
_SLACK: Final = 1e-5
"""More than an index's cosines, in single precision, may differ from those in double precision."""


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

    @property
    def is_bare(self) -> bool:
        """Whether a row's cosine is all that counts."""
        return not self.unwanted and self.words is None


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


class Rated(NamedTuple):
    """A row, before anyone asked whose it is."""

    row: int
    score: float
    marks: Marks


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
    question: Question,
    rows: NDArray[np.int64],
    vectors: NDArray[np.float32] | None,
    found: NDArray[np.float32] | None = None,
) -> list[Rated]:
    """Return rows with their scores and marks, in their order.

    Args:
        question: what is searched for.
        rows: their numbers.
        vectors: theirs, ``[n, dim]``; ``None`` where *found* is all that a question needs (:attr:`Question.is_bare`).
        found: their cosines, where an index told them.
    """
    if found is not None and not question.unwanted:
        cosines = found.astype(np.float64)
        scores = cosines.round(DIGITS)
    else:
        assert vectors is not None  # noqa: S101 - what the contract says
        cosines, scores = _scored(question, vectors)
    margins: list[float | None] = [None] * len(rows)
    if vectors is not None and question.words is not None:
        margins = (vectors @ question.words - (vectors @ question.background.T).max(axis=1)).tolist()
    z = (cosines - question.mean) / max(question.deviation, 1e-6)
    return [
        Rated(row, score, Marks(cosine, above, margin))
        for row, score, cosine, above, margin in zip(
            rows.tolist(), scores.tolist(), cosines.tolist(), z.tolist(), margins, strict=True
        )
    ]


def _scored(question: Question, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the cosines and the scores of *vectors* ``[n, dim]``.

    In double precision, so that a row's score does not depend on which others it is scored with: a cursor names it.
    """
    wide = vectors.astype(np.float64)
    cosines: NDArray[np.float64] = wide @ question.vector[0]
    scores = cosines.copy()
    for each in question.unwanted:
        scores -= each.weight * np.maximum(0, wide @ each.vector - each.floor)
    return cosines, scores.round(DIGITS)


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
        self._held: list[Rated] = []
        """Found, and maybe worse than what was not looked at."""
        self._given: list[int] = []
        """The rows that were given out, where every other may yet be scored."""
        self._rest: NDArray[np.int64] | None = None
        """All other rows in the order of their scores, once every row was scored."""
        self._waiting: list[Rated] = []
        """Found, best first, and not given out as fewer were asked for."""
        self._is_searched = False
        self._latest: tuple[dict[int, int], NDArray[np.float32]] = {}, np.empty((0, 0), dtype=np.float32)
        """Vectors of the rows that were rated last, and where each row's is."""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more."""
        return self._is_searched and not self._waiting

    def take(self, rows: Sequence[int]) -> NDArray[np.float32]:
        """Return the vectors ``[n, dim]`` of candidates; those of the latest ones were read already.

        Raises:
            CorruptStoreError: a shard is missing or damaged.
            StoreError: another process changed the index at this moment.
        """
        places, vectors = self._latest
        if not all(row in places for row in rows):
            return self.serving.take(rows)
        chosen: NDArray[np.float32] = vectors[[places[row] for row in rows]]
        return chosen

    def more(self, store: EmbeddingStore, most: int | None = None) -> list[Candidate]:
        """Return the next ones, at most so many; empty only where there are none any more."""
        while not self.is_over:
            if not self._waiting:
                self._waiting = self._found()
            count = len(self._waiting) if most is None else most
            part, self._waiting = self._waiting[:count], self._waiting[count:]
            owners = store.catalog.owners_of(self.serving.generation.fingerprint, [each.row for each in part])
            given = [Candidate(*each, *owners[each.row]) for each in part if each.row in owners]
            if given:
                return given
        return []

    def _found(self) -> list[Rated]:
        """Return the next rows, best first; there may be none yet."""
        if self._rest is None and self.question.unwanted and self._k > DEEPEST:
            self._rest = self._scored_rest()
        return self._near() if self._rest is None else self._next(self._rest)

    def _rated(self, rows: NDArray[np.int64], found: NDArray[np.float32] | None = None) -> list[Rated]:
        rated: list[Rated] = []
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            cosines = None if found is None else found[start : start + BLOCK]
            vectors = None
            if cosines is None or not self.question.is_bare:
                vectors = self.serving.take(part)
                self._latest = {row: place for place, row in enumerate(part.tolist())}, vectors
            rated += rate(self.question, part, vectors, cosines)
        return rated

    def _near(self) -> list[Rated]:
        size = self.serving.vectors.size
        found = self.serving.vectors.search(self.question.vector, self._k, allowed=self._allowed)
        rows, cosines = found.rows[0][self._seen :], found.scores[0][self._seen :]
        real = (rows >= 0) & np.isfinite(cosines)
        self._is_searched = self._k >= size or not bool((rows >= 0).all())
        self._held += self._rated(rows[real], cosines[real])
        self._held.sort(key=lambda each: (-each.score, each.row))
        bound = -np.inf if self._is_searched or not real.any() else round(float(cosines[real][-1]), DIGITS)
        if self.question.unwanted:
            bound += _SLACK
        self._seen, self._k = self._k, min(self._k * _GROWTH, size)
        ready = [each for each in self._held if each.score > bound]
        self._held = self._held[len(ready) :]
        if self.question.unwanted:
            self._given += [each.row for each in ready]
        return ready

    def _scored_rest(self) -> NDArray[np.int64]:
        """Return the rows that were not given out, best first, after scoring each."""
        rows = self.serving.rows[~np.isin(self.serving.rows, self._given)]
        if self._allowed is not None:
            rows = rows[members(rows, self._allowed)]
        scores = [
            _scored(self.question, self.serving.take(rows[start : start + BLOCK]))[1]
            for start in range(0, len(rows), BLOCK)
        ]
        order = np.lexsort((rows, -np.concatenate(scores))) if scores else rows
        return rows[order]

    def _next(self, rest: NDArray[np.int64]) -> list[Rated]:
        part, self._rest = rest[:PART], rest[PART:]
        self._is_searched = not len(self._rest)
        return self._rated(part)


def _joined(parts: Sequence[Part], dim: int) -> NDArray[np.float32] | None:
    total = np.zeros(dim, dtype=np.float32)
    for each in parts:
        total += np.float32(each.weight) * each.vector
    length = float(np.linalg.norm(total))
    if length < 1e-5 * sum(abs(each.weight) for each in parts) or not parts:
        return None
    joined: NDArray[np.float32] = total / np.float32(length)
    return joined
