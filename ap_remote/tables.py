"""Entries as Arrow tables and DataFrames.

One row per entry, always the same typed columns (:func:`schema`), also for no entries at all. Rows are turned over in
batches, so that a library of a million photographs never stands in memory as a million Python dictionaries.

========================  =====================  ==================================================================
column                    type                   meaning
========================  =====================  ==================================================================
path, name, id, kind      string                 as in :class:`~ap_remote.model.Entry`; kind is ``file``, ``folder`` …
size                      int64                  bytes, 0 for folders
md5, content_type         string                 null for folders
modified, created, taken  timestamp[us, UTC]     last change, arrival on the service, capture time
width, height             int32                  pixels
duration                  float64                seconds, videos only
make, model               string                 the camera
latitude, longitude       float64                degrees
place                     string                 Amazon's ``ISO3#region#City``
favorite, hidden          bool
version                   int64
owner_id                  string
parents                   list<string>           ids of the folders it lies in
labels, things, people    list<string>
========================  =====================  ==================================================================
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from ap_remote.errors import MissingExtraError
from ap_remote.model import Kind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    import pandas as pd
    import pyarrow as pa  # type: ignore[import-untyped]  # pyarrow ships no types

    from ap_remote.model import Entry, Media

BATCH: Final = 65_536
"""Rows that are turned over at once."""

Columns = Literal["own", "amazon"]
Getter = Callable[["Entry"], Any]


def _of_media(name: str) -> Getter:
    return lambda entry: getattr(entry.media, name) if entry.media else None


def _of_place(name: str) -> Getter:
    return lambda entry: getattr(entry.media.place, name) if entry.media and entry.media.place else None


_COLUMNS: Final[dict[str, tuple[str, Getter]]] = {
    "path": ("string", lambda entry: entry.path),
    "name": ("string", lambda entry: entry.name),
    "id": ("string", lambda entry: entry.id),
    "kind": ("string", lambda entry: str(entry.kind)),
    "size": ("int64", lambda entry: entry.size),
    "md5": ("string", lambda entry: entry.md5),
    "modified": ("timestamp", lambda entry: entry.modified),
    "created": ("timestamp", lambda entry: entry.created),
    "taken": ("timestamp", lambda entry: entry.taken),
    "content_type": ("string", lambda entry: entry.content_type),
    "width": ("int32", _of_media("width")),
    "height": ("int32", _of_media("height")),
    "duration": ("float64", _of_media("duration")),
    "make": ("string", _of_media("make")),
    "model": ("string", _of_media("model")),
    "latitude": ("float64", _of_place("latitude")),
    "longitude": ("float64", _of_place("longitude")),
    "place": ("string", _of_place("label")),
    "favorite": ("bool", lambda entry: entry.favorite),
    "hidden": ("bool", lambda entry: entry.hidden),
    "version": ("int64", lambda entry: entry.version),
    "owner_id": ("string", lambda entry: entry.owner_id),
    "parents": ("strings", lambda entry: entry.parents),
    "labels": ("strings", lambda entry: entry.labels),
    "things": ("strings", lambda entry: entry.things),
    "people": ("strings", lambda entry: entry.people),
}
_NEVER_NULL: Final = frozenset(
    {"path", "name", "id", "kind", "size", "favorite", "hidden", "version", "parents", "labels", "things", "people"},
)


def _media_if(entry: Entry, *, video: bool) -> Media | None:
    return entry.media if entry.is_video is video else None


def _image(name: str) -> Getter:
    return lambda entry: getattr(_media_if(entry, video=False), name, None)


def _video(name: str) -> Getter:
    return lambda entry: getattr(_media_if(entry, video=True), name, None)


_WIRE_KINDS: Final = {
    Kind.FILE: "FILE",
    Kind.FOLDER: "FOLDER",
    Kind.ASSET: "ASSET",
    Kind.ALBUM: "VISUAL_COLLECTION",
}

# Amazon's own names, dotted as the seed client's DataFrames had them, in its order; then the rest.
_AMAZON: Final[dict[str, tuple[str, Getter]]] = {
    "createdDate": ("timestamp", lambda entry: entry.created),
    "modifiedDate": ("timestamp", lambda entry: entry.modified),
    "id": ("string", lambda entry: entry.id),
    "parents": ("strings", lambda entry: entry.parents),
    "image.dateTime": ("timestamp", lambda entry: entry.taken if entry.is_photo else None),
    "name": ("string", lambda entry: entry.name),
    "image.width": ("int32", _image("width")),
    "image.height": ("int32", _image("height")),
    "video.width": ("int32", _video("width")),
    "video.height": ("int32", _video("height")),
    "size": ("int64", lambda entry: entry.size),
    "md5": ("string", lambda entry: entry.md5),
    "ownerId": ("string", lambda entry: entry.owner_id),
    "contentType": ("string", lambda entry: entry.content_type),
    "extension": ("string", lambda entry: None if entry.is_folder else Path(entry.name).suffix[1:].lower() or None),
    "contentDate": ("timestamp", lambda entry: entry.taken),
    "kind": ("string", lambda entry: _WIRE_KINDS[entry.kind]),
    "status": ("string", lambda entry: str(entry.status).upper()),
    "version": ("int64", lambda entry: entry.version),
    "description": ("string", lambda entry: entry.description),
    "labels": ("strings", lambda entry: entry.labels),
    "things": ("strings", lambda entry: entry.things),
    "image.make": ("string", _image("make")),
    "image.model": ("string", _image("model")),
    "video.duration": ("float64", _video("duration")),
    "settings.favorite": ("bool", lambda entry: entry.favorite),
    "settings.hidden": ("bool", lambda entry: entry.hidden),
    "path": ("string", lambda entry: entry.path),
}


def schema() -> pa.Schema:
    """Return the columns and their types.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    return _schema("own")


def to_arrow(entries: Iterable[Entry], *, columns: Columns = "own", batch: int = BATCH) -> pa.Table:
    """Return a table with a row for each entry, in their order.

    Args:
        entries: what a listing or a search found.
        columns: ``amazon`` gives Amazon's own dotted names instead (``createdDate``, ``image.width`` …).
        batch: rows that are turned over at once; the table is chunked so.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    pa = _pyarrow()
    return pa.Table.from_batches(_batches(entries, columns, batch), _schema(columns))


def to_frame(entries: Iterable[Entry], *, columns: Columns = "own") -> pd.DataFrame:
    """Return a DataFrame with a row for each entry.

    Whole numbers that may be missing keep their type (``Int32``), times are UTC, lists are Python lists. With
    ``columns="amazon"`` rows come last modified first, as the seed client returned them.

    Raises:
        MissingExtraError: pandas or pyarrow is not installed.
    """
    return _frame(to_arrow(entries, columns=columns), columns)


async def arrow_of(listing: AsyncIterator[Entry], *, columns: Columns = "own", batch: int = BATCH) -> pa.Table:
    """Return a table of what an asynchronous listing yields, batch by batch as it comes.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    pa = _pyarrow()
    batches = []
    rows: list[Entry] = []
    async for entry in listing:
        rows.append(entry)
        if len(rows) >= batch:
            batches.append(_batch(rows, columns))
            rows = []
    if rows:
        batches.append(_batch(rows, columns))
    return pa.Table.from_batches(batches, _schema(columns))


async def frame_of(listing: AsyncIterator[Entry], *, columns: Columns = "own") -> pd.DataFrame:
    """Return a DataFrame of what an asynchronous listing yields; see :func:`to_frame`."""
    return _frame(await arrow_of(listing, columns=columns), columns)


def to_parquet(entries: Iterable[Entry], path: str | Path, *, columns: Columns = "own", batch: int = BATCH) -> int:
    """Write a Parquet file and return its number of rows; a batch at a time is in memory.

    The file appears under its name when it is complete; one that stood there before is kept until then.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    _pyarrow()
    import pyarrow.parquet as pq  # type: ignore[import-untyped]  # pyarrow ships no types

    target = Path(path)
    partial = target.with_name(f".{secrets.token_hex(8)}.partial")
    rows = 0
    try:
        with pq.ParquetWriter(partial, _schema(columns)) as writer:
            for each in _batches(entries, columns, batch):
                writer.write_batch(each)
                rows += each.num_rows
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return rows


def _batches(entries: Iterable[Entry], columns: Columns, batch: int) -> Iterator[pa.RecordBatch]:
    if batch < 1:
        raise ValueError("a batch has at least one row")
    source = iter(entries)
    while rows := list(itertools.islice(source, batch)):
        yield _batch(rows, columns)


def _batch(rows: list[Entry], columns: Columns) -> pa.RecordBatch:
    pa = _pyarrow()
    wanted = _schema(columns)
    getters = [get for _, get in _table(columns).values()]
    arrays = [pa.array([get(row) for row in rows], type=field.type) for get, field in zip(getters, wanted, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=wanted)


def _table(columns: Columns) -> dict[str, tuple[str, Getter]]:
    return _AMAZON if columns == "amazon" else _COLUMNS


@cache
def _schema(columns: Columns) -> pa.Schema:
    pa = _pyarrow()
    types = {
        "string": pa.string(),
        "strings": pa.list_(pa.string()),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "timestamp": pa.timestamp("us", tz="UTC"),
    }
    own = columns == "own"
    return pa.schema(
        pa.field(name, types[kind], nullable=not (own and name in _NEVER_NULL))
        for name, (kind, _) in _table(columns).items()
    )


def _frame(table: pa.Table, columns: Columns) -> pd.DataFrame:
    pa = _pyarrow()
    try:
        import pandas as pd
    except ImportError as exc:
        raise MissingExtraError("a DataFrame", "tables") from exc
    lists = [field.name for field in table.schema if pa.types.is_list(field.type)]
    frame: pd.DataFrame = table.to_pandas(types_mapper={pa.int32(): pd.Int32Dtype()}.get)
    for name in lists:
        frame[name] = pd.Series(table[name].to_pylist(), index=frame.index, dtype=object)
    if columns == "amazon":
        frame = frame.sort_values("modifiedDate", ascending=False, kind="stable", ignore_index=True)
    return frame


def _pyarrow() -> Any:
    try:
        import pyarrow as pa
    except ImportError as exc:
        raise MissingExtraError("an Arrow table", "tables") from exc
    return pa
