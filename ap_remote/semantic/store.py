"""The store of vectors: the source of truth that every index is built from.

::

    catalog.sqlite                              rows, nodes, failures
    embeddings/<fingerprint>/meta.json          what the vectors were made with
    embeddings/<fingerprint>/shard-000000.npy   fp16 rows, appended shard by shard, never changed
    embeddings/<fingerprint>/shard-000000.json  whose they are, with a checksum
    index/<fingerprint>/                        a cache, see :mod:`ap_remote.semantic.faiss_index`

``embeddings`` may lie elsewhere, on whatever filesystem fsspec knows (:mod:`ap_remote.semantic.whereabouts`); the rest
is made again from it.

Order of writes: shard to a temporary file, fsync, rename, fsync of the folder, the same for its description, then the
catalogue's commit. What a crash left between is adopted or swept when the next writer opens. There is one writer at a
time; readers see what was committed.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from filelock import FileLock, Timeout

from ap_remote.errors import BusyStoreError, CorruptStoreError, StoreError
from ap_remote.semantic import shards, whereabouts
from ap_remote.semantic.catalog import Catalog, Generation
from ap_remote.semantic.depot import Depot, depot
from ap_remote.semantic.stored import ShardVectors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from ap_remote.semantic.encoder import Provenance
    from ap_remote.semantic.results import ItemFailure
    from ap_remote.semantic.rows import Watermark
    from ap_remote.semantic.shards import Record

CATALOG: Final = "catalog.sqlite"


class EmbeddingStore:
    """An open store. Open it with ``write=True`` to append; that takes the writer's lock."""

    def __init__(self, folder: Path, *, write: bool = False, vectors: Path | str | None = None) -> None:
        """Open the store in *folder*; a writer makes it where there is none.

        Args:
            folder: keeps the catalogue and the index, on this machine.
            write: append, and be the only one who does.
            vectors: keeps the vectors, a path or an address of fsspec; by default they stay where they are, which is
                ``embeddings`` in *folder* for a new store.

        Raises:
            ConfigError: the address of the vectors says how to get in.
            StoreError: there is none to read, it cannot be opened, or its vectors are not in *vectors*.
            BusyStoreError: another process writes.
            NewerStoreError: written by a newer version.
            CorruptStoreError: a reader found the catalogue damaged; a writer makes it again from the shards.
        """
        self.folder = folder
        self._vectors = whereabouts.root(folder, vectors)
        self._depots: dict[str, Depot] = {}
        self._next: dict[str, int] = {}
        self._lock = _take_lock(folder) if write else None
        try:
            self.catalog = self._open(folder / CATALOG)
            try:
                self._settle()
            except BaseException:
                self.catalog.close()
                raise
        except BaseException:
            self._release()
            raise

    def _settle(self) -> None:
        """Make sure that the vectors are where they are said to lie, if that is not where they were."""
        before = whereabouts.before(self.folder)
        if before == self.place:
            return
        for generation in self.catalog.generations():
            there = self.depot(generation.fingerprint).sizes()
            for name in self.catalog.shards(generation.fingerprint):
                if not {f"{name}.npy", f"{name}.json"} <= there.keys():
                    message = (
                        f"the vectors of the index in {self.folder} are in {before}, and {self.place} does not have "
                        "all of them: copy that folder there as it is, or leave the setting `vectors` as it was"
                    )
                    raise StoreError(message)
        if self._lock is not None:
            whereabouts.remember(self.folder, self._vectors)

    def _open(self, file: Path) -> Catalog:
        if self._lock is None:
            if not file.exists():
                message = f"there is no index in {self.folder}; `ap index build` makes one"
                raise StoreError(message)
            return Catalog(file)
        try:
            found = Catalog(file)
            try:
                found.check()
            except BaseException:
                found.close()
                raise
        except CorruptStoreError:
            _set_aside(file)
            return Catalog(file)
        return found

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the store."""
        self.close()

    def close(self) -> None:
        """Release the catalogue and the lock. Closing twice is allowed."""
        self.catalog.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def active(self) -> Generation | None:
        """Return the generation that searches use."""
        return self.catalog.active()

    def begin(self, fingerprint: str, encoder: str, dim: int, made_with: Provenance | None = None) -> None:
        """Open a generation for appending, and repair what a crash left in it.

        What it is made with is written down when it is begun.

        Raises:
            NewerStoreError: written by a newer version.
            CorruptStoreError: the folder belongs to other vectors.
            StoreError: the disk is full or cannot be written, or vectors that lie elsewhere are not there.
        """
        self.reach(fingerprint)
        depot = self.depot(fingerprint)
        shards.write_meta(depot, shards.Meta(fingerprint=fingerprint, encoder=encoder, dim=dim, made_with=made_with))
        self.catalog.add_generation(fingerprint, encoder, dim)
        shards.sweep_partial(depot)
        for name in self.catalog.retired(fingerprint):
            shards.sweep(depot, name)
            self.catalog.forget_retired(fingerprint, name)
        lengths = self.catalog.lengths(fingerprint)
        self._repair(fingerprint, dim, lengths)
        self.adopt(fingerprint, [name for name in shards.names(depot) if name not in lengths])

    def _repair(self, fingerprint: str, dim: int, lengths: Mapping[str, tuple[int, int] | None]) -> None:
        """Forget shards that are not what they were.

        Where both files are as long as the catalogue says, the one that tells whose the rows are is not read: it is as
        long as a listing of the library, and needed only to make the catalogue again.
        """
        depot = self.depot(fingerprint)
        sizes = depot.sizes()
        found: dict[str, tuple[int, int]] = {}
        for name, known in lengths.items():
            table, owners = sizes.get(f"{name}.npy"), sizes.get(f"{name}.json")
            if table is not None and owners is not None:
                if known == (table, owners) and shards.is_table(depot, name, dim=dim, size=table):
                    continue
                if shards.sized(depot, name, dim=dim):
                    found[name] = table, owners
                    continue
            self.catalog.drop_shard(fingerprint, name)
            shards.sweep(depot, name)
        if found:
            self.catalog.keep_lengths(fingerprint, found)

    def adopt(self, fingerprint: str, names: Iterable[str]) -> int:
        """Take in shards that were written by others, and return how many rows were new; what is torn is swept.

        What failed there counts unless more is known of it here.
        """
        depot = self.depot(fingerprint)
        new = 0
        for name in names:
            orphan = shards.whole(depot, name)
            if orphan is None:
                shards.sweep(depot, name)
                continue
            known = self.catalog.failures(fingerprint) if orphan.failed else {}
            rows = self.catalog.rows_of(fingerprint, [each.md5 for each in orphan.failed])
            later = [
                each
                for each in orphan.failed
                if each.md5 not in rows and (each.md5 not in known or known[each.md5].tries < each.failure.tries)
            ]
            new += self._take(fingerprint, orphan, later)
        return new

    def commit(self, fingerprint: str, name: str) -> shards.Shard:
        """Take in a shard that was made for this store just now, rows and failures, and return it.

        Raises:
            StoreError: it is not where this store's vectors are, or it is torn.
        """
        made = shards.whole(self.depot(fingerprint), name)
        if made is None:
            place = self.depot(fingerprint).place
            message = f"{name} was made but is not whole in {place}; does every worker reach that folder?"
            raise StoreError(message)
        self._take(fingerprint, made, made.failed)
        return made

    def _take(self, fingerprint: str, made: shards.Shard, failed: Iterable[shards.Failed]) -> int:
        added = self.catalog.add_rows(fingerprint, made.name, made.records)
        for each in failed:
            self.catalog.fail(fingerprint, each.md5, each.failure)
        if not added and made.name not in self.catalog.shards(fingerprint):
            shards.sweep(self.depot(fingerprint), made.name)
        return added

    def append(self, fingerprint: str, vectors: NDArray[np.float32], records: Sequence[Record]) -> None:
        """Add rows durably: when this returns, a crash cannot lose them.

        Raises:
            StoreError: the disk is full or cannot be written; nothing of it was kept.
        """
        if not records:
            return
        depot = self.depot(fingerprint)
        name = self.free_name(fingerprint)
        shards.write(depot, name, vectors.astype(np.float16), records)
        self.catalog.add_rows(fingerprint, name, records)

    @property
    def place(self) -> str:
        """The folder or the address under which each generation's vectors have a folder of their own."""
        return str(self._vectors)

    def reach(self, fingerprint: str) -> None:
        """Make sure that vectors which lie elsewhere are there: what is not mounted is an empty folder.

        Raises:
            StoreError: they are not.
        """
        if self._vectors == whereabouts.inside(self.folder) or not self.catalog.shards(fingerprint):
            return  # what is lost within the index is made anew
        if self.depot(fingerprint).size(shards.META) is None:
            message = (
                f"{self.place} does not have the vectors of the index in {self.folder}: mount it, or say where they "
                f"are; if they are lost, take {CATALOG} away from the index and build it again"
            )
            raise StoreError(message)

    def meta(self, fingerprint: str) -> shards.Meta:
        """Return what a generation was made with; raises as :func:`ap_remote.semantic.shards.read_meta`."""
        return shards.read_meta(self.depot(fingerprint))

    def free_name(self, fingerprint: str) -> str:
        """Return the name of the next shard of this writer."""
        if fingerprint not in self._next:
            taken = [*shards.names(self.depot(fingerprint)), *self.catalog.shards(fingerprint)]
            self._next[fingerprint] = shards.next_number([*taken, *self.catalog.retired(fingerprint)])
        # Vectors that lie elsewhere may have another index, whose writer gives names as well.
        while self.depot(fingerprint).size(f"{shards.numbered(self._next[fingerprint])}.npy") is not None:
            self._next[fingerprint] += 1
        return shards.numbered(self._next[fingerprint])

    def vectors(self, generation: Generation) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
        """Return the numbers of all rows, ascending, and their vectors.

        Raises:
            CorruptStoreError: a shard is missing or damaged.
            StoreError: vectors that lie elsewhere cannot be reached.
        """
        stored = self.stored(generation)
        return stored.rows, stored.take(np.arange(len(stored.rows)))

    def stored(self, generation: Generation) -> ShardVectors:
        """Return all rows, whose vectors are read when they are asked for.

        Raises:
            StoreError: vectors that lie elsewhere cannot be reached.
        """
        one = generation.fingerprint
        self.reach(one)
        # Whoever keeps the vectors must not keep the catalogue's file open with them.
        known, folder = weakref.ref(self.catalog), self.folder

        def keys() -> NDArray[np.uint64]:
            catalog = known()
            if catalog is None:
                message = f"the index in {folder} was closed"
                raise StoreError(message)
            return catalog.keys(one)

        return ShardVectors(
            self.depot(one),
            self.catalog.places(one),
            names={number: name for name, number in self.catalog.shards(one).items()},
            dim=generation.dim,
            keys=keys,
        )

    def watermark(self, fingerprint: str) -> Watermark:
        """Return what changes whenever the rows do."""
        return self.catalog.watermark(fingerprint)

    def point(self, nodes: Iterable[tuple[str, str, str]], *, complete: bool) -> None:
        """Record id, md5 and path of photographs; with *complete* all others are forgotten."""
        self.catalog.point(nodes, complete=complete)

    def fail(self, fingerprint: str, md5: str, failure: ItemFailure) -> None:
        """Record that a content could not be encoded."""
        self.catalog.fail(fingerprint, md5, failure)

    def depot(self, fingerprint: str) -> Depot:
        """Return where a generation's shards are."""
        if fingerprint not in self._depots:
            self._depots[fingerprint] = depot(self._vectors, fingerprint)
        return self._depots[fingerprint]

    def size(self, fingerprint: str) -> int:
        """Return the bytes of a generation's vectors and of its index."""
        vectors = sum(self.depot(fingerprint).sizes().values())
        return vectors + sum(file.stat().st_size for file in self.index_folder(fingerprint).glob("*"))

    def index_folder(self, fingerprint: str) -> Path:
        """Return where a generation's index is cached."""
        return self.folder / "index" / fingerprint


def _take_lock(folder: Path) -> FileLock:
    # Opened and closed from whichever thread is free: the lock is the process's, not a thread's.
    lock = FileLock(folder / "writer.lock", timeout=0, thread_local=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as exc:
        message = f"another process builds the index in {folder}; wait for it to end"
        raise BusyStoreError(message) from exc
    except OSError as exc:
        message = f"cannot write to {folder}: {exc.strerror or exc}"
        raise StoreError(message) from exc
    return lock


def _set_aside(file: Path) -> None:
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    file.replace(file.with_name(file.name + ".damaged"))
