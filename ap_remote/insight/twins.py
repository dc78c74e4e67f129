"""Which of several files of the same bytes is the one to keep. Nothing is removed here.

In this order (own choice): a favourite; a file whose name does not look like a copy (``IMG_1 (2).jpg``,
``IMG_1 - Copy.jpg``); the one that came to the service first, which albums and links most likely name; the shorter
path; the path that sorts first.

This is advice from one listing. What removes is ``ap dedupe`` (:mod:`ap_remote.transfer.twins`): it asks the account
for every mark, albums too, and among equals does what the mode says that a person chose; so it may keep another one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ap_remote.insight.library import File, Twins
from ap_remote.remote import paths

if TYPE_CHECKING:
    from collections.abc import Iterable

_COPY: Final = re.compile(r"(?: ?\(\d{1,3}\)|[ _-]+copy(?: ?\d+)?|[ _-]+kopie(?: ?\d+)?)$", re.IGNORECASE)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)

_REASONS: Final = (
    "it is a favourite",
    "its name does not look like a copy's",
    "it was uploaded first",
    "its path is the shortest",
    "its path sorts first",
)


def twins(md5: str, files: Iterable[File]) -> Twins:
    """Return files of one content, the one to keep first, and say why that one."""
    ranked = sorted(files, key=_rank)
    first, second = _rank(ranked[0]), _rank(ranked[1])
    why = next(reason for reason, one, other in zip(_REASONS, first, second, strict=True) if one != other)
    return Twins(md5=md5, size=ranked[0].size, files=tuple(ranked), why=why)


def _rank(file: File) -> tuple[bool, bool, datetime, int, tuple[str, str]]:
    stem = paths.split(file.path)[1].rpartition(".")[0]
    return (
        not file.favorite,
        bool(_COPY.search(stem)),
        file.created or _NEVER,
        len(file.path),
        (file.path, file.id),
    )
