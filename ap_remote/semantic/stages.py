"""How long each stage of a build works, on how much, and which of them limits the others.

A stage's time is that of its work alone: waiting for a full or an empty queue does not count. So the stage whose
workers are busiest is the one that the others wait for.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BEFORE: Final = ("list", "load")
"""Stages that are over before the others begin."""


class Crew(NamedTuple):
    """Who does the work of a stage."""

    size: int
    name: str
    """What one of them is: ``connection``, ``thread``."""


class Limit(NamedTuple):
    """The stage that the others wait for."""

    stage: str
    share: float
    """Of the time of its workers, 0 to 1."""
    crew: Crew

    def __str__(self) -> str:
        """Return the line for a person."""
        many = "" if self.crew.size == 1 else "s"
        return f"{self.stage} limits: {self.share * 100:.0f} % of the time of {self.crew.size} {self.crew.name}{many}"


class Stages:
    """A timer and a counter for each stage. Stages may be timed from many threads at once."""

    def __init__(self, crews: Mapping[str, Crew], clock: Callable[[], float] = perf_counter) -> None:
        """Time :data:`BEFORE` and the stages of *crews*; *clock* tells seconds."""
        self._crews = dict(crews)
        self._clock = clock
        self._lock = Lock()
        self._began: float | None = None
        self._ended: float | None = None
        self.seconds = dict.fromkeys((*BEFORE, *crews), 0.0)
        self.counts = dict.fromkeys((*BEFORE, *crews), 0)

    def begin(self) -> None:
        """Let the workers' time count from now on."""
        self._began = self._clock()

    def end(self) -> None:
        """Let the workers' time count no further."""
        self._ended = self._clock()

    @contextmanager
    def timed(self, stage: str, count: int = 1) -> Iterator[None]:
        """Add the time of the block to a stage, and *count* to what went through it."""
        began = self._clock()
        try:
            yield
        finally:
            self.add(stage, self._clock() - began, count)

    def add(self, stage: str, seconds: float, count: int = 1) -> None:
        """Add a time and a count that were taken elsewhere."""
        with self._lock:
            self.seconds[stage] += seconds
            self.counts[stage] += count

    @property
    def wall(self) -> float:
        """Seconds between :meth:`begin` and :meth:`end`, or now."""
        if self._began is None:
            return 0.0
        return (self._clock() if self._ended is None else self._ended) - self._began

    def limit(self) -> Limit | None:
        """Return the stage whose workers are busiest; ``None`` where nothing went through any yet."""
        wall = self.wall
        if wall <= 0 or not any(self.seconds[stage] for stage in self._crews):
            return None
        shares = {stage: self.seconds[stage] / (wall * crew.size) for stage, crew in self._crews.items()}
        stage = max(shares, key=lambda each: shares[each])
        return Limit(stage, min(shares[stage], 1.0), self._crews[stage])


@runtime_checkable
class SupportsStages(Protocol):
    """The progress of a build that can show how its stages stand."""

    def watch(self, stages: Stages) -> None:
        """Take the stages of the build that begins; they change while it runs."""
        ...
