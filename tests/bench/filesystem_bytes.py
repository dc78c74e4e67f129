"""Bytes through fsspec: many small files, a large one, ranges, parquet; beside fsspec's own ``HTTPFileSystem``.

The peer reads the same files of the same service at the content endpoint, one request for each. Ours asks for the
redirect first, as the site does: two requests. The peer that is sent to the redirects takes these two as well.
"""

from __future__ import annotations

import os
import random
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.bench.filesystem_service import counting_service
from tests.bench.filesystem_sides import Job, Side, compared, in_turns, ours, peer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.report import Figure

FILES: Final = int(os.environ.get("AP_BENCH_FILES", "1000"))
SIZES: Final = (4_000, 100_000)
LARGE: Final = int(os.environ.get("AP_BENCH_LARGE_MIB", "64")) * 2**20
ROWS: Final = int(os.environ.get("AP_BENCH_ROWS", "500000"))
"""Of ten columns of numbers, some 80 bytes each."""
_PIECE: Final = 2**20
_RANGES: Final = 200
_RANGE: Final = 64 * 2**10
_WIDE: Final = 1.2
"""The aim: ours over the peer's."""
_PEER: Final = (
    "fsspec HTTPFileSystem (cache_type readahead) at the content endpoint, one request a file (aim is for the ratio)"
)
_REDIRECTED: Final = "fsspec HTTPFileSystem, redirected as we are (aim is for the ratio)"


def run() -> Iterator[Figure]:
    """Measure all over one service."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        place = Path(folder)
        _make(place / "files")
        # Signed addresses refuse cookies where the internal door is open, and HTTPFileSystem sends them everywhere.
        service = stack.enter_context(counting_service(place / "data", internal=False))
        mine = stack.enter_context(ours(service, place / "home"))
        theirs = stack.enter_context(peer("over_http", service.credentials, count=service.counted))
        mine.order("put", source=f"{place}/files/", target="/bench/")
        bench = _Bench(mine, theirs, service.url, mine.order("ids", path="/bench").found)
        for size in SIZES:
            yield from bench.small(size)
        yield from bench.large()
        yield from bench.parquet()


def _make(folder: Path) -> None:
    dice = random.Random(5)
    for size in SIZES:
        (folder / str(size)).mkdir(parents=True)
        for number in range(FILES):
            (folder / str(size) / f"{number:05}.bin").write_bytes(dice.randbytes(size))
    (folder / "large.bin").write_bytes(dice.randbytes(LARGE))
    _parquet(folder / "rows.parquet")


def _parquet(target: Path) -> None:
    import numpy as np
    import pyarrow as pa
    from pyarrow.parquet import write_table

    random = np.random.default_rng(5)
    table = pa.table({f"c{number}": random.normal(size=ROWS) for number in range(10)})
    write_table(table, target, row_group_size=max(1, ROWS // 50))


class _Bench:
    def __init__(self, mine: Side, theirs: Side | None, url: str, ids: dict[str, str]) -> None:
        self.mine, self.theirs, self.url, self.ids = mine, theirs, url, ids

    def content(self, path: str) -> str:
        """Return where the peer finds a file."""
        return f"{self.url}/cdproxy/nodes/{self.ids[path]}/content"

    def redirected(self, path: str) -> str:
        """Return where it is sent on, as we are."""
        return f"{self.url}/drive/v1/nodes/{self.ids[path]}/contentRedirection"

    def small(self, size: int) -> Iterator[Figure]:
        paths = [each for each in self.ids if each.startswith(f"/bench/{size}/")]
        mine, theirs, redirected = in_turns(
            Job(side=self.mine, case="cat", arguments={"paths": paths}),
            Job(side=self.theirs, case="cat", arguments={"paths": list(map(self.content, paths))}),
            Job(side=self.theirs, case="cat", arguments={"paths": list(map(self.redirected, paths))}),
        )
        detail = {"files": len(paths), "bytes_each": size}
        yield compared(f"cat.{size}", mine, theirs, peer_name=_PEER, aim=_WIDE, **detail)
        yield compared(f"cat.{size}.redirected", mine, redirected, peer_name=_REDIRECTED, aim=_WIDE, **detail)

    def large(self) -> Iterator[Figure]:
        path = "/bench/large.bin"
        dice = random.Random(7)
        starts = [dice.randrange(LARGE - _RANGE) for _ in range(_RANGES)]
        some: dict[str, Any] = {"starts": starts, "length": _RANGE}
        for name, case, arguments in (
            ("cat_file", "whole", {}),
            ("open.read", "pieces", {"piece": _PIECE}),
            ("cat_ranges", "ranges", some),
        ):
            yield from self._one(name, case, path, arguments, {"mib": LARGE // 2**20})

    def parquet(self) -> Iterator[Figure]:
        path = "/bench/rows.parquet"
        arguments = {"columns": ["c2", "c7"]}
        detail = {"rows": ROWS, "columns": "2 of 10", "row_groups": 50}
        for name in ("pandas", "duckdb"):
            yield from self._one(f"parquet.{name}", name, path, arguments, detail)

    def _one(
        self, name: str, case: str, path: str, arguments: dict[str, Any], detail: dict[str, Any]
    ) -> Iterator[Figure]:
        ours_at = f"ap://{path}" if case == "duckdb" else path
        mine, theirs = in_turns(
            Job(side=self.mine, case=case, arguments={"path": ours_at, **arguments}),
            Job(side=self.theirs, case=case, arguments={"path": self.content(path), **arguments}),
        )
        yield compared(name, mine, theirs, peer_name=_PEER, aim=_WIDE, **detail)
