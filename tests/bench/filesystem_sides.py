"""Filesystems side by side: each a process of its own that takes orders, measured in turns."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tests.bench.report import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.bench.filesystem_service import Counted, Service

ROOT: Final = Path(__file__).parents[2]
STRANGER: Final = ROOT / "build" / "bench-venv" / "bin" / "python"
ROUNDS: Final = int(os.environ.get("AP_BENCH_ROUNDS", "3"))


class Take(msgspec.Struct, frozen=True):
    """What one order took."""

    seconds: float
    cpu: float
    """Seconds of the client's processor."""
    peak_mib: float
    """Most memory that the process had until now."""
    mapped_mib: float
    """Of files, what it has in memory now: the node cache, which the system takes back when it wants to."""
    found: Any
    requests: int | None = None
    """What the service was asked meanwhile; ``None`` where nobody counts."""
    bytes: int | None = None
    """What it sent."""


class Side:
    """A filesystem in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], count: Callable[[], Counted] | None) -> None:
        self._process = process
        self._count = count

    def order(self, case: str, **arguments: Any) -> Take:
        """Run a function of :mod:`tests.bench.peers.cases` there.

        Raises:
            RuntimeError: it failed; its process is gone, and what it said stands on standard error.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        before = self._count() if self._count else None
        self._process.stdin.write(json.dumps({"case": case, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker ended during {case}")
        take = msgspec.json.decode(line, type=Take)
        if self._count is None or before is None:
            return take
        after = self._count()
        return msgspec.structs.replace(
            take, requests=after.requests - before.requests, bytes=after.bytes - before.bytes
        )


@contextmanager
def worker(
    words: list[str], *, env: dict[str, str] | None = None, count: Callable[[], Counted] | None
) -> Iterator[Side]:
    """Start a worker; it ends when there are no more orders."""
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
    ) as process:
        try:
            yield Side(process, count)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(timeout=60)


@contextmanager
def ours(service: Service, home: Path) -> Iterator[Side]:
    """Start our filesystem over *service*; its node cache lies in *home* and holds for an hour."""
    home.mkdir(exist_ok=True)
    config = home / "config.toml"
    config.write_text(
        f'max_age = 3600.0\n[accounts.bench]\nkind = "service"\nurl = "{service.url}"\n'
        f'credentials = "{service.credentials}"\n'
    )
    env = {"AP_HOME": str(home), "AP_CONFIG": str(config)}
    with worker([sys.executable, "-m", "tests.bench.filesystem_ours"], env=env, count=service.counted) as side:
        yield side


@contextmanager
def peer(module: str, argument: str, *, count: Callable[[], Counted] | None = None) -> Iterator[Side | None]:
    """Start a peer of the environment that ``make bench`` makes; ``None`` where that is missing."""
    if not STRANGER.exists():
        yield None
        return
    with worker([str(STRANGER), "-m", f"tests.bench.peers.{module}", argument], count=count) as side:
        yield side


@contextmanager
def moto(names: Path) -> Iterator[str | None]:
    """Serve the tree in *names*, a JSON object of path to size, in the bucket ``bench``; yields the address."""
    if not STRANGER.exists():
        yield None
        return
    words = [str(STRANGER), "-m", "tests.bench.peers.moto_server", str(names)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as process:
        try:
            yield None if process.stdout is None else process.stdout.readline().strip()
        finally:
            process.terminate()


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A case for one side.

    Attributes:
        side: where; ``None`` measures nothing.
        case: a function of :mod:`tests.bench.peers.cases`.
        arguments: its arguments.
        before: a case that is run each time before, and not measured.
    """

    side: Any
    case: str
    arguments: dict[str, Any]
    before: str | None = None

    def take(self) -> Take:
        """Run it once."""
        if self.before:
            self.side.order(self.before)
        take: Take = self.side.order(self.case, **self.arguments)
        return take


def in_turns(*jobs: Job, rounds: int = ROUNDS, warm: bool = True) -> list[list[Take]]:
    """Run the jobs in turns, *rounds* times; where *warm*, once more before, which does not count.

    Raises:
        ValueError: what they found differs, so that they did not do the same.
    """
    takes: list[list[Take]] = [[] for _ in jobs]
    for number in range(-1 if warm else 0, rounds):
        order = list(enumerate(jobs))
        for index, job in order if number % 2 else reversed(order):
            if job.side is not None:
                takes[index].append(job.take())
    kept = [each[1 if warm else 0 :] for each in takes]
    if len({json.dumps(take.found) for each in kept for take in each}) > 1:
        raise ValueError(f"{jobs[0].case} finds not the same: {[[take.found for take in each] for each in kept]}")
    return kept


def compared(
    bench: str,
    takes: list[Take],
    others: list[Take],
    *,
    peer_name: str,
    unit: str = "s",
    scale: float = 1.0,
    aim: float | None = None,
    **detail: Any,
) -> Figure:
    """Return the medians of both, in *unit*, as many of which *scale* says a second is.

    Args:
        bench: the figure's name.
        takes: ours.
        others: the peer's; none where there is no peer.
        peer_name: who that is.
        unit: of both values.
        scale: what a second is to be multiplied by.
        aim: for the ratio, or with a *detail* ``aim_is`` for something else.
        detail: more about it.
    """
    value = statistics.median(each.seconds for each in takes)
    other = statistics.median(each.seconds for each in others) if others else None
    more = {**_told("", takes, scale), **(_told("peer_", others, scale) if others else {})}
    return Figure(
        bench=f"filesystem.{bench}",
        value=_short(value * scale),
        unit=unit,
        aim=aim,
        peer=peer_name if others else None,
        peer_value=None if other is None else _short(other * scale),
        ratio=None if other is None else round(value / other, 3),
        detail={**detail, "rounds": len(takes), **more, "load": round(os.getloadavg()[0], 1)},
    )


def _told(prefix: str, takes: list[Take], scale: float) -> dict[str, Any]:
    seconds = [each.seconds * scale for each in takes]
    told: dict[str, Any] = {
        f"{prefix}spread": [_short(min(seconds)), _short(max(seconds))],
        f"{prefix}cpu": _short(statistics.median(each.cpu for each in takes) * scale),
    }
    if takes[0].requests is not None:
        # Every round's: threads that share a file object make them differ.
        told[f"{prefix}requests"] = [each.requests for each in takes]
        told[f"{prefix}bytes"] = [each.bytes for each in takes]
    return told


def _short(value: float) -> float:
    return float(f"{value:.4g}")
