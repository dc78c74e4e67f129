"""What a subject of the remote contract must bring, and the small words its tests are written in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

import pytest

from ap_remote.model import Entry
from ap_remote.remote.base import Remote

Seed = Callable[[str, bytes], Awaitable[str]]
"""Puts a file at a path without using the verbs, and returns its id."""

Peek = Callable[[str], Awaitable[bytes | None]]
"""Reads the file at a path without using the verbs; ``None`` where none is."""

Plant = Callable[[str, Sequence[str]], Awaitable[None]]
"""Says without using the verbs who is on the photograph of an id: the ids of clusters of faces."""

Ability = TypeVar("Ability")


class Subject:
    """Fixtures that a subject overrides. Tests work below ``box/``; an account may hold other folders."""

    @pytest.fixture
    def remote(self) -> Remote:
        raise NotImplementedError

    @pytest.fixture
    def seed(self) -> Seed:
        raise NotImplementedError

    @pytest.fixture
    def peek(self) -> Peek:
        raise NotImplementedError

    @pytest.fixture
    def plant(self) -> Plant:
        raise NotImplementedError


async def collect(entries: AsyncIterator[Entry]) -> list[Entry]:
    return [entry async for entry in entries]


async def names(entries: AsyncIterator[Entry]) -> list[str]:
    return [entry.name async for entry in entries]


async def paths_of(entries: AsyncIterator[Entry]) -> list[str]:
    return [entry.path async for entry in entries]


async def content(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def able(remote: Remote, ability: type[Ability]) -> Ability:
    """Return the remote as one that has the ability. One that lacks it overrides the test and says why."""
    assert isinstance(remote, ability), f"{remote!r} has no {ability.__name__}; override this test with the reason"
    return remote
