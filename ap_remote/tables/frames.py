"""Entries as DataFrames of pandas or polars.

A frame is made column by column, and the Arrow arrays of a column are let go as soon as its frame column stands.
"""

from __future__ import annotations

import gc
import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from ap_remote.errors import MissingExtraError
from ap_remote.tables.arrow import BATCH, batches_of, pyarrow, schema_of, to_reader
from ap_remote.tables.columns import Columns, chosen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    import pandas as pd
    import polars as pl
    import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types

    from ap_remote.model import Entry

Backend = Literal["numpy_nullable", "pyarrow"]
Engine = Literal["pandas", "polars"]

_LATEST: Final = "modifiedDate"
"""What frames with Amazon's names are sorted by, the latest first [amazon-photos-api.md 13.2]."""


@overload
def to_frame(
    entries: Iterable[Entry],
    *,
    columns: Columns = ...,
    select: Sequence[str] | None = ...,
    dtype_backend: Backend = ...,
    engine: Literal["pandas"] = ...,
) -> pd.DataFrame: ...
@overload
def to_frame(
    entries: Iterable[Entry],
    *,
    columns: Columns = ...,
    select: Sequence[str] | None = ...,
    dtype_backend: Backend = ...,
    engine: Literal["polars"],
) -> pl.DataFrame: ...
def to_frame(
    entries: Iterable[Entry],
    *,
    columns: Columns = "own",
    select: Sequence[str] | None = None,
    dtype_backend: Backend = "numpy_nullable",
    engine: Engine = "pandas",
) -> pd.DataFrame | pl.DataFrame:
    """Return a DataFrame with a row for each entry.

    Times are UTC, what is missing is ``NA`` (``NaT`` for times), a cell of a list column is a Python list. With
    ``columns="amazon"`` rows come last modified first, as the seed client returned them.

    Args:
        entries: what a listing or a search found.
        columns: ``amazon`` gives Amazon's own dotted names instead.
        select: names of the columns that are wanted, in the order that is wanted.
        dtype_backend: of pandas: ``numpy_nullable`` (``Int64``, ``string`` …), or ``pyarrow``, which copies nothing.
        engine: whose DataFrame.

    Raises:
        MissingExtraError: pandas, polars or pyarrow is not installed.
        ValueError: no such column, backend or engine.
    """
    parts = _Parts(columns, select, dtype_backend, engine)
    for each in to_reader(entries, columns=columns, select=parts.names, batch=BATCH):
        parts.add(each)
    made: pd.DataFrame | pl.DataFrame = parts.frame()
    return made


@overload
async def frame_of(
    listing: AsyncIterator[Entry],
    *,
    columns: Columns = ...,
    select: Sequence[str] | None = ...,
    dtype_backend: Backend = ...,
    engine: Literal["pandas"] = ...,
) -> pd.DataFrame: ...
@overload
async def frame_of(
    listing: AsyncIterator[Entry],
    *,
    columns: Columns = ...,
    select: Sequence[str] | None = ...,
    dtype_backend: Backend = ...,
    engine: Literal["polars"],
) -> pl.DataFrame: ...
async def frame_of(
    listing: AsyncIterator[Entry],
    *,
    columns: Columns = "own",
    select: Sequence[str] | None = None,
    dtype_backend: Backend = "numpy_nullable",
    engine: Engine = "pandas",
) -> pd.DataFrame | pl.DataFrame:
    """Return a DataFrame of what an asynchronous listing yields; see :func:`to_frame`."""
    parts = _Parts(columns, select, dtype_backend, engine)
    async for each in batches_of(listing, columns=columns, select=parts.names):
        parts.add(each)
    made: pd.DataFrame | pl.DataFrame = parts.frame()
    return made


class _Parts:
    """The arrays of a frame to be, column by column."""

    def __init__(self, columns: Columns, select: Sequence[str] | None, backend: Backend, engine: Engine) -> None:
        if backend not in ("numpy_nullable", "pyarrow"):
            raise ValueError(f"no dtype_backend is called {backend!r}; known are numpy_nullable, pyarrow")
        if engine not in ("pandas", "polars"):
            raise ValueError(f"no engine is called {engine!r}; known are pandas, polars")
        wanted = [each.name for each in chosen(columns, select)]
        self._shown = wanted
        self.names = [*wanted, _LATEST] if columns == "amazon" and _LATEST not in wanted else wanted
        self._sorted = columns == "amazon"
        self._backend = backend
        self._library = _polars() if engine == "polars" else _pandas()
        self._engine = engine
        self._schema = schema_of(chosen(columns, self.names))
        self._chunks: dict[str, list[pa.Array]] = {each: [] for each in self.names}

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep one more batch."""
        for chunks, array in zip(self._chunks.values(), batch.columns, strict=True):
            chunks.append(array)

    def frame(self) -> Any:
        """Return the frame; what was kept is let go."""
        if self._engine == "polars":
            return self._library.DataFrame([self._library.Series(name, each) for name, each in self._arrays()])
        held = self._of_arrow if self._backend == "pyarrow" else self._of_numpy
        made = {name: held(each) for name, each in self._arrays()}
        return self._library.DataFrame(made, columns=self._shown, copy=False)

    def _arrays(self) -> Iterator[tuple[str, pa.ChunkedArray]]:
        pa = pyarrow()
        order = self._order() if self._sorted else None
        for name in self._shown:
            each = pa.chunked_array(self._chunks.pop(name), self._schema.field(name).type)
            yield name, each if order is None else each.take(order)

    def _order(self) -> pa.Array | None:
        """Return the rows' new places; ``None`` where they stand right already."""
        pa = pyarrow()
        import pyarrow.compute as pc  # type: ignore[import-untyped]  # pyarrow ships no types

        times = pa.chunked_array(self._chunks[_LATEST], self._schema.field(_LATEST).type)
        order = pc.sort_indices(times, sort_keys=[("", "descending")])  # stable, nulls at the end
        return None if order.equals(pa.array(range(len(order)), order.type)) else order

    def _of_arrow(self, column: pa.ChunkedArray) -> Any:
        return self._library.arrays.ArrowExtensionArray(column)

    def _of_numpy(self, column: pa.ChunkedArray) -> Any:
        pa, pd = pyarrow(), self._library
        if pa.types.is_list(column.type):
            # pandas cannot read back a Parquet file of a frame with Arrow's lists.
            with _no_collector():
                return pd.Series([row for chunk in column.chunks for row in _lists(chunk)], dtype=object)
        kinds = {
            pa.string(): pd.StringDtype("pyarrow"),
            pa.int32(): pd.Int32Dtype(),
            pa.int64(): pd.Int64Dtype(),
            pa.float64(): pd.Float64Dtype(),
            pa.bool_(): pd.BooleanDtype(),
        }
        return column.to_pandas(types_mapper=kinds.get)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Pause the search for cycles, which would go through a million new lists again and again and find none."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _lists(column: pa.ListArray) -> list[list[Any]]:
    """Return rows as lists; what is equal in them is one object, as folders and labels come a thousand times."""
    values = column.flatten()
    if not len(values):
        return [[] for _ in range(len(column))]
    if not pyarrow().types.is_string(values.type):
        rows: list[list[Any]] = column.to_pylist()
        return rows
    coded = values.dictionary_encode()
    words = coded.dictionary.to_pylist()
    flat = [words[each] for each in coded.indices.to_pylist()]
    ends = itertools.accumulate(column.value_lengths().to_pylist(), initial=0)
    return [flat[start:end] for start, end in itertools.pairwise(ends)]


def _pandas() -> Any:
    pyarrow()
    try:
        import pandas as pd
    except ImportError as exc:
        raise MissingExtraError("a DataFrame", "tables") from exc
    return pd


def _polars() -> Any:
    pyarrow()
    try:
        import polars as pl
    except ImportError as exc:
        raise MissingExtraError("a polars DataFrame", "polars") from exc
    return pl
