"""Photographs sorted into the classes of a taxonomy by the vectors of an index.

Cosines of different prompts cannot be compared, nor can those of different encoders, so without a ``min_score`` a
photograph is in a class where two things hold: a prompt fits it better than every negative and every background prompt
(a plain photo, a random object …), and better than the library's photographs usually fit by :data:`DEVIATIONS`
standard deviations. That is no probability, and the plan says so.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from ap_remote.organise.clock import day_of
from ap_remote.organise.groups import Group, Grouping, Member, unassigned
from ap_remote.organise.names import Once, album_name
from ap_remote.organise.whereabouts import city_of, country_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ap_remote.model import Entry
    from ap_remote.organise.taxonomy import Taxonomy, TaxonomyClass
    from ap_remote.semantic.library import VectorTable

DEVIATIONS: Final = 2.5
"""Standard deviations above what is usual in the library from which a class is given."""
BACKGROUND: Final = ("a photo", "a picture of something", "a random object", "an indoor scene", "an outdoor scene")
"""What every photograph is a little; a class must fit better."""
LEAST_SPREAD: Final = 0.01
"""A cosine's standard deviation in a library of one kind of picture, so that noise does not stand out."""
_CHUNK: Final = 8192


class Phrases(NamedTuple):
    """The texts of a taxonomy, each once, with their vectors."""

    places: dict[str, int]
    """For each text its row of *vectors*."""
    vectors: NDArray[np.float32]


class Fit(NamedTuple):
    """How well a class fits each row of vectors."""

    cosines: NDArray[np.float32]
    deviations: NDArray[np.float32]
    """By how many standard deviations the cosine is above what is usual."""
    margins: NDArray[np.float32]
    """By how much it is above the best negative or background prompt."""

    def given(self, min_score: float | None) -> NDArray[np.bool_]:
        """Return which rows are in the class."""
        found: NDArray[np.bool_]
        if min_score is not None:
            found = self.cosines >= min_score
        else:
            found = (self.deviations >= DEVIATIONS) & (self.margins > 0)
        return found


def texts_of(taxonomy: Taxonomy) -> list[str]:
    """Return what an encoder has to be asked for a taxonomy, each text once."""
    words = [each for one in taxonomy.classes for each in (*one.prompts, *one.negatives)]
    return list(dict.fromkeys([*words, *BACKGROUND]))


def fits(vectors: NDArray[np.float32], phrases: Phrases, prompts: Sequence[str], negatives: Sequence[str]) -> Fit:
    """Return how well prompts, the best of them counts, fit vectors ``[n, dim]``."""
    import numpy as np

    wanted = phrases.vectors[[phrases.places[each] for each in prompts]]
    others = phrases.vectors[[phrases.places[each] for each in (*negatives, *BACKGROUND)]]
    cosines = _best(vectors, wanted)
    middle = float(np.median(cosines))
    # The lower half tells the spread: photographs of the class lie above and must not raise the bar for themselves.
    below = cosines[cosines <= middle] - middle
    spread = max(float(np.sqrt(np.mean(below**2))), LEAST_SPREAD)
    return Fit(cosines, (cosines - middle) / spread, cosines - _best(vectors, others))


def _best(vectors: NDArray[np.float32], texts: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    parts = [
        (vectors[start : start + _CHUNK] @ texts.T).max(axis=1) for start in range(0, max(len(vectors), 1), _CHUNK)
    ]
    return np.concatenate(parts)


def find_classes(
    entries: Mapping[str, Entry],
    table: VectorTable,
    taxonomy: Taxonomy,
    phrases: Phrases,
    *,
    min_size: int,
    filtered: Mapping[str, frozenset[str]],
) -> Grouping:
    """Sort photographs into the classes of a taxonomy; one may be in several.

    Args:
        entries: the photographs to organise, by node id.
        table: the index's vectors; without one only classes that are filters alone take a photograph.
        taxonomy: the classes.
        phrases: the vectors of :func:`texts_of`.
        min_size: photographs that make an album, where a class does not say.
        filtered: for each filter of the taxonomy the ids that it finds.
    """
    rows: dict[str, int] = {node: int(row) for node, row in zip(table.ids, table.rows, strict=True) if node in entries}
    inside: dict[str, dict[str, Member]] = defaultdict(dict)
    for one in taxonomy.classes:
        target = taxonomy.meant(one.name).name
        allowed = filtered[one.filter] if one.filter else None
        found = _members(one, entries, rows, vectors=table.vectors, phrases=phrases, allowed=allowed)
        for member in found:
            known = inside[target].get(member.entry.id)
            if known is None or known.score < member.score:
                inside[target][member.entry.id] = member
    for one in taxonomy.classes:
        for member in list(inside[one.name].values()) if one.see is None else ():
            for above in taxonomy.above(one.name):
                inside[above].setdefault(member.entry.id, member)
    groups, small = _groups(taxonomy, inside, min_size)
    placed = {member.entry.id for group in groups for member in group.members}
    left_out = []
    for entry in entries.values():
        if entry.id not in placed:
            why = small.get(entry.id) or ("no class fits it" if entry.id in rows else _NOT_INDEXED)
            left_out.append(unassigned(entry, why))
    return Grouping(groups, left_out)


_NOT_INDEXED: Final = "it is not in the index; run `ap index build`"


def _members(
    one: TaxonomyClass,
    entries: Mapping[str, Entry],
    rows: Mapping[str, int],
    *,
    vectors: NDArray[np.float32],
    phrases: Phrases,
    allowed: frozenset[str] | None,
) -> Iterable[Member]:
    if not one.prompts:
        if allowed is not None:
            for node, entry in entries.items():
                if node in allowed:
                    yield Member(entry, f"the filter of {one.name} finds it", 1.0)
        return
    if not len(vectors):
        return
    fit = fits(vectors, phrases, one.prompts, one.negatives)
    given = fit.given(one.min_score)
    for node, row in rows.items():
        if given[row] and (allowed is None or node in allowed):
            cosine, above = float(fit.cosines[row]), float(fit.deviations[row])
            if one.min_score is not None:
                score = max(0.0, min(1.0, cosine))
                reason = f"{one.name}: likeness {cosine:.2f}, {one.min_score:g} is asked"
            else:
                score = 1 / (1 + math.exp(DEVIATIONS - above)) if above < 30 else 1.0  # noqa: PLR2004 - exp's range
                reason = f"{one.name}: likeness {cosine:.2f}, {above:.1f} deviations above what is usual here"
            yield Member(entries[node], reason, round(score, 4))


def _groups(
    taxonomy: Taxonomy, inside: Mapping[str, Mapping[str, Member]], min_size: int
) -> tuple[list[Group], dict[str, str]]:
    """Return a group for each album that is large enough, and why the others' photographs have none."""
    groups: list[Group] = []
    small: dict[str, str] = {}
    named = Once()
    for one in taxonomy.classes:
        if one.see is not None:
            continue
        parts: dict[str, list[Member]] = defaultdict(list)
        for member in inside.get(one.name, {}).values():
            parts[_called(one, member.entry)].append(member)
        least = min_size if one.min_size is None else one.min_size
        for name, members in sorted(parts.items()):
            if len(members) < least:
                why = f"only {len(members)} belong to {name}, {least} make an album"
                small |= {member.entry.id: why for member in members}
                continue
            members.sort(key=lambda member: (-member.score, member.entry.path))
            mean = sum(member.score for member in members) / len(members)
            sure = "by its scores" if one.min_score is not None else "uncalibrated: by what is usual in this library"
            above = taxonomy.above(one.name)
            groups.append(
                Group(
                    named(name),
                    f"{len(members)} photographs of the class {one.name} ({sure})",
                    members,
                    round(mean, 4),
                    "/".join(album_name(each, "Class") for each in reversed(above)),
                )
            )
    return groups, small


def _called(one: TaxonomyClass, entry: Entry) -> str:
    """Return what the album of a class is called that a photograph goes to."""
    if one.template == "{name}":
        return one.name
    day = day_of(entry)
    facts = {
        "name": one.name,
        "parent": one.parent or "",
        "year": f"{day:%Y}" if day else "undated",
        "month": f"{day:%Y-%m}" if day else "undated",
        "day": f"{day:%Y-%m-%d}" if day else "undated",
        "city": city_of(entry) or "somewhere",
        "country": country_of(entry) or "somewhere",
    }
    return album_name(one.template.format_map(facts), one.name)
