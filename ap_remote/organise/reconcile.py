"""Groups against what the account holds already: albums of earlier plans, and what their owner made of them.

An album is the same as a group where they share half of all their members (Jaccard), or where half of the group is in
it. It keeps its name, whoever gave it. What its owner took out of it stays out; an album that its owner deleted is not
made again; a file that its owner moved on stays there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ap_remote.errors import NotFoundError
from ap_remote.model import Entry, Kind, NodeId, Status
from ap_remote.organise.checks import same_path
from ap_remote.organise.claims import best_of
from ap_remote.organise.groups import unassigned
from ap_remote.organise.names import album_name
from ap_remote.organise.plan import By, PlanFolder, PlanMember, Unassigned, is_own
from ap_remote.remote import paths
from ap_remote.remote.features import SupportsAlbums

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ap_remote.organise.groups import Group, Grouping, Member
    from ap_remote.organise.history import Past
    from ap_remote.remote.base import Remote

SAME: Final = 0.5
"""Share of members from which a group and an album are the same."""
AMBIGUOUS: Final = "ambiguous: "
"""How the reason begins why a photograph stays that two classes fit about equally well."""
_NAMED: Final = 2
"""Classes that such a reason names."""


class Album(NamedTuple):
    """An album of an earlier plan."""

    id: str
    name: str
    members: frozenset[str]
    """Who is in it."""
    removed: frozenset[str] = frozenset()
    """Whom a plan put in and somebody took out."""
    there: bool = True
    """Whether it still exists."""


async def own_albums(remote: Remote, by: By, past: Past) -> list[Album]:
    """Return the albums that earlier plans of the same way made or filled, those too that were deleted since."""
    if not isinstance(remote, SupportsAlbums):
        return []
    found: dict[str, Entry] = {
        album.id: album async for album in remote.albums() if is_own(album.description, by) or album.id in past.albums
    }
    albums = []
    for id_, entry in sorted(found.items()):
        members = frozenset([member.id async for member in remote.list(NodeId(id_))])
        known = past.albums.get(id_)
        gone = frozenset() if known is None else known.members - members
        albums.append(Album(id_, entry.name, members, gone))
    for id_, each in sorted(past.albums.items()):
        if id_ not in found and each.made and not await _lives(remote, id_):
            albums.append(Album(id_, each.name, frozenset(), each.members, there=False))
    return albums


async def _lives(remote: Remote, album: str) -> bool:
    """Whether an album exists that the list of albums does not tell yet."""
    try:
        entry = await remote.stat(NodeId(album), fresh=True)
    except NotFoundError:
        return False
    return entry.kind is Kind.ALBUM and entry.status is Status.AVAILABLE


def into_albums(grouping: Grouping, albums: Sequence[Album]) -> tuple[list[PlanFolder], list[Unassigned]]:
    """Turn groups into albums of a plan, without what albums of earlier plans hold or lost."""
    folders = []
    left_out = list(grouping.unassigned)
    for group, album in zip(grouping.groups, _matched(grouping.groups, albums), strict=True):
        if album is None:
            folders.append(_folder(group, group.members))
            continue
        if not album.there:
            why = f"the album {album.name!r} was deleted, so it is not made again"
            left_out += [unassigned(member.entry, why) for member in group.members]
            continue
        fresh = []
        for member in group.members:
            if member.entry.id in album.members:
                left_out.append(unassigned(member.entry, f"it is in the album {album.name!r} already"))
            elif member.entry.id in album.removed:
                left_out.append(unassigned(member.entry, f"it was taken out of the album {album.name!r}"))
            else:
                fresh.append(member)
        if fresh:
            folders.append(_folder(group, fresh, album=album))
    return folders, left_out


def into_folders(grouping: Grouping, base: str, past: Past) -> tuple[list[PlanFolder], list[Unassigned]]:
    """Turn groups into folders below *base* that files would be moved to; a file goes to one, the best.

    A photograph of which no class is the best stays where it is, its reason begins with :data:`AMBIGUOUS`. So does a
    file that an earlier plan moved, and somebody moved on. A group that is the same as what
    earlier plans moved to a folder (Jaccard) keeps that folder, whatever the group is called by now.
    """
    left_out = list(grouping.unassigned)
    best, tied = best_of(grouping.groups)
    known = _known_folders(grouping, best, base, past)
    folders = []
    for number, group in enumerate(grouping.groups):
        path = known.get(number) or paths.join(base, group.above, album_name(group.name, "Folder"))
        fresh: list[Member] = []
        names: set[str] = set()
        for member in group.members:
            if best.get(member.entry.id) != number:
                continue
            target = paths.fold(paths.join(path, paths.split(member.entry.path)[1]))
            why = _stays(member.entry, target, path, past)
            if why is None and target in names:
                why = f"another photograph of its name would go to {path!r}"
            if why is not None:
                left_out.append(unassigned(member.entry, why))
                continue
            names.add(target)
            fresh.append(member)
        if fresh:
            folders.append(_folder(group, fresh, path=path))
    entries = {member.entry.id: member.entry for group in grouping.groups for member in group.members} if tied else {}
    for id_, groups in tied.items():
        named = " and ".join(map(repr, groups[:_NAMED]))
        rest = f" and {len(groups) - _NAMED} more" if len(groups) > _NAMED else ""
        left_out.append(unassigned(entries[id_], f"{AMBIGUOUS}{named}{rest} fit it about equally well"))
    return folders, left_out


def ambiguous(left_out: Iterable[Unassigned]) -> dict[str, str | int]:
    """Return what a plan tells of photographs that stay because no class was the best; nothing where there are none."""
    count = sum(each.why.startswith(AMBIGUOUS) for each in left_out)
    note = f"{count} ambiguous: two classes fit such a photograph about equally well, so it stays where it is"
    return {"ambiguous": count, "note": note} if count else {}


def _known_folders(grouping: Grouping, best: dict[str, int], base: str, past: Past) -> dict[int, str]:
    """Return the folder that a group has already, by its number: one for one, the likest first."""
    moved: dict[str, set[str]] = {}
    written: dict[str, str] = {}
    here = {member.entry.id: member.entry.path for group in grouping.groups for member in group.members}
    for id_, path in (here | {each.id: each.path for each in grouping.unassigned}).items():
        folder = paths.split(path)[0]
        if id_ in past.moved and same_path(path, past.moved[id_]) and _within(folder, base):
            moved.setdefault(paths.fold(folder), set()).add(id_)
            written[paths.fold(folder)] = folder
    pairs = []
    for number, group in enumerate(grouping.groups):
        ids = {member.entry.id for member in group.members if best.get(member.entry.id) == number}
        above = paths.fold(paths.join(base, group.above))
        for folder in {paths.fold(paths.split(here[id_])[0]) for id_ in ids} & moved.keys():
            jaccard = len(ids & moved[folder]) / len(ids | moved[folder])
            if jaccard >= SAME and paths.split(folder)[0] == above:
                pairs.append((-jaccard, number, folder))
    found: dict[int, str] = {}
    for _, number, folder in sorted(pairs):
        if number not in found and written[folder] not in found.values():
            found[number] = written[folder]
    taken = {paths.fold(path) for path in found.values()}
    wanted = {
        number: paths.fold(paths.join(base, group.above, album_name(group.name, "Folder")))
        for number, group in enumerate(grouping.groups)
    }
    # Where another group is called as a known folder is, two groups would share it: then each goes by its name.
    clash = {path for number, path in wanted.items() if number not in found and path in taken}
    return {number: path for number, path in found.items() if paths.fold(path) not in clash}


def _within(folder: str, base: str) -> bool:
    return not base or same_path(folder, base) or paths.fold(folder).startswith(paths.fold(f"{base}/"))


def _stays(entry: Entry, target: str, folder: str, past: Past) -> str | None:
    """Return why a file stays where it is, or ``None``."""
    if same_path(entry.path, target):
        return f"it is in the folder {folder!r} already"
    moved = past.moved.get(entry.id)
    if moved is not None and not same_path(entry.path, moved):
        return f"an earlier plan moved it to {moved!r}, and somebody moved it on"
    return None


def _folder(
    group: Group, members: Iterable[Member], *, album: Album | None = None, path: str | None = None
) -> PlanFolder:
    return PlanFolder(
        name=group.name if album is None else album.name,
        reason=group.reason,
        members=tuple(
            PlanMember(
                id=each.entry.id,
                path=each.entry.path,
                version=each.entry.version,
                md5=each.entry.md5,
                reason=each.reason,
                score=each.score,
            )
            for each in members
        ),
        score=group.score,
        album=None if album is None else album.id,
        path=path,
    )


def _matched(groups: Sequence[Group], albums: Sequence[Album]) -> list[Album | None]:
    """Return for each group the album that is the same: one for one by Jaccard first, then by what half is in."""
    ids = [frozenset(member.entry.id for member in group.members) for group in groups]
    whole = [album.members | album.removed for album in albums]
    holders: dict[str, list[int]] = {}
    for place, members in enumerate(whole):
        for id_ in members:
            holders.setdefault(id_, []).append(place)
    pairs = []
    for number, group in enumerate(ids):
        shared: dict[int, int] = {}
        for id_ in group:
            for place in holders.get(id_, ()):
                shared[place] = shared.get(place, 0) + 1
        for place, count in shared.items():
            jaccard = count / len(group | whole[place])
            inside = count / len(group)
            if inside >= SAME:
                pairs.append((jaccard >= SAME, jaccard if jaccard >= SAME else inside, number, place))
    pairs.sort(key=lambda each: (not each[0], -each[1], each[2], each[3]))
    found: list[Album | None] = [None] * len(groups)
    taken: set[int] = set()
    for alike, _, number, place in pairs:
        if found[number] is None and not (alike and place in taken):
            found[number] = albums[place]
            taken.add(place)
    return found
