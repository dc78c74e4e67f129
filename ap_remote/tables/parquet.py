"""Entries as Parquet: one file, or a folder of files by year.

What is written appears under its name when it is complete; what stood there before is kept until then.
"""

from __future__ import annotations

import re
import secrets
import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from ap_remote.tables.arrow import BATCH, batches_of, pyarrow, schema_of, to_reader
from ap_remote.tables.columns import Column, Columns, chosen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types

    from ap_remote.model import Entry

Partition = Literal["year"]

GROUP: Final = 65_536
"""Rows of a row group; of folders by year, so many rows of one year or four times as many of all wait in memory."""

_TIMES: Final = {"own": ("taken", "created"), "amazon": ("contentDate", "createdDate")}
_FILE: Final = "part-0.parquet"
_UNDATED: Final = "__HIVE_DEFAULT_PARTITION__"
_OURS: Final = re.compile(rf"year=(-?\d+|{_UNDATED})")


def to_parquet(
    entries: Iterable[Entry],
    path: str | Path,
    *,
    columns: Columns = "own",
    select: Sequence[str] | None = None,
    partition: Partition | None = None,
    compression: str = "zstd",
    batch: int = BATCH,
) -> int:
    """Write Parquet and return the number of rows; some batches at a time are in memory.

    Args:
        entries: what a listing or a search found.
        path: the file; with *partition* the folder.
        columns: ``amazon`` gives Amazon's own dotted names instead.
        select: names of the columns that are wanted, in the order that is wanted.
        partition: ``year`` makes a folder of ``year=2023/part-0.parquet`` …, by the capture time, else by the arrival;
            what has neither is under ``year=__HIVE_DEFAULT_PARTITION__``, as Hive has it.
        compression: one of Parquet's.
        batch: rows that are turned over at once.

    Raises:
        MissingExtraError: pyarrow is not installed.
        ValueError: no such column.
        FileExistsError: a folder that holds other things than years is at *path*.
    """
    reader = to_reader(entries, columns=columns, select=_with_times(columns, select, partition), batch=batch)
    with _sink(Path(path), columns, select, partition, compression) as sink:
        for each in reader:
            sink.add(each)
    return sink.rows


async def parquet_of(
    listing: AsyncIterator[Entry],
    path: str | Path,
    *,
    columns: Columns = "own",
    select: Sequence[str] | None = None,
    partition: Partition | None = None,
    compression: str = "zstd",
) -> int:
    """Write what an asynchronous listing yields; see :func:`to_parquet`."""
    names = _with_times(columns, select, partition)
    with _sink(Path(path), columns, select, partition, compression) as sink:
        async for each in batches_of(listing, columns=columns, select=names):
            sink.add(each)
    return sink.rows


def _with_times(columns: Columns, select: Sequence[str] | None, partition: Partition | None) -> Sequence[str] | None:
    """Return *select* with the times that tell the year."""
    if partition not in (None, "year"):
        raise ValueError(f"no partition is called {partition!r}; known is year")
    if partition is None or select is None:
        return select
    chosen(columns, select)
    return [*select, *(each for each in _TIMES[columns] if each not in select)]


@contextmanager
def _sink(
    path: Path, columns: Columns, select: Sequence[str] | None, partition: Partition | None, compression: str
) -> Iterator[_Sink]:
    """Give what takes the batches; when all is written it stands at *path*."""
    pyarrow()
    wanted = chosen(columns, select)
    if partition is not None:
        _check_replaceable(path)
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")
    try:
        with ExitStack() as stack:
            sink = _Sink(partial, wanted, _TIMES[columns] if partition else None, compression, stack)
            yield sink
            sink.finish()
        if partition is None:
            partial.replace(path)
        else:
            _replace_folder(partial, path)
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        else:
            partial.unlink(missing_ok=True)


class _Sink:
    """Takes batches and writes row groups, by year where *times* say by what."""

    def __init__(
        self,
        place: Path,
        columns: tuple[Column, ...],
        times: tuple[str, str] | None,
        compression: str,
        stack: ExitStack,
    ) -> None:
        self.rows = 0
        self._place = place
        self._names = [each.name for each in columns]
        self._schema = schema_of(columns)
        self._times = times
        self._compression = compression
        self._stack = stack
        self._writers: dict[str | None, Any] = {}
        self._waiting: dict[str | None, list[pa.RecordBatch]] = {}
        if times is None:
            self._writer(None)
        else:
            place.mkdir(parents=True)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take one more batch."""
        self.rows += batch.num_rows
        for year, part in self._parts(batch):
            self._waiting.setdefault(year, []).append(part.select(self._names))
        counts = {year: sum(each.num_rows for each in parts) for year, parts in self._waiting.items()}
        largest = max(counts, key=counts.__getitem__)
        if counts[largest] >= GROUP or sum(counts.values()) >= 4 * GROUP:
            self._write(largest)

    def finish(self) -> None:
        """Write what waits."""
        for year in list(self._waiting):
            self._write(year)

    def _parts(self, batch: pa.RecordBatch) -> Iterator[tuple[str | None, pa.RecordBatch]]:
        if self._times is None:
            yield None, batch
            return
        import pyarrow.compute as pc  # type: ignore[import-untyped]  # pyarrow ships no types

        years = pc.year(pc.coalesce(*(batch.column(each) for each in self._times)))
        for year in pc.unique(years).to_pylist():
            if year is None:
                yield _UNDATED, batch.filter(pc.is_null(years))
            else:
                yield str(year), batch.filter(pc.equal(years, year))

    def _write(self, year: str | None) -> None:
        table = pyarrow().Table.from_batches(self._waiting.pop(year), self._schema)
        self._writer(year).write_table(table, row_group_size=GROUP)

    def _writer(self, year: str | None) -> Any:
        import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow ships no types

        if year not in self._writers:
            file = self._place if year is None else self._place / f"year={year}" / _FILE
            file.parent.mkdir(exist_ok=True)
            writer = pq.ParquetWriter(file, self._schema, compression=self._compression)
            self._writers[year] = self._stack.enter_context(writer)
        return self._writers[year]


def _check_replaceable(folder: Path) -> None:
    """Refuse to put anything in the place of what was not written here."""
    if not folder.exists():
        return
    if not folder.is_dir() or not all(_is_year(each) for each in folder.iterdir()):
        raise FileExistsError(f"{folder}: something other than Parquet by year is there; name another folder")


def _is_year(folder: Path) -> bool:
    if not _OURS.fullmatch(folder.name) or not folder.is_dir():
        return False
    return all(each.name == _FILE and each.is_file() for each in folder.iterdir())


def _replace_folder(partial: Path, folder: Path) -> None:
    if not folder.exists():
        partial.replace(folder)
        return
    old = folder.with_name(f".{secrets.token_hex(8)}.old")
    folder.replace(old)
    try:
        partial.replace(folder)
    except OSError:
        old.replace(folder)
        raise
    shutil.rmtree(old)
