"""Shards: the files that hold vectors, written once and never changed.

A shard is two files. ``shard-000007.npy`` holds fp16 rows, ``shard-000007.json`` says whose they are and carries the
checksum of the first. The second is put into place last, so a shard is whole exactly when both are there and agree.
Those of one writer are numbered; those that many machines make are named by the contents that were to be in them, so
that the same work done twice is the same shard. These tell beside their rows which contents failed: they are the record
of a piece of work, whole or not there.
"""

from __future__ import annotations

import hashlib
import io
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from ap_remote.errors import CorruptStoreError, NewerStoreError, StoreError
from ap_remote.semantic.depot import PARTIAL
from ap_remote.semantic.encoder import Provenance
from ap_remote.semantic.measures import Measures
from ap_remote.semantic.results import ItemFailure, Label

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ap_remote.semantic.depot import Depot

FORMAT: Final = 1
META: Final = "meta.json"
_NAME: Final = re.compile(r"(shard-(?:\d{6}|[0-9a-f]{32}))\.(npy|json)$")


class Record(msgspec.Struct, frozen=True):
    """Whose a row is, and what was seen and measured in the picture."""

    md5: str
    """Of the content."""
    labels: tuple[Label, ...] = ()
    """What the encoder's classifier saw in it."""
    measures: Measures | None = None
    """``None`` in rows of before version 0.2."""
    frame: int = 0
    """Which picture of a video, from 0; photographs have one."""
    moment: float = 0.0
    """Seconds from the video's beginning."""


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What a generation of vectors was made with (``meta.json``)."""

    format: int = FORMAT
    fingerprint: str
    encoder: str
    dim: int
    dtype: str = "float16"
    made_with: Provenance | None = None
    """Weights, configuration and preprocessing; ``None`` where the encoder does not tell."""


class Failed(msgspec.Struct, frozen=True):
    """A content that was to be in a shard, and why it is not, or not wholly."""

    md5: str
    failure: ItemFailure


class _Contents(msgspec.Struct, frozen=True, kw_only=True):
    format: int = FORMAT
    sha256: str
    size: int
    records: tuple[Record, ...]
    failed: tuple[Failed, ...] = ()


class Shard(NamedTuple):
    """A whole shard: its name, its rows' owners in order, and what failed."""

    name: str
    records: tuple[Record, ...]
    failed: tuple[Failed, ...] = ()


def numbered(number: int) -> str:
    """Return the name of one writer's shard."""
    return f"shard-{number:06d}"


def named_by(keys: Iterable[str]) -> str:
    """Return the name of the shard for these contents, in whatever order they come."""
    return f"shard-{hashlib.sha256(' '.join(sorted(keys)).encode()).hexdigest()[:32]}"


def next_number(names: Iterable[str]) -> int:
    """Return the number of the next shard of one writer."""
    taken = [int(name.removeprefix("shard-")) for name in names if len(name) == len(numbered(0))]
    return max(taken, default=-1) + 1


def write_meta(depot: Depot, meta: Meta) -> None:
    """Make a generation's folder, or check that the one there belongs to *meta*; what cannot be read is written anew.

    Raises:
        NewerStoreError: written by a newer version.
        CorruptStoreError: it was made with something else.
        StoreError: it cannot be written.
    """
    if depot.size(META) is None:
        depot.write(META, msgspec.json.encode(meta))
        return
    try:
        found = read_meta(depot)
    except CorruptStoreError:
        depot.write(META, msgspec.json.encode(meta))
        return
    if (found.fingerprint, found.dim) != (meta.fingerprint, meta.dim):
        message = (
            f"{depot.place}/{META} belongs to fingerprint {found.fingerprint} ({found.dim} numbers), "
            f"not {meta.fingerprint}"
        )
        raise CorruptStoreError(message)


def read_meta(depot: Depot) -> Meta:
    """Return what a generation was made with.

    Raises:
        FileNotFoundError: the generation was not begun.
        NewerStoreError: written by a newer version.
        CorruptStoreError: it cannot be read.
    """
    found: Meta = _decode(depot, META, Meta, "vectors")
    return found


def write(
    depot: Depot, name: str, vectors: NDArray[np.float16], records: Sequence[Record], failed: Sequence[Failed] = ()
) -> None:
    """Write one shard so that it is there whole or not at all.

    Raises:
        StoreError: the disk is full or cannot be written; what was begun is taken away.
    """
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(vectors, dtype=np.float16), allow_pickle=False)
    body = stream.getvalue()
    digest = hashlib.sha256(body).hexdigest()
    contents = _Contents(sha256=digest, size=len(body), records=tuple(records), failed=tuple(failed))
    depot.write(f"{name}.npy", body)
    try:
        depot.write(f"{name}.json", msgspec.json.encode(contents))
    except StoreError:
        depot.remove(f"{name}.npy")
        raise


def read(depot: Depot, name: str, *, dim: int) -> NDArray[np.float16]:
    """Return a shard's rows, mapped where that is possible.

    Raises:
        CorruptStoreError: the file is missing or is not what was written.
    """
    file = f"{depot.place}/{name}.npy"
    try:
        rows: NDArray[np.float16] = depot.array(f"{name}.npy")
    except (OSError, ValueError, EOFError) as exc:
        why = (exc.strerror or exc) if isinstance(exc, OSError) else "it is not what was written"
        message = f"{file} cannot be read ({why}); `ap index build` makes its vectors again"
        raise CorruptStoreError(message) from exc
    if rows.ndim != 2 or rows.shape[1] != dim or rows.dtype != np.float16:  # noqa: PLR2004 - a table has two axes
        message = f"{file} holds {rows.dtype}{list(rows.shape)}, not float16 rows of {dim}; `ap index build` repairs it"
        raise CorruptStoreError(message)
    return rows


def whole(depot: Depot, name: str) -> Shard | None:
    """Return a shard if both files are there and the checksum holds, else ``None``.

    Raises:
        NewerStoreError: written by a newer version.
    """
    try:
        contents = _decode(depot, f"{name}.json", _Contents, "a shard")
        body = depot.read(f"{name}.npy")
    except (CorruptStoreError, FileNotFoundError):
        return None
    if len(body) != contents.size or hashlib.sha256(body).hexdigest() != contents.sha256:
        return None
    return Shard(name, contents.records, contents.failed)


def sized(depot: Depot, name: str, *, dim: int) -> bool:
    """Whether a shard's files are there with the length that was written, and a table: cheap, without its rows.

    Of a table that cannot be mapped only the length is looked at.
    """
    try:
        contents = _decode(depot, f"{name}.json", _Contents, "a shard")
    except (CorruptStoreError, FileNotFoundError):
        return False
    if depot.size(f"{name}.npy") != contents.size:
        return False
    return is_table(depot, name, dim=dim, size=contents.size, rows=len(contents.records))


def is_table(depot: Depot, name: str, *, dim: int, size: int, rows: int | None = None) -> bool:
    """Whether a shard's file of *size* bytes begins as its table does; one that cannot be mapped is taken for it.

    Without *rows* there may be any number that fills the file.
    """
    try:
        table = depot.mapped(f"{name}.npy")
    except (OSError, ValueError, EOFError):
        return False
    if table is None:
        return True
    if table.ndim != 2 or table.shape[1] != dim or table.dtype != np.float16:  # noqa: PLR2004 - a table has two axes
        return False
    return table.offset + table.nbytes == size and rows in {None, len(table)}


def names(depot: Depot) -> list[str]:
    """Return the names of all shards that have a file, in order."""
    return sorted({match[1] for name in depot.sizes() if (match := _NAME.match(name))})


def sweep(depot: Depot, name: str) -> None:
    """Take a shard's files away."""
    for suffix in (".json", ".npy"):
        depot.remove(f"{name}{suffix}")


def sweep_partial(depot: Depot) -> None:
    """Take away what a killed writer left half-written."""
    for name in depot.sizes():
        if name.endswith(PARTIAL):
            depot.remove(name)


class _Versioned(msgspec.Struct):
    format: int = 0


def _decode(depot: Depot, name: str, kind: type[Any], what: str) -> Any:
    body = depot.read(name)
    try:
        version = msgspec.json.decode(body, type=_Versioned).format
        if version > FORMAT:
            raise NewerStoreError(f"{what} in {depot.place}", version, FORMAT)
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        message = f"{depot.place}/{name} cannot be read: {exc}"
        raise CorruptStoreError(message) from exc
