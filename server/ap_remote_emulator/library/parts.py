"""Uploads that arrive in parts, over many requests and perhaps several lives of the service.

The reference knows the five calls and some names of their answers from Amazon's own software; how they hang together
is (inferred). A new node is ``PENDING`` until its upload is complete. Parts lie on disk under the upload's id, each
named by its number and MD5, so that a part which is sent again never spoils the one that its row speaks of. An upload
that nobody completes is forgotten after seven days (own choice).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ap_remote_emulator.blobs import Upload
from ap_remote_emulator.errors import BadRequestError, ForbiddenError, UploadNotFoundError
from ap_remote_emulator.library import trash, uploads
from ap_remote_emulator.library.nodes import find, find_own
from ap_remote_emulator.library.store import Sql, Store, new_id
from ap_remote_emulator.library.views import View, show_one
from ap_remote_emulator.library.wishes import Change, Wish

PART_SIZE: Final = 16 << 20
"""Bytes that a client is advised to put into each part but the last (own choice); other sizes are taken as well."""
MAX_PARTS: Final = 10_000
"""(own choice)"""
LIFE_MS: Final = 7 * 86_400_000
_READ_SIZE: Final = 1 << 20


def start(store: Store, parameters: Mapping[str, str], md5: str, node_id: str = "") -> dict[str, Any]:
    """Begin an upload, of a new node or of other content for *node_id*.

    Args:
        store: where to.
        parameters: the query, as of an upload in one piece.
        md5: of the whole content, lower-case hexadecimal, or ``""``.
        node_id: an existing file, or ``""``.

    Raises:
        NodeNotFoundError: no such parent, or no such file.
        NameTakenError: the name is taken.
        LocalIdTakenError: the local id was used before.
        ForbiddenError: *node_id* is no file with content, or another member's.
        BadRequestError: a parameter makes no sense.
    """
    sweep(store)
    upload_id = new_id()
    if node_id:
        Change.read(parameters)
    else:
        wish = Wish.read(parameters)
    with store.write() as write:
        if not node_id:
            node_id = uploads.place(write, wish, pending=True)
        else:
            row = find_own(write, node_id)
            if row["kind"] != "FILE" or row["status"] == "PENDING":
                raise ForbiddenError(f"{node_id} is not a file with content")
        write.execute(
            "INSERT INTO part_uploads (id, node_id, wish, md5, created) VALUES (?, ?, ?, ?, ?)",
            (upload_id, node_id, msgspec.json.encode(dict(parameters)).decode(), md5 or None, write.now),
        )
    return {"nodeId": node_id, "uploadId": upload_id, "partSize": PART_SIZE}


def check_part(store: Store, node_id: str, upload_id: str, number: int) -> None:
    """Refuse what can be refused before a part has arrived.

    Raises:
        UploadNotFoundError: no such upload.
        BadRequestError: a number that no part has.
    """
    if not 1 <= number <= MAX_PARTS:
        raise BadRequestError(f"Invalid part number: 1 to {MAX_PARTS}")
    with store.read() as connection:
        _find(connection, node_id, upload_id)


def keep(store: Store, part: Upload, node_id: str, upload_id: str, number: int) -> dict[str, Any]:
    """Keep a part that has arrived whole; a part that is sent again replaces the earlier one.

    Raises:
        UploadNotFoundError: no such upload, or no more.
        StoreFullError: no room is left.
    """
    part.finish()
    old = None
    with store.write() as write:
        _find(write, node_id, upload_id)
        sql = "SELECT md5 FROM parts WHERE upload_id = ? AND number = ?"
        old = write.execute(sql, (upload_id, number)).fetchone()
        part.place_part(store.blobs.part_path(upload_id, number, part.md5))
        write.execute(
            "INSERT OR REPLACE INTO parts (upload_id, number, size, md5) VALUES (?, ?, ?, ?)",
            (upload_id, number, part.size, part.md5),
        )
    if old is not None and old["md5"] != part.md5:
        store.blobs.part_path(upload_id, number, old["md5"]).unlink(missing_ok=True)
    return {"serverSidePartMD5": part.md5, "serverSidePartSize": part.size, "status": "COMPLETED"}


def state(store: Store, node_id: str, upload_id: str) -> dict[str, Any]:
    """Return which parts are here.

    Raises:
        UploadNotFoundError: no such upload.
    """
    with store.read() as connection:
        _find(connection, node_id, upload_id)
        parts = _parts(connection, upload_id)
    return {
        "nodeId": node_id,
        "uploadId": upload_id,
        "partSize": PART_SIZE,
        "parts": [{"part-number": row["number"], "part-size": row["size"], "eTag": row["md5"]} for row in parts],
    }


def complete(store: Store, node_id: str, upload_id: str) -> msgspec.Raw:
    """Join the parts in the order of their numbers and make them the content of the node; return it.

    When this fails the parts stay, so that what is missing or wrong can be sent again. Afterwards the upload is gone:
    a second call finds none.

    Raises:
        UploadNotFoundError: no such upload, or no more.
        BadRequestError: a part is missing, or the whole is not what was announced.
        NameTakenError: somebody else took the name meanwhile.
        DuplicateContentError: the account holds these bytes.
        StoreFullError: no room is left.
    """
    with store.read() as connection:
        row = _find(connection, node_id, upload_id)
        found = _parts(connection, upload_id)
        node = find(connection, node_id)
    parameters = msgspec.json.decode(row["wish"], type=dict[str, str])
    change = Wish.read(parameters) if node["status"] == "PENDING" else Change.read(parameters)
    _check_whole(found, change)
    with store.blobs.receive() as upload:
        for part in found:
            _append(store, upload, upload_id, part)
        if row["md5"] not in (None, upload.md5):
            raise BadRequestError("Cannot complete upload: the content does not match x-amzn-file-md5")
        upload.finish()
        content = uploads.read_content(upload, node["name"] or "", process=change.process)
        with uploads.writing(store, upload) as write:
            _find(write, node_id, upload_id)
            if _parts(write, upload_id) != found:
                raise BadRequestError("Cannot complete upload: a part was sent meanwhile")
            if isinstance(change, Wish):
                uploads.fill(store, write, node_id, content, change)
            else:
                uploads.refill(store, write, node_id, content, change)
            write.execute("DELETE FROM part_uploads WHERE id = ?", (upload_id,))
            shown = show_one(store, write.connection, node_id, View())
    store.blobs.remove_parts(upload_id)
    store.collect()
    return shown


def abort(store: Store, node_id: str, upload_id: str) -> None:
    """End an upload; its parts are removed, and the node with them if it never had content.

    Raises:
        UploadNotFoundError: no such upload.
    """
    with store.write() as write:
        _find(write, node_id, upload_id)
        write.execute("DELETE FROM part_uploads WHERE id = ?", (upload_id,))
        row = find(write, node_id)
        if row["status"] == "PENDING":
            trash.remove(write, row)
    store.blobs.remove_parts(upload_id)


def sweep(store: Store) -> None:
    """Forget the uploads that were abandoned, and what lies on disk for uploads that are not going on."""
    with store.read() as connection:
        old = connection.execute("SELECT 1 FROM part_uploads WHERE created < ? LIMIT 1", (_horizon(store),)).fetchone()
        going = {upload_id for (upload_id,) in connection.execute("SELECT id FROM part_uploads")}
    if old is None and going.issuperset(store.blobs.part_uploads()):
        return
    # Parts are placed inside write transactions, so none can be on its way while this one is open.
    with store.write() as write:
        for upload_id, node_id in write.execute(
            "SELECT id, node_id FROM part_uploads WHERE created < ?",
            (_horizon(store),),
        ).fetchall():
            write.execute("DELETE FROM part_uploads WHERE id = ?", (upload_id,))
            row = write.execute("SELECT * FROM nodes WHERE id = ? AND status = 'PENDING'", (node_id,)).fetchone()
            if row is not None:
                trash.remove(write, row)
        going = {upload_id for (upload_id,) in write.execute("SELECT id FROM part_uploads")}
        for upload_id in store.blobs.part_uploads():
            if upload_id not in going:
                store.blobs.remove_parts(upload_id)


def _horizon(store: Store) -> int:
    return store.clock.now() - LIFE_MS


def _find(sql: Sql, node_id: str, upload_id: str) -> sqlite3.Row:
    try:
        row: sqlite3.Row | None = sql.execute(
            "SELECT u.* FROM part_uploads u JOIN nodes n ON n.id = u.node_id WHERE u.id = ? AND u.node_id = ?",
            (upload_id, node_id),
        ).fetchone()
    except UnicodeEncodeError:
        row = None
    if row is None:
        raise UploadNotFoundError(upload_id)
    return row


def _parts(sql: Sql, upload_id: str) -> list[sqlite3.Row]:
    sql_text = "SELECT number, size, md5 FROM parts WHERE upload_id = ? ORDER BY number"
    return sql.execute(sql_text, (upload_id,)).fetchall()


def _check_whole(parts: list[sqlite3.Row], change: Change) -> None:
    missing = next((n for n, row in enumerate(parts, 1) if row["number"] != n), 0 if parts else 1)
    if missing:
        raise BadRequestError(f"Cannot complete upload: part {missing} is missing")
    change.check_size(sum(row["size"] for row in parts))


def _append(store: Store, upload: Upload, upload_id: str, part: sqlite3.Row) -> None:
    before = upload.size
    try:
        with store.blobs.part_path(upload_id, part["number"], part["md5"]).open("rb") as file:
            while chunk := file.read(_READ_SIZE):
                upload.write(chunk)
    except FileNotFoundError:
        raise BadRequestError(f"Cannot complete upload: part {part['number']} is missing") from None
    if upload.size - before != part["size"]:
        raise BadRequestError(f"Cannot complete upload: part {part['number']} is damaged")
