"""What people call places, people and labels, and what is said where the library has none of it."""

from __future__ import annotations

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.model import Facet, Place
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.tools import names

PLACES = [
    Facet(category="location", value=value, count=1, label=label)
    for value, label in (
        ("CAN#BC#Vancouver", "Vancouver, British Columbia, Canada"),
        ("ITA#62#Rome", "Rome, Lazio, Italy"),
        ("ISL#1#Reykjavík", "Reykjavík, Capital Region, Iceland"),
        ("ISL#8#Vík", "Vík, Southern Region, Iceland"),
        ("UKR#30#Kyiv", "Kyiv, Kyiv City, Ukraine"),
        ("PRT#11#Lisbon", "Lisbon, Lisbon, Portugal"),
        ("USA#NY#New York", "New York, New York, United States"),
        ("GBR#ENG#Paris Street", "Paris Street, England, United Kingdom"),
        ("KOR#11#Seoul", "Seoul"),
    )
]
PEOPLE = [
    Facet(category="allPeople", value=value, count=1, label=label)
    for value, label in (("P1", "Anna Karenina"), ("P2", "Bob Ross"), ("P3", "Bob Dylan"), ("P4", None), ("P5", "Alma"))
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Vancouver, BC", ["CAN#BC#Vancouver"]),
        ("Rome, Italy", ["ITA#62#Rome"]),
        ("Reykjavik", ["ISL#1#Reykjavík"]),
        ("lisbon ", ["PRT#11#Lisbon"]),
        ("VANCOUVER bc", ["CAN#BC#Vancouver"]),
        ("new york", ["USA#NY#New York"]),
        ("IS", ["ISL#1#Reykjavík", "ISL#8#Vík"]),
        ("iceland", ["ISL#1#Reykjavík", "ISL#8#Vík"]),
        ("UK", ["GBR#ENG#Paris Street"]),
        ("great britain", ["GBR#ENG#Paris Street"]),
        ("CAN#BC#Vancouver", ["CAN#BC#Vancouver"]),
        ("CAN#BC", ["CAN#BC#Vancouver"]),
        ("Vanc", ["CAN#BC#Vancouver"]),
        ("Street", ["GBR#ENG#Paris Street"]),
        ("korea", ["KOR#11#Seoul"]),
    ],
)
def test_a_place_is_found_by_its_names_and_codes(text, found):
    assert names.places(text, PLACES)[0] == found


@pytest.mark.parametrize("text", ["Cap", "yiv", "is land", "CAN#BC#Nowhere", "Rome, Canada", ",", "#"])
def test_a_place_is_not_found_inside_words_nor_by_parts_that_do_not_belong_together(text):
    with pytest.raises(CodedError) as refused:
        names.places(text, PLACES)
    assert refused.value.code == Code.NOT_FOUND


def test_several_places_are_named():
    assert names.places("Iceland", PLACES)[1].startswith("'Iceland' is 2 places: Reykjavík, Capital")
    assert names.places("Rome", PLACES)[1] == ""


def test_a_person_is_found_by_a_part_of_the_name_if_only_one_has_it():
    assert names.person("anna", PEOPLE) == "P1"
    assert names.person("Ross", PEOPLE) == "P2"
    assert names.person("P4", PEOPLE) == "P4"
    with pytest.raises(CodedError, match=r"\[ambiguous\] 2 people .*'Bob Ross' is P2, 'Bob Dylan' is P3"):
        names.person("Bob", PEOPLE)
    with pytest.raises(CodedError, match=r"\[not_found\] .* near are 'Alma'"):
        names.person("Al", PEOPLE)


@pytest.mark.parametrize(
    ("text", "hint"), [("cats", "near are 'cat'"), ("puppies", "near are 'puppy'"), ("zz", "there")]
)
def test_a_label_that_is_none_is_refused_with_what_is_near(text, hint):
    known = [Facet(category="things", value=each, count=1) for each in ("cat", "puppy", "sea")]
    assert names.thing("Cat ", known) == "cat"
    with pytest.raises(CodedError, match=hint):
        names.thing(text, known)


async def test_values_of_a_filter_that_the_library_does_not_know_are_told(open_client, library):
    async with open_client(library.remote) as client:

        async def note(text):
            page = await client.call_tool("photos_search", {"filter": text})
            return page.structured_content.get("note", "")

        assert "place= takes names" in await note("location:(Vancouver)")
        assert "photos_facets(by=thing)" in await note("things:(unicorn)")
        assert "people= takes names" in await note("people:(Anna)")
        assert await note("location:(CAN) AND things:(CAT)") == ""


async def test_people_are_told_by_name_where_they_have_one(open_client, library):
    library.remote.plant(library.ids["cat.jpg"], people=("P1", "P2"))
    await library.remote.name_person("P1", "Anna")
    async with open_client(library.remote) as client:
        page = (await client.call_tool("photos_search", {"people": ["anna"]})).structured_content
        got = (await client.call_tool("photos_get", {"ids": [library.ids["cat.jpg"]]})).structured_content
    assert page["items"][0]["people"] == got["items"][0]["people"] == ["Anna", "P2"]


async def test_counts_of_what_there_is_none_say_so(open_client):
    remote = MemoryRemote("home")
    remote.seed("a.jpg", b"a", place=Place(label="ITA#62#Rome", city="Rome"))
    async with open_client(remote) as client:
        things = (await client.call_tool("photos_facets", {"by": "thing"})).structured_content
        people = (await client.call_tool("photos_facets", {"by": "person"})).structured_content
    assert things["note"] == "the library has no labels (things)"
    assert people["note"] == "the library has no people"
