from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ap_remote.cache import NodeCache
from ap_remote.model import Entry, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def cache(folder: Path) -> Iterator[NodeCache]:
    """A cache that knows the root."""
    opened = NodeCache(folder)
    opened.put_root(Entry(path="", name="", id="root", kind=Kind.FOLDER, version=1))
    yield opened
    opened.close()
