"""How entries look on a terminal and in JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ap_remote.model import Entry

_PROMISED: Final = ("path", "name", "id", "kind", "size", "md5", "modified")
"""Keys that scripts may rely on, present even when empty."""

_TIMES: Final = ("modified", "created", "taken")
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP: Final = 1024


def entry_json(entry: Entry, **more: Any) -> dict[str, Any]:
    """Return what ``--json`` prints for an entry: the promised keys, then all others that have a value."""
    fields = msgspec.to_builtins(entry)
    promised = {key: msgspec.to_builtins(getattr(entry, key)) for key in _PROMISED}
    return {**promised, **fields, **more}


def size_text(size: int) -> str:
    """Return a size as a person reads it, e.g. ``4.2 MiB``."""
    amount = float(size)
    for unit in _UNITS:
        if amount < _STEP or unit == _UNITS[-1]:
            return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _STEP
    return f"{size} B"


def time_text(when: datetime | None) -> str:
    """Return a time to the second in UTC, or a dash."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if when else "-"


def details(entry: Entry) -> Table:
    """Return an entry as a two-column table."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for key, value in _flat(entry_json(entry)):
        if value in (None, "") or (key == "size" and entry.is_folder):
            continue
        shown = f"{value} ({size_text(entry.size)})" if key == "size" and entry.size >= _STEP else str(value)
        table.add_row(Text(key, style="dim"), Text(shown))
    return table


def _flat(fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Give each value a row: what is nested under its own name, lists joined, times to the second."""
    for key, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value)
        elif isinstance(value, (list, tuple)):
            yield key, ", ".join(map(str, value))
        elif key in _TIMES and value:
            yield key, f"{time_text(datetime.fromisoformat(value))} UTC"
        else:
            yield key, value
