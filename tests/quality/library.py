"""The demo's photographs, in memory and indexed, with what each is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import yaml

from ap_remote.backends.memory import MemoryRemote
from ap_remote.semantic import SemanticIndex
from fixtures.demo.photos import make_tree

if TYPE_CHECKING:
    from ap_remote.semantic import Encoder
    from fixtures.demo.photos import Item

HERE = Path(__file__).parent


class Query(NamedTuple):
    """A question, and the sources whose photographs are right."""

    text: str
    shows: tuple[str, ...]


class Library(NamedTuple):
    """An indexed account."""

    remote: MemoryRemote
    index: SemanticIndex
    photographs: dict[str, Item]
    """By path."""


def queries() -> list[Query]:
    """Return the questions of ``queries.yaml``."""
    found = yaml.safe_load((HERE / "queries.yaml").read_text("utf-8"))
    return [Query(each["text"], tuple(each["shows"])) for each in found]


async def build(folder: Path, encoder: Encoder) -> Library:
    """Make the demo's photographs below *folder* and index them."""
    tree = make_tree(folder / "photographs")
    remote = MemoryRemote()
    for item in tree.photos:
        remote.seed(item.path, (tree.root / item.path).read_bytes())
    index = SemanticIndex(folder / "index", encoder)
    await index.build(remote)
    return Library(remote, index, {item.path: item for item in tree.photos})
