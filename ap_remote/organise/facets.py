"""Photographs brought together by one property: who is on them, where or in which month they were taken.

A photograph with two people goes to both. What has no such property stays unassigned.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, Literal

from ap_remote.errors import UnsupportedError
from ap_remote.organise.clock import local_time
from ap_remote.organise.groups import Group, Grouping, Member, unassigned
from ap_remote.organise.names import Once, album_name
from ap_remote.query import all_of, facet, parse_search, show
from ap_remote.remote.features import SupportsPeople

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ap_remote.model import Entry, Person
    from ap_remote.remote.base import Remote

Granularity = Literal["coarse", "normal", "fine"]
"""How finely photographs are told apart: years, months, days; countries, cities, cities by year; people, people, people
by year; longer or shorter events; looser or stricter themes."""

PEOPLE: Final = 200
"""People that are looked for, the most photographed first; each takes a search."""


def find_months(entries: Iterable[Entry], *, min_size: int, granularity: Granularity = "normal") -> Grouping:
    """Group photographs by the month of their capture, or by its year or day; the first comes first."""
    dated: dict[tuple[int, ...], list[Entry]] = defaultdict(list)
    left_out = []
    length = {"coarse": 1, "normal": 2, "fine": 3}[granularity]
    for entry in entries:
        when = local_time(entry)
        if when is None:
            left_out.append(unassigned(entry, "it has no capture date"))
        else:
            dated[(when.year, when.month, when.day)[:length]].append(entry)
    word = {"coarse": "year", "normal": "month", "fine": "day"}[granularity]
    groups = []
    for key in sorted(dated):
        found = dated[key]
        name = "-".join([f"{key[0]:04d}", *(f"{part:02d}" for part in key[1:])])
        if len(found) < min_size:
            why = f"only {len(found)} were taken in that {word}, {min_size} make an album"
            left_out += [unassigned(entry, why) for entry in found]
            continue
        taken = [(entry, f"taken {local_time(entry):%Y-%m-%d %H:%M}") for entry in sorted(found, key=_time)]
        members = [Member(entry, why, 1.0) for entry, why in taken]
        groups.append(Group(name, f"{len(found)} photographs of one {word}", members, 1.0))
    return Grouping(groups, left_out)


def find_places(entries: Iterable[Entry], *, min_size: int, granularity: Granularity = "normal") -> Grouping:
    """Group photographs by the city of their capture, by its country, or by city and year; the largest comes first."""
    placed: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    left_out = []
    for entry in entries:
        key = _place(entry, granularity)
        if key:
            placed[key].append(entry)
        else:
            left_out.append(unassigned(entry, "nobody knows where it was taken"))
    named = Once()
    groups = []
    for key, found in _by_size(placed):
        place = ", ".join(part for part in key if part)
        if len(found) < min_size:
            why = f"only {len(found)} were taken there, {min_size} make an album"
            left_out += [unassigned(entry, why) for entry in found]
            continue
        name = named(album_name(_short(key, granularity), "A place"))
        members = [Member(entry, f"taken in {place}", 1.0) for entry in sorted(found, key=_time)]
        groups.append(Group(name, f"{len(found)} photographs taken in {place}", members, 1.0))
    return Grouping(groups, left_out)


async def find_people(
    remote: Remote,
    photographs: Mapping[str, Entry],
    *,
    min_size: int,
    query: str = "",
    granularity: Granularity = "normal",
    progress: Callable[[int, int | None], None] | None = None,
) -> Grouping:
    """Group photographs by who is on them, by the service's own groups of faces; those without a name stay out.

    Args:
        remote: is asked for the photographs of each person.
        photographs: those to organise, by id.
        min_size: photographs that make an album.
        query: the search that found *photographs*, in Amazon's syntax.
        granularity: ``fine`` makes an album for each year of a person.
        progress: told how many people are done, and of how many.

    Raises:
        UnsupportedError: the remote knows no people.
    """
    if not isinstance(remote, SupportsPeople):
        raise UnsupportedError(f"{remote.name}: knows no people")
    # Fewer pictures in all means fewer among these; the service's counts lag, hence the margin of one.
    known = [each for each in await remote.people() if each.name and each.count + 1 >= min_size][:PEOPLE]
    named = Once()
    groups: list[Group] = []
    small: dict[str, str] = {}
    seen: set[str] = set()
    for number, person in enumerate(known):
        found = [photographs[each] for each in await _of_person(remote, person, query) if each in photographs]
        seen.update(entry.id for entry in found)
        for year, part in sorted(_by_year(found, granularity).items()):
            if len(part) < min_size:
                small |= {entry.id: f"only {len(part)} show them, {min_size} make an album" for entry in part}
                continue
            who = album_name(person.name or "", "Somebody")
            members = [Member(entry, f"{who} is on it", 1.0) for entry in sorted(part, key=_time)]
            groups.append(
                Group(named(f"{who} {year}" if year else who), f"{len(part)} photographs of {who}", members, 1)
            )
        if progress is not None:
            progress(number + 1, len(known))
    inside = {member.entry.id for group in groups for member in group.members}
    left_out = [
        unassigned(entry, small.get(entry.id, "nobody who has a name was found on it"))
        for entry in photographs.values()
        if entry.id not in inside
    ]
    return Grouping(sorted(groups, key=lambda group: (-len(group.members), group.name)), left_out)


async def _of_person(remote: Remote, person: Person, query: str) -> list[str]:
    parts = [parse_search(query)] if query else []
    return [entry.id async for entry in remote.search(show(all_of(*parts, facet("people", person.id))))]


def _by_year(found: Sequence[Entry], granularity: Granularity) -> dict[str, list[Entry]]:
    parts: dict[str, list[Entry]] = defaultdict(list)
    for entry in found:
        parts[_year(entry) if granularity == "fine" else ""].append(entry)
    return parts


def _place(entry: Entry, granularity: Granularity) -> tuple[str, ...]:
    """Return country, region, city and year as far as they tell places apart; nothing where the place is not known."""
    place = entry.media.place if entry.media else None
    if place is None:
        return ()
    labelled = [*(place.label or "").split("#"), "", "", ""][:3] if "#" in (place.label or "") else ["", "", ""]
    country = place.country or labelled[0]
    region, city = place.region or labelled[1], place.city or labelled[2]
    if granularity == "coarse":
        return (country,) if country else ()
    if not (city or region):
        return ()
    year = _year(entry) if granularity == "fine" else ""
    return city, region, country, year


def _year(entry: Entry) -> str:
    when = local_time(entry)
    return "" if when is None else f"{when:%Y}"


def _short(key: tuple[str, ...], granularity: Granularity) -> str:
    """Return a place as an album is called: the city, or the region where no city is known."""
    if granularity == "coarse":
        return key[0]
    city, region, country, year = key
    name = city or region
    return " ".join(part for part in (f"{name}, {country}" if country and not city else name, year) if part)


def _by_size(parts: Mapping[tuple[str, ...], list[Entry]]) -> list[tuple[tuple[str, ...], list[Entry]]]:
    return sorted(parts.items(), key=lambda each: (-len(each[1]), each[0]))


def _time(entry: Entry) -> tuple[str, str]:
    return entry.taken.isoformat() if entry.taken else "", entry.path
