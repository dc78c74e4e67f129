"""From rows that are near to answers that a person may see: what still lives, what is one picture, why it was found."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ap_remote.errors import ConfigError
from ap_remote.model import NodeId, Status
from ap_remote.remote.features import SupportsOffline
from ap_remote.remote.many import stat_many
from ap_remote.semantic.candidates import SPARE
from ap_remote.semantic.collapsing import Pictures
from ap_remote.semantic.results import Answer, Hit
from ap_remote.semantic.variety import varied

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote
    from ap_remote.semantic.calibration import Cut, Marks
    from ap_remote.semantic.candidates import Candidate, Candidates, Question
    from ap_remote.semantic.collapsing import Joined
    from ap_remote.semantic.store import EmbeddingStore

POOL: Final = 4
"""Answers that variety chooses from, for each that is wanted."""
DEEP: Final = 1000
"""Candidates among which an automatic cut looks for answers."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended."""

    score: float
    row: int
    changes: int
    """The watermark of the index that gave it."""
    question: str
    """What was asked, shortened by a hash, with the vectors' fingerprint."""

    def sealed(self) -> str:
        """Return it as a word."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


class Wanted(NamedTuple):
    """How answers are given."""

    limit: int
    cut: Cut
    collapse: bool = False
    variety: float = 0.0
    after: Cursor | None = None
    asked: str = ""
    """What cursors remember of the question."""


class _Group(NamedTuple):
    candidate: Candidate
    living: list[Entry]
    copies: list[str]
    burst: list[str]


def digest(*facts: object) -> str:
    """Return a hash of what was asked."""
    return hashlib.blake2b(repr(facts).encode(), digest_size=9).hexdigest()


def opened(cursor: str, asked: str) -> Cursor | None:
    """Return what a word of :meth:`Cursor.sealed` says; ``None`` for an empty one.

    Raises:
        ConfigError: it is none, or belongs to another question or to another encoder's vectors.
    """
    if not cursor:
        return None
    try:
        body = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        found = msgspec.json.decode(body, type=Cursor)
    except (ValueError, msgspec.DecodeError) as exc:
        message = "this is no cursor of a search; ask without one"
        raise ConfigError(message) from exc
    if found.question != asked:
        message = "the cursor belongs to another question, or to an index by another encoder; ask without one"
        raise ConfigError(message)
    return found


async def by_md5(remote: Remote, query: str) -> dict[str, list[Entry]]:
    """Return the files that a filter finds, by their content; from the node cache where that knows as much."""
    found: dict[str, list[Entry]] = {}
    if isinstance(remote, SupportsOffline) and await remote.complete_since(query) is not None:
        source = remote.search_cached(query)
    else:
        source = remote.search(query)
    async for entry in source:
        if entry.md5 is not None and not entry.is_folder:
            found.setdefault(entry.md5, []).append(entry)
    return found


async def collect(
    candidates: Candidates,
    first: Sequence[Candidate],
    remote: Remote,
    wanted: Wanted,
    open_store: Callable[[], EmbeddingStore],
) -> Answer:
    """Take candidates, of which *first* were taken already, until there are enough answers or no candidate is left."""
    gathered = _Gathered(candidates, wanted)
    queue = list(first)
    while True:
        if not queue and not gathered.is_done and not candidates.is_over:
            queue = await asyncio.to_thread(lambda: candidates.more(open_store()))
        if not queue or (gathered.is_full and not wanted.collapse):
            break
        # Each look at a photograph may cost; the whole part is needed only to know what else is the same picture.
        part = queue if wanted.collapse else queue[: gathered.lacking + SPARE]
        queue = queue[len(part) :]
        near = gathered.near(part)
        living = await _living(remote, near, candidates.question.found)
        if wanted.collapse:  # reads vectors
            await asyncio.to_thread(gathered.add, near, living)
        else:
            gathered.add(near, living)
        if gathered.is_past:
            queue = []
            break
    return gathered.answer(more=bool(queue) or not (candidates.is_over or gathered.is_past))


class _Gathered:
    """Answers so far."""

    def __init__(self, candidates: Candidates, wanted: Wanted) -> None:
        self._candidates = candidates
        self._wanted = wanted
        self._enough = wanted.limit * POOL if wanted.variety else wanted.limit
        self._pictures = Pictures(candidates.take)
        self._taken: list[_Group] = []
        """All that were taken, those of pages before as well."""
        self._shown: list[_Group] = []
        self._known = set(candidates.question.own)
        self._best: Candidate | None = None
        self._looked_at = 0
        self._is_left = False
        self.is_past = False
        """Whether all that follows is below the cut."""

    @property
    def lacking(self) -> int:
        """How many answers are wanted yet."""
        return self._enough - len(self._shown)

    @property
    def is_full(self) -> bool:
        """Whether there are enough."""
        return self.lacking <= 0

    @property
    def is_done(self) -> bool:
        """Whether no further candidates are needed."""
        return self.is_full or self.is_past or (self._wanted.cut.auto and self._looked_at >= DEEP)

    def near(self, part: Sequence[Candidate]) -> list[Candidate]:
        """Return those that may be answers: above the cut, and of a video no frame but the nearest."""
        self._looked_at += len(part)
        lowest = self._wanted.cut.lowest
        if lowest is not None and part[-1].score < lowest:
            self.is_past = True
            self._best = self._best or next((each for each in part if each.record.md5 not in self._known), None)
            part = [each for each in part if each.score >= lowest]
        return [each for each in part if each.record.md5 not in self._known]

    def add(self, part: Sequence[Candidate], living: Sequence[list[Entry]]) -> None:
        """Take those of which a photograph lives."""
        taken: list[_Group] = []
        for one, entries in zip(part, living, strict=True):
            if entries and one.record.md5 not in self._known:
                self._known.add(one.record.md5)
                self._best = self._best or one
                if self._wanted.cut.keeps(one.score, one.marks, _confidence(one.marks, self._wanted.cut)):
                    taken.append(_Group(one, entries, [], []))
        self._taken += taken
        same: Sequence[Joined | None] = [None] * len(taken)
        if self._wanted.collapse:
            same = self._pictures.add([(each.candidate, each.living[0]) for each in taken])
        for group, joined in zip(taken, same, strict=True):
            if joined is None:
                self._show(group)
            else:
                lead = self._taken[joined.lead]
                (lead.copies if joined.is_copy else lead.burst).extend(entry.path for entry in group.living)

    def _show(self, group: _Group) -> None:
        after = self._wanted.after
        if after is not None and group.candidate.key <= (-after.score, after.row):
            return
        if self.is_full:
            self._is_left = True
        else:
            self._shown.append(group)

    def answer(self, *, more: bool) -> Answer:
        """Return the answers; *more* says whether candidates are left."""
        return _answer(self._candidates, self._shown, self._wanted, self._best, more=more or self._is_left)


async def _living(remote: Remote, part: Sequence[Candidate], found: dict[str, list[Entry]] | None) -> list[list[Entry]]:
    """Return for each candidate the photographs that may be shown: there, not trashed or hidden, not overwritten."""
    if found is not None:
        return [found.get(each.record.md5, []) for each in part]
    ids = [NodeId(node) for each in part for node in each.nodes]
    entries = iter(await stat_many(remote, ids))
    return [
        [
            entry
            for _ in each.nodes
            if (entry := next(entries)) is not None
            and entry.status is Status.AVAILABLE
            and not entry.hidden
            and entry.md5 == each.record.md5
        ]
        for each in part
    ]


def _answer(
    candidates: Candidates, shown: list[_Group], wanted: Wanted, best: Candidate | None, *, more: bool
) -> Answer:
    notes = [wanted.cut.note]
    if wanted.variety:
        vectors = candidates.take([each.candidate.row for each in shown])
        order = varied([each.candidate.score for each in shown], vectors, count=wanted.limit, variety=wanted.variety)
        more, shown = False, [shown[each] for each in order]
    if not shown:
        if wanted.after is not None:
            notes.insert(0, "nothing follows")
        else:
            notes.insert(
                0, wanted.cut.why(best.marks if best else None, _confidence(best.marks, wanted.cut) if best else None)
            )
    if wanted.after is not None and wanted.after.changes != candidates.serving.changes:
        notes.append("the index changed since the last page: what is new and nearer is on the pages before")
    last = shown[-1].candidate if more and len(shown) == wanted.limit else None
    return Answer(
        hits=tuple(_hit(each, candidates.question, wanted.cut) for each in shown),
        cursor=Cursor(last.score, last.row, candidates.serving.changes, wanted.asked).sealed() if last else "",
        note="; ".join(each for each in notes if each),
        calibrated=wanted.cut.calibration is not None,
    )


def _confidence(marks: Marks, cut: Cut) -> float | None:
    return None if cut.calibration is None else cut.calibration.probability(marks)


def _hit(group: _Group, question: Question, cut: Cut) -> Hit:
    """Return the answer for photographs of one content; the first stands for all."""
    one, living = group.candidate, group.living
    return Hit(
        entry=living[0],
        score=one.score,
        cosine=round(one.marks.cosine, 4),
        reason=_reason(group, question),
        labels=one.record.labels,
        duplicates=tuple(entry.path for entry in living[1:]),
        copies=tuple(group.copies),
        burst=tuple(group.burst),
        z=round(one.marks.z, 2),
        margin=None if one.marks.margin is None else round(one.marks.margin, 4),
        confidence=_confidence(one.marks, cut),
        frame=one.record.frame,
        moment=one.record.moment,
    )


def _reason(group: _Group, question: Question) -> str:
    one = group.candidate
    parts = [f"cosine {one.marks.cosine:.2f} with {question.wanted} (z {one.marks.z:+.1f})"]
    lost = one.marks.cosine - one.score
    if lost >= 0.005:  # noqa: PLR2004 - what two decimals show
        parts.append(f"less {lost:.2f} for what is unwanted")
    if one.record.labels:
        parts.append("looks like " + ", ".join(f"{name} ({share:.0%})" for name, share in one.record.labels[:3]))
    if group.living[0].is_video:
        parts.append(f"at {one.record.moment:.1f} s")
    if question.query:
        parts.append(f"matches {question.query}")
    return "; ".join(parts)
