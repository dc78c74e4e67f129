"""Proposes a plan: looks at photographs and albums, changes nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from ap_remote.errors import ConfigError, EncoderError, MissingExtraError, StoreError
from ap_remote.model import Status
from ap_remote.organise.drift import Looks
from ap_remote.organise.events import find_events
from ap_remote.organise.facets import Granularity, find_months, find_people, find_places
from ap_remote.organise.groups import Grouping, unassigned
from ap_remote.organise.history import NOTHING, read_past
from ap_remote.organise.plan import By, Plan, make_plan
from ap_remote.organise.reconcile import ambiguous, into_albums, into_folders, own_albums
from ap_remote.organise.themes import Names, find_themes, prompts, usual_likeness
from ap_remote.remote import paths

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ap_remote.model import Entry
    from ap_remote.organise.labelling.choice import Labeller
    from ap_remote.organise.taxonomy import Taxonomy
    from ap_remote.remote.base import Remote
    from ap_remote.semantic.library import SemanticIndex

_EVENTS: Final[dict[Granularity, float]] = {"coarse": 3.0, "normal": 1.0, "fine": 1 / 3}
"""How much longer the pauses between events are."""
_THEMES: Final[dict[Granularity, float]] = {"coarse": -0.25, "normal": 0.0, "fine": 0.25}
"""How far the likeness that is asked goes from what is usual towards sameness."""


_MIN_SIZE: Final = 3


class _Way(NamedTuple):
    by: By
    min_size: int
    query: str
    granularity: Granularity
    similarity: float | None
    taxonomy: Taxonomy | None


async def propose(
    remote: Remote,
    index: SemanticIndex | None = None,
    *,
    by: By = "theme",
    min_size: int | None = None,
    query: str = "",
    path: str = "",
    similarity: float | None = None,
    granularity: Granularity = "normal",
    max_folders: int | None = None,
    labeller: Labeller | None = None,
    taxonomy: Taxonomy | None = None,
    move: str | None = None,
    plans: Path | None = None,
    remake: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> Plan:
    """Return a plan for the account's photographs. Nothing is changed.

    Albums of an earlier plan are known by their mark: what is in them stays there, and newcomers are added to them
    instead of a second album being made. So a plan made right after another was applied has no folders. Where the
    journals of earlier plans are at hand, what their owner changed since is respected: see
    :mod:`ap_remote.organise.reconcile`.

    Args:
        remote: whose photographs.
        index: their vectors; needed for themes, a taxonomy, duplicates and bursts. Events are told apart by looks as
            well where it is built.
        by: ``theme`` (what they show), ``event`` (when and where they were taken), ``person``, ``place``, ``month``,
            ``label``, ``taxonomy``, ``duplicates`` (copies that could go, in one album) or ``burst`` (one for each).
        min_size: photographs that make an album; by default three, and one of what could go.
        query: only photographs that this search finds, in Amazon's syntax.
        path: only photographs below this folder.
        similarity: for themes, the cosine from which two photographs are alike; by default the library tells.
        granularity: how finely they are told apart; labels know no such thing.
        max_folders: keep the largest groups only; the others' photographs stay unassigned.
        labeller: gives the labels; needed for them.
        taxonomy: the classes for ``taxonomy``; by default those that come with the package.
        move: the folder below which files would be moved to folders (``""`` is the root), instead of making albums.
        plans: the folder that keeps earlier plans and their journals.
        remake: make albums again that were deleted, and put photographs back that were taken out.
        progress: for labels and people, told how many photographs or people are done, and of how many.

    Raises:
        ConfigError: themes without an index, labels without a labeller, or *min_size* under 1.
        StoreError: the index is not built.
        EncoderError: the index was built with another encoder.
        QuerySyntaxError: in *query*.
        NotFoundError: nothing is at *path*.
        InvalidNameError: *move* is no path that a folder can have.
        PlanError: a journal among *plans* cannot be read.
    """
    if min_size is None:
        min_size = 1 if by == "duplicates" else _MIN_SIZE
    if min_size < 1:
        message = f"an album needs at least one photograph, not {min_size}"
        raise ConfigError(message)
    base = None if move is None else paths.writable(move)
    photographs = await _photographs(remote, query, path)
    way = _Way(by, min_size, query, granularity, similarity, taxonomy)
    grouping = await _grouped(remote, index, photographs, way, labeller=labeller, progress=progress)
    grouping = _largest(grouping, max_folders)
    past = NOTHING if plans is None or remake else await asyncio.to_thread(read_past, plans, by)
    if base is None:
        albums = await own_albums(remote, by, past)
        folders, left_out = await asyncio.to_thread(into_albums, grouping, albums)
    else:
        folders, left_out = await asyncio.to_thread(into_folders, grouping, base, past)
    undecided = ambiguous(left_out)
    told = {
        "query": query or None,
        "path": path or None,
        "move": base,
        "taxonomy": taxonomy and taxonomy.source,
        "granularity": granularity if granularity != "normal" else None,
        "max_folders": max_folders,
        "similarity": similarity,
        **undecided,
        "note": "; ".join(str(each) for each in (grouping.note, undecided.get("note")) if each) or None,
    }
    parameters: dict[str, str | int | float] = {"min_size": min_size}
    parameters |= {name: value for name, value in told.items() if value is not None}
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
    size, granularity = way.min_size, way.granularity
    match way.by:
        case "event":
            return await _events(photographs, index, way)
        case "month" | "place":
            find = find_months if way.by == "month" else find_places
            entries = list(photographs.values())
            return await asyncio.to_thread(find, entries, min_size=size, granularity=granularity)
        case "person":
            return await find_people(
                remote, photographs, min_size=size, query=way.query, granularity=granularity, progress=progress
            )
        case "label":
            return await _labels(remote, photographs, labeller, min_size=size, progress=progress)
        case "theme" | "taxonomy" | "duplicates" | "burst":
            return await _seen(remote, photographs, index, way)


async def _seen(remote: Remote, photographs: dict[str, Entry], index: SemanticIndex | None, way: _Way) -> Grouping:
    """Group by what an index tells."""
    if index is None:
        raise ConfigError(f"organising by {way.by} needs the semantic index")
    if way.by == "theme":
        return await _themes(photographs, index, way)
    if way.by == "taxonomy":
        return await _classes(remote, photographs, index, way)
    return await _copies(remote, photographs, index, way)


async def _events(photographs: dict[str, Entry], index: SemanticIndex | None, way: _Way) -> Grouping:
    """Group by time and place, and by looks where an index is built; events are found without."""
    looks = None
    if index is not None:
        with suppress(StoreError, EncoderError, MissingExtraError):
            looks = await asyncio.to_thread(Looks, await index.table())
    return await asyncio.to_thread(
        find_events, list(photographs.values()), min_size=way.min_size, scale=_EVENTS[way.granularity], looks=looks
    )


async def _labels(
    remote: Remote,
    photographs: dict[str, Entry],
    labeller: Labeller | None,
    *,
    min_size: int,
    progress: Callable[[int, int | None], None] | None,
) -> Grouping:
    if labeller is None:
        raise ConfigError("organising by label needs a labeller")
    from ap_remote.organise.labelling.albums import find_labels

    return await find_labels(remote, photographs, labeller, min_size=min_size, progress=progress)


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
    return Grouping([group for number, group in enumerate(grouping.groups) if number in kept], left_out, grouping.note)


async def _copies(remote: Remote, photographs: dict[str, Entry], index: SemanticIndex, way: _Way) -> Grouping:
    from ap_remote.organise.copies import ALBUMS, find_bursts, find_duplicates

    bursts = way.by == "burst"
    found = await index.duplicates(remote, query=way.query, kinds=("burst",) if bursts else tuple(ALBUMS))
    find = find_bursts if bursts else find_duplicates
    return await asyncio.to_thread(find, photographs, found, min_size=way.min_size)


async def _themes(photographs: dict[str, Entry], index: SemanticIndex, way: _Way) -> Grouping:
    table = await index.table()
    similarity = way.similarity
    if similarity is None and way.granularity != "normal":
        usual = await asyncio.to_thread(usual_likeness, table)
        similarity = usual + (1 - usual) * _THEMES[way.granularity]
    words, phrases = prompts()
    names = Names(words, await index.encode_texts(phrases))
    return await asyncio.to_thread(find_themes, photographs, table, names, min_size=way.min_size, similarity=similarity)


async def _classes(remote: Remote, photographs: dict[str, Entry], index: SemanticIndex, way: _Way) -> Grouping:
    from ap_remote.organise.classes import find_classes
    from ap_remote.organise.fits import Phrases, calibrations, learned_of, texts_of
    from ap_remote.organise.taxonomy import load_taxonomy

    taxonomy = way.taxonomy if way.taxonomy is not None else await asyncio.to_thread(load_taxonomy)
    table = await index.table()
    learned = learned_of(taxonomy, await calibrations(index))
    texts = texts_of(taxonomy, learned)
    phrases = Phrases({text: row for row, text in enumerate(texts)}, await index.encode_texts(texts))
    filtered: dict[str, frozenset[str]] = {}
    for one in taxonomy.classes:
        if one.filter and one.filter not in filtered:
            filtered[one.filter] = frozenset([entry.id async for entry in remote.search(one.filter)])
    return await asyncio.to_thread(
        find_classes,
        photographs,
        table,
        taxonomy,
        phrases,
        min_size=way.min_size,
        filtered=filtered,
        learned=learned,
    )
