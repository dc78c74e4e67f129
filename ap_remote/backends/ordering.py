"""The orders that a search can have, for remotes that sort by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ap_remote.remote import paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ap_remote.model import Entry
    from ap_remote.remote.base import Sort


def ordered(entries: Iterable[Entry], sort: Sort) -> Sequence[Entry]:
    """Sort by one key; what lacks it comes last in either direction."""
    key, descending = sort.removeprefix("-"), sort.startswith("-")
    by_name = sorted(
        entries, key=lambda entry: (paths.fold(entry.name), entry.id), reverse=descending and key == "name"
    )
    if key == "name":
        return by_name
    dated = [(entry.taken if key == "taken" else entry.created, entry) for entry in by_name]
    known = sorted(((moment, entry) for moment, entry in dated if moment), key=lambda row: row[0], reverse=descending)
    return [entry for _, entry in known] + [entry for moment, entry in dated if not moment]
