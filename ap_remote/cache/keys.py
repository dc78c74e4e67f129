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
_SHELVED: Final = struct.Struct(">BQ")
TIMED: Final = 1 + _SHELVED.size
"""Bytes before the id in a key of the indexes of time."""
TAKEN: Final = b"T"
"""The index of capture times."""
CREATED: Final = b"C"
"""The index of creation times."""
NEVER: Final = 0
"""Stands where a moment is unknown, and sorts before all moments."""
ALWAYS: Final = (1 << 64) - 1
"""Sorts after all moments."""


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


def stem(folded: str, *, prefix: bool) -> bytes:
    """Return what follows the parent in every key of one name, or of all names that begin so."""
    if not prefix:
        return named(b"", folded)
    return _escape(folded.encode(errors=_ODD))[:NAME_BYTES]


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


def instant(when: datetime) -> int:
    """Return a moment as the whole number that stands in keys: microseconds, above zero and in order."""
    return (when - _EPOCH) // _MICROSECOND + _BIAS


def moment(when: int) -> datetime:
    """Undo :func:`instant`."""
    return _EPOCH + (when - _BIAS) * _MICROSECOND


def time(index: bytes, shelf: int, when: int, node_id: str = "") -> bytes:
    """Return a key of the indexes of time; without an id it sorts before all of that moment.

    Args:
        index: :data:`TAKEN` or :data:`CREATED`.
        shelf: what the node is, see :mod:`ap_remote.cache.shelves`.
        when: an :func:`instant`, or :data:`NEVER`.
        node_id: whose key it is.
    """
    return index + _SHELVED.pack(shelf, when) + node_id.encode()


def parse_time(key: bytes) -> tuple[int, int, str]:
    """Undo :func:`time`: shelf, instant, id."""
    shelf, when = _SHELVED.unpack_from(key, 1)
    return shelf, when, key[TIMED:].decode()


def _escape(data: bytes) -> bytes:
    # A NUL would look like the separator. Both replacements keep the order.
    if b"\0" in data or b"\1" in data:
        return data.replace(b"\1", b"\1\2").replace(b"\0", b"\1\1")
    return data


def _unescape(data: bytes) -> bytes:
    if b"\1" in data:
        return data.replace(b"\1\1", b"\0").replace(b"\1\2", b"\1")
    return data
