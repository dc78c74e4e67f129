"""An LMDB environment that many threads and processes share.

LMDB has three rules that this module keeps for everybody else: an environment is opened once per process and never
used across a fork; its map is enlarged only while this process has no transaction; and a transaction does not outlive
the call that it serves. Whatever goes wrong comes out as a :class:`~ap_remote.errors.StoreError`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import lmdb

from ap_remote.atomic import make_private
from ap_remote.cache import migrations
from ap_remote.errors import CorruptStoreError, StoreError

T = TypeVar("T")

MAP_SIZE: Final = 64 << 20
"""Bytes of address space at first; the file itself grows with what is in it."""
_MAP_LIMIT: Final = 1 << 42
_READERS: Final = 510
_DAMAGE: Final = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
    lmdb.IncompatibleError,
)


class _Handle:
    """An open environment with its tables; one per folder and process."""

    def __init__(self, folder: str, tables: tuple[str, ...], map_size: int) -> None:
        self.pid = os.getpid()
        self.lock = threading.RLock()
        self.users = 0
        self.env = _open(folder, map_size)
        try:
            self.tables = _tables(self.env, folder, tables)
            self.env.reader_check()
        except BaseException:
            self.env.close()
            raise


class _Registry:
    """The environments that this process has open."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.handles: dict[str, _Handle] = {}

    def take(self, folder: str, tables: tuple[str, ...], map_size: int) -> _Handle:
        with self.lock:
            handle = self.handles.get(folder)
            if handle is not None and handle.pid != os.getpid():
                # Inherited through a fork. Closing frees this process's copy; the parent's stays as it is.
                handle.env.close()
                handle = None
            if handle is None:
                handle = self.handles[folder] = _Handle(folder, tables, map_size)
            handle.users += 1
            return handle

    def give_back(self, folder: str, handle: _Handle) -> None:
        with self.lock:
            if handle.pid != os.getpid():
                return
            handle.users -= 1
            if handle.users == 0:
                with handle.lock:
                    handle.env.close()
                self.handles.pop(folder, None)


_REGISTRY: Final = _Registry()


def _after_fork() -> None:
    # Another thread of the parent may have held it at the moment of the fork.
    _REGISTRY.lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


class Store:
    """Tables of bytes in a folder. Opens at the first use; safe to use after a fork and from any thread."""

    def __init__(self, folder: Path, tables: tuple[str, ...], *, map_size: int = MAP_SIZE) -> None:
        self._folder = str(folder.absolute())
        self._names = tables
        self._map_size = map_size
        self._handle: _Handle | None = None

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return Path(self._folder)

    def read(self, work: Callable[[Any, Mapping[str, Any]], T]) -> T:
        """Return what *work* makes of a consistent view; it gets a transaction and the tables by name."""
        return self._reading(self._open(), work)

    def read_if_open(self, work: Callable[[Any, Mapping[str, Any]], T]) -> T | None:
        """Return what *work* makes of a consistent view, ``None`` while the store is not open in this process.

        For threads that may come while another closes the store: it is never opened again by them.
        """
        handle = self._handle
        return None if handle is None or handle.pid != os.getpid() else self._reading(handle, work)

    def _reading(self, handle: _Handle, work: Callable[[Any, Mapping[str, Any]], T]) -> T:
        with handle.lock:
            try:
                try:
                    txn = handle.env.begin()
                except lmdb.MapResizedError:
                    handle.env.set_mapsize(0)
                    txn = handle.env.begin()
                with txn:
                    return work(txn, handle.tables)
            except lmdb.Error as exc:
                raise _translate(exc, self._folder) from exc

    def write(self, work: Callable[[Any, Mapping[str, Any]], T]) -> T:
        """Run *work* in one transaction: all of it happens or nothing. It may run again when the map had to grow.

        Raises:
            StoreError: the disk is full, or the store cannot be written; nothing was.
        """
        handle = self._open()
        with handle.lock:
            while True:
                try:
                    with handle.env.begin(write=True) as txn:
                        return work(txn, handle.tables)
                except lmdb.MapResizedError:
                    handle.env.set_mapsize(0)
                except lmdb.MapFullError as exc:
                    size = handle.env.info()["map_size"] * 2
                    if size > _MAP_LIMIT:
                        raise StoreError(f"the node cache in {self._folder} has grown beyond reason") from exc
                    handle.env.set_mapsize(size)
                except lmdb.Error as exc:
                    raise _translate(exc, self._folder) from exc

    def close(self) -> None:
        """Give the environment back; the next use opens it again."""
        handle, self._handle = self._handle, None
        if handle is not None:
            _REGISTRY.give_back(self._folder, handle)

    def _open(self) -> _Handle:
        handle = self._handle
        if handle is None or handle.pid != os.getpid():
            handle = self._handle = _REGISTRY.take(self._folder, self._names, self._map_size)
        return handle


def _open(folder: str, map_size: int) -> lmdb.Environment:
    try:
        path = Path(folder)
        make_private(path)
        path.chmod(0o700)
        env = lmdb.open(
            folder,
            map_size=map_size,
            max_dbs=16,
            max_readers=_READERS,
            # A crash of the machine may lose the last transaction, never the store: it is a cache.
            metasync=False,
            mode=0o600,
        )
    except lmdb.Error as exc:
        raise _translate(exc, folder) from exc
    except OSError as exc:
        raise StoreError(f"the node cache in {folder} cannot be opened: {exc.strerror or exc}") from exc
    _check_length(env, folder)
    return env


def _check_length(env: lmdb.Environment, folder: str) -> None:
    # A page beyond the file's end would end the process by SIGBUS.
    needed = (env.info()["last_pgno"] + 1) * env.stat()["psize"]
    if (Path(folder) / "data.mdb").stat().st_size < needed:
        env.close()
        raise _corrupt(folder)


def _tables(env: lmdb.Environment, folder: str, names: tuple[str, ...]) -> dict[str, Any]:
    try:
        with env.begin() as txn:
            found = migrations.read_version(txn)
        if found is None or found < migrations.KNOWN:
            _grown(env, lambda: _prepare(env, names))
        else:
            migrations.check(found)
        # A handle outlives the transaction that opened it only if that one could write; it writes nothing.
        with env.begin(write=True) as txn:
            tables = {name: env.open_db(name.encode(), txn=txn, create=False) for name in names}
    except lmdb.Error as exc:
        raise _translate(exc, folder) from exc
    return tables


def _grown(env: lmdb.Environment, work: Callable[[], None]) -> None:
    """Do what is one transaction, in a larger map each time that it does not fit: an upgrade rewrites everything."""
    while True:
        try:
            work()
        except lmdb.MapFullError:
            env.set_mapsize(env.info()["map_size"] * 2)
        else:
            return


def _prepare(env: lmdb.Environment, names: tuple[str, ...]) -> None:
    with env.begin(write=True) as txn:
        found = migrations.read_version(txn)
        if found is None:
            migrations.write_version(txn)
        else:
            migrations.migrate(env, txn, found)
        for name in names:
            env.open_db(name.encode(), txn=txn, create=True)


def _corrupt(folder: str) -> CorruptStoreError:
    return CorruptStoreError(
        f"the node cache in {folder} is damaged; it only holds copies of what the service knows, "
        "so the folder may be removed",
    )


def _translate(exc: lmdb.Error, folder: str) -> StoreError:
    if isinstance(exc, _DAMAGE):
        return _corrupt(folder)
    return StoreError(f"the node cache in {folder} cannot be used, nothing was written: {exc}")
