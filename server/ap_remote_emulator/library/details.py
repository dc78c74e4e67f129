"""What a caller may say about a node besides its name and place: texts, settings, properties, an album's covers."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ap_remote_emulator.errors import BadRequestError, NodeNotFoundError
from ap_remote_emulator.library.nodes import ALBUM, find, find_own, is_child, set_tags
from ap_remote_emulator.library.store import Sql, Store, Write
from ap_remote_emulator.query import name_key

MAX_LABELS: Final = 10
MAX_LABEL: Final = 256
MAX_DESCRIPTION: Final = 500
MAX_KEYWORDS: Final = 1000
"""No source has a limit for keywords; this one is (own choice)."""
MAX_PROPERTIES: Final = 10
MAX_PROPERTY: Final = 500
MAX_OWNER: Final = 256
MAX_OWNERS: Final = 100
"""Owners of properties on one node, and the length of their names (own choice)."""
EMPTY: Final[Mapping[str, Any]] = {
    "description": None,
    "labels": [],
    "keywords": [],
    "settings": {"favorite": False, "hidden": False},
    "properties": {},
    "accessRuleIds": [],
}
"""What a node has of which nothing was said."""
_SETTINGS: Final = ("favorite", "hidden")
_KEY: Final = re.compile(r"[A-Za-z0-9_]{1,50}")
_Properties = dict[str, dict[str, str]]


def describe(write: Write, node_id: str, body: Mapping[str, Any]) -> None:
    """Write what a body says of the fields in ``EMPTY``, and of an album's covers. What it does not name stays.

    Raises:
        BadRequestError: one of them makes no sense.
    """
    if "description" in body:
        description = body["description"]
        if description is not None and (not isinstance(description, str) or len(description) > MAX_DESCRIPTION):
            raise BadRequestError(f"A description is text of at most {MAX_DESCRIPTION} characters")
        write.execute("UPDATE nodes SET description = ? WHERE id = ?", (description, node_id))
    if "labels" in body:
        labels = _texts("labels", body["labels"], MAX_LABELS)
        write.execute("UPDATE nodes SET labels = ? WHERE id = ?", (_json(labels), node_id))
        set_tags(write, node_id, "label", labels)
    if "keywords" in body:
        _set_keywords(write, node_id, _texts("keywords", body["keywords"], MAX_KEYWORDS))
    if "accessRuleIds" in body:
        rules = _texts("accessRuleIds", body["accessRuleIds"], MAX_KEYWORDS)
        write.execute("UPDATE nodes SET access_rules = ? WHERE id = ?", (_json(rules) if rules else None, node_id))
    if "properties" in body:
        properties = _read_properties(body["properties"])
        write.execute("UPDATE nodes SET properties = ? WHERE id = ?", (_json(properties), node_id))
    if body.get("settings") is not None:
        _set_settings(write, node_id, body["settings"])
    if body.get("collectionProperties") is not None:
        _set_covers(write, find(write, node_id), body["collectionProperties"])


def properties_of(store: Store, node_id: str, owner: str, *, v2: bool) -> dict[str, str]:
    """Return what one owner keeps on a node; nothing is an answer, too.

    Raises:
        NodeNotFoundError: there is no such node.
    """
    with store.read() as connection:
        return _properties(connection, node_id, v2=v2).get(owner, {})


def set_property(store: Store, node_id: str, owner: str, key: str, value: Any, *, v2: bool) -> None:
    """Keep a text on a node.

    Raises:
        NodeNotFoundError: there is no such node.
        ForbiddenError: it is another member's.
        BadRequestError: the owner has ten keys there already, or a name or the value cannot be kept.
    """
    with store.write() as write:
        find_own(write, node_id, v2=v2)
        properties = _properties(write, node_id, v2=v2)
        changed = {**properties, owner: {**properties.get(owner, {}), key: value}}
        _keep(write, node_id, _read_properties(changed))


def remove_property(store: Store, node_id: str, owner: str, key: str, *, v2: bool) -> None:
    """Forget a text of a node.

    Raises:
        NodeNotFoundError: there is no such node, or no such property.
        ForbiddenError: it is another member's.
    """
    with store.write() as write:
        find_own(write, node_id, v2=v2)
        properties = _properties(write, node_id, v2=v2)
        if key not in properties.get(owner, {}):
            raise NodeNotFoundError(f"{node_id}/properties/{owner}/{key}")
        left = {name: value for name, value in properties[owner].items() if name != key}
        others = {name: pairs for name, pairs in properties.items() if name != owner}
        _keep(write, node_id, {**others, owner: left} if left else others)


def _properties(sql: Sql, node_id: str, *, v2: bool) -> _Properties:
    text = find(sql, node_id, v2=v2)["properties"]
    return msgspec.json.decode(text, type=_Properties) if text else {}


def _keep(write: Write, node_id: str, properties: _Properties) -> None:
    write.touch(node_id)
    text = _json(properties) if properties else None
    write.execute("UPDATE nodes SET properties = ? WHERE id = ?", (text, node_id))


def _read_properties(value: Any) -> _Properties:
    try:
        properties = msgspec.convert(value if value is not None else {}, _Properties)
    except msgspec.ValidationError:
        raise BadRequestError("properties map an owner to keys, and keys to texts") from None
    if len(properties) > MAX_OWNERS:
        raise BadRequestError(f"A node has properties of at most {MAX_OWNERS} owners")
    for owner, pairs in properties.items():
        if not 0 < len(owner) <= MAX_OWNER:
            raise BadRequestError(f"An owner of properties has a name of at most {MAX_OWNER} characters")
        if len(pairs) > MAX_PROPERTIES:
            raise BadRequestError(f"{owner[:40]} already has {MAX_PROPERTIES} properties on this node")
        for key, text in pairs.items():
            if not _KEY.fullmatch(key) or len(text) > MAX_PROPERTY:
                raise BadRequestError(f"A property is 1 to 50 of A-Za-z0-9_, its value {MAX_PROPERTY} characters")
    return properties


def _set_keywords(write: Write, node_id: str, keywords: list[str]) -> None:
    """Keywords are found as things, like those that were read from a file (own choice)."""
    text = _json(keywords) if keywords else None
    if find(write, node_id)["keywords"] == text:
        return
    write.execute("UPDATE nodes SET keywords = ? WHERE id = ?", (text, node_id))
    set_tags(write, node_id, "thing", [name_key(word) for word in keywords])


def _set_settings(write: Write, node_id: str, settings: Any) -> None:
    if not isinstance(settings, dict) or not all(isinstance(settings.get(key, False), bool) for key in _SETTINGS):
        raise BadRequestError("settings has the booleans favorite and hidden")
    for key in _SETTINGS:
        if key in settings:
            sql = f"UPDATE nodes SET {key} = ? WHERE id = ?"  # noqa: S608 - one of the two names above
            write.execute(sql, (int(settings[key]), node_id))


class _Cover(msgspec.Struct, kw_only=True, rename="camel"):
    id: str
    is_default: bool = False
    owner_id: str = ""


def _set_covers(write: Write, row: sqlite3.Row, value: Any) -> None:
    """Covers are members of their album (own choice)."""
    try:
        covers = msgspec.convert(value, dict[str, Any]).get("covers") or []
        found = msgspec.convert(covers, list[_Cover])
    except msgspec.ValidationError:
        raise BadRequestError("collectionProperties has covers, each with the id of a node") from None
    if row["kind"] != ALBUM:
        if found:
            raise BadRequestError("Only an album has covers")
        return
    for cover in found:
        member = find(write, cover.id)
        if not is_child(write, row["id"], cover.id):
            raise BadRequestError(f"{cover.id} is not in the album")
        cover.owner_id = cover.owner_id or member["uploader"] or _owner_id(write)
    text = _json(found) if found else None
    write.execute("UPDATE nodes SET covers = ? WHERE id = ?", (text, row["id"]))


def _owner_id(write: Write) -> str:
    return str(write.execute("SELECT value FROM meta WHERE key = 'owner_id'").fetchone()[0])


def _texts(name: str, value: Any, most: int) -> list[str]:
    """Read a list of texts."""
    if (
        not isinstance(value, list)
        or len(value) > most
        or not all(isinstance(text, str) and len(text) <= MAX_LABEL for text in value)
    ):
        raise BadRequestError(f"{name} are at most {most} texts of at most {MAX_LABEL} characters")
    return value


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
