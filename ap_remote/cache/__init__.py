"""The node cache: a copy of an account's nodes in LMDB, shared by all processes of this machine."""

from __future__ import annotations

from ap_remote.cache.nodes import RECENT, NodeCache, Several, Stale, SyncState
from ap_remote.cache.state import Fact, Walk

__all__ = ["RECENT", "Fact", "NodeCache", "Several", "Stale", "SyncState", "Walk"]
