"""Files of one content in one account (or on one disk): which to keep, and a plan that puts the others into the trash.

Which one is kept (own choice): the one with most marks of its owner, such as a favourite or a member of an album; among
equals the one that the mode names; among equals again the first by path. A twin with a mark that the kept one lacks is
left alone, because the mark would be lost with it. Where marks are not to be spared, the mode alone decides.

:mod:`ap_remote.insight.twins` may name another one: it advises a person from a listing alone, which tells of no albums,
and no mode is given to it.
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, get_args

import msgspec

from ap_remote.errors import ConfigError, UnsupportedError
from ap_remote.model import NodeId
from ap_remote.remote.features import SupportsAlbums
from ap_remote.transfer.account import Account
from ap_remote.transfer.filters import EVERYTHING
from ap_remote.transfer.matching import seen
from ap_remote.transfer.options import Options
from ap_remote.transfer.plan import Note, Plan, Step, new_plan
from ap_remote.transfer.reading import at_a_time, be_whole, digests_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ap_remote.model import Entry
    from ap_remote.transfer.filters import Filters
    from ap_remote.transfer.sides import Item, Progress, Side

By = Literal["md5", "name"]

Keep = Literal["list", "skip", "first", "newest", "oldest", "largest", "smallest", "rename"]
"""rclone's modes. ``list`` and ``skip`` remove nothing. As twins are of one size, ``largest`` and ``smallest`` are
``first``."""

_AGES: Final = {"newest": -1, "oldest": 1}
_UNIQUE: Final = (
    "names are unique in a folder of an account, whatever their case: no two files share a path; "
    "files of the same bytes are found by md5"
)

_FAVORITE: Final = "is a favourite"
_LIVE: Final = "is a live photo and has a film"
_FAMILY: Final = "lies in the family vault"
_VISIBLE: Final = "is not hidden"
_LINKED: Final = "lies in further folders, too"


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a file beside its content."""

    marks: frozenset[str] = frozenset()
    """What would be lost with it, each as the end of a sentence about it."""
    arrived: datetime | None = None


class Twins(msgspec.Struct, frozen=True, kw_only=True):
    """Files of one content."""

    md5: str
    size: int
    kept: Item
    why: str
    """Why that one."""
    removed: tuple[Item, ...]
    spared: tuple[tuple[Item, str], ...] = ()
    """Twins that are left alone, and what would be lost with each."""


async def plan_dedupe(
    side: Side,
    *,
    by: By = "md5",
    keep: Keep = "list",
    filters: Filters = EVERYTHING,
    spare_marked: bool = True,
    options: Options = Options(),  # noqa: B008 - frozen
    progress: Progress | None = None,
) -> Plan:
    """Return what would put all twins but one of each group into the trash; :func:`saved` tells what that frees.

    Empty files are no twins. A file that lies in several folders is one file.

    Args:
        side: where to look; the paths of the plan are relative to its root.
        by: by ``name`` nothing is found, and the plan says why.
        keep: which one is kept; with ``list`` and ``skip`` the plan only names the twins.
        filters: what to look at.
        spare_marked: mind favourites, albums, descriptions, films, the family vault and what is hidden.
        options: kept with the plan; ``checkers`` counts here.
        progress: told how many files were seen, or read.

    Raises:
        ConfigError: an unknown mode, or ``rename``, which has no meaning for files of one content.
        IncompleteListingError: not everything could be looked at.
        UnsupportedError: nothing can be removed there.
    """
    if keep not in get_args(Keep) or by not in get_args(By):
        raise ConfigError(
            f"twins are found by {' or '.join(get_args(By))}, and kept by one of {', '.join(get_args(Keep))}"
        )
    if by == "name":
        return new_plan("dedupe", side.label, side.label, options, skipped=[Note(path="", reason=_UNIQUE)])
    if keep == "rename":
        raise ConfigError(
            "rename is for files of one path; files of one content are kept or removed: choose another mode"
        )
    listing = await side.listing(filters, progress=progress)
    be_whole(side, listing)
    only_named = keep in ("list", "skip")
    if not only_named and isinstance(side, Account) and (side.is_album or not side.is_writable):
        raise UnsupportedError(f"nothing can be removed from {side.label}: it can only be read")
    groups, problems = await _groups(side, listing.items, options, progress)
    facts = await _facts(side, [item for group in groups.values() for item in group], options) if spare_marked else {}
    steps: list[Step] = []
    skipped: list[Note] = []
    for (md5, _), items in groups.items():
        twins = choose(md5, items, keep, facts)
        same = f"the same bytes as {twins.kept.path!r}"
        skipped += [
            Note(path=item.path, reason=f"{same}, but it {loss}", size=item.size) for item, loss in twins.spared
        ]
        if only_named:
            skipped += [Note(path=item.path, reason=same, size=item.size) for item in twins.removed]
            continue
        steps += [
            Step(action="remove", path=item.path, there=seen(item, md5), reason=f"{same}, which is kept: {twins.why}")
            for item in twins.removed
        ]
    return new_plan("dedupe", side.label, side.label, options, steps=steps, skipped=skipped, problems=problems)


def saved(plan: Plan) -> int:
    """Return the bytes that a plan of this module frees, once the trash is emptied; of a list, those that one would."""
    if plan.steps:
        return sum(step.there.size for step in plan.steps if step.there is not None)
    return sum(note.size for note in plan.skipped)


def choose(md5: str, items: Sequence[Item], keep: Keep, facts: dict[str, Facts]) -> Twins:
    """Return which of several files of one content, by path and two at least, is kept."""

    def known(item: Item) -> Facts:
        return facts.get(item.path, Facts(arrived=item.modified))

    def rank(item: Item) -> tuple[int, float]:
        sign, when = _AGES.get(keep), known(item).arrived
        age = 0.0 if sign is None else math.inf if when is None else sign * when.timestamp()
        return -len(known(item).marks), age

    kept, *others = sorted(items, key=rank)
    most = known(kept).marks
    removed: list[Item] = []
    spared: list[tuple[Item, str]] = []
    for item in others:
        lost = known(item).marks - most
        if lost:
            spared.append((item, " and ".join(sorted(lost))))
        else:
            removed.append(item)
    return Twins(
        md5=md5,
        size=kept.size,
        kept=kept,
        why=_why(most, [known(item).marks for item in others], keep),
        removed=tuple(removed),
        spared=tuple(spared),
    )


def _why(marks: frozenset[str], others: Iterable[frozenset[str]], keep: Keep) -> str:
    own = marks - frozenset[str]().union(*others)
    if own:
        return "it " + " and ".join(sorted(own))
    return f"it is the {keep}" if keep in _AGES else "it is the first by path"


async def _groups(
    side: Side, items: Sequence[Item], options: Options, progress: Progress | None
) -> tuple[dict[tuple[str, int], list[Item]], list[Note]]:
    """Return the files of one content, and what could not be told."""
    files: dict[str, Item] = {}
    sizes: dict[int, int] = {}
    for item in items:
        if item.is_folder or not item.size or item.film_of is not None:
            continue
        node = item.id or item.path
        if node not in files:
            files[node] = item
            sizes[item.size] = sizes.get(item.size, 0) + 1
    alike = [item for item in files.values() if sizes[item.size] > 1]
    digests = await digests_of(side, alike, checkers=options.checkers, progress=progress)
    groups: dict[tuple[str, int], list[Item]] = {}
    problems: list[Note] = []
    for item in alike:
        md5 = digests[item.path]
        if isinstance(md5, str):
            groups.setdefault((md5, item.size), []).append(item)
        elif md5 is None:
            problems.append(Note(path=item.path, reason="its md5 is not known", size=item.size))
        else:
            problems.append(Note(path=item.path, reason=f"it cannot be read: {md5}", size=item.size))
    return {key: group for key, group in groups.items() if len(group) > 1}, problems


async def _facts(side: Side, items: Sequence[Item], options: Options) -> dict[str, Facts]:
    """Return what an account knows of files beside their content, by path."""
    if not isinstance(side, Account) or not items:
        return {}
    remote = side.remote
    albums: dict[str, set[str]] = {}
    if isinstance(remote, SupportsAlbums):
        known = [album async for album in remote.albums()]
        names = Counter(album.name for album in known)
        for album in known:
            # Two albums may share a name, and to be in the one is not to be in the other.
            name = repr(album.name) if names[album.name] == 1 else f"{album.name!r} (id:{album.id})"
            async for member in remote.list(NodeId(album.id)):
                albums.setdefault(member.id, set()).add(f"is in the album {name}")

    async def ask(item: Item) -> Facts:
        entry = await remote.stat(NodeId(item.id) if item.id else side.path(item.path))
        marks = _marks(entry) | albums.get(entry.id, frozenset())
        return Facts(marks=frozenset(marks), arrived=entry.created or entry.modified)

    found = await at_a_time(items, ask, options.checkers, None)
    return {item.path: facts for item, facts in zip(items, found, strict=True)}


def _marks(entry: Entry) -> set[str]:
    signs = {
        _FAVORITE: entry.favorite,
        _LIVE: entry.is_live,
        _FAMILY: entry.family_id is not None,
        _VISIBLE: not entry.hidden,
        _LINKED: len(entry.parents) > 1,
        f"is described as {entry.description!r}": bool(entry.description),
    }
    return {sign for sign, holds in signs.items() if holds} | {f"has the label {label!r}" for label in entry.labels}
