"""From a received body to a node. A node appears whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ap_remote_emulator.blobs import Upload
from ap_remote_emulator.errors import BadRequestError, DuplicateContentError, ForbiddenError, InvalidFilterError
from ap_remote_emulator.library import names
from ap_remote_emulator.library.nodes import find, find_folder, insert, make_path, set_tags
from ap_remote_emulator.library.store import Sql, Store, Write
from ap_remote_emulator.library.views import View, show_one
from ap_remote_emulator.query import name_key
from ap_remote_emulator.query.fields import read_date
from ap_remote_emulator.query.tree import Term

if TYPE_CHECKING:
    from ap_remote_emulator.derive import Derived

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the caller said about an upload.

    Attributes:
        parent_id: the folder, or ``""`` for ``Pictures/Web``, where web uploads land.
        content_date: milliseconds; used where the file itself tells none.
        rename: take another name if this one is taken.
        duplicates: accept bytes that the account already holds.
    """

    name: str
    parent_id: str = ""
    content_date: int | None = None
    rename: bool = False
    duplicates: bool = False
    favorite: bool = False
    hidden: bool = False


def read_wish(parameters: Mapping[str, str]) -> Wish:
    """Read the query of an upload.

    Raises:
        BadRequestError: a name that cannot be, a kind other than ``FILE``, or a date that is none.
    """
    if (kind := parameters.get("kind", "FILE")) != "FILE":
        raise BadRequestError(f"Invalid Kind {kind[:40]}")
    suppressed = {word.strip().upper() for word in parameters.get("suppress", "").split(",")}
    return Wish(
        name=names.check_name(parameters.get("name")),
        parent_id=parameters.get("parentNodeId", ""),
        content_date=_date(parameters, "contentDate") or _date(parameters, "fallbackContentDate"),
        rename=parameters.get("conflictResolution", "").upper() == "RENAME",
        duplicates=bool(suppressed & {"DEDUPLICATION", "ALL"}),
        favorite=parameters.get("isFavorite", "") == "true",
        hidden=parameters.get("isHidden", "") == "true",
    )


def precheck(store: Store, wish: Wish) -> None:
    """Refuse what can be refused before the body has arrived.

    Raises:
        NodeNotFoundError: no such parent.
        NameTakenError: the name is taken.
        BadRequestError: the parent cannot have children.
    """
    if wish.parent_id:
        with store.read() as connection:
            _check_place(connection, wish, wish.parent_id)


def commit(store: Store, upload: Upload, wish: Wish) -> msgspec.Raw:
    """Make a node of a body that has arrived whole; return it.

    Raises:
        NodeNotFoundError: no such parent.
        NameTakenError: the name is taken.
        DuplicateContentError: the account holds these bytes, even if only in the trash.
        StoreFullError: no room is left.
    """
    from ap_remote_emulator.derive import derive

    upload.finish()
    derived = derive(upload.path, wish.name)
    with store.write() as write:
        parent = _parent(write, wish)
        name = names.free_name(write, [parent], wish.name) if wish.rename else wish.name
        if not wish.duplicates:
            _refuse_duplicate(write, upload.md5)
        node_id = insert(write, kind="FILE", name=name, parents=[parent], media=derived.media)
        upload.place(store.blobs)
        _fill(write, node_id, upload, derived, wish.content_date, version=1)
        write.execute(
            "UPDATE nodes SET favorite = ?, hidden = ? WHERE id = ?",
            (int(wish.favorite), int(wish.hidden), node_id),
        )
        return show_one(store, write.connection, node_id, View())


def overwrite(store: Store, upload: Upload, node_id: str, parameters: Mapping[str, str]) -> msgspec.Raw:
    """Give a file other bytes; its name and place stay. Return the node.

    Raises:
        NodeNotFoundError: there is no such node.
        ForbiddenError: it is no file.
        DuplicateContentError: another node holds these bytes.
        StoreFullError: no room is left.
    """
    from ap_remote_emulator.derive import derive

    with store.read() as connection:
        row = find(connection, node_id)
    upload.finish()
    derived = derive(upload.path, row["name"] or "")
    with store.write() as write:
        row = find(write, node_id)
        if row["kind"] != "FILE":
            raise ForbiddenError(f"{node_id} is not a file")
        if "DEDUPLICATION" not in parameters.get("suppress", "").upper():
            _refuse_duplicate(write, upload.md5, other_than=node_id)
        upload.place(store.blobs)
        if row["sha"] not in (None, upload.sha):
            write.execute("INSERT OR IGNORE INTO garbage VALUES (?)", (row["sha"],))
        date = _date(parameters, "contentDate")
        _fill(write, node_id, upload, derived, date, version=(row["content_version"] or 0) + 1)
        write.execute("UPDATE nodes SET media = ? WHERE id = ?", (derived.media, node_id))
        write.touch(node_id)
        node = show_one(store, write.connection, node_id, View())
    store.collect()
    return node


def _parent(write: Write, wish: Wish) -> str:
    parent = wish.parent_id or make_path(write, "Pictures", "Web")
    _check_place(write, wish, parent)
    return parent


def _check_place(sql: Sql, wish: Wish, parent_id: str) -> None:
    find_folder(sql, parent_id)
    if not wish.rename:
        names.refuse_taken(sql, parent_id, wish.name)


def _refuse_duplicate(write: Write, md5: str, *, other_than: str = "") -> None:
    row = write.execute("SELECT id FROM nodes WHERE md5 = ? AND id <> ? LIMIT 1", (md5, other_than)).fetchone()
    if row is not None:
        raise DuplicateContentError(md5, row["id"])


def _fill(
    write: Write,
    node_id: str,
    upload: Upload,
    derived: Derived,
    given_date: int | None,
    *,
    version: int,
) -> None:
    date = next((each for each in (derived.content_date, given_date) if each is not None), write.now)
    when = _EPOCH + timedelta(milliseconds=date)
    place = derived.place
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
        "address": _json(place.address) if place else None,
        "location": place.location if place else None,
        "location_key": name_key(place.location) if place else None,
    }
    assignments = ", ".join(f"{column} = ?" for column in columns)
    sql = f"UPDATE nodes SET {assignments} WHERE id = ?"  # noqa: S608 - the columns stand above
    write.execute(sql, (*columns.values(), node_id))
    set_tags(write, node_id, "thing", [name_key(word) for word in derived.keywords])
    if place:
        write.execute("INSERT OR REPLACE INTO places VALUES (?, ?)", (place.location, _json(place.info)))


def _json(value: Any) -> str | None:
    return msgspec.json.encode(value).decode() if value else None


def _date(parameters: Mapping[str, str], name: str) -> int | None:
    text = parameters.get(name, "")
    if not text:
        return None
    try:
        return read_date(Term(text, 0))
    except InvalidFilterError:
        raise BadRequestError(f"Invalid {name}: {text[:40]}") from None
