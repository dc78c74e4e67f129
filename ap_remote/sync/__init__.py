"""Bring the node cache up to date by paging through everything the account holds."""

from __future__ import annotations

from ap_remote.sync.going_on import go_on
from ap_remote.sync.lock import SyncLock
from ap_remote.sync.run import SyncReport, synchronise

__all__ = ["SyncLock", "SyncReport", "go_on", "synchronise"]
