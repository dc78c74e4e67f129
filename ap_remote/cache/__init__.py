"""The node cache: a copy of an account's nodes in LMDB, shared by all processes of this machine."""

from __future__ import annotations

from ap_remote.cache.nodes import RECENT, NodeCache, Stale, SyncState

__all__ = ["RECENT", "NodeCache", "Stale", "SyncState"]
