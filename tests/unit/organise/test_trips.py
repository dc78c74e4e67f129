"""Trips away from home, evenings over midnight, local times and names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ap_remote.model import Entry, Kind, Media, Place
from ap_remote.organise.clock import local_time
from ap_remote.organise.events import find_events
from ap_remote.organise.trips import find_homes
from ap_remote.organise.whereabouts import clusters, country_of, distance, mean

HOME = Place(latitude=49.28, longitude=-123.12, label="CAN#BC#Vancouver")
ROME = Place(latitude=41.9, longitude=12.5, label="ITA#62#Rome")
FLORENCE = Place(latitude=43.77, longitude=11.25, label="ITA#52#Florence")
VENICE = Place(latitude=45.44, longitude=12.33, label="ITA#34#Venice")
START = datetime(2023, 1, 1, 12, tzinfo=UTC)


def shot(when, place=None, exif=None):
    name = f"{when:%Y%m%d%H%M%S}.jpg"
    media = Media(place=place, exif=exif or {})
    return Entry(path=name, name=name, id=name, kind=Kind.FILE, taken=when, media=media)


def at_home(days):
    return [shot(START + timedelta(days=day, minutes=each), HOME) for day in days for each in (0, 5)]


def trip(day, *places, per_day=8):
    hours = [timedelta(days=day + each, hours=hour) for each in range(len(places)) for hour in range(per_day)]
    return [shot(START + moment, places[number // per_day]) for number, moment in enumerate(hours)]


LIFE = at_home(range(0, 170, 5))


def named(entries, **wishes):
    return [group.name for group in find_events(entries, min_size=5, **wishes).groups]


def test_days_away_from_home_in_a_row_are_one_trip_under_the_country_s_name():
    found = find_events([*LIFE, *trip(51, ROME, FLORENCE, VENICE)], min_size=5)
    [group] = found.groups
    assert (group.name, len(group.members)) == ("Italy, 21-23 February 2023", 24)
    assert group.reason.startswith("a trip away from home")


def test_a_trip_to_one_city_has_its_name_and_a_pause_does_not_cut_it():
    assert named([*LIFE, *trip(51, ROME), *trip(54, ROME, ROME)]) == ["Rome, 21-25 February 2023"]


def test_a_stay_at_home_ends_a_trip():
    entries = [*LIFE, *trip(51, ROME, ROME, ROME), *trip(57, ROME, ROME, ROME)]
    assert named(entries) == ["Rome, 21-23 February 2023", "Rome, 27 February - 1 March 2023"]


def test_a_trip_in_the_home_country_is_named_by_its_cities():
    whistler, kelowna = (
        Place(latitude=50.1, longitude=-122.9, label="CAN#BC#Whistler"),
        Place(latitude=49.9, longitude=-119.5, label="CAN#BC#Kelowna"),
    )
    entries = [*LIFE, *trip(51, whistler, kelowna, per_day=12)]
    assert named(entries) == ["Kelowna and Whistler, 21-22 February 2023"]


def test_photographs_without_a_place_belong_to_the_trip_around_them():
    lost = shot(START + timedelta(days=52, hours=20))
    [group] = find_events([*LIFE, *trip(51, ROME, ROME, ROME), lost], min_size=5).groups
    assert len(group.members) == 25
    assert "by time alone" in next(each.reason for each in group.members if each.entry is lost)


def test_without_a_home_there_are_no_trips():
    assert named(trip(51, ROME, FLORENCE, VENICE)) == [
        "Rome, 21 February 2023",
        "Florence, 22 February 2023",
        "Venice, 23 February 2023",
    ]


def test_a_home_needs_weeks_of_photographs():
    dated = [(entry.taken, entry) for entry in LIFE]
    assert find_homes(dated).country == "Canada"
    assert find_homes(dated[:16]).middles == ()


def test_an_evening_over_midnight_is_one_event_of_one_day():
    evening = datetime(2023, 5, 12, 18, tzinfo=UTC)  # eight o'clock in Rome
    assert named([shot(evening + timedelta(hours=hour), ROME) for hour in range(7)]) == ["Rome, 12 May 2023"]


@pytest.mark.parametrize(
    ("exif", "hours"),
    [
        ({"offsetTimeOriginal": "+02:00"}, 2),
        ({"offsetTimeOriginal": "-0330"}, -3.5),
        ({"dateTimeOriginal": "2023:05:12 23:00:00"}, 9),
        ({"dateTimeOriginal": "2001-01-01T00:00:00"}, 0),
        ({"dateTimeOriginal": "0000:00:00 00:00:00"}, 0),
        ({"offsetTimeOriginal": "+99:00"}, 0),
        ({"offsetTimeOriginal": "noon"}, 0),
        ({}, 0),
    ],
)
def test_the_clock_on_the_wall_is_told_by_exif_where_it_makes_sense(exif, hours):
    when = datetime(2023, 5, 12, 14, tzinfo=UTC)
    assert local_time(shot(when, exif=exif)) == when + timedelta(hours=hours)


def test_a_road_of_photographs_is_no_single_place():
    road = [(45.0, 7 + step / 10) for step in range(40)]
    found = clusters(road)
    assert len(found) > 3
    assert sorted(number for each in found for number in each.members) == list(range(40))
    assert all(distance(each.middle, road[number]) <= 40 for each in found for number in each.members)


def test_the_middle_of_places_beyond_the_date_line_is_there():
    latitude, longitude = mean([(10.0, 179.0), (10.0, -179.0)])
    assert latitude == pytest.approx(10.0, abs=0.01)
    assert abs(longitude) == pytest.approx(180.0)


def test_a_country_is_known_by_its_letters():
    assert country_of(shot(START, ROME)) == "Italy"
    assert country_of(shot(START, Place(label="XXX#a#b"))) == "XXX"
    assert country_of(shot(START, Place(label="somewhere"))) is None
