"""Proposes a plan: looks at photographs and albums, changes nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from ap_remote.errors import ConfigError
from ap_remote.model import NodeId, Status
from ap_remote.organise.events import find_events
from ap_remote.organise.groups import Grouping, unassigned
from ap_remote.organise.plan import By, Plan, PlanFolder, PlanMember, make_plan, read_mark
from ap_remote.organise.themes import Names, find_themes, prompts
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
    similarity: float | None = None,
    labeller: Labeller | None = None,
    progress: Callable[[int, int | None], None] | None = None,
) -> Plan:
    """Return a plan for the account's photographs. Nothing is changed.

    Albums of an earlier plan are known by their mark: what is in them stays there, and newcomers are added to them
    instead of a second album being made. So a plan made right after another was applied has no folders.

    Args:
        remote: whose photographs.
        index: their vectors; needed for themes.
        by: ``theme`` (what they show), ``event`` (when and where they were taken) or ``label``.
        min_size: photographs that make an album.
        query: only photographs that this search finds, in Amazon's syntax.
        similarity: for themes, the cosine from which two photographs are alike; by default the library tells.
        labeller: gives the labels; needed for them.
        progress: for labels, told how many photographs are done, and of how many.

    Raises:
        ConfigError: themes without an index, labels without a labeller, or *min_size* under 1.
        StoreError: the index is not built.
        EncoderError: the index was built with another encoder.
        QuerySyntaxError: in *query*.
    """
    if min_size < 1:
        message = f"an album needs at least one photograph, not {min_size}"
        raise ConfigError(message)
    photographs = {
        entry.id: entry
        async for entry in remote.search(query, sort="name")
        if entry.is_photo and entry.status is Status.AVAILABLE
    }
    if by == "event":
        grouping = await asyncio.to_thread(find_events, list(photographs.values()), min_size=min_size)
    elif by == "label":
        if labeller is None:
            message = "organising by label needs a labeller"
            raise ConfigError(message)
        from ap_remote.organise.labelling.albums import find_labels

        grouping = await find_labels(remote, photographs, labeller, min_size=min_size, progress=progress)
    elif index is None:
        message = "organising by theme needs the semantic index"
        raise ConfigError(message)
    else:
        grouping = await _themes(photographs, index, min_size, similarity)
    folders, left_out = _against(grouping, await _own_albums(remote))
    parameters: dict[str, str | int | float] = {"min_size": min_size}
    if query:
        parameters["query"] = query
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


async def _themes(
    photographs: dict[str, Entry], index: SemanticIndex, min_size: int, similarity: float | None
) -> Grouping:
    table = await index.table()
    words, phrases = prompts()
    names = Names(words, await index.encode_texts(phrases))
    return await asyncio.to_thread(find_themes, photographs, table, names, min_size=min_size, similarity=similarity)


async def _own_albums(remote: Remote) -> list[_Album]:
    """Return the albums that earlier plans made."""
    if not isinstance(remote, SupportsAlbums):
        return []
    marked = [album async for album in remote.albums() if read_mark(album.description) is not None]
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
