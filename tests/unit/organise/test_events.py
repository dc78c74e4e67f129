from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.model import Entry, Kind, Media, Place
from ap_remote.organise.events import city_of, distance, find_events, span
from ap_remote.remote.paths import check_name

VANCOUVER = Place(latitude=49.28, longitude=-123.12, city="Vancouver")
BURNABY = Place(latitude=49.25, longitude=-122.98, city="Burnaby")
ROME = Place(latitude=41.9, longitude=12.5, label="ITA#62#Rome")
START = datetime(2023, 5, 12, 9, tzinfo=UTC)


def shot(number, hours, place=None, *, taken=True):
    """Return a photograph of a camera whose clock shows so many hours after START, wherever it is."""
    when = START + timedelta(hours=hours) if taken else None
    media = Media(place=place, exif={"dateTimeOriginal": f"{when:%Y:%m:%d %H:%M:%S}"} if when else {})
    return Entry(
        path=f"{number:03}.jpg", name=f"{number:03}.jpg", id=f"n{number}", kind=Kind.FILE, taken=when, media=media
    )


def trip(first, start, days, place, *, per_day=6):
    hours = [start + 24 * day + 1.5 * each for day in range(days) for each in range(per_day)]
    return [shot(first + number, hour, place) for number, hour in enumerate(hours)]


def test_two_trips_become_two_events_named_by_place_and_days():
    entries = trip(0, 0, 3, VANCOUVER) + trip(100, 24 * 30, 1, ROME)
    found = find_events(entries, min_size=3)
    assert [(group.name, len(group.members)) for group in found.groups] == [
        ("Vancouver, 12-14 May 2023", 18),
        ("Rome, 11 June 2023", 6),
    ]
    assert found.unassigned == []


@pytest.mark.parametrize(
    ("city", "shown"), [("Bozen/Bolzano", "Bozen-Bolzano"), ("x" * 300, "x" * 200), ("a\0b", "ab")]
)
def test_a_city_of_any_name_makes_an_album_that_can_be(city, shown):
    [group] = find_events(trip(0, 0, 1, Place(city=city)), min_size=3).groups
    assert check_name(group.name) == f"{shown}, 12 May 2023"


def test_a_night_is_no_end_and_a_flight_is_one():
    entries = trip(0, 0, 2, VANCOUVER) + trip(100, 48, 2, ROME)
    found = find_events(entries, min_size=3)
    assert [group.name for group in found.groups] == ["Vancouver, 12-13 May 2023", "Rome, 14-15 May 2023"]


def test_the_next_town_belongs_to_the_same_event_and_the_commoner_name_wins():
    found = find_events([*trip(0, 0, 1, VANCOUVER), *trip(50, 10, 1, BURNABY, per_day=2)], min_size=3)
    assert [group.name for group in found.groups] == ["Vancouver, 12 May 2023"]


def test_a_photograph_without_a_place_joins_by_time_and_says_so():
    found = find_events([*trip(0, 0, 1, VANCOUVER), shot(90, 2)], min_size=3)
    [group] = found.groups
    [alone] = [member for member in group.members if member.entry.id == "n90"]
    assert "by time alone" in alone.reason
    assert alone.score < 1


def test_one_photograph_a_day_is_one_event():
    found = find_events([shot(number, 24 * number, VANCOUVER) for number in range(7)], min_size=3)
    assert [group.name for group in found.groups] == ["Vancouver, 12-18 May 2023"]


def test_small_and_undated_ones_stay_unassigned_with_a_reason():
    found = find_events([*trip(0, 0, 1, VANCOUVER), shot(80, 900, ROME), shot(81, 0, taken=False)], min_size=3)
    assert {each.id: each.why for each in found.unassigned} == {
        "n80": "only 1 taken around then and there, 3 make an event",
        "n81": "it has no capture date",
    }


def test_events_of_one_day_and_place_have_names_of_their_own():
    entries = [
        *trip(0, 0, 1, VANCOUVER, per_day=3),
        *trip(10, 5, 1, ROME, per_day=3),
        *trip(20, 10, 1, VANCOUVER, per_day=3),
    ]
    names = [group.name for group in find_events(entries, min_size=3).groups]
    assert names == ["Vancouver, 12 May 2023", "Rome, 12 May 2023", "Vancouver, 12 May 2023 (2)"]


def test_without_any_place_the_days_are_the_name():
    assert [group.name for group in find_events(trip(0, 0, 1, None), min_size=3).groups] == ["12 May 2023"]


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ((2023, 5, 12), (2023, 5, 12), "12 May 2023"),
        ((2023, 5, 12), (2023, 5, 14), "12-14 May 2023"),
        ((2023, 5, 30), (2023, 6, 2), "30 May - 2 June 2023"),
        ((2023, 12, 30), (2024, 1, 2), "30 December 2023 - 2 January 2024"),
    ],
)
def test_days_are_said_once(first, last, said):
    assert span(datetime(*first, tzinfo=UTC), datetime(*last, tzinfo=UTC)) == said


def test_distances_are_those_of_the_globe():
    assert distance((49.28, -123.12), (41.9, 12.5)) == pytest.approx(9015, rel=0.01)
    assert distance((0, 0), (0, 180)) == pytest.approx(20015, rel=0.001)
    assert distance((5, 5), (5, 5)) == 0


def test_amazon_s_label_names_the_city():
    assert city_of(shot(0, 0, ROME)) == "Rome"
    assert city_of(shot(0, 0, Place(latitude=1.0, longitude=1.0))) is None
    assert city_of(shot(0, 0)) is None


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 5000), st.sampled_from([None, VANCOUVER, ROME]), st.booleans()), max_size=40),
    st.integers(1, 5),
)
def test_every_photograph_is_in_one_group_or_unassigned(rows, min_size):
    entries = [shot(number, hours, place, taken=taken) for number, (hours, place, taken) in enumerate(rows)]
    found = find_events(entries, min_size=min_size)
    placed = [member.entry.id for group in found.groups for member in group.members]
    assert sorted([*placed, *(each.id for each in found.unassigned)]) == sorted(entry.id for entry in entries)
    assert all(len(group.members) >= min_size for group in found.groups)
    assert len({group.name for group in found.groups}) == len(found.groups)
