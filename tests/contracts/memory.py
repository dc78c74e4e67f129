"""The remote in memory as the subject of a contract."""

from __future__ import annotations

import pytest

from ap_remote.backends.memory import MemoryRemote


class InMemory:
    """A contract's fixtures for a remote in memory."""

    @pytest.fixture
    async def remote(self):
        async with MemoryRemote() as remote:
            yield remote

    @pytest.fixture
    def seed(self, remote):
        async def seed(path, data):
            return remote.seed(path, data)

        return seed

    @pytest.fixture
    def peek(self, remote):
        async def peek(path):
            return remote.raw(path)

        return peek
