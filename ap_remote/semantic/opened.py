"""An index as questions use it: its store open, its vectors searchable in memory, both kept for the next question.

Everything here blocks and may be called from any thread; :mod:`ap_remote.semantic.library` calls it from threads.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from ap_remote.errors import StoreError
from ap_remote.semantic import question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ap_remote.semantic.asking import Asked, Begun, Means
    from ap_remote.semantic.calibration import Calibration
    from ap_remote.semantic.catalog import Generation
    from ap_remote.semantic.chosen import Chosen
    from ap_remote.semantic.question import Wish
    from ap_remote.semantic.reader import Reader
    from ap_remote.semantic.results import Label
    from ap_remote.semantic.serving import Serving
    from ap_remote.semantic.store import EmbeddingStore
    from ap_remote.semantic.vectors import Stored


def _unlabelled(places: NDArray[np.int64]) -> list[tuple[Label, ...]]:
    return [()] * len(places)


class VectorTable(NamedTuple):
    """Every photograph with its vector, as :mod:`ap_remote.organise` needs them.

    A vector's place is its number among all of them. Vectors and labels are read when they are asked for: those of
    100,000 photographs take some hundred MB.
    """

    ids: tuple[str, ...]
    """Node ids; several may share a vector."""
    rows: NDArray[np.intp]
    """For each id the place of its vector."""
    vectors: Stored
    labels: Callable[[NDArray[np.int64]], list[tuple[Label, ...]]] = _unlabelled
    """Returns for places what the classifier saw."""

    @property
    def size(self) -> int:
        """How many vectors there are."""
        return len(self.vectors.rows)

    def take(self, places: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors ``[len(places), dim]`` at these places.

        Raises:
            CorruptStoreError: they are missing or damaged.
        """
        import numpy as np

        return self.vectors.take(np.asarray(places, dtype=np.int64)).astype(np.float32, copy=False)

    def blocks(self, length: int) -> Iterator[NDArray[np.float32]]:
        """Yield all vectors in their order, *length* at a time. Raises as :meth:`take`."""
        import numpy as np

        for start in range(0, self.size, length):
            yield self.take(np.arange(start, min(start + length, self.size)))

    def total(self) -> NDArray[np.float64]:
        """Return the sum of all vectors, of which there is one at least. Raises as :meth:`take`."""
        import numpy as np

        from ap_remote.semantic.vectors import BLOCK

        total: NDArray[np.float64] = np.sum([each.sum(axis=0, dtype=np.float64) for each in self.blocks(BLOCK)], axis=0)
        return total


class Opened:
    """An index that is opened when it is first asked, and loaded anew when it has changed."""

    def __init__(self, folder: Path, chosen: Chosen, *, vectors: Path | str | None, tier: str | None) -> None:
        """Read the index in *folder*, which need not be there yet.

        Args:
            folder: keeps the catalogue, the index and calibrations.
            chosen: the encoder that questions are put with.
            vectors: keeps the vectors, as :class:`~ap_remote.semantic.store.EmbeddingStore` takes it.
            tier: what serves searches, of :data:`~ap_remote.semantic.tiers.NAMES`; the library's size tells by default.
        """
        self._folder = folder
        self._chosen = chosen
        self._vectors = vectors
        self._tier = tier
        self._serving: Serving | None = None
        self._reader: Reader | None = None
        self._opening = Lock()
        self._loading = Lock()

    def store(self) -> EmbeddingStore:
        """Return the store, open for reading; it stays open.

        Raises:
            StoreError: nothing is built yet, or the store cannot be opened.
        """
        from ap_remote.semantic.reader import Reader

        with self._opening:
            if self._reader is None:
                self._reader = Reader(self._folder, self._vectors)
            reader = self._reader
        return reader.store()

    def close(self) -> None:
        """Let go of the files; the next question opens them again."""
        with self._opening:
            reader = self._reader
        if reader is not None:
            reader.close()

    def generation(self, store: EmbeddingStore) -> Generation:
        """Return the vectors that searches use.

        Raises:
            StoreError: there are none.
            EncoderError: they were made with another encoder than the chosen one.
        """
        active = store.active()
        if active is None or store.catalog.is_empty(active.fingerprint):
            built = active is not None and active.updated
            why = "the last build found no photographs that can be indexed; when there are some, " if built else ""
            message = f"the index in {self._folder} is empty: {why}run `ap index build`"
            raise StoreError(message)
        self._chosen.check(store, active)
        return active

    def serving(self) -> Serving:
        """Return the index in memory, loaded anew when the store has changed."""
        from ap_remote.semantic.faiss_index import open_index
        from ap_remote.semantic.serving import Serving

        store = self.store()
        generation = self.generation(store)
        changes = store.catalog.changes(generation.fingerprint)
        with self._loading:
            serving = self._serving
            if serving is not None and (serving.generation, serving.changes) == (generation, changes):
                return serving
            watermark, stored = store.watermark(generation.fingerprint), store.stored(generation)
            index = open_index(
                store.index_folder(generation.fingerprint),
                fingerprint=generation.fingerprint,
                dim=generation.dim,
                watermark=watermark,
                load=lambda: stored,
                tier=self._tier,
            )
            self._serving = Serving(generation, watermark.changes, index, stored)
            return self._serving

    def known(self, md5s: Sequence[str]) -> set[str]:
        """Return which contents have a vector that a search may use."""
        store = self.store()
        return set(store.catalog.rows_of(self.generation(store).fingerprint, md5s))

    def _means(self) -> Means:
        from ap_remote.semantic.asking import Means

        return Means(self.serving(), self.store(), self._chosen.encoder(), self._chosen.texts)

    def begin(self, asked: Asked) -> Begun:
        """Compare the vectors with a question; see :func:`ap_remote.semantic.asking.begin`."""
        from ap_remote.semantic import asking

        means = self._means()
        return asking.begin(asked, means, self._marks_file(means.serving))

    def calibrate(self, wish: Wish, yes: Sequence[str], no: Sequence[str], precision: float) -> Calibration:
        """Learn from marked photographs; see :meth:`ap_remote.semantic.library.SemanticIndex.calibrate`."""
        from ap_remote.semantic import asking, calibration

        means = self._means()
        found = asking.marks(wish, [*yes, *no], means)
        wanted = set(yes)
        made = calibration.fit(
            question.show(wish.terms), list(found.values()), [node in wanted for node in found], precision=precision
        )
        calibration.keep(self._marks_file(means.serving), made)
        return made

    def _marks_file(self, serving: Serving) -> Path:
        from ap_remote.semantic.calibration import place

        return place(self._folder, serving.generation.fingerprint)

    def table(self) -> VectorTable:
        """Return every indexed photograph with its vector and labels."""
        import numpy as np

        store = self.store()
        generation = self.generation(store)
        stored = store.stored(generation)
        nodes = store.catalog.nodes(generation.fingerprint)

        def labels(places: NDArray[np.int64]) -> list[tuple[Label, ...]]:
            rows = stored.rows[places].tolist()
            found = self.store().catalog.labels_of(generation.fingerprint, rows)
            return [found.get(row, ()) for row in rows]

        rows = np.asarray([row for _, row in nodes], dtype=np.int64)
        return VectorTable(tuple(node for node, _ in nodes), np.searchsorted(stored.rows, rows), stored, labels)
