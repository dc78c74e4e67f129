"""The library: an account's nodes in SQLite and their bytes on disk.

``store`` opens it and gives transactions; the other modules are the verbs, as functions that take the store first.
Many processes may use one data folder at once.
"""

from __future__ import annotations

from ap_remote_emulator.library.store import Store, open_store

__all__ = ["Store", "open_store"]
