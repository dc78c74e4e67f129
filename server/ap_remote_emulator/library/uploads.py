"""From a received body to a node. A node appears whole or not at all."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ap_remote_emulator.blobs import Upload
from ap_remote_emulator.errors import DuplicateContentError, ForbiddenError, ServiceError
from ap_remote_emulator.library import assets, families, local_ids, names, people
from ap_remote_emulator.library.details import describe
from ap_remote_emulator.library.nodes import add_edge, find, find_folder, find_own, insert, make_path, set_tags
from ap_remote_emulator.library.store import Sql, Store, Write
from ap_remote_emulator.library.views import View, show_one
from ap_remote_emulator.library.wishes import Change, Wish
from ap_remote_emulator.query import name_key

if TYPE_CHECKING:
    from ap_remote_emulator.derive import Derived

log: Final = logging.getLogger(__name__)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that have arrived whole, and what they tell."""

    upload: Upload
    derived: Derived


@contextlib.contextmanager
def writing(store: Store, upload: Upload) -> Iterator[Write]:
    """Open a write transaction that places the bytes of an upload; when it is undone, no blob is left of them.

    Raises:
        StoreFullError: no room is left.
    """
    try:
        with store.write() as write:
            yield write
    except BaseException:
        if upload.placed:
            _take_back(store, upload.sha)
        raise


def _take_back(store: Store, sha: str) -> None:
    try:
        with store.write() as write:
            if write.execute("SELECT 1 FROM nodes WHERE sha = ? LIMIT 1", (sha,)).fetchone() is None:
                store.blobs.remove(sha)
    except (ServiceError, OSError, sqlite3.Error) as error:
        log.warning("a blob that no node needs was left behind: %s", error)


def precheck(store: Store, wish: Wish) -> None:
    """Refuse what can be refused before the body has arrived.

    Raises:
        NodeNotFoundError: no such parent.
        NameTakenError: the name is taken.
        LocalIdTakenError: the local id was used before.
        BadRequestError: a parent cannot have such a child.
    """
    with store.read() as connection:
        local_ids.check(connection, wish.local_id)
        _check_place(connection, wish, wish.parents)


def commit(store: Store, upload: Upload, wish: Wish) -> msgspec.Raw:
    """Make a node of a body that has arrived whole; return it.

    Raises:
        NodeNotFoundError: no such parent.
        NameTakenError: the name is taken.
        DuplicateContentError: the account holds these bytes, even if only in the trash.
        LocalIdTakenError: the local id was used before.
        BadRequestError: there are not as many bytes as were promised.
        StoreFullError: no room is left.
    """
    wish.check_size(upload.size)
    upload.finish()
    content = read_content(upload, wish.name, process=wish.process)
    with writing(store, upload) as write:
        node_id = place(write, wish, pending=False)
        fill(store, write, node_id, content, wish)
        return show_one(store, write.connection, node_id, View())


def overwrite(store: Store, upload: Upload, node_id: str, change: Change) -> msgspec.Raw:
    """Give a file other bytes; its name and place stay. Return the node.

    Raises:
        NodeNotFoundError: there is no such node.
        ForbiddenError: it is no file, or another member's.
        DuplicateContentError: another node holds these bytes.
        StoreFullError: no room is left.
    """
    change.check_size(upload.size)
    with store.read() as connection:
        row = find(connection, node_id)
    upload.finish()
    content = read_content(upload, row["name"] or "", process=change.process)
    with writing(store, upload) as write:
        refill(store, write, node_id, content, change)
        node = show_one(store, write.connection, node_id, View())
    store.collect()
    return node


def read_content(upload: Upload, name: str, *, process: bool) -> Content:
    """Return the received bytes with what they tell; without *process* only with what the name promises."""
    from ap_remote_emulator.derive import Derived, derive
    from ap_remote_emulator.derive.kinds import content_type_of, extension_of, media_of

    if process:
        return Content(upload, derive(upload.path, name))
    content_type = content_type_of(name)
    derived = Derived(content_type=content_type, extension=extension_of(name), media=media_of(content_type))
    return Content(upload, derived)


def place(write: Write, wish: Wish, *, pending: bool) -> str:
    """Make the node of an upload, without its content, and return its id.

    Args:
        write: the transaction.
        wish: what the caller said.
        pending: the content comes later: until then the node is ``PENDING``, in no listing, and keeps no name from
            others (inferred).
    """
    local_ids.check(write, wish.local_id)
    parents, name = _settle(write, wish)
    node_id = insert(write, kind=wish.kind, name=name, parents=[])
    _stand(write, node_id, wish, parents, name, live=not pending)
    if pending:
        write.execute("UPDATE nodes SET status = 'PENDING' WHERE id = ?", (node_id,))
    local_ids.claim(write, wish.local_id, node_id)
    describe(write, node_id, wish.details)
    if wish.client:
        write.execute("UPDATE nodes SET created_by = ? WHERE id = ?", (wish.client, node_id))
    return node_id


def fill(store: Store, write: Write, node_id: str, content: Content, wish: Wish) -> None:
    """Give a node that :func:`place` has made its first content.

    Raises:
        DuplicateContentError: the account holds these bytes.
        BadRequestError: it is to go into the family vault, and is neither a photograph nor a video.
        StoreFullError: no room is left.
    """
    if not wish.duplicates:
        _refuse_duplicate(write, content.upload.md5)
    if find(write, node_id)["status"] == "PENDING":
        parents, name = _settle(write, wish)
        write.execute("DELETE FROM edges WHERE child_id = ?", (node_id,))
        write.execute(
            "UPDATE nodes SET status = 'AVAILABLE', name = ?, name_key = ? WHERE id = ?",
            (name, name_key(name), node_id),
        )
        _stand(write, node_id, wish, parents, name, live=True)
        write.touch(node_id)
    content.upload.place(store.blobs)
    _fill(write, node_id, content, wish, version=1)
    if wish.family:
        families.put(store, write, node_id)


def refill(store: Store, write: Write, node_id: str, content: Content, change: Change) -> None:
    """Give a file that has content other content.

    Raises:
        NodeNotFoundError: there is no such node.
        ForbiddenError: it is no file, one whose first content has not come yet, or another member's.
        DuplicateContentError: another node holds these bytes.
        StoreFullError: no room is left.
    """
    row = find_own(write, node_id)
    if row["kind"] != "FILE" or row["status"] == "PENDING":
        raise ForbiddenError(f"{node_id} is not a file with content")
    if not change.duplicates:
        _refuse_duplicate(write, content.upload.md5, other_than=node_id)
    content.upload.place(store.blobs)
    if row["sha"] not in (None, content.upload.sha):
        write.execute("INSERT OR IGNORE INTO garbage VALUES (?)", (row["sha"],))
    _fill(write, node_id, content, change, version=(row["content_version"] or 0) + 1)
    write.touch(node_id)


def _settle(write: Write, wish: Wish) -> tuple[list[str], str]:
    """Return the parents and the name that a node gets."""
    parents = list(wish.parents)
    if not parents:
        parents = [make_path(write, *wish.landing)]
    _check_place(write, wish, parents)
    rename = wish.rename and wish.asset_type is None
    return parents, names.free_name(write, parents, wish.name) if rename else wish.name


def _check_place(sql: Sql, wish: Wish, parents: list[str] | tuple[str, ...]) -> None:
    for parent in parents:
        if wish.asset_type is not None:
            assets.check_file(sql, parent, wish.name, wish.asset_type)
            continue
        find_folder(sql, parent)
        if not wish.rename:
            names.refuse_taken(sql, parent, wish.name)


def _stand(write: Write, node_id: str, wish: Wish, parents: list[str], name: str, *, live: bool) -> None:
    for parent in parents:
        if wish.asset_type is not None:
            assets.attach(write, parent, node_id, wish.asset_type, name_key(name), live=live)
        else:
            add_edge(write, parent, "FOLDER", node_id, name_key(name), live=live)


def _refuse_duplicate(write: Write, md5: str, *, other_than: str = "") -> None:
    row = write.execute(
        "SELECT id FROM nodes WHERE md5 = ? AND id <> ? AND uploader IS NULL LIMIT 1",
        (md5, other_than),
    ).fetchone()
    if row is not None:
        raise DuplicateContentError(md5, row["id"])


def _fill(
    write: Write,
    node_id: str,
    content: Content,
    said: Change,
    *,
    version: int,
) -> None:
    upload, derived = content.upload, content.derived
    date = next((each for each in (derived.content_date, said.content_date) if each is not None), write.now)
    when = _EPOCH + timedelta(milliseconds=date)
    found = derived.place
    columns: dict[str, str | int | None] = {
        "sha": upload.sha,
        "md5": upload.md5,
        "size": upload.size,
        "content_version": version,
        "content_type": derived.content_type,
        "extension": derived.extension,
        "content_date": date,
        "year": when.year,
        "month": when.month,
        "day": when.day,
        "image": _json(derived.image),
        "video": _json(derived.video),
        "keywords": _json(derived.keywords),
        "address": _json(found.address) if found else None,
        "location": found.location if found else None,
        "location_key": name_key(found.location) if found else None,
        "signatures": _json(said.signatures),
    }
    assignments = ", ".join(f"{column} = ?" for column in columns)
    # The film of a live photo is no video of its own: search does not find it.
    sql = f"UPDATE nodes SET media = CASE kind WHEN 'ASSET' THEN NULL ELSE ? END, {assignments} WHERE id = ?"  # noqa: S608 - the columns stand above
    write.execute(sql, (derived.media, *columns.values(), node_id))
    set_tags(write, node_id, "thing", [name_key(word) for word in derived.keywords])
    people.adopt(write, node_id, derived)
    if found:
        write.execute("INSERT OR REPLACE INTO places VALUES (?, ?)", (found.location, _json(found.info)))


def _json(value: Any) -> str | None:
    return msgspec.json.encode(value).decode() if value else None
