"""Photographs sorted into the classes of a taxonomy by the vectors of an index.

Who is in a class, and how sure that is, are those of :mod:`ap_remote.organise.fits`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from ap_remote.organise.clock import day_of
from ap_remote.organise.fits import fits, probability
from ap_remote.organise.groups import Group, Grouping, Member, unassigned
from ap_remote.organise.names import Once, album_name
from ap_remote.organise.whereabouts import city_of, country_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ap_remote.model import Entry
    from ap_remote.organise.fits import Fit, Learned, Phrases
    from ap_remote.organise.taxonomy import Taxonomy, TaxonomyClass
    from ap_remote.semantic.library import VectorTable

CERTAIN: Final = float("inf")
"""Log-odds of what a filter finds."""
_NAMED: Final = 5
"""Classes that a note names."""


def find_classes(
    entries: Mapping[str, Entry],
    table: VectorTable,
    taxonomy: Taxonomy,
    phrases: Phrases,
    *,
    min_size: int,
    filtered: Mapping[str, frozenset[str]],
    learned: Mapping[str, Learned] | None = None,
) -> Grouping:
    """Sort photographs into the classes of a taxonomy; one may be in several.

    Args:
        entries: the photographs to organise, by node id.
        table: the index's vectors; without one only classes that are filters alone take a photograph.
        taxonomy: the classes.
        phrases: the vectors of :func:`texts_of`.
        min_size: photographs that make an album, where a class does not say.
        filtered: for each filter of the taxonomy the ids that it finds.
        learned: for classes, by name, the calibration that they go by.
    """
    learned = learned or {}
    rows: dict[str, int] = {node: int(row) for node, row in zip(table.ids, table.rows, strict=True) if node in entries}
    inside: dict[str, dict[str, Member]] = defaultdict(dict)
    for one, fit in fits(table, phrases, taxonomy.classes, learned):
        target = taxonomy.meant(one.name).name
        allowed = filtered[one.filter] if one.filter else None
        for member in _members(one, entries, rows, fit=fit, allowed=allowed, learned=learned.get(one.name)):
            known = inside[target].get(member.entry.id)
            if known is None or (known.odds or 0.0) < (member.odds or 0.0):
                inside[target][member.entry.id] = member
    for one in taxonomy.classes:
        for member in list(inside[one.name].values()) if one.see is None else ():
            for above in taxonomy.above(one.name):
                inside[above].setdefault(member.entry.id, member)
    groups, small = _groups(taxonomy, inside, learned, min_size)
    placed = {member.entry.id for group in groups for member in group.members}
    left_out = []
    for entry in entries.values():
        if entry.id not in placed:
            why = small.get(entry.id) or ("no class fits it" if entry.id in rows else _NOT_INDEXED)
            left_out.append(unassigned(entry, why))
    return Grouping(groups, left_out, _note(taxonomy.classes, learned))


_NOT_INDEXED: Final = "it is not in the index; run `ap index build`"


def _members(
    one: TaxonomyClass,
    entries: Mapping[str, Entry],
    rows: Mapping[str, int],
    *,
    fit: Fit | None,
    allowed: frozenset[str] | None,
    learned: Learned | None,
) -> Iterable[Member]:
    if not one.prompts:
        if allowed is not None:
            for node, entry in entries.items():
                if node in allowed:
                    yield Member(entry, f"the filter of {one.name} finds it", 1.0, CERTAIN)
        return
    if fit is None:
        return
    for node, row in rows.items():
        if fit.given[row] and (allowed is None or node in allowed):
            odds = float(fit.odds[row])
            score = round(probability(odds), 4)
            yield Member(entries[node], _reason(one, fit, row, score, learned), score, odds)


def _reason(one: TaxonomyClass, fit: Fit, row: int, score: float, learned: Learned | None) -> str:
    likeness = f"{one.name}: likeness {fit.cosines[row]:.2f}"
    if _is_sure(one, learned) and learned is not None:
        return f"{likeness}, probability {score:.2f}, {learned.least(one.min_precision):.2f} is asked"
    if one.min_score is not None:
        return f"{likeness}, {one.min_score:g} is asked"
    return f"{likeness}, {fit.deviations[row]:.1f} deviations above what is usual here"


def _is_sure(one: TaxonomyClass, learned: Learned | None) -> bool:
    """Whether a calibration decides who is in a class."""
    return learned is not None and (one.min_score is None or one.min_precision is not None)


def _sureness(one: TaxonomyClass, learned: Learned | None) -> str:
    """Return in words what decided who is in a class."""
    if not one.prompts:
        return "by its filter" if one.filter else "by other classes"
    if learned is not None and _is_sure(one, learned):
        wanted = learned.calibration.precision if one.min_precision is None else one.min_precision
        asked = "" if len(learned.prompts) == len(one.prompts) else f" of {learned.prompts[0]!r} alone"
        return f"calibrated{asked}: a precision of {wanted:g} is asked"
    how = "by its scores" if one.min_score is not None else "uncalibrated: by what is usual in this library"
    if one.min_precision is None:
        return how
    how = how.removeprefix("uncalibrated: ")
    return f"uncalibrated: {how}, so nobody knows whether it has the precision of {one.min_precision:g} that is asked"


def _note(classes: Sequence[TaxonomyClass], learned: Mapping[str, Learned]) -> str:
    """Return what is to be said of precisions that were asked for and are not known, or cannot be had."""
    unknown = [one.name for one in classes if one.min_precision is not None and one.name not in learned]
    never = [
        one.name
        for one in classes
        if one.name in learned and _is_sure(one, learned[one.name]) and learned[one.name].least(one.min_precision) > 1
    ]
    told = []
    if unknown:
        told.append(
            f"uncalibrated: a precision is asked of {_listed(unknown)}, and `ap index calibrate` has learned none of "
            "their prompts"
        )
    if never:
        told.append(f"nothing is sure enough for {_listed(never)}: their calibration found no cut that is right enough")
    return "; ".join(told)


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + rest


def _groups(
    taxonomy: Taxonomy,
    inside: Mapping[str, Mapping[str, Member]],
    learned: Mapping[str, Learned],
    min_size: int,
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
            members.sort(key=lambda member: (-(member.odds or 0.0), member.entry.path))
            mean = sum(member.score for member in members) / len(members)
            sure = _sureness(one, learned.get(one.name))
            above = taxonomy.above(one.name)
            groups.append(
                Group(
                    named(name),
                    f"{len(members)} photographs of the class {one.name} ({sure})",
                    members,
                    round(mean, 4),
                    "/".join(album_name(each, "Class") for each in reversed(above)),
                    (one.name, *above),
                    one.priority,
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
