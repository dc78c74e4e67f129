"""Proposes a plan: looks at photographs and albums, changes nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from ap_remote.errors import ConfigError
from ap_remote.model import NodeId, Status
from ap_remote.organise.events import find_events
from ap_remote.organise.facets import Granularity, find_months, find_people, find_places
from ap_remote.organise.groups import Grouping, unassigned
from ap_remote.organise.plan import By, Plan, PlanFolder, PlanMember, is_own, make_plan
from ap_remote.organise.themes import Names, find_themes, prompts, usual_likeness
from ap_remote.remote import paths
from ap_remote.remote.features import SupportsAlbums

if TYPE_CHECKING:
    from collections.abc import Callable

    from ap_remote.model import Entry
    from ap_remote.organise.groups import Group
    from ap_remote.organise.labelling.choice import Labeller
    from ap_remote.organise.plan import Unassigned
    from ap_remote.remote.base import Remote
    from ap_remote.semantic.library import SemanticIndex

_SAME = 0.5
"""Share of a group that must be in an album of an earlier plan for the two to be the same."""


_EVENTS: Final[dict[Granularity, float]] = {"coarse": 3.0, "normal": 1.0, "fine": 1 / 3}
"""How much longer the pauses between events are."""
_THEMES: Final[dict[Granularity, float]] = {"coarse": -0.25, "normal": 0.0, "fine": 0.25}
"""How far the likeness that is asked goes from what is usual towards sameness."""


class _Way(NamedTuple):
    by: By
    min_size: int
    query: str
    granularity: Granularity
    similarity: float | None


class _Album(NamedTuple):
    entry: Entry
    members: frozenset[str]


async def propose(
    remote: Remote,
    index: SemanticIndex | None = None,
    *,
    by: By = "theme",
    min_size: int = 3,
    query: str = "",
    path: str = "",
    similarity: float | None = None,
    granularity: Granularity = "normal",
    max_folders: int | None = None,
    labeller: Labeller | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Plan:
    """Return a plan for the account's photographs. Nothing is changed.

    Albums of an earlier plan are known by their mark: what is in them stays there, and newcomers are added to them
    instead of a second album being made. So a plan made right after another was applied has no folders.

    Args:
        remote: whose photographs.
        index: their vectors; needed for themes.
        by: ``theme`` (what they show), ``event`` (when and where they were taken), ``person``, ``place``, ``month`` or
            ``label``.
        min_size: photographs that make an album.
        query: only photographs that this search finds, in Amazon's syntax.
        path: only photographs below this folder.
        similarity: for themes, the cosine from which two photographs are alike; by default the library tells.
        granularity: how finely they are told apart; labels know no such thing.
        max_folders: keep the largest groups only; the others' photographs stay unassigned.
        labeller: gives the labels; needed for them.
        progress: for labels and people, told how many photographs or people are done, and of how many.

    Raises:
        ConfigError: themes without an index, labels without a labeller, or *min_size* under 1.
        StoreError: the index is not built.
        EncoderError: the index was built with another encoder.
        QuerySyntaxError: in *query*.
        NotFoundError: nothing is at *path*.
    """
    if min_size < 1:
        message = f"an album needs at least one photograph, not {min_size}"
        raise ConfigError(message)
    photographs = await _photographs(remote, query, path)
    way = _Way(by, min_size, query, granularity, similarity)
    grouping = await _grouped(remote, index, photographs, way, labeller=labeller, progress=progress)
    folders, left_out = _against(_largest(grouping, max_folders), await _own_albums(remote, by))
    parameters: dict[str, str | int | float] = {"min_size": min_size}
    if query:
        parameters["query"] = query
    if path:
        parameters["path"] = path
    if granularity != "normal":
        parameters["granularity"] = granularity
    if max_folders is not None:
        parameters["max_folders"] = max_folders
    if similarity is not None:
        parameters["similarity"] = similarity
    if labeller is not None:
        parameters |= {"model": labeller.classifier.model, "thresh": labeller.thresh, "topk": labeller.topk}
    return make_plan(
        account=remote.name,
        by=by,
        parameters=parameters,
        folders=folders,
        unassigned=sorted(left_out, key=lambda each: (each.path, each.id)),
    )


async def _grouped(
    remote: Remote,
    index: SemanticIndex | None,
    photographs: dict[str, Entry],
    way: _Way,
    *,
    labeller: Labeller | None,
    progress: Callable[[int, int | None], None] | None,
) -> Grouping:
    entries, size, granularity = list(photographs.values()), way.min_size, way.granularity
    match way.by:
        case "event":
            return await asyncio.to_thread(find_events, entries, min_size=size, scale=_EVENTS[granularity])
        case "month":
            return await asyncio.to_thread(find_months, entries, min_size=size, granularity=granularity)
        case "place":
            return await asyncio.to_thread(find_places, entries, min_size=size, granularity=granularity)
        case "person":
            return await find_people(
                remote, photographs, min_size=size, query=way.query, granularity=granularity, progress=progress
            )
        case "label":
            if labeller is None:
                raise ConfigError("organising by label needs a labeller")
            from ap_remote.organise.labelling.albums import find_labels

            return await find_labels(remote, photographs, labeller, min_size=size, progress=progress)
        case "theme":
            if index is None:
                raise ConfigError("organising by theme needs the semantic index")
            return await _themes(photographs, index, way)


async def _photographs(remote: Remote, query: str, path: str) -> dict[str, Entry]:
    """Return the photographs to organise, by id. Below a folder they are listed, since the cache can do that."""
    folder = paths.normalise(path)
    found: dict[str, Entry] = {}
    if folder and not query:
        async for entry in remote.list(folder, recursive=True):
            if not entry.hidden:
                found[entry.id] = entry
    else:
        if folder:
            await remote.stat(folder)
        begin = paths.fold(f"{folder}/") if folder else ""
        async for entry in remote.search(query, sort="name"):
            if paths.fold(entry.path).startswith(begin):
                found[entry.id] = entry
    living = [entry for entry in found.values() if entry.is_photo and entry.status is Status.AVAILABLE]
    return {entry.id: entry for entry in sorted(living, key=lambda entry: (entry.name, entry.path))}


def _largest(grouping: Grouping, most: int | None) -> Grouping:
    """Leave out the smallest groups where they are too many; the others keep their order."""
    if most is None or len(grouping.groups) <= most:
        return grouping
    by_size = sorted(range(len(grouping.groups)), key=lambda number: -len(grouping.groups[number].members))
    kept = set(by_size[:most])
    inside = {member.entry.id for number in kept for member in grouping.groups[number].members}
    left_out = list(grouping.unassigned)
    for number in by_size[most:]:
        group = grouping.groups[number]
        why = f"it would be in {group.name!r}, but no more than {most} albums were asked for"
        rest = [member.entry for member in group.members if member.entry.id not in inside]
        left_out += [unassigned(entry, why) for entry in rest]
        inside.update(entry.id for entry in rest)
    return Grouping([group for number, group in enumerate(grouping.groups) if number in kept], left_out)


async def _themes(photographs: dict[str, Entry], index: SemanticIndex, way: _Way) -> Grouping:
    table = await index.table()
    similarity = way.similarity
    if similarity is None and way.granularity != "normal":
        usual = await asyncio.to_thread(usual_likeness, table.vectors)
        similarity = usual + (1 - usual) * _THEMES[way.granularity]
    words, phrases = prompts()
    names = Names(words, await index.encode_texts(phrases))
    return await asyncio.to_thread(find_themes, photographs, table, names, min_size=way.min_size, similarity=similarity)


async def _own_albums(remote: Remote, by: By) -> list[_Album]:
    """Return the albums that earlier plans of the same way made."""
    if not isinstance(remote, SupportsAlbums):
        return []
    marked = [album async for album in remote.albums() if is_own(album.description, by)]
    return [
        _Album(album, frozenset([member.id async for member in remote.list(NodeId(album.id))]))
        for album in sorted(marked, key=lambda album: album.id)
    ]


def _against(grouping: Grouping, albums: list[_Album]) -> tuple[list[PlanFolder], list[Unassigned]]:
    """Turn groups into folders of a plan, without what albums of earlier plans hold."""
    folders = []
    left_out = list(grouping.unassigned)
    for group in grouping.groups:
        album = _same(group, albums)
        inside = album.members if album is not None else frozenset()
        fresh = [member for member in group.members if member.entry.id not in inside]
        if album is not None:
            why = f"it is in the album {album.entry.name!r} already"
            left_out += [unassigned(member.entry, why) for member in group.members if member.entry.id in inside]
        if fresh:
            members = tuple(
                PlanMember(
                    id=entry.id,
                    path=entry.path,
                    version=entry.version,
                    md5=entry.md5,
                    reason=reason,
                    score=score,
                )
                for entry, reason, score in fresh
            )
            folders.append(
                PlanFolder(
                    name=group.name if album is None else album.entry.name,
                    reason=group.reason,
                    members=members,
                    score=group.score,
                    album=None if album is None else album.entry.id,
                )
            )
    return folders, left_out


def _same(group: Group, albums: list[_Album]) -> _Album | None:
    """Return the album of an earlier plan that is this group, by its members."""
    ids = {member.entry.id for member in group.members}
    shared = [(len(ids & album.members), album) for album in albums]
    most, album = max(shared, key=lambda each: each[0], default=(0, None))
    return album if most and most >= _SAME * len(ids) else None
