"""The time of the day where a photograph was taken: what tells it, in which order, and what to do without."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.model import Entry, Kind, Media, Place
from ap_remote.organise import clock
from ap_remote.organise.clock import day_of, evening, local_time, local_times
from ap_remote.organise.events import find_events

FRANCISCO = (37.77, -122.42)
TOKYO = (35.68, 139.69)
YEAR = 31_556_952
"""Seconds."""


def shot(when, where=None, exif=None, city=None):
    place = Place(latitude=where[0], longitude=where[1], city=city) if where else None
    name = f"{when:%Y%m%d%H%M%S}.jpg"
    media = Media(place=place, exif=exif or {})
    return Entry(path=name, name=name, id=name, kind=Kind.FILE, taken=when, media=media)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.fixture
def forgotten():
    """Zones are looked up again, before and after."""
    kept = (clock._zone, clock._finder)
    for each in kept:
        each.cache_clear()
    yield
    for each in kept:
        each.cache_clear()


@pytest.mark.parametrize(
    ("where", "taken", "shown"),
    [
        (TOKYO, utc(2023, 5, 12, 16), utc(2023, 5, 13, 1)),
        (FRANCISCO, utc(2023, 7, 2, 3), utc(2023, 7, 1, 20)),
        (FRANCISCO, utc(2023, 1, 2, 3), utc(2023, 1, 1, 19)),
        ((-33.87, 151.21), utc(2023, 1, 1, 13), utc(2023, 1, 2, 0)),
        ((27.72, 85.32), utc(2023, 5, 12, 18), utc(2023, 5, 12, 23, 45)),
        ((52.52, 13.40), utc(2023, 3, 26, 0, 59), utc(2023, 3, 26, 1, 59)),
        ((52.52, 13.40), utc(2023, 3, 26, 1, 0), utc(2023, 3, 26, 3, 0)),
        ((30.0, -140.0), utc(2023, 5, 12, 6), utc(2023, 5, 11, 21)),
    ],
    ids=["Tokyo", "summer", "winter", "summer in the south", "Kathmandu", "before it springs", "after", "at sea"],
)
def test_the_clock_on_the_wall_is_that_of_the_place_at_that_time(where, taken, shown):
    assert local_time(shot(taken, where)) == shown
    assert day_of(shot(taken, where)) == shown.date()


@pytest.mark.parametrize(
    ("exif", "hours"),
    [
        ({"offsetTimeOriginal": "+02:00", "dateTimeOriginal": "2023:05:12 17:00:00"}, 2),
        ({"dateTimeOriginal": "2023:05:12 17:00:00"}, 3),
        ({"dateTimeOriginal": "2023:05:12 14:00:00"}, 0),
        ({"dateTimeOriginal": "2001:01:01 00:00:00", "offsetTimeOriginal": "noon"}, 9),
        ({}, 9),
    ],
    ids=["the offset is first", "then the camera's clock", "which may show UTC", "not if neither was set", "the place"],
)
def test_exif_knows_better_than_the_place(exif, hours):
    when = utc(2023, 5, 12, 14)
    assert local_time(shot(when, TOKYO, exif)) == when + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("where", "first", "day"),
    [(TOKYO, utc(2023, 5, 12, 9), date(2023, 5, 12)), (FRANCISCO, utc(2023, 5, 13, 1), date(2023, 5, 12))],
    ids=["Tokyo", "San Francisco"],
)
def test_an_evening_far_from_greenwich_is_one_event_of_its_own_day(where, first, day):
    """From six in the evening to one in the morning there: two days by UTC, or one that is not theirs."""
    entries = [shot(first + timedelta(hours=hour), where, city="Here") for hour in range(8)]
    assert {evening(local_time(entry)) for entry in entries} == {day}
    assert [group.name for group in find_events(entries, min_size=5).groups] == [f"Here, {day.day} May 2023"]


@pytest.mark.parametrize(
    "where",
    [
        (0.0, 0.0),
        (-0.0, 0.001),
        (91.0, 10.0),
        (10.0, 181.0),
        (-1e300, 5.0),
        (float("nan"), 5.0),
        (5.0, float("inf")),
        (None, 5.0),
        (5.0, None),
    ],
)
def test_what_is_no_place_on_earth_has_no_zone(where):
    when = utc(2023, 5, 12, 14)
    assert local_time(shot(when, where)) == when


@pytest.mark.parametrize("when", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
@pytest.mark.parametrize("where", [TOKYO, FRANCISCO])
@pytest.mark.parametrize("exif", [{}, {"offsetTimeOriginal": "+09:00"}, {"offsetTimeOriginal": "-08:00"}])
def test_a_date_at_the_end_of_the_calendar_stays_a_date(when, where, exif):
    assert abs(local_time(shot(when, where, exif)) - when) < timedelta(days=1)


def test_without_the_package_that_knows_zones_utc_is_all_there_is(forgotten, monkeypatch):
    monkeypatch.setitem(sys.modules, "tzfpy", None)
    when = utc(2023, 5, 12, 16)
    assert local_time(shot(when, TOKYO)) == when


def test_a_zone_that_the_system_does_not_know_yet_is_none(forgotten, monkeypatch):
    monkeypatch.setattr(clock, "_finder", lambda: lambda _longitude, _latitude: "Mars/Olympus")
    when = utc(2023, 5, 12, 16)
    assert local_time(shot(when, TOKYO)) == when


def test_a_place_is_looked_up_once(forgotten, monkeypatch):
    asked = []

    def find(longitude, latitude):
        asked.append((longitude, latitude))
        return "Asia/Tokyo"

    monkeypatch.setattr(clock, "_finder", lambda: find)
    start = utc(2023, 5, 12)
    places = [(35.68 + step / 100_000, 139.69 - step / 100_000) for step in range(300)]
    assert {local_time(shot(start, where)) - start for where in places} == {timedelta(hours=9)}
    assert asked == [(139.69, 35.68)]


@settings(max_examples=60, deadline=None)
@given(st.floats(-100, 100), st.floats(-200, 200), st.integers(2 * YEAR, 130 * YEAR))
def test_wherever_it_was_no_clock_is_farther_from_utc_than_clocks_are(latitude, longitude, seconds):
    taken = datetime.fromtimestamp(seconds, UTC)
    shown = local_time(shot(taken, (latitude, longitude)))
    assert timedelta(hours=-12) <= shown - taken <= timedelta(hours=14)
    assert shown.tzinfo is UTC


def test_what_tells_nothing_has_the_zone_of_its_neighbour_in_time():
    noon = utc(2023, 5, 12, 12)
    hours = timedelta(hours=1)
    rows = [
        (shot(noon, FRANCISCO), -7),
        (shot(noon + 2 * hours, None), -7),
        (shot(noon + 20 * hours, None), 9),
        (shot(noon + 26 * hours, TOKYO), 9),
        (shot(noon + 49 * hours, None), 9),
        (shot(noon + 51 * hours, None), 0),
        (shot(noon + 90 * hours, None, {"dateTimeOriginal": "2023:05:16 16:00:00"}), 10),
        (shot(noon + 91 * hours, None), 0),
    ]
    told = {entry.id: when - entry.taken for when, entry in local_times(entry for entry, _ in reversed(rows))}
    assert told == {entry.id: shift * hours for entry, shift in rows}
    assert local_times([]) == []


def test_an_evening_of_two_cameras_is_one_event_though_only_one_knows_where_it_is():
    first = utc(2023, 5, 13, 1)
    entries = [shot(first + timedelta(hours=hour), None if hour % 3 else FRANCISCO) for hour in range(8)]
    assert [group.name for group in find_events(entries, min_size=8).groups] == ["12 May 2023"]
