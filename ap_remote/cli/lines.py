"""Entries as rclone 1.65 prints them: names, sizes, times, CSV and the objects of ``lsjson``.

Checked against the program itself in ``tests/interop/test_rclone_listing.py``.
"""

from __future__ import annotations

import json
import mimetypes
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ap_remote.cli.console import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry

UNKNOWN_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""What rclone shows where no time is known (``--default-time``)."""
FOLDER_TYPE: Final = "inode/directory"
_BYTES: Final = "application/octet-stream"
_NO_SIZE: Final = -1

_QUOTE: Final = "\u201b"
"""Stands before a character that would otherwise be taken for the picture of another."""
_PICTURES: Final = {
    **{code: chr(0x2400 + code) for code in range(0x20)},
    0x7F: "\u2421",
    **{code: _QUOTE + chr(code) for code in (*range(0x2401, 0x2420), 0x2421, 0x201B)},
}
"""rclone's standard encoding: a control character is shown as its picture. Those of NUL and of the slash are not
quoted: the service can hold nothing else that they could stand for."""
_HTML: Final = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}
"""What Go's encoder escapes in JSON and others do not; none of it occurs outside strings."""

_KIBI: Final = 1024
_KILO: Final = 1000
_PREFIXES: Final = ("", "k", "M", "G", "T", "P", "E")


def standard(path: str) -> str:
    """Return a path in rclone's standard encoding, by which it orders names, too."""
    return path.translate(_PICTURES)


def pictured(path: str) -> str:
    """Return a path as rclone prints it; what would turn the direction of text is made visible as well."""
    return shown(standard(path))


def emit(text: str, *, end: str = "\n") -> None:
    """Print what is safe to print already, as it is."""
    sys.stdout.write(text.encode("utf-8", "replace").decode("utf-8") + end)


def local_time(when: datetime | None, *, fine: bool = False) -> str:
    """Return a time in the local zone, to the second, or with nine digits behind it."""
    here = (when or UNKNOWN_TIME).astimezone()
    return here.strftime("%Y-%m-%d %H:%M:%S") + (f".{here.microsecond:06d}000" if fine else "")


def json_time(when: datetime | None) -> str:
    """Return a time to the second in RFC 3339, UTC: the service's clock has no zone."""
    return (when or UNKNOWN_TIME).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def size_of(entry: Entry) -> int:
    """Return a file's size; a folder's is -1."""
    return _NO_SIZE if entry.is_folder else entry.size


def type_of(entry: Entry) -> str:
    """Return the content type; where the service does not say it, what the name says."""
    if entry.is_folder:
        return FOLDER_TYPE
    return entry.content_type or mimetypes.guess_type(entry.name)[0] or _BYTES


def size_suffix(size: int) -> str:
    """Return a size such as ``1.961 MiB``."""
    number, prefix = _scaled(size, _KIBI)
    return f"{number} {prefix.upper()}iB" if prefix else f"{number} B"


def count_suffix(count: int) -> str:
    """Return a count such as ``12.346k``."""
    number, prefix = _scaled(count, _KILO)
    return number + prefix


def _scaled(value: int, step: int) -> tuple[str, str]:
    index = 0
    while index + 1 < len(_PREFIXES) and value >= step ** (index + 1):
        index += 1
    scaled = value / step**index
    return (f"{scaled:.0f}" if scaled == int(scaled) else f"{scaled:.3f}"), _PREFIXES[index]


def csv_row(fields: Sequence[str], comma: str) -> str:
    """Return a row of CSV; a field is quoted where it must be, or begins with a space."""
    row = []
    for field in fields:
        if field[:1].isspace() or any(char in field for char in (comma, '"', "\r", "\n")):
            row.append(f'"{field.replace(chr(34), chr(34) * 2)}"')
        else:
            row.append(field)
    return comma.join(row)


def item(
    entry: Entry,
    path: str,
    *,
    hashes: bool = False,
    original: bool = False,
    modtime: bool = True,
    mimetype: bool = True,
    metadata: bool = False,
) -> dict[str, Any]:
    """Return an object of ``lsjson``. Names are those that other commands take, not their pictures."""
    found: dict[str, Any] = {"Path": path, "Name": path.rpartition("/")[2], "Size": size_of(entry)}
    if mimetype:
        found["MimeType"] = type_of(entry)
    found["ModTime"] = json_time(entry.modified) if modtime else ""
    found["IsDir"] = entry.is_folder
    if hashes and entry.md5 and not entry.is_folder:
        found["Hashes"] = {"md5": entry.md5}
    found["ID"] = entry.id
    if original and not entry.is_folder:
        found["OrigID"] = entry.id
    if metadata and (known := metadata_of(entry)):
        found["Metadata"] = known
    return found


def metadata_of(entry: Entry) -> dict[str, str]:
    """Return what is known beside size and time, under rclone's names where it has one; all values are text."""
    known = {
        "btime": json_time(entry.created) if entry.created else None,
        "content-type": None if entry.is_folder else entry.content_type,
        "description": entry.description,
        "favorite": "true" if entry.favorite else None,
        "labels": ",".join(entry.labels),
        "taken": json_time(entry.taken) if entry.taken else None,
    }
    return {key: value for key, value in known.items() if value}


def json_text(value: Any, *, indent: str | None = None) -> str:
    """Return JSON as Go's encoder writes it; with *indent*, over several lines."""
    separators = (",", ": " if indent else ":")
    return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators).translate(_HTML)
