"""The fsspec filesystem beside its peers: bytes beside ``HTTPFileSystem``, names beside s3fs on a moto server.

Every filesystem is a process of its own; the sides take turns, and a figure is the median of ``AP_BENCH_ROUNDS``. The
peers live in the environment that ``make bench`` makes; without it only ours is measured.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.bench import filesystem_bytes, filesystem_names
from tests.bench.filesystem_sides import STRANGER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.report import Figure


def run() -> Iterator[Figure]:
    """Measure bytes, then names."""
    if not STRANGER.exists():
        sys.stderr.write(
            "filesystem: the peers' environment is missing (`make bench` makes it); ours is measured alone\n"
        )
    yield from filesystem_bytes.run()
    yield from filesystem_names.run()
