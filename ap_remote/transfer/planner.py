"""Makes plans: looks at both sides, compares what has one path, and says step by step what would be done and why.

Nothing is changed here. A file is removed from the target only if both listings were whole and nothing of that name is
known at the source, not even something that filters leave out.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ap_remote.errors import (
    ConfigError,
    IsFileError,
    NotFoundError,
    PlanError,
    UnsupportedError,
)
from ap_remote.remote import paths
from ap_remote.transfer.account import Account
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.filters import EVERYTHING
from ap_remote.transfer.matching import is_same_account, seen
from ap_remote.transfer.options import Options
from ap_remote.transfer.ordering import ordered
from ap_remote.transfer.plan import Note, Plan, Step, new_plan
from ap_remote.transfer.reading import be_whole
from ap_remote.transfer.sides import Listing
from ap_remote.transfer.weighing import Weighing

if TYPE_CHECKING:
    from ap_remote.transfer.filters import Filters
    from ap_remote.transfer.plan import Verb
    from ap_remote.transfer.sides import Item, Progress, Side


async def make_plan(
    verb: Verb,
    source: Side,
    target: Side,
    *,
    options: Options = Options(),  # noqa: B008 - frozen
    filters: Filters = EVERYTHING,
    progress: Progress | None = None,
) -> Plan:
    """Return what a ``copy``, ``move`` or ``sync`` would do. The target need not exist.

    Raises:
        ConfigError: one side lies in the other in a way that makes no sense, or both are local.
        NotFoundError: the source does not exist.
        IsFileError: the target is a file.
        UnsupportedError: the side that is to be changed can only be read.
        IncompleteListingError: something would be removed, and not everything could be looked at.
        PlanError: more would be removed than ``max_delete`` allows.
    """
    if verb not in ("copy", "move", "sync"):
        raise ConfigError(f"a transfer is a copy, a move or a sync, not a {verb}")
    await _check(verb, source, target, options)
    films = options.films and target.is_local
    here = await source.listing(filters, junk=options.junk, films=films, progress=progress)
    if filters != EVERYTHING and here.outside and all(item.is_folder for item in here.items):
        note = Note(path="", reason=f"the filters let nothing of {source.label} through: nothing is done")
        return new_plan(verb, source.label, target.label, options, skipped=[note])
    there = await _existing(target, options, progress)
    refused = f"nothing is removed and the {verb} is refused"
    if verb != "copy":
        be_whole(source, here, refused)
    if verb == "sync":
        be_whole(target, there, refused)
    weighing = Weighing(verb, source, target, here=here, there=there, options=options, filters=filters)
    await weighing.weigh(progress)
    removals, files = _removals(weighing, there) if verb == "sync" else ([], 0)
    if options.max_delete is not None and files > options.max_delete:
        raise PlanError(
            f"the sync would remove {files} files from {target.label}, and {options.max_delete} are allowed "
            "(--max-delete); nothing was done"
        )
    problems = [*weighing.problems, *(Note(path=each.path, reason=each.reason) for each in here.unread)]
    steps = [
        *weighing.folders(),
        *weighing.moves,
        *ordered(weighing.sends, options.order_by),
        *weighing.cleared(),
        *removals,
    ]
    return new_plan(verb, source.label, target.label, options, steps=steps, skipped=weighing.skipped, problems=problems)


async def _existing(target: Side, options: Options, progress: Progress | None) -> Listing:
    """Return all that is at the target: what filters leave out may still be in the way."""
    try:
        return await target.listing(EVERYTHING, junk=options.junk, progress=progress)
    except NotFoundError:
        return Listing(items=())


async def _check(verb: Verb, source: Side, target: Side, options: Options) -> None:
    if isinstance(source, Account):
        await source.look_up()
    if isinstance(target, Account):
        await _check_target(target)
    elif isinstance(target, Disk) and target.root.exists() and not target.root.is_dir():
        raise IsFileError(target.label)
    _check_overlap(verb, source, target)
    if source.is_local and target.is_local:
        raise ConfigError("both sides are on this disk: a transfer has an account at one side at least")
    if verb == "move" and isinstance(source, Account) and not source.is_writable:
        raise UnsupportedError(f"nothing can be moved out of {source.label}: it can only be read; copy it instead")
    _check_albums(verb, source, target, options)
    if options.backup_dir is not None:
        _check_backup(options.backup_dir, source, target)


def _check_albums(verb: Verb, source: Side, target: Side, options: Options) -> None:
    """Refuse what an album cannot do: its photographs lie in folders, and stay there.

    Raises:
        UnsupportedError: it is so.
    """
    if verb == "move" and isinstance(source, Account) and source.is_album:
        raise UnsupportedError(
            f"nothing can be moved out of the album {source.label}: its photographs lie in folders; copy them, and "
            "trash the album or its members by their places in it"
        )
    if not (isinstance(target, Account) and target.is_album):
        return
    if verb == "move" and _is_one(source, target):
        raise UnsupportedError(
            f"nothing of an account is moved into its album {target.label}: a copy adds it, and it stays in its folder"
        )
    if options.backup_dir is not None:
        raise UnsupportedError(
            f"a backup folder has no meaning for the album {target.label}: what is taken out of it stays in its folder"
        )


async def _check_target(target: Account) -> None:
    try:
        top = await target.look_up()
    except NotFoundError:
        if not isinstance(target.target, str):
            raise
    else:
        if not top.is_folder:
            raise IsFileError(target.label)
    if not target.is_writable:
        raise UnsupportedError(f"nothing can be put into {target.label}: it can only be read")


def _check_overlap(verb: Verb, source: Side, target: Side) -> None:
    """Refuse what has no end, or would remove its own source.

    Raises:
        ConfigError: it is so.
    """
    ends = _place(source), _place(target)
    if not _is_one(source, target):
        return
    here, there = ends
    if _is_file(source):
        if paths.split("/".join(here))[0] == "/".join(there):
            raise ConfigError(f"{source.label} lies in {target.label} already")
        return
    if here == there:
        raise ConfigError(f"source and target are one and the same: {source.label}")
    if there[: len(here)] == here:
        raise ConfigError(f"the target {target.label} lies in the source {source.label}: it would get into itself")
    if here[: len(there)] == there and verb != "copy":
        raise ConfigError(f"the source {source.label} lies in the target {target.label}, which a {verb} would change")


def _check_backup(folder: str, source: Side, target: Side) -> None:
    if isinstance(target, Account):
        backup: Side = Account(target.remote, folder.removeprefix(f"{target.remote.name}:"))
    else:
        backup = Disk(Path(folder).expanduser())
    place = _place(backup)
    for side in (source, target):
        if not _is_one(side, backup):
            continue
        root = _place(side)
        if place[: len(root)] == root:
            raise ConfigError(f"the backup folder {folder} lies in {side.label}: it must lie beside it")


def _is_one(one: Side, other: Side) -> bool:
    """Whether two sides are of one disk or one account."""
    if isinstance(one, Account) and isinstance(other, Account):
        return is_same_account(one, other)
    return one.is_local and other.is_local


def _place(side: Side) -> tuple[str, ...]:
    """Return the names from the top to a side's root, as they compare."""
    if isinstance(side, Account):
        return paths.components(paths.fold(side.root))
    if isinstance(side, Disk):
        return Path(os.path.realpath(side.root)).parts
    return ()


def _is_file(side: Side) -> bool:
    return side.is_file if isinstance(side, Account) else isinstance(side, Disk) and side.root.is_file()


def _removals(weighing: Weighing, there: Listing) -> tuple[list[Step], int]:
    """Return what a sync removes, what lies deepest first, and how many files that is.

    A folder of which all goes is one step; the size that it was seen with is that of the files below it.
    """
    doomed = weighing.doomed()
    leaving = {item.path for item in doomed} | weighing.renamed
    mixed: set[str] = set()
    for path in (*(item.path for item in there.items if item.path not in leaving), *there.outside):
        _add_above(mixed, path)
    tops: dict[str, Item] = {}
    whole: dict[str, str] = {}
    below: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for item in doomed:
        top = whole.get(paths.split(item.path)[0])
        if item.is_folder and item.path in mixed:
            continue
        if top is None:
            tops[item.path] = item
        if item.is_folder:
            whole[item.path] = top or item.path
        else:
            below[top or item.path] += 1
            sizes[top or item.path] += item.size
    end = ": it leaves the album, and stays in its folder" if weighing.to_album else ""
    steps = [_removal(item, below[path], sizes[path], end) for path, item in tops.items()]
    steps.sort(key=lambda step: -step.path.count("/"))
    return steps, below.total()


def _removal(item: Item, files: int, size: int, end: str = "") -> Step:
    reason = f"the source has no such folder; files in it: {files}" if item.is_folder else "the source has no such file"
    reason += end
    there = msgspec.structs.replace(seen(item), size=size) if item.is_folder else seen(item)
    return Step(action="remove", path=item.path, there=there, reason=reason)


def _add_above(folders: set[str], path: str) -> None:
    above = paths.split(path)[0]
    while above not in folders and above:
        folders.add(above)
        above = paths.split(above)[0]
