"""The virtual tree of the remote in memory is what the contract says."""

from __future__ import annotations

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.model import Place
from tests.contracts.memory import InMemory
from tests.contracts.views import ViewsContract


class TestMemoryRemote(InMemory, ViewsContract):
    @pytest.fixture
    async def remote(self):
        async with MemoryRemote(place_of=lambda *_: Place(label="CAN#BC#Vancouver")) as remote:
            yield remote

    @pytest.fixture
    def tag(self, remote):
        async def tag(node_id, things, people):
            remote.plant(node_id, things=tuple(things), people=tuple(people))

        return tag
