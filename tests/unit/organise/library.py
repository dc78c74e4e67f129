"""A small account with known groups: three reds, four blues, two limes, one yellow."""

from __future__ import annotations

from datetime import UTC, datetime

from ap_remote.backends.memory import MemoryRemote
from ap_remote.model import Kind, NodeId
from tests.unit.semantic.planted import picture

COLOURS = {
    "red 1": (255, 0, 0),
    "red 2": (250, 6, 0),
    "red 3": (245, 0, 8),
    "blue 1": (0, 0, 255),
    "blue 2": (5, 0, 250),
    "blue 3": (0, 9, 245),
    "blue 4": (9, 9, 240),
    "lime 1": (0, 255, 0),
    "lime 2": (5, 250, 5),
    "yellow": (255, 255, 0),
}


def account() -> MemoryRemote:
    remote = MemoryRemote(clock=lambda: datetime(2024, 1, 1, tzinfo=UTC))
    for name, colour in COLOURS.items():
        remote.seed(f"{name}.png", picture(colour))
    return remote


async def albums(remote) -> dict[str, set[str]]:
    """Return the albums and what is in them."""
    found = [entry async for entry in remote.albums()]
    assert {entry.kind for entry in found} <= {Kind.ALBUM}
    return {entry.name: {member.name async for member in remote.list(NodeId(entry.id))} for entry in found}


async def tree(remote) -> list[tuple]:
    """Return what an account holds beside albums; versions are no content."""
    return [(entry.path, entry.id, entry.md5, entry.kind) async for entry in remote.list(recursive=True)]
