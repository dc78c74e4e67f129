"""Albums by person, place and month, under names that can be."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import NotFoundError, UnsupportedError
from ap_remote.model import NodeId, Place
from ap_remote.organise import apply, propose, undo
from ap_remote.organise.facets import find_people
from ap_remote.organise.names import Once, album_name
from ap_remote.remote.paths import NAME_LIMIT, check_name
from tests.unit.organise.library import albums
from tests.unit.semantic.planted import picture

ROME = Place(label="ITA#RM#Rome", city="Rome", region="RM", country="Italy")
MILAN = Place(label="ITA#LO#Milan")
PARIS = Place(city="Paris", region="Île-de-France", country="France")


@pytest.fixture
def remote():
    remote = MemoryRemote("home")
    rows = [
        ("a.png", ROME, "2022-05-01", ("P1",)),
        ("b.png", ROME, "2022-05-09", ("P1", "P2")),
        ("c.png", ROME, "2023-01-02", ("P1",)),
        ("Trip/d.png", MILAN, "2023-01-02", ("P2",)),
        ("Trip/e.png", PARIS, "2023-01-30", ("P3",)),
        ("Trip/f.png", Place(latitude=1.0, longitude=2.0), "2023-02-01", ("P3",)),
        ("g.png", None, None, ()),
    ]
    for number, (path, place, day, people) in enumerate(rows):
        taken = datetime.fromisoformat(day).replace(tzinfo=UTC) if day else None
        remote.seed(path, picture((number, 0, 0)), place=place, taken=taken, people=people)
    return remote


def shape(plan):
    return {folder.name: [member.path for member in folder.members] for folder in plan.folders}


def reasons(plan):
    return {each.path: each.why for each in plan.unassigned}


async def test_the_last_evening_of_a_year_is_of_that_year_where_it_was_spent():
    remote = MemoryRemote("home")
    california = Place(city="San Francisco", country="United States", latitude=37.77, longitude=-122.42)
    remote.seed("party.png", picture("red"), place=california, taken=datetime(2023, 1, 1, 4, 0, tzinfo=UTC))
    by_month = await propose(remote, by="month", min_size=1)
    assert shape(by_month) == {"2022-12": ["party.png"]}
    assert by_month.folders[0].members[0].reason == "taken 2022-12-31 20:00"
    by_place = await propose(remote, by="place", min_size=1, granularity="fine")
    assert shape(by_place) == {"San Francisco 2022": ["party.png"]}


@pytest.mark.parametrize(
    ("granularity", "expected"),
    [
        ("coarse", {"2022": ["a.png", "b.png"], "2023": ["Trip/d.png", "c.png", "Trip/e.png", "Trip/f.png"]}),
        ("normal", {"2022-05": ["a.png", "b.png"], "2023-01": ["Trip/d.png", "c.png", "Trip/e.png"]}),
        ("fine", {"2023-01-02": ["Trip/d.png", "c.png"]}),
    ],
)
async def test_months_years_and_days(remote, granularity, expected):
    plan = await propose(remote, by="month", min_size=2, granularity=granularity)
    assert shape(plan) == expected
    assert reasons(plan)["g.png"] == "it has no capture date"
    assert {*chain(*shape(plan).values()), *reasons(plan)} == {path async for path in every(remote)}


async def every(remote):
    async for entry in remote.search(""):
        yield entry.path


@pytest.mark.parametrize(
    ("granularity", "expected"),
    [
        ("coarse", {"Italy": ["a.png", "b.png", "c.png"]}),
        ("normal", {"Rome": ["a.png", "b.png", "c.png"]}),
        ("fine", {"Rome 2022": ["a.png", "b.png"]}),
    ],
)
async def test_places_countries_and_places_by_year(remote, granularity, expected):
    plan = await propose(remote, by="place", min_size=2, granularity=granularity)
    assert shape(plan) == expected
    assert reasons(plan)["Trip/f.png"] == "nobody knows where it was taken", "a position without a name is no place"
    assert plan.parameters.get("granularity", "normal") == granularity


async def test_cities_of_one_name_are_two_albums_and_a_region_stands_in_for_a_city(remote):
    for number in range(2):
        remote.seed(f"usa{number}.png", picture((0, number, 0)), place=Place(city="Paris", region="TX", country="USA"))
        remote.seed(f"bc{number}.png", picture((0, 0, number)), place=Place(label="CAN#BC#"))
    plan = await propose(remote, by="place", min_size=1)
    assert {"Paris", "Paris (2)", "BC, CAN", "Milan", "Rome"} == set(shape(plan))


async def test_people_that_have_a_name_get_an_album_and_share_their_pictures(remote):
    await remote.name_person("P1", "Anna")
    await remote.name_person("P2", "Ben")
    plan = await propose(remote, by="person", min_size=2)
    assert shape(plan) == {"Anna": ["a.png", "b.png", "c.png"], "Ben": ["b.png", "Trip/d.png"]}
    assert reasons(plan)["Trip/e.png"] == "nobody who has a name was found on it"
    by_year = await propose(remote, by="person", min_size=2, granularity="fine")
    assert shape(by_year) == {"Anna 2022": ["a.png", "b.png"]}
    assert "only 1 show them" in reasons(by_year)["c.png"]


async def test_a_filter_and_a_folder_bound_what_is_organised(remote):
    await remote.name_person("P2", "Ben")
    inside = await propose(remote, by="person", min_size=1, path="Trip")
    assert shape(inside) == {"Ben": ["Trip/d.png"]}
    assert inside.parameters["path"] == "Trip"
    both = await propose(remote, by="month", min_size=1, path="Trip", query="timeMonth:(1)")
    assert shape(both) == {"2023-01": ["Trip/d.png", "Trip/e.png"]}
    await remote.mark("Trip/d.png", hidden=True)
    assert shape(await propose(remote, by="person", min_size=1, path="Trip")) == {}
    with pytest.raises(NotFoundError):
        await propose(remote, by="month", path="Nowhere")
    with pytest.raises(NotFoundError):
        await propose(remote, by="month", path="Nowhere", query="timeMonth:(1)")


async def test_only_so_many_albums_as_asked_for_the_largest(remote):
    plan = await propose(remote, by="month", min_size=1, max_folders=1)
    assert list(shape(plan)) == ["2023-01"]
    assert reasons(plan)["a.png"] == "it would be in '2022-05', but no more than 1 albums were asked for"
    assert len(plan.unassigned) == 4


async def test_what_is_left_out_of_one_album_and_is_in_another_is_not_unassigned(remote):
    await remote.name_person("P1", "Anna")
    await remote.name_person("P2", "Ben")
    plan = await propose(remote, by="person", min_size=1, max_folders=1)
    assert list(shape(plan)) == ["Anna"]
    assert "b.png" not in reasons(plan)


async def test_a_plan_by_person_is_applied_and_taken_back(remote, tmp_path):
    await remote.name_person("P1", "Anna/Anne\n\u202eevil")
    plan = await propose(remote, by="person")
    await apply(remote, plan, tmp_path / "journal.jsonl")
    assert await albums(remote) == {"Anna-Anne evil": {"a.png", "b.png", "c.png"}}
    assert shape(await propose(remote, by="person")) == {}
    await undo(remote, tmp_path / "journal.jsonl")
    assert await albums(remote) == {}


async def test_albums_of_another_way_are_other_albums(remote, tmp_path):
    await apply(remote, await propose(remote, by="place", min_size=2), tmp_path / "place.jsonl")
    plan = await propose(remote, by="month", min_size=2)
    assert {folder.name: folder.album for folder in plan.folders} == {"2022-05": None, "2023-01": None}
    await apply(remote, plan, tmp_path / "month.jsonl")
    assert set(await albums(remote)) == {"Rome", "2022-05", "2023-01"}
    assert shape(await propose(remote, by="place", min_size=2)) == {}
    assert shape(await propose(remote, by="month", min_size=2)) == {}


async def test_an_album_whose_mark_tells_no_way_is_known_to_every_way(remote):
    entries = [entry.id async for entry in remote.search("timeMonth:(5)")]
    mark = "ap_remote plan 0123456789abcdef folder 0"
    await remote.create_album("May", members=[NodeId(each) for each in entries], description=mark)
    assert "2022-05" not in shape(await propose(remote, by="month", min_size=2))


async def test_a_coarser_event_takes_a_longer_pause(remote):
    fine = await propose(remote, by="event", min_size=1, granularity="fine")
    coarse = await propose(remote, by="event", min_size=1, granularity="coarse")
    assert len(coarse.folders) < len(fine.folders)


async def test_a_remote_without_people_says_so():
    class Silent:
        name = "silent"

    with pytest.raises(UnsupportedError, match="no people"):
        await find_people(Silent(), {}, min_size=1)


@given(st.text(max_size=400))
def test_every_word_from_outside_becomes_a_name_that_can_be(text):
    name = album_name(text, "Otherwise")
    assert check_name(name) == name
    assert len(name) <= NAME_LIMIT - 40, "there is room for a year and a number"
    assert name == " ".join(name.split())
    assert name.isprintable()


def test_names_are_kept_as_far_as_they_can_be():
    assert album_name("  Zoë & Max  ", "x") == "Zoë & Max"
    assert album_name("Bozen/Bolzano", "x") == "Bozen-Bolzano"
    assert album_name("a\u200bb\u202ec\n\nd", "x") == "abc d"
    for nothing in ("", "..", "\u200b", " \n "):
        assert album_name(nothing, "Somebody") == "Somebody"


def test_a_name_is_given_once_whatever_its_case():
    once = Once()
    assert [once("Anna"), once("anna"), once("Anna"), once("Anna (2)")] == [
        "Anna",
        "anna (2)",
        "Anna (3)",
        "Anna (2) (2)",
    ]
