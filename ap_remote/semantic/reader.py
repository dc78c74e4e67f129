"""A store that stays open for reading: opening SQLite anew for every question takes longer than a small search."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Final, NamedTuple

from ap_remote.semantic.store import CATALOG, EmbeddingStore

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


class _Mark(NamedTuple):
    process: int
    device: int
    inode: int


class _Held(NamedTuple):
    mark: _Mark
    store: EmbeddingStore


_FORKED: Final[list[EmbeddingStore]] = []
"""Connections that a fork carried here: SQLite forbids to use and even to close them, so they are kept."""


class Reader:
    """One reading connection for each process. Its methods may be called from any thread.

    The catalogue is read through the connection every time, so that what another process committed is seen. Where the
    file itself is another (a build made it anew, the index was deleted) or the process is (a fork), it is opened again.
    """

    def __init__(self, folder: Path, vectors: Path | str | None = None) -> None:
        """Read the store in *folder*, which need not be there yet; *vectors* as the store takes it."""
        self._folder = folder
        self._vectors = vectors
        self._held: _Held | None = None

    def store(self) -> EmbeddingStore:
        """Return the open store; whoever got it leaves it open.

        Raises:
            StoreError: there is none, or it cannot be opened.
            NewerStoreError: written by a newer version.
            CorruptStoreError: its catalogue is damaged.
        """
        process = os.getpid()
        try:
            facts = (self._folder / CATALOG).stat()
        except OSError:
            self._drop(process)
            return self._open(process)  # says what is wrong, or finds what appeared meanwhile
        mark = _Mark(process, facts.st_dev, facts.st_ino)
        held = self._held
        if held is not None and held.mark == mark:
            return held.store
        self._drop(process)
        held = _Held(mark, self._open(process))
        self._held = held
        return held.store

    def close(self) -> None:
        """Let go of the store; the next question opens it again."""
        self._drop(os.getpid())

    def _open(self, process: int) -> EmbeddingStore:
        store = EmbeddingStore(self._folder, vectors=self._vectors)
        # Another thread may be reading by a catalogue that was replaced, so the last one to let go of it closes it.
        weakref.finalize(store.catalog, _close, store.catalog.connection, process)
        return store

    def _drop(self, process: int) -> None:
        held, self._held = self._held, None
        if held is not None and held.mark.process != process:
            _FORKED.append(held.store)


def _close(connection: sqlite3.Connection, process: int) -> None:
    if process == os.getpid():
        connection.close()
