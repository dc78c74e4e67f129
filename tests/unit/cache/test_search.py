"""Queries over the cache find what the evaluator finds, whichever index they take."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.cache import NodeCache
from ap_remote.cache.plan import plan
from ap_remote.model import Entry, Kind, Status
from ap_remote.query import all_of, between, facet, field, matches, parse_nodes, parse_search, starting
from ap_remote.query.tree import Query

START = datetime(2021, 12, 30, 22, tzinfo=UTC)
TYPES = ("image/jpeg", "image/png", "video/mp4", "text/plain", None)
NAMES = ("a.jpg", "A.JPG", "b c.png", "Été.jpg", "E\u0301te\u0301.jpg", "x" * 200 + "é" * 100, 'q"o.txt', "a")


def moments() -> st.SearchStrategy[datetime | None]:
    return st.none() | st.integers(0, 900).map(lambda hours: START + timedelta(hours=hours * 11))


@st.composite
def libraries(draw: st.DrawFn) -> list[Entry]:
    found = []
    for number in range(draw(st.integers(0, 25))):
        kind = draw(st.sampled_from([Kind.FILE, Kind.FILE, Kind.FILE, Kind.ALBUM, Kind.FOLDER, Kind.ASSET]))
        found.append(
            Entry(
                path="",
                name=draw(st.sampled_from(NAMES)),
                id=f"n{number:02d}",
                kind=kind,
                md5=draw(st.sampled_from([None, "0" * 32, "1" * 32])) if kind is Kind.FILE else None,
                size=draw(st.integers(0, 3)),
                created=draw(moments()),
                taken=draw(moments()) if kind is Kind.FILE else None,
                content_type=draw(st.sampled_from(TYPES)) if kind is Kind.FILE else None,
                version=1,
                status=draw(st.sampled_from([Status.AVAILABLE] * 4 + [Status.TRASHED, Status.PENDING])),
                parents=() if kind is Kind.ALBUM else draw(st.sampled_from([("root",), ("F",), ("root", "F")])),
                favorite=draw(st.booleans()),
                hidden=draw(st.sampled_from([False, False, True])),
                things=draw(st.sampled_from([(), ("dog",), ("cat", "dog")])),
            )
        )
    return found


def alternatives(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values | st.lists(values, min_size=1, max_size=2).map(tuple), min_size=1, max_size=3)


DATES = moments().filter(bool).map(lambda when: when.isoformat().replace("+00:00", "Z"))
RANGES = st.builds(
    lambda low, high, first, last: between(low, high, low_included=first, high_included=last),
    st.none() | DATES,
    st.none() | DATES,
    st.booleans(),
    st.booleans(),
)
WORDS = st.sampled_from(NAMES) | st.sampled_from(["a", "A", "é", "x" * 150]).map(starting)
CLAUSES = {
    "search": st.one_of(
        alternatives(st.sampled_from(["PHOTOS", "VIDEOS", "ALBUMS"])).map(lambda values: facet("type", *values)),
        alternatives(st.sampled_from(["2021", "2022", "2023", "99999"])).map(lambda values: facet("timeYear", *values)),
        alternatives(st.sampled_from(["1", "06", "12", "13"])).map(lambda values: facet("timeMonth", *values)),
        alternatives(st.sampled_from(["1", "30", "31", "0"])).map(lambda values: facet("timeDay", *values)),
        alternatives(WORDS).map(lambda values: facet("name", *values)),
        st.sampled_from([facet("favorite", "true"), facet("favorite", "false"), facet("things", ("cat", "dog"))]),
    ),
    "nodes": st.one_of(
        alternatives(st.sampled_from(["FILE", "FOLDER", "VISUAL_COLLECTION", "ASSET"]) | st.just(starting("F"))).map(
            lambda values: field("kind", *values)
        ),
        alternatives(st.sampled_from(["AVAILABLE", "TRASH", "PENDING"])).map(lambda values: field("status", *values)),
        alternatives(RANGES | DATES).map(lambda values: field("createdDate", *values)),
        alternatives(RANGES | DATES).map(lambda values: field("contentProperties.contentDate", *values)),
        alternatives(st.sampled_from(["0" * 32, "1" * 32, "2" * 32])).map(
            lambda values: field("contentProperties.md5", *values)
        ),
        alternatives(st.sampled_from(["root", "F", "nobody", "x" * 70])).map(lambda values: field("parents", *values)),
        alternatives(WORDS).map(lambda values: field("name", *values)),
        st.sampled_from([field("settings.hidden", "true"), field("settings.hidden", "false"), field("isRoot", "true")]),
    ),
}
QUERIES = st.sampled_from(["search", "nodes"]).flatmap(
    lambda language: st.lists(CLAUSES[language], max_size=4).map(
        lambda parts: all_of(*parts) if parts else Query(language=language)
    )
)
SORTS = ("taken", "-taken", "created", "-created", "name", "-name")


def expected(query: Query, entries: Sequence[Entry]) -> set[str]:
    named = any(clause.name == "status" for clause in query.clauses)
    return {
        each.id
        for each in entries
        if matches(query, each) and (query.language == "search" or named or each.status is Status.AVAILABLE)
    }


@settings(max_examples=60, deadline=None)
@given(library=libraries(), queries=st.lists(QUERIES, min_size=1, max_size=6), sort=st.sampled_from(SORTS))
def test_a_search_over_the_cache_finds_what_a_look_at_every_node_finds(
    tmp_path_factory: pytest.TempPathFactory, library: list[Entry], queries: list[Query], sort: str
):
    cache = NodeCache(tmp_path_factory.mktemp("cache"))
    cache.put_root(Entry(path="", name="", id="root", kind=Kind.FOLDER, version=1))
    cache.put([Entry(path="", name="F", id="F", kind=Kind.FOLDER, parents=("root",), version=1), *library])
    entries = list(cache.get_many(cache.ids()).values())
    for query in queries:
        found = cache.search(query, sort=sort)
        assert len(found) == len({each.id for each in found})
        assert {each.id for each in found} == expected(query, entries)
        assert cache.tally(query) == len(found)
        assert [each.id for each in found] == [each.id for each in in_order(found, sort)]
        assert [each.id for each in cache.search(query, sort=sort, limit=3)] == [each.id for each in found[:3]]
        assert all(each == cache.get(each.id) for each in found)
    cache.close()


def in_order(entries: Sequence[Entry], sort: str) -> list[Entry]:
    """Sort as the service does: what has no time first ascending and last descending, ties by id."""
    never = datetime(1, 1, 1, tzinfo=UTC)
    rank = {
        "taken": lambda each: (each.taken or never, each.id),
        "created": lambda each: (each.created or never, each.id),
        "name": lambda each: (each.name.replace("e\u0301", "é").replace("E\u0301", "É").casefold(), each.id),
    }[sort.removeprefix("-")]
    return sorted(entries, key=rank, reverse=sort.startswith("-"))


def test_a_time_and_a_type_need_no_look_at_the_nodes():
    found = plan(parse_search("type:(PHOTOS OR VIDEOS) timeYear:(2022) timeMonth:(6 OR 7)"), lambda: range(0))
    assert found.exact
    assert len(found.taken or ()) == 1
    assert plan(parse_nodes("kind:FILE AND createdDate:[2022-01-01 TO *]"), lambda: range(0)).exact


def test_months_without_a_year_are_those_of_every_year_in_which_anything_was_taken(cache: NodeCache):
    days = [datetime(year, month, 3, tzinfo=UTC) for year in (1999, 2004) for month in (2, 7)]
    cache.put(
        [
            Entry(
                path="", name=f"{i}", id=f"{i}", kind=Kind.FILE, taken=day, content_type="image/png", parents=("root",)
            )
            for i, day in enumerate(days)
        ]
    )
    assert [each.id for each in cache.search(parse_search("timeMonth:(7)"))] == ["3", "1"]


def test_what_has_no_way_to_the_root_is_not_shown_at_a_wrong_path(cache: NodeCache):
    cache.put([Entry(path="", name="a.jpg", id="a", kind=Kind.FILE, content_type="image/jpeg", parents=("unknown",))])
    assert cache.search(parse_search("type:(PHOTOS)")) == []


def test_nobody_sorts_by_size(cache: NodeCache):
    with pytest.raises(ValueError, match="cannot sort by 'size'"):
        cache.search(parse_search(""), sort="size")


def test_the_indexes_follow_a_node_that_changes(folder: Path, cache: NodeCache):
    photo = Entry(
        path="", name="a", id="a", kind=Kind.FILE, version=1, content_type="image/png", parents=("root",), taken=START
    )
    cache.put([photo])
    moved = Entry(
        path="", name="a", id="a", kind=Kind.FILE, version=2, content_type="video/mp4", parents=("root",), hidden=True
    )
    cache.put([moved])
    assert cache.tally(parse_search("")) == 0
    assert cache.tally(parse_nodes("kind:FILE")) == 1
    cache.remove(["a"])
    assert cache.tally(parse_nodes("kind:FILE")) == 0


def test_a_name_is_found_composed_or_not(tmp_path: Path):
    cache = NodeCache(tmp_path)
    cache.put_root(Entry(path="", name="", id="root", kind=Kind.FOLDER, version=1))
    forms = [unicodedata.normalize(form, "\u00c9t\u00e9.jpg") for form in ("NFC", "NFD")]
    cache.put(
        Entry(
            path="", name=name, id=f"n{number}", kind=Kind.FILE, content_type="image/jpeg", parents=("root",), version=1
        )
        for number, name in enumerate(forms)
    )
    for name in forms:
        found = cache.search(parse_search(f"name:({name})"), sort="name")
        assert {each.id for each in found} == {"n0", "n1"}
