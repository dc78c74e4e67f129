"""What the tools, the resources and the prompts share: one remote, one index, one set of bounds."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread
import msgspec
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated

from ap_remote.errors import RemoteError
from ap_remote.model import NodeId
from ap_remote.remote.many import stat_many
from ap_remote_mcp.errors import MISTAKES, Code, CodedError, coded
from ap_remote_mcp.jobs import Jobs
from ap_remote_mcp.journal import Journal
from ap_remote_mcp.policy.abilities import Ability
from ap_remote_mcp.policy.budget import Budget, BudgetSpentError, Purse
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.policy.plans import Plans
from ap_remote_mcp.policy.roots import Roots
from ap_remote_mcp.policy.seal import Seal, process_key
from ap_remote_mcp.results.items import minute
from ap_remote_mcp.results.pages import Coverage
from ap_remote_mcp.results.text import clean, mask
from ap_remote_mcp.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ap_remote.model import Entry, Facet
    from ap_remote.remote.base import Category, Remote
    from ap_remote.semantic import SemanticIndex
    from ap_remote.semantic.duplicates import Duplicates

_log: Final = logging.getLogger(__name__)
AUDIT: Final = logging.getLogger("ap_remote_mcp.audit")
"""Gets a line for every change."""

_FRESH: Final = 300.0
"""Seconds for which counts are used again."""
_COUNTS: Final = 256
"""Counts that are kept at most."""


class App:
    """The state of one server process."""

    def __init__(
        self,
        remote: Remote,
        *,
        index: SemanticIndex | None,
        allowed: frozenset[Ability],
        account: str,
        limits: Limits,
        key: bytes | None = None,
        home: Path | None = None,
        roots: Roots | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.remote = remote
        self.index = index
        self.allowed = allowed
        self.account = account or remote.name
        self.limits = limits
        self.clock = clock
        self.cursors = Seal(key or process_key(), f"cursor:{self.account}")
        self.plans = Plans(self.account, seconds=limits.plan_seconds, clock=clock)
        self.home = home
        """The account's folder, where the journal and the jobs are kept; ``None`` keeps them for this process."""
        self.journal = Journal(None if home is None else home / "mcp-journal", clock)
        self.bus = InMemorySubscriptionBus()
        """Those who listen to resources; tell them by :meth:`announce`."""
        self.jobs = Jobs(None if home is None else home / "mcp-jobs", clock, told=self._job_changed)
        purse = None if home is None else Purse(home / "mcp-spent.json")
        self.changes = Budget(limits.changes_per_day, clock=clock, purse=purse, name="changes")
        self.pixels = Budget(limits.pixels_per_day, clock=clock, purse=purse, name="pixels")
        self.unasked = Budget(limits.unasked_files_per_day, clock=clock, purse=purse, name="unasked")
        """Files that are downloaded without a plan."""
        self.roots = roots or Roots()
        """The folders of this machine that uploads come from and downloads go to."""
        self.carried = Budget(limits.transfer_bytes_per_day, clock=clock, purse=purse, name="carried")
        self.digests: dict[tuple[int, ...], str] = {}
        """The md5 of local files by device, inode, size and times, so that a preview and its plan read them once."""
        self.alike: tuple[bytes, Duplicates] | None = None
        """What was last found to be one, for the next page, and what stands for the question and the files."""
        self.turn = Turn()
        self.drawing = anyio.CapacityLimiter(1)
        """Holds the one thread in which pictures are decoded and drawn, whoever asked for them."""
        self.last_error = ""
        """When the service or this machine last failed, what happened, and the code; mistakes of callers are none."""
        self.cached = 0.0
        """As of when the node cache was last known to hold the whole library; 0.0 if nobody has asked."""
        self.tallies: dict[tuple[str, float], int] = {}
        """How many entries of the node cache a query finds, as of a sync."""
        self._counts: dict[tuple[Category, str], tuple[float, Sequence[Facet]]] = {}
        self._covered = (0.0, 0)
        """When it was counted, and how many photographs the semantic index knew then."""

    @property
    def now(self) -> str:
        """The time of an answer, UTC to the minute."""
        return self.time_of(self.clock()) + "Z"

    @staticmethod
    def time_of(moment: float) -> str:
        """Return a Unix time as the answers write it."""
        return minute(datetime.fromtimestamp(moment, UTC))

    @property
    def shown_account(self) -> str:
        """The account's name, masked."""
        return mask(self.account)

    @property
    def mode(self) -> str:
        """``read-only``, or what is allowed beside reading."""
        active = sorted(self.allowed)
        return f"read + {', '.join(active)}" if active else "read-only"

    async def announce(self, *uris: str) -> None:
        """Tell those who listen that resources are not what they were."""
        for uri in uris:
            await self.bus.publish(ResourceUpdated(uri=uri))

    async def _job_changed(self, job_id: str) -> None:
        await self.announce(f"photos://job/{job_id}", "photos://jobs")

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Say errors of the library in the words of :mod:`ap_remote_mcp.errors`, and remember the last one."""
        try:
            yield
        except RemoteError as exc:
            error = coded(exc)
            if error.code not in MISTAKES:
                self.last_error = f"{self.now} {clean(error.what.rstrip('.'))}: {error.code}"
            _log.info("a call failed: %s (%s)", error.code, type(exc).__name__)
            raise error from exc

    @contextmanager
    def in_time(self) -> Iterator[None]:
        """Give up what takes longer than a call may.

        Raises:
            CodedError: it did.
        """
        try:
            with anyio.fail_after(self.limits.call_seconds):
                yield
        except TimeoutError:
            raise CodedError(Code.BUSY, "The answer took too long and was given up") from None

    async def entries(self, ids: Sequence[str], *, fresh: bool = False) -> tuple[list[Entry], list[str]]:
        """Look ids up; return the entries in order, each once, and the ids that nobody has."""
        wanted = list(dict.fromkeys(ids))
        told = await stat_many(self.remote, [NodeId(each) for each in wanted], fresh=fresh)
        found = [each for each in told if each is not None]
        return found, [clean(each) for each, entry in zip(wanted, told, strict=True) if entry is None]

    async def library(self, category: Category) -> Sequence[Facet]:
        """Return the counts of the whole library, at most five minutes old."""
        return await self.counts(category, "")

    async def counts(self, category: Category, query: str, *, fresh: bool = False) -> Sequence[Facet]:
        """Return the counts among what a query finds, at most five minutes old; *fresh* counts them anew."""
        known = self._counts.get((category, query))
        if not fresh and known is not None and self.clock() - known[0] < _FRESH:
            return known[1]
        facets = await self.remote.aggregations(category, query=query)
        if len(self._counts) >= _COUNTS:
            self._counts.clear()
        self._counts[category, query] = (self.clock(), facets)
        return facets

    async def covered(self) -> int:
        """Return how many photographs the semantic index knows; 0 when there is none that can be read.

        Counting takes as long as the library is large, so a number that is not 0 is used again for five minutes.
        """
        if self.index is None:
            return 0
        counted, known = self._covered
        if known and self.clock() - counted < _FRESH:
            return known
        try:
            status = await anyio.to_thread.run_sync(self.index.status)
        except RemoteError as exc:
            _log.info("the semantic index cannot be read: %s", type(exc).__name__)
            return 0
        self._covered = (self.clock(), status.photos if status.built else 0)
        return self._covered[1]

    async def coverage(self) -> Coverage:
        """Return how much of the library the semantic index knows."""
        return Coverage(covered=await self.covered(), total=photographs(await self.library("type")))

    def known_total(self) -> int | None:
        """Return how many photographs there are if that was counted already; asks nobody."""
        known = self._counts.get(("type", ""))
        return None if known is None else photographs(known[1])

    def forget_counts(self) -> None:
        """Count anew next time, after a change."""
        self._counts.clear()
        self.tallies.clear()
        self._covered = (0.0, 0)

    def spend(self, budget: Budget, cost: int, what: str) -> None:
        """Take from a budget, when nothing else can refuse any more.

        Raises:
            CodedError: it is spent.
        """
        with self._spending(cost, what):
            budget.spend(cost)

    def afford(self, budget: Budget, cost: int, what: str) -> None:
        """Make sure that so much is left of a budget, and take nothing.

        Raises:
            CodedError: it is spent.
        """
        with self._spending(cost, what):
            budget.afford(cost)

    @contextmanager
    def _spending(self, cost: int, what: str) -> Iterator[None]:
        try:
            yield
        except BudgetSpentError as exc:
            sentence = f"Today's budget for {what} leaves {exc.left}, {cost} are needed; it resets at "
            raise CodedError(Code.BUDGET, f"{sentence}{self.time_of(exc.resets_at)}Z") from exc

    def weigh(self, value: object) -> int:
        """Return the size of a value in an answer, in JSON bytes."""
        return len(msgspec.json.encode(value)) + 1

    def audit(self, action: str, op_id: str, *, done: int, skipped: int) -> None:
        """Write one line about a change to the log; ids and names stay out of it."""
        AUDIT.info("%s %s: %d done, %d skipped", action, op_id, done, skipped)


def photographs(facets: Sequence[Facet]) -> int:
    """Return how many an index could know: the photographs and films among the counts by type."""
    return sum(facet.count for facet in facets if facet.value in ("PHOTOS", "VIDEOS"))
