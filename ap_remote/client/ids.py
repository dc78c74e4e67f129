"""What names nodes in a notebook: one id, a list, a column of a frame, the frame itself, answers of earlier calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ap_remote.errors import LimitError
from ap_remote.model import Entry, NodeId


class GoneWarning(UserWarning):
    """Some of several ids name nothing any more: nothing can be done about them, and nothing can be lost by them."""


def ids_of(found: Any) -> list[str]:
    """Return ids, each once, in their order.

    Args:
        found: an id, a list, tuple, set or Series of ids (of any backend), a DataFrame with the column ``id``, or
            what earlier calls returned.

    Raises:
        LimitError: it, or one of its rows, is no id.
    """
    if isinstance(found, str | Entry | NodeId | Mapping):
        return [_id_of(found, "it")]
    if hasattr(found, "columns"):
        if "id" not in found.columns:
            raise LimitError("these rows name no node: there is no column 'id'")
        found = found["id"]
    if not isinstance(found, Iterable) or isinstance(found, bytes):
        raise LimitError(f"ids are a string, a list, a Series or a DataFrame, not {type(found).__name__}")
    return list(dict.fromkeys(_id_of(each, f"row {row}") for row, each in enumerate(found)))


def texts_of(found: str | Iterable[Any] | None) -> list[str]:
    """Return one text or several as a list; ``None`` is no text."""
    if found is None:
        return []
    return [found] if isinstance(found, str) else [str(each) for each in found]


def _id_of(found: Any, where: str) -> str:
    if isinstance(found, Mapping):
        found = found.get("id")
    elif isinstance(found, Entry):
        found = found.id
    elif isinstance(found, NodeId):
        found = found.value
    if not isinstance(found, str) or not found:
        # A missing value of a frame would otherwise be asked for as 'nan'.
        raise LimitError(f"{where} is no id: {found!r}")
    return str(found)
