from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.insight import Summary
from ap_remote.insight.gaps import SHORTEST, find_gaps
from ap_remote.insight.names import camera
from ap_remote.insight.page import visible
from ap_remote.model import Entry, Kind, Media, Place

NOW = datetime(2026, 6, 1, tzinfo=UTC)
WORDS = st.sampled_from(["", "a", "b", "Canon", "<b>", "{{", "\u202e"])
TIMES = st.none() | st.datetimes(datetime(1700, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
PLACES = st.none() | st.builds(
    Place,
    latitude=st.none() | st.floats(-90, 90),
    longitude=st.none() | st.floats(-180, 180),
    label=st.none() | st.sampled_from(["ITA#62#Rome", "CAN#BC#Vancouver", "#", ""]),
    city=st.none() | WORDS,
)
MEDIA = st.none() | st.builds(Media, make=st.none() | WORDS, model=st.none() | WORDS, place=PLACES)
FILES = st.builds(
    Entry,
    path=st.just(""),
    name=st.sampled_from(["IMG_1001.JPG", "IMG_1400.JPG", "b.nef", "c.mov", "d.pdf", "e", "f.jpg"]),
    id=st.just(""),
    kind=st.just(Kind.FILE),
    size=st.integers(0, 1 << 40),
    md5=st.none() | st.sampled_from(["a" * 32, "b" * 32, "c" * 32, ""]),
    created=TIMES,
    taken=TIMES,
    content_type=st.none() | st.sampled_from(["image/jpeg", "video/mp4", "text/plain", "x/y"]),
    favorite=st.booleans(),
    media=MEDIA,
)


@st.composite
def libraries(draw) -> list[Entry]:
    rows = draw(st.lists(FILES, max_size=25))
    folders = draw(st.lists(st.sampled_from(["", "A/", "A/B/", "A/B/C/"]), min_size=len(rows), max_size=len(rows)))
    return [
        msgspec.structs.replace(row, path=f"{folder}{number}-{row.name}", id=f"id{number}")
        for number, (row, folder) in enumerate(zip(rows, folders, strict=True))
    ]


def summarised(entries):
    summary = Summary(now=NOW, top=5)
    for entry in entries:
        summary.add(entry)
    return summary.library()


@settings(max_examples=80, deadline=None)
@given(libraries(), st.randoms(use_true_random=False))
def test_groups_add_up_and_the_order_of_entries_does_not_matter(entries, chance: random.Random) -> None:
    found = summarised(entries)
    for name in found.__struct_fields__:
        if name.startswith("by_"):
            groups = getattr(found, name)
            assert sum(each.count for each in groups) == found.files == len(entries)
            assert sum(each.size for each in groups) == found.size == sum(each.size for each in entries)
            assert sum(each.counted for each in groups) == found.counted
            assert len({each.key for each in groups}) == len(groups)
    assert sum(day.count for day in found.days) == sum(map(sum, found.hours))
    shuffled = list(entries)
    chance.shuffle(shuffled)
    assert summarised(shuffled) == found
    assert found.saved <= found.size


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.integers(730_000, 731_500), st.integers(1, 99), max_size=60))
def test_gaps_never_overlap_and_hold_no_picture(days) -> None:
    gaps = find_gaps(days)
    for gap in gaps:
        assert gap.days == (gap.last - gap.first).days + 1 > SHORTEST
        assert not any(gap.first.toordinal() <= day <= gap.last.toordinal() for day in days)
        assert days[gap.first.toordinal() - 1] == gap.before
        assert days[(gap.last + timedelta(days=1)).toordinal()] == gap.after
    for earlier, later in itertools.pairwise(gaps):
        assert earlier.last < later.first - timedelta(days=1)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["Apple", "NIKON CORPORATION", "Sony", "DJI", "Leica Camera AG"]),
    st.lists(st.sampled_from(["Apple", "iPhone", "NIKON", "D750", "X-T5", "-", "Leica", "SONY", "\0"]), max_size=6).map(
        " ".join
    ),
)
def test_naming_a_camera_again_changes_nothing(make: str, model: str) -> None:
    once = camera(make, model)
    brand = once.partition(" ")[0]
    assert camera(brand, once) == once


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_what_is_made_visible_can_be_written_and_does_not_turn(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert not any(char in shown for char in "\u202e\u2066\u2069\n\r\0\x1b\u2028")
