"""Zips of many nodes, made while they are sent: nothing is kept but which nodes they hold, and until when.

Folders and albums bring what is in them, under their name; live photos bring all their parts (the reference suggests
the latter, the former is our own choice). What has gone by the time it is reached is left out.
"""

from __future__ import annotations

import io
import sqlite3
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final

import msgspec

from ap_remote_emulator.errors import BadRequestError, NodeNotFoundError
from ap_remote_emulator.library import signing
from ap_remote_emulator.library.nodes import find, find_own
from ap_remote_emulator.library.store import Sql, Store, new_id
from ap_remote_emulator.query import name_key

MAX_NODES: Final = 1200
LIFE_S: Final = 3600
"""Seconds that a link is good for (own choice)."""
_PIECE: Final = 256 * 1024
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS: Final = (1980, 2107)
"""What the dates of a zip can hold."""


def create(store: Store, body: Mapping[str, Any], base: str) -> dict[str, Any]:
    """Promise a zip of the nodes in ``nodeIds``, each an id or ``<ownerId>:<id>``.

    Returns:
        What ``batchLink`` answers: a link that needs no credentials, and when it ends.

    Raises:
        NodeNotFoundError: one of them does not exist.
        ForbiddenError: one of them is another member's (own choice).
        BadRequestError: there is none, there are more than 1200, or it is no list of ids.
    """
    given = body.get("nodeIds")
    if not isinstance(given, list) or not given or not all(isinstance(each, str) for each in given):
        raise BadRequestError("nodeIds is a list of node ids")
    if len(given) > MAX_NODES:
        raise BadRequestError(
            f"1 validation error detected: Member must have length less than or equal to {MAX_NODES}",
        )
    ids = list(dict.fromkeys(each.rpartition(":")[2] for each in given))
    archive_id = new_id()
    with store.write() as write:
        for node_id in ids:
            find_own(write, node_id)
        expires = write.now + LIFE_S * 1000
        write.execute("DELETE FROM archives WHERE expires < ?", (write.now,))
        write.execute(
            "INSERT INTO archives VALUES (?, ?, ?)",
            (archive_id, msgspec.json.encode(ids).decode(), expires),
        )
    link = signing.sign_url(store, base, f"archive/{archive_id}", {}, life_s=LIFE_S)
    return {"links": {"content": link}, "expires": expires, "status": "AVAILABLE"}


def refusal(store: Store, archive_id: str, query: Mapping[str, str]) -> str:
    """Return why a link is refused, in S3's words, or ``""`` if it is good."""
    return signing.check_url(store, f"archive/{archive_id}", query)


def node_ids(store: Store, archive_id: str) -> list[str]:
    """Return the nodes that an archive was promised of.

    Raises:
        NodeNotFoundError: there is no such archive.
    """
    with store.read() as connection:
        row = connection.execute("SELECT node_ids FROM archives WHERE id = ?", (archive_id,)).fetchone()
    if row is None:
        raise NodeNotFoundError(archive_id)
    return msgspec.json.decode(row["node_ids"], type=list[str])


def stream(store: Store, ids: list[str]) -> Iterator[bytes]:
    """Yield a zip of these nodes, as many bytes at a time as are at hand.

    Contents are stored, not compressed; what is larger than 4 GiB is in ZIP64. Each node is looked up when its turn
    comes, so neither a snapshot nor a file stays open for the length of a download.
    """
    sink = _Sink()
    taken: set[str] = set()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for node_id in ids:
            for member in _members(store, node_id):
                file = _open(store, member)
                if file is None:
                    continue
                with file:
                    info = zipfile.ZipInfo(_free(taken, member.path), _date(member.content_date))
                    info.file_size = member.size
                    info.external_attr = 0o100644 << 16
                    with archive.open(info, "w") as entry:
                        while piece := file.read(_PIECE):
                            entry.write(piece)
                            yield sink.take()
                yield sink.take()
    yield sink.take()


class _Sink(io.RawIOBase):
    """A file that can be written to and not sought in; what was written is taken away."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._waiting += data
        return len(data)

    def take(self) -> bytes:
        taken, self._waiting = bytes(self._waiting), bytearray()
        return taken


@dataclass(frozen=True, slots=True)
class _Member:
    """A file of a zip. ``path`` is made of names that no system takes for more than names."""

    path: str
    sha: str
    size: int
    content_date: int


def _members(store: Store, node_id: str) -> Iterator[_Member]:
    """Yield what one node brings; folders are read one by one, so that no read lasts as long as the download."""
    waiting = [(node_id, "")]
    seen: set[str] = set()
    while waiting:
        current, folder = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        with store.read() as connection:
            try:
                row = find(connection, current)
            except NodeNotFoundError:
                continue
            children = _children(connection, row)
        name = _safe(row["name"] or "root")
        if row["kind"] in ("FILE", "ASSET"):
            if row["sha"] is not None:
                yield _Member(f"{folder}{name}", row["sha"], row["size"], row["content_date"] or 0)
            waiting += [(child, folder) for child in children]
        else:
            waiting += [(child, f"{folder}{name}/") for child in children]


def _children(sql: Sql, row: sqlite3.Row) -> list[str]:
    """Return what is in a node: of a trashed one, which was named by its id, what went there with it."""
    rows = sql.execute(
        "SELECT n.id FROM edges e JOIN nodes n ON n.id = e.child_id WHERE e.parent_id = ? AND n.status = ?"
        " ORDER BY n.name_key DESC",
        (row["id"], row["status"]),
    )
    return [child for (child,) in rows]


def _open(store: Store, member: _Member) -> BinaryIO | None:
    """Open the bytes of a member; ``None`` when they were purged meanwhile, or are not what they should be."""
    try:
        file = store.blobs.path(member.sha).open("rb")
    except FileNotFoundError:
        return None
    if file.seek(0, io.SEEK_END) != member.size:
        file.close()
        return None
    file.seek(0)
    return file


def _safe(name: str) -> str:
    """Return a name that unpacking cannot take for a path or a folder above."""
    plain = name.replace("\\", "_").replace("/", "_").replace("\0", "_")
    return plain if plain.strip(".") else plain.replace(".", "_")


def _free(taken: set[str], path: str) -> str:
    """Return *path*, or the first of ``name (1).jpg``, … that no member has; names differ by more than case."""
    folder, slash, name = path.rpartition("/")
    parts = PurePosixPath(name)
    suffix = parts.suffix if parts.stem else ""
    stem = name[: len(name) - len(suffix)]
    candidate, number = path, 0
    while (key := name_key(candidate)) in taken:
        number += 1
        candidate = f"{folder}{slash}{stem} ({number}){suffix}"
    taken.add(key)
    return candidate


def _date(milliseconds: int) -> tuple[int, int, int, int, int, int]:
    when = _EPOCH + timedelta(milliseconds=milliseconds)
    if not _YEARS[0] <= when.year <= _YEARS[1]:
        return (_YEARS[0], 1, 1, 0, 0, 0)
    return (when.year, when.month, when.day, when.hour, when.minute, when.second)
