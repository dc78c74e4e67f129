"""Counting entries: the rows of an aggregation, and the space they take."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, get_args

from ap_remote.errors import UnsupportedError
from ap_remote.model import Facet, Usage
from ap_remote.query import extension_of, type_of
from ap_remote.remote.base import Category

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ap_remote.model import Entry

_DOCUMENTS: Final = frozenset(
    {"csv", "doc", "docx", "htm", "html", "key", "md", "numbers", "odp", "ods", "odt", "pages", "pdf", "ppt"}
    | {"pptx", "rtf", "txt", "xls", "xlsx", "xml"},
)
"""Extensions that count as documents (inferred from the site's file groups [amazon-photos-api.md 13.4])."""


def aggregate(entries: Iterable[Entry], category: Category) -> Sequence[Facet]:
    """Count entries by a category, most frequent first, equal counts by value.

    Raises:
        UnsupportedError: nobody knows that category.
    """
    if category not in get_args(Category):
        message = f"no aggregation by {category!r}; known are {', '.join(get_args(Category))}"
        raise UnsupportedError(message)
    counts = Counter(value for entry in entries for value in _values(entry, category))
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))
    return [Facet(category=category, value=value, count=count) for value, count in rows]


def measure(entries: Iterable[Entry]) -> Usage:
    """Add up what entries take, by what they are. Folders and albums take nothing."""
    counts: Counter[str] = Counter()
    for entry in entries:
        if entry.is_folder:
            continue
        group = _group(entry)
        counts[f"{group}s"] += 1
        counts[f"{group}_bytes"] += entry.size
        if group != "photo":
            # As for Prime customers [amazon-photos-api.md 8.1].
            counts[f"billable_{group}s"] += 1
            counts[f"billable_{group}_bytes"] += entry.size
    return Usage(**counts)


def _group(entry: Entry) -> str:
    if entry.is_photo:
        return "photo"
    if entry.is_video:
        return "video"
    return "document" if extension_of(entry.name) in _DOCUMENTS else "other"


def _values(entry: Entry, category: Category) -> Sequence[str]:  # noqa: PLR0911 - one line per category
    match category:
        case "type":
            kind = type_of(entry)
            return (kind,) if kind else ()
        case "time":
            return (str(entry.taken.year),) if entry.taken else ()
        case "location":
            label = entry.media.place.label if entry.media and entry.media.place else None
            return (label,) if label else ()
        case "things":
            return entry.things
        case "favorite":
            return ("true",) if entry.favorite else ()
        case "familyMembers":
            return (entry.owner_id,) if entry.owner_id else ()
        case "people" | "allPeople" | "clusterId":
            return entry.people
