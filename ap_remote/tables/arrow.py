"""Entries as Arrow arrays, a batch at a time."""

from __future__ import annotations

import itertools
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from ap_remote.errors import MissingExtraError
from ap_remote.tables import exif
from ap_remote.tables.columns import Column, Columns, Type, chosen
from ap_remote.tables.rows import Rows, since_1970

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

    import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types

    from ap_remote.model import Entry

BATCH: Final = 4_096
"""Rows that are turned over at once: an entry with its EXIF takes some 4 kB, its row a tenth of that."""

_BOUNDS: Final = {"int32": 1 << 31, "int64": 1 << 63}


def schema(columns: Columns = "own", *, select: Sequence[str] | None = None) -> pa.Schema:
    """Return the columns and their types.

    Raises:
        MissingExtraError: pyarrow is not installed.
        ValueError: no such column.
    """
    return schema_of(chosen(columns, select))


def to_arrow(
    entries: Iterable[Entry], *, columns: Columns = "own", select: Sequence[str] | None = None, batch: int = BATCH
) -> pa.Table:
    """Return a table with a row for each entry, in their order.

    Args:
        entries: what a listing or a search found.
        columns: ``amazon`` gives Amazon's own dotted names instead (``createdDate``, ``image.width`` …).
        select: names of the columns that are wanted, in the order that is wanted.
        batch: rows that are turned over at once; the table is chunked so.

    Raises:
        MissingExtraError: pyarrow is not installed.
        ValueError: no such column.
    """
    return to_reader(entries, columns=columns, select=select, batch=batch).read_all()


def to_reader(
    entries: Iterable[Entry], *, columns: Columns = "own", select: Sequence[str] | None = None, batch: int = BATCH
) -> pa.RecordBatchReader:
    """Return what reads the entries as record batches; entries are asked for when a batch is.

    The arguments and errors are those of :func:`to_arrow`. An error of *entries* comes out of the reader as it is.
    """
    wanted = chosen(columns, select)
    if batch < 1:
        raise ValueError("a batch has at least one row")
    pa = pyarrow()
    return pa.RecordBatchReader.from_batches(schema_of(wanted), _batches(entries, wanted, batch))


async def arrow_of(
    listing: AsyncIterator[Entry],
    *,
    columns: Columns = "own",
    select: Sequence[str] | None = None,
    batch: int = BATCH,
) -> pa.Table:
    """Return a table of what an asynchronous listing yields, batch by batch as it comes; see :func:`to_arrow`."""
    wanted = chosen(columns, select)
    pa = pyarrow()
    found = [each async for each in batches_of(listing, columns=columns, select=select, batch=batch)]
    return pa.Table.from_batches(found, schema_of(wanted))


async def batches_of(
    listing: AsyncIterator[Entry],
    *,
    columns: Columns = "own",
    select: Sequence[str] | None = None,
    batch: int = BATCH,
) -> AsyncIterator[pa.RecordBatch]:
    """Yield record batches of what an asynchronous listing yields; see :func:`to_arrow`."""
    wanted = chosen(columns, select)
    if batch < 1:
        raise ValueError("a batch has at least one row")
    pyarrow()
    rows: list[Entry] = []
    async for entry in listing:
        rows.append(entry)
        if len(rows) >= batch:
            yield record_batch(rows, wanted)
            rows = []
    if rows:
        yield record_batch(rows, wanted)


@cache
def schema_of(columns: tuple[Column, ...]) -> pa.Schema:
    """Return the Arrow schema of columns."""
    pa = pyarrow()
    types = _types()
    return pa.schema(pa.field(each.name, types[each.type], nullable=each.nullable) for each in columns)


def record_batch(entries: Sequence[Entry], columns: tuple[Column, ...]) -> pa.RecordBatch:
    """Return the entries as one record batch."""
    pa = pyarrow()
    rows = Rows(entries)
    texts = _exif_texts(rows, columns)
    return pa.RecordBatch.from_arrays(
        [_array(rows, each, texts) for each in columns],
        schema=schema_of(columns),
    )


def pyarrow() -> Any:
    """Return the library.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import pyarrow as pa
    except ImportError as exc:
        raise MissingExtraError("an Arrow table", "tables") from exc
    return pa


def _batches(entries: Iterable[Entry], columns: tuple[Column, ...], batch: int) -> Iterator[pa.RecordBatch]:
    source = iter(entries)
    while rows := list(itertools.islice(source, batch)):
        yield record_batch(rows, columns)


@cache
def _types() -> dict[str, Any]:
    pa = pyarrow()
    return {
        "string": pa.string(),
        "strings": pa.list_(pa.string()),
        "parts": pa.list_(pa.struct([("assetType", pa.string())])),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "timestamp": pa.timestamp("us", tz="UTC"),
    }


def _array(rows: Rows, column: Column, texts: dict[str, pa.StringArray]) -> pa.Array:
    if column.source == "exif":
        return _typed(texts[column.key], column.type)
    if column.key == "image_date":
        import pyarrow.compute as pc  # type: ignore[import-untyped]  # pyarrow ships no types

        taken = since_1970([each.taken if each.is_photo else None for each in rows.entries])
        return pc.coalesce(_typed(texts["dateTime"], "timestamp"), _plain(taken, "timestamp"))
    return _plain(rows.values(column), column.type)


def _plain(values: list[Any], word: Type) -> pa.Array:
    """Return values as an array of one of our types; times are what has passed since 1970."""
    pa = pyarrow()
    if word == "timestamp":
        return pa.array(values, pa.duration("us")).cast(pa.int64()).cast(_types()[word])
    try:
        return pa.array(values, _types()[word])
    except UnicodeEncodeError:  # half a surrogate pair, as a name on a disk may have it
        return pa.array(_encodable(values), _types()[word])
    except (OverflowError, pa.ArrowInvalid):
        # One absurd figure of one file is no reason to have no table.
        bound = _BOUNDS[word]
        return pa.array(
            [None if each is None or not -bound <= each < bound else each for each in values], _types()[word]
        )


def _exif_texts(rows: Rows, columns: tuple[Column, ...]) -> dict[str, pa.StringArray]:
    """Return the texts of the fields that columns are read from; Arrow takes the dictionaries apart in one pass."""
    pa = pyarrow()
    names = list(dict.fromkeys(name for each in columns if (name := _field(each))))
    if not names:
        return {}
    kind = pa.struct([(name, pa.string()) for name in names])
    try:
        found = pa.array(rows.exif, kind)
    except UnicodeEncodeError:
        found = pa.array(_encodable(rows.exif), kind)
    return dict(zip(names, found.flatten(), strict=True))


def _field(column: Column) -> str | None:
    if column.key == "image_date":
        return "dateTime"
    return column.key if column.source == "exif" else None


def _typed(texts: pa.StringArray, word: Type) -> pa.Array:
    """Return texts as what they mean."""
    pa = pyarrow()
    if word == "string" or texts.null_count == len(texts):
        return texts.cast(_types()[word])
    if word == "timestamp":
        try:
            return texts.cast(_types()[word])
        except pa.ArrowInvalid:  # one of them is not as they all should be
            return _each(texts, exif.microseconds, pa.int64()).cast(_types()[word])
    return _each(texts, exif.number if word == "float64" else exif.whole, _types()[word])


def _each(texts: pa.StringArray, read: Callable[[str], Any], kind: pa.DataType) -> pa.Array:
    """Return what each text means; every distinct one is read once."""
    coded = texts.dictionary_encode()
    return pyarrow().array([read(each) for each in coded.dictionary.to_pylist()], kind).take(coded.indices)


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {key: _encodable(each) for key, each in value.items()}
    return [_encodable(each) for each in value] if isinstance(value, (list, tuple)) else value
