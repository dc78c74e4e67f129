"""What earlier plans did to an account, by their journals: so that what its owner changed since is not done again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ap_remote.errors import PlanError
from ap_remote.organise.journal import deeds_of, peek
from ap_remote.organise.plan import load_plan

if TYPE_CHECKING:
    from pathlib import Path

    from ap_remote.organise.journal import Line
    from ap_remote.organise.plan import By

JOURNAL = ".journal.jsonl"
"""What follows the id of a plan in the name of its journal."""


class PastAlbum(NamedTuple):
    """An album that plans made or filled."""

    id: str
    name: str
    members: frozenset[str]
    """Whom the plans put in."""
    made: bool


class Past(NamedTuple):
    """What was applied and not undone."""

    albums: dict[str, PastAlbum]
    """By id."""
    moved: dict[str, str]
    """For each file that was moved, by id, the path that it got."""


NOTHING = Past({}, {})


def read_past(folder: Path, by: By) -> Past:
    """Return what plans of one way did, by the journals beside them in a folder.

    Moves of all ways count: a file lies in one folder only. An unreadable plan's journal is that of another way.

    Raises:
        PlanError: a journal cannot be read.
    """
    albums: dict[str, PastAlbum] = {}
    moved: dict[str, str] = {}
    if not folder.is_dir():
        return Past(albums, moved)
    for file in sorted(folder.glob(f"*{JOURNAL}"), key=lambda each: (each.stat().st_mtime_ns, each.name)):
        lines = peek(file)
        if not lines or lines[0].what != "start":
            continue
        same = _way(file, lines[0]) == by
        for deed in deeds_of(lines).values():
            moved |= {id_: each.path for id_, each in deed.moves.items() if each.done and not each.back}
            if not same or deed.album is None or not deed.finished or deed.undone:
                continue
            known = albums.get(deed.album)
            albums[deed.album] = PastAlbum(
                deed.album,
                deed.name,
                frozenset(deed.members) | (known.members if known else frozenset()),
                deed.made or (known is not None and known.made),
            )
    return Past(albums, moved)


def _way(journal: Path, start: Line) -> str | None:
    """Return the way of a journal's plan; the first journals did not tell it, their plans do."""
    if start.by is not None:
        return start.by
    try:
        return load_plan(journal.with_name(journal.name.removesuffix(JOURNAL) + ".json")).by
    except PlanError:
        return None
