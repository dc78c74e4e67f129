"""Photographs that are one: an album of what could go, or an album for each burst. Nothing is put in the trash here.

What counts as one, and which is kept, is decided by :mod:`ap_remote.semantic.duplicates`. Of each set of copies one
stays outside the album, and every member of the album names it, so that whoever empties the album loses no picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ap_remote.organise.clock import local_time
from ap_remote.organise.events import span
from ap_remote.organise.groups import Group, Grouping, Member, unassigned
from ap_remote.organise.names import Once, album_name
from ap_remote.organise.whereabouts import city_of
from ap_remote.semantic.near import ranked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ap_remote.model import Entry
    from ap_remote.semantic.duplicates import Alike, Duplicates, Sameness

ALBUMS: Final[dict[Sameness, str]] = {"exact": "Duplicates, same bytes", "re-encoded": "Duplicates, saved anew"}
"""What the albums of what could go are called."""


def find_duplicates(photographs: Mapping[str, Entry], found: Duplicates, *, min_size: int) -> Grouping:
    """Bring together what could go: photographs with the bytes of another, and those encoded anew.

    Args:
        photographs: those to organise, by id. One that is kept may be another, which its copies then name.
        found: groups of the kinds ``exact`` and ``re-encoded``.
        min_size: photographs that make an album.
    """
    inside: set[str] = set()
    kept: dict[str, str] = {}
    left_out = []
    groups = []
    for kind, name in ALBUMS.items():
        members: list[Member] = []
        for alike in found.groups:
            if alike.kind != kind:
                continue
            kept.setdefault(alike.keep.id, f"it is the one to keep of {len(alike.others) + 1}: {alike.why}")
            for other in alike.others:
                if other.id in photographs and other.id not in inside:
                    inside.add(other.id)
                    members.append(Member(photographs[other.id], _copy(alike, other), alike.least or 1.0))
        if len(members) >= min_size:
            members.sort(key=lambda member: member.entry.path)
            score = sum(member.score for member in members) / len(members)
            groups.append(Group(name, "copies that could go; each names the one to keep", members, round(score, 4)))
        else:
            why = f"only {len(members)} such copies, {min_size} make an album"
            left_out += [unassigned(member.entry, why) for member in members]
    left_out += [
        unassigned(entry, kept.get(id_, "nothing else is the same picture"))
        for id_, entry in photographs.items()
        if id_ not in inside
    ]
    return Grouping(groups, left_out, found.note)


def find_bursts(photographs: Mapping[str, Entry], found: Duplicates, *, min_size: int) -> Grouping:
    """Make an album of each burst, the frame to keep first.

    Args:
        photographs: those to organise, by id.
        found: groups of the kind ``burst``.
        min_size: frames that make an album.
    """
    whys: dict[str, str] = {}
    groups = []
    named = Once()
    inside: set[str] = set()
    bursts = [alike for alike in found.groups if alike.kind == "burst"]
    for alike in sorted(bursts, key=lambda each: (_moment(each.keep), each.keep.path)):
        frames = [each for each in (alike.keep, *alike.others) if each.id in photographs and each.id not in inside]
        if len(frames) < min_size:
            whys |= {each.id: f"a burst of only {len(frames)}, {min_size} make an album" for each in frames}
            continue
        inside.update(each.id for each in frames)
        least = 1.0 if alike.least is None else alike.least
        rest = f"a frame of the burst; the one to keep is {alike.keep.path}"
        members = [
            Member(
                photographs[each.id],
                f"the frame to keep: {alike.why}" if each.id == alike.keep.id else rest,
                1.0 if each.id == alike.keep.id else least,
            )
            for each in frames
        ]
        reason = f"frames of one camera, seconds apart, their likeness {least:.2f} at least"
        groups.append(Group(named(_name(frames)), reason, members, least))
    left_out = [
        unassigned(entry, whys.get(id_, "it is in no burst")) for id_, entry in photographs.items() if id_ not in inside
    ]
    return Grouping(groups, left_out, found.note)


def _copy(alike: Alike, other: Entry) -> str:
    same = f"bytes as {alike.keep.path}"
    if alike.least is not None:
        same = f"picture as {alike.keep.path} (likeness {alike.least:.2f})"
    return f"the same {same}, which is the one to keep: {_why(alike, other)}"


def _why(alike: Alike, other: Entry) -> str:
    """Return why a photograph is kept and another is not, as whoever found them ranked them.

    The group's reason is that against the next best, the first of the others. Those behind it may differ from the one
    to keep in something that weighs more: a mark or pixels, which entries tell, or sharpness, which they do not. Where
    they alone do not explain the group's reason, it was sharpness.
    """
    first = alike.others[0]
    if other is first:
        return alike.why
    order, why = ranked((alike.keep, other))
    if order[0] is alike.keep and ranked((alike.keep, first)) == ([alike.keep, first], alike.why):
        return why
    return ranked((alike.keep, other), {alike.keep.md5 or "": 2.0, other.md5 or "": 1.0})[1]


def _moment(entry: Entry) -> str:
    when = local_time(entry)
    return "" if when is None else when.isoformat()


def _name(frames: list[Entry]) -> str:
    times = sorted(when for entry in frames if (when := local_time(entry)) is not None)
    cities = [album_name(city, "Somewhere") for entry in frames if (city := city_of(entry))]
    return ", ".join(["Burst", *cities[:1], *(f"{span(when, when)} {when:%H.%M}" for when in times[:1])])
