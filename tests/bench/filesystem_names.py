"""Names through fsspec: listing, looking, searching; beside s3fs on a moto server with the same tree.

Warm: both have seen it before, ours in its node cache and s3fs in its dircache. Cold: both ask their service. s3fs asks
for every ``find``; it keeps listings for the other calls.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from tests.bench.filesystem_service import Service, counting_service
from tests.bench.filesystem_sides import Job, Side, Take, compared, in_turns, moto, ours, peer
from tests.bench.report import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

NODES: Final = int(os.environ.get("AP_BENCH_FS_NODES", "100000"))
"""In folders of a thousand."""
BIG: Final = 10_000
"""More, in one folder."""
_TREE: Final = "/Pictures/Seed"
_BIG_FOLDER: Final = "/Pictures/Big"
_LOOKS: Final = 1_000
_COLD_LOOKS: Final = 10
_PEER: Final = "s3fs on a local moto server with faster paging than its own (aim is for the ratio)"
_AHEAD: Final = 1.0


def run() -> Iterator[Figure]:
    """Measure all over one tree."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        place = Path(folder)
        service = stack.enter_context(counting_service(place / "data", internal=True))
        _seed(service)
        with ours(service, place / "home") as first:
            first.order("info", paths=["/"])
            cold = first.order("find", path=_TREE)
            first.order("names", path="/Pictures", target=str(place / "names.json"))
        names = json.loads((place / "names.json").read_text("utf-8"))
        mine = stack.enter_context(ours(service, place / "home"))
        address = stack.enter_context(moto(place / "names.json"))
        theirs = stack.enter_context(peer("over_s3", address)) if address else None
        sides = _Sides(mine, theirs)
        yield from sides.everything(cold)
        yield from sides.folders()
        yield from sides.looks([each for each in names if each.startswith(f"{_TREE}/")])


def _seed(service: Service) -> None:
    for body in (
        {"count": NODES, "folder": _TREE.lstrip("/")},
        {"count": BIG, "folder": _BIG_FOLDER.lstrip("/"), "perFolder": 0},
    ):
        httpx.post(f"{service.url}/_internal/seed", json=body, timeout=600, trust_env=False).raise_for_status()


class _Sides:
    """Ours and the peer; both are fresh processes, ours with the node cache of an earlier one."""

    def __init__(self, mine: Side, theirs: Side | None) -> None:
        self.mine = mine
        self.theirs = theirs

    def everything(self, cold: Take) -> Iterator[Figure]:
        detail = {"files": cold.found}
        mine, grown = self._first_find(self.mine, _TREE)
        theirs, their_growth = self._first_find(self.theirs, f"bench{_TREE}") if self.theirs else (None, None)
        others = [theirs] if theirs else []
        yield compared("find.cold", [cold], others, peer_name=_PEER, aim=_AHEAD, **detail)
        yield compared("find.first_in_process", [mine], others, peer_name=_PEER, aim=_AHEAD, **detail)
        yield Figure(
            bench="filesystem.find.memory",
            value=round(grown, 1),
            unit="MiB",
            aim=_AHEAD,
            peer=_PEER if theirs else None,
            peer_value=None if their_growth is None else round(their_growth, 1),
            ratio=None if their_growth is None else round(grown / their_growth, 3),
            detail={
                **detail,
                "what": "growth of the most memory that a fresh process had",
                "mapped_mib": mine.mapped_mib,
            },
        )
        again = in_turns(Job(side=self.mine, case="find", arguments={"path": _TREE}))[0]
        yield compared("find.warm", again, others, peer_name=_PEER, aim=_AHEAD, aim_s=2, **detail)
        for case, path in (("walk", _TREE), ("glob", f"{_TREE}/*/*.jpg")):
            word = "pattern" if case == "glob" else "path"
            found = self._both(case, {word: path}, {word: f"bench{path}"})
            yield compared(f"{case}.warm", *found, peer_name=_PEER, aim=_AHEAD, **detail)
        found = self._both("du", {"path": _TREE}, {"path": f"bench{_TREE}"}, rounds=1, warm=False)
        yield compared("du.warm", *found, peer_name=_PEER, aim=_AHEAD, **detail)

    @staticmethod
    def _first_find(side: Side, path: str) -> tuple[Take, float]:
        """Return what the first find of a process takes, and by how many MiB it makes its peak grow."""
        before = side.order("info", paths=[path])
        take = side.order("find", path=path)
        return take, take.peak_mib - before.peak_mib

    def folders(self) -> Iterator[Figure]:
        for count, path in ((1_000, f"{_TREE}/0000"), (BIG, _BIG_FOLDER)):
            for name, options in (("cold", {"refresh": True}), ("warm", {})):
                found = self._both("ls", {"path": path, **options}, {"path": f"bench{path}", **options})
                yield compared(f"ls.{count}.{name}", *found, peer_name=_PEER, aim=_AHEAD, unit="ms", scale=1e3)

    def looks(self, names: list[str]) -> Iterator[Figure]:
        """Look at one path after the other; s3fs forgets its listings for what is cold."""
        paths = random.Random(3).sample(names, _LOOKS)
        absent = [f"{path}.absent" for path in paths]
        for name, case, asked in (
            ("info", "info", paths),
            ("exists", "exists", paths),
            ("exists.absent", "exists", absent),
        ):
            for state, count in (("warm", _LOOKS), ("cold", _COLD_LOOKS)):
                here, there = asked[:count], [f"bench{path}" for path in asked[:count]]
                found = self._both(
                    case,
                    {"paths": here, **({"refresh": True} if state == "cold" else {})},
                    {"paths": there},
                    forget=state == "cold",
                )
                aim = {"aim_us": 100} if (name, state) == ("exists", "warm") else {}
                yield compared(
                    f"{name}.{state}",
                    *found,
                    peer_name=_PEER,
                    aim=_AHEAD,
                    unit="us",
                    scale=1e6 / count,
                    calls=count,
                    **aim,
                )
            if self.theirs:
                self.theirs.order("walk", path=f"bench{_TREE}")  # lists all again

    def _both(
        self, case: str, here: dict[str, Any], there: dict[str, Any], *, forget: bool = False, **options: Any
    ) -> list[list[Take]]:
        return in_turns(
            Job(side=self.mine, case=case, arguments=here),
            Job(side=self.theirs, case=case, arguments=there, before="forget" if forget else None),
            **options,
        )
