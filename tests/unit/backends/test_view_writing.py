"""The remote in memory is written to through its views as the contract says."""

from __future__ import annotations

from tests.contracts.memory import InMemory
from tests.contracts.view_writing import ViewWritingContract


class TestMemoryRemote(InMemory, ViewWritingContract):
    """The remote keeps the contract."""
