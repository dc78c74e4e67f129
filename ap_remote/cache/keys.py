"""Keys of the cache's tables: bytes whose order is the order of what they stand for, each with its inverse.

LMDB compares keys as bytes and takes 511 of them at most, so a folded name is cut at :data:`NAME_BYTES`; a cut name
ends in ``0xff``, which UTF-8 never contains, and sorts after all shorter names with the same beginning.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

NAME_BYTES: Final = 380
"""Bytes of a folded name that fit beside two ids of :data:`ID_BYTES`."""
ID_BYTES: Final = 60
"""Amazon's ids have 22 characters [amazon-photos-api.md 6.1]."""

_SEPARATOR: Final = b"\0"
_CUT: Final = b"\xff"
_ODD: Final = "surrogatepass"
"""A local file's name may hold what is no Unicode text; such a name is looked up like any other, and not found."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_BIAS: Final = 1 << 63
_INSTANT: Final = struct.Struct(">Q")


class ChildKey(msgspec.Struct, frozen=True):
    """What a key of the table of children says."""

    parent: str
    stem: bytes
    """The folded name as it is stored: escaped UTF-8, or its beginning when *cut*."""
    id: str
    cut: bool = False

    @property
    def folded(self) -> str | None:
        """The folded name; ``None`` when it was cut."""
        return None if self.cut else _unescape(self.stem).decode(errors=_ODD)


def node(node_id: str) -> bytes:
    """Return the key of a node's own row."""
    data = node_id.encode()
    if _SEPARATOR in data or len(data) > ID_BYTES:
        raise ValueError(f"cannot be a node id: {node_id!r}")
    return data


def is_node(node_id: str) -> bool:
    """Whether a node may have this id."""
    return 0 < len(node_id.encode(errors=_ODD)) <= ID_BYTES and "\0" not in node_id


def parse_node(key: bytes) -> str:
    """Undo :func:`node`."""
    return key.decode()


def children(parent: str) -> bytes:
    """Return what every key below *parent* begins with."""
    return node(parent) + _SEPARATOR


def named(prefix: bytes, folded: str) -> bytes:
    """Return what every key of one name begins with; *prefix* comes from :func:`children`."""
    data = _escape(folded.encode(errors=_ODD))
    if len(data) <= NAME_BYTES:
        return prefix + data + _SEPARATOR
    return prefix + data[:NAME_BYTES] + _CUT + _SEPARATOR


def child(parent: str, folded: str, node_id: str) -> bytes:
    """Return the key of *node_id* under the folded name in *parent*."""
    return named(children(parent), folded) + node(node_id)


def parse_child(key: bytes) -> ChildKey:
    """Undo :func:`child`, as far as the name was kept."""
    parent, rest = key.split(_SEPARATOR, 1)
    stem, node_id = rest.rsplit(_SEPARATOR, 1)
    return ChildKey(parse_node(parent), stem.removesuffix(_CUT), parse_node(node_id), stem.endswith(_CUT))


def encode_child(key: ChildKey) -> bytes:
    """Undo :func:`parse_child`."""
    return children(key.parent) + key.stem + (_CUT if key.cut else b"") + _SEPARATOR + node(key.id)


def is_cut(key: bytes) -> bool:
    """Whether the name in a key of a child was too long to be kept whole."""
    return _CUT in key


def digest(md5: str, node_id: str) -> bytes:
    """Return the key by which content is found; ``digest(md5, "")`` is the beginning of all of one md5."""
    return md5.lower().encode() + _SEPARATOR + node_id.encode()


def parse_digest(key: bytes) -> tuple[str, str]:
    """Undo :func:`digest`."""
    md5, node_id = key.split(_SEPARATOR, 1)
    return md5.decode(), node_id.decode()


def date(when: datetime, node_id: str = "") -> bytes:
    """Return the key by which a moment is found; without an id it sorts before all of that moment."""
    return _INSTANT.pack((when - _EPOCH) // _MICROSECOND + _BIAS) + node_id.encode()


def parse_date(key: bytes) -> tuple[datetime, str]:
    """Undo :func:`date`."""
    (biased,) = _INSTANT.unpack_from(key)
    return _EPOCH + (biased - _BIAS) * _MICROSECOND, key[_INSTANT.size :].decode()


def _escape(data: bytes) -> bytes:
    # A NUL would look like the separator. Both replacements keep the order.
    if b"\0" in data or b"\1" in data:
        return data.replace(b"\1", b"\1\2").replace(b"\0", b"\1\1")
    return data


def _unescape(data: bytes) -> bytes:
    if b"\1" in data:
        return data.replace(b"\1\1", b"\0").replace(b"\1\2", b"\1")
    return data
