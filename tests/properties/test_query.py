"""Whatever can be built can be shown and read back; whatever is typed is read or refused, never worse."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.errors import QuerySyntaxError
from ap_remote.model import Entry, Kind
from ap_remote.query import FIELDS as KNOWN_FIELDS
from ap_remote.query import (
    MAX_CLAUSES,
    all_of,
    between,
    escape,
    facet,
    field,
    matches,
    parse_nodes,
    parse_search,
    show,
    show_sort,
    sort_fields,
    starting,
)
from ap_remote_emulator.query import parse_drive
from ap_remote_emulator.query import parse_search as their_search
from ap_remote_emulator.query.tree import Term as TheirTerm
from ap_remote_emulator.query.tree import clauses

TEXTS = st.text(min_size=1, max_size=20) | st.sampled_from(
    ["AND", "OR", "NOT", "TO", "*", '"', "\\", "a) OR name:(b", "-x"]
)
DATES = st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.000Z").zfill(24))


def alternatives(values):
    """One value, several, or groups that must hold together."""
    return st.lists(values | st.lists(values, min_size=1, max_size=3).map(tuple), min_size=1, max_size=4)


WORDS = TEXTS | TEXTS.map(starting)
FACETS = st.one_of(
    alternatives(WORDS).map(lambda values: facet("name", *values)),
    st.builds(
        lambda name, values: facet(name, *values),
        st.sampled_from(["things", "location", "people", "extension"]),
        alternatives(TEXTS),
    ),
    alternatives(st.integers(0, 9999).map(str)).map(lambda values: facet("timeYear", *values)),
    alternatives(st.sampled_from(["PHOTOS", "VIDEOS", "ALBUMS"])).map(lambda values: facet("type", *values)),
)
FIELDS = st.one_of(
    alternatives(WORDS).map(lambda values: field("name", *values)),
    alternatives(TEXTS).map(lambda values: field("labels", *values)),
    st.builds(
        lambda low, high, first, last: field("createdDate", between(low, high, low_included=first, high_included=last)),
        st.none() | DATES,
        st.none() | DATES,
        st.booleans(),
        st.booleans(),
    ),
)
SYNTAX = st.lists(
    st.sampled_from(
        [*'():"*\\[]{}<>=~? ', "AND", "OR", "NOT", "TO", "name", "type", "createdDate", "PHOTOS", "2024", "é"]
    ),
    max_size=14,
).map("".join)


@settings(max_examples=80, deadline=None)
@given(st.lists(FACETS, min_size=1, max_size=8))
def test_a_search_that_is_shown_reads_back_as_itself(parts):
    query = all_of(*parts)
    assert parse_search(show(query)) == query
    assert show(parse_search(show(query))) == show(query)


@settings(max_examples=80, deadline=None)
@given(st.lists(FIELDS, min_size=1, max_size=8))
def test_a_node_filter_that_is_shown_reads_back_as_itself(parts):
    query = all_of(*parts)
    assert parse_nodes(show(query)) == query
    assert show(parse_nodes(show(query))) == show(query)


@settings(max_examples=80, deadline=None)
@given(TEXTS)
def test_an_escaped_value_stays_one_value(value):
    assert parse_search(f"name:({escape(value)} OR end)") == facet("name", value, "end")
    assert parse_nodes(f"name:({escape(value, 'nodes')} OR end)") == field("name", value, "end")


def read(parse, text):
    """Return the query, or the position at which it was refused."""
    try:
        return parse(text), None
    except QuerySyntaxError as exc:
        return None, exc.position


@settings(max_examples=200, deadline=None)
@given(SYNTAX | st.text(max_size=30))
def test_anything_typed_is_read_or_refused_with_a_position_in_it(text):
    for parse in (parse_search, parse_nodes):
        query, position = read(parse, text)
        if query is None:
            assert 0 <= position <= len(text)
        else:
            assert parse(show(query)) == query


@settings(max_examples=80, deadline=None)
@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_a_search_for_a_name_finds_that_name_and_no_other(name, other):
    entry = Entry(path=name, name=name, id="x", kind=Kind.FILE, content_type="image/png")
    assert matches(facet("name", name), entry)
    folded, wanted = (unicodedata.normalize("NFC", each).casefold() for each in (name, other))
    assert matches(facet("name", other), entry) == (folded == wanted)
    assert matches(facet("name", starting(wanted)), entry) == folded.startswith(wanted)


@settings(max_examples=150, deadline=None)
@given(TEXTS.filter(lambda text: "\0" not in text), st.booleans())
def test_the_services_own_parser_reads_every_name_as_that_one_value(value, prefix):
    word = starting(value) if prefix else value
    for theirs, text in (
        (parse_drive, show(all_of(field("kind", "FILE"), field("name", word)))),
        (their_search, show(all_of(facet("type", "PHOTOS"), facet("name", word)))),
    ):
        kind, name = clauses(theirs(text))
        assert (kind.field in ("kind", "type"), name.field) == (True, "name")
        assert isinstance(name.value, TheirTerm)
        assert (name.value.text, name.value.prefix) == (value, prefix)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 12))
def test_more_than_eight_clauses_are_refused_before_they_are_sent(count):
    parts = [facet("name", f"n{number}") for number in range(count)]
    if count <= MAX_CLAUSES:
        assert len(all_of(*parts).clauses) == count
        return
    for attempt in (lambda: all_of(*parts), lambda: parse_search(" AND ".join(map(show, parts)))):
        with pytest.raises(QuerySyntaxError, match="Amazon accepts 8"):
            attempt()


@pytest.mark.parametrize("name", sorted(KNOWN_FIELDS))
def test_a_field_takes_a_prefix_or_a_range_only_where_the_table_says_so(name):
    row = KNOWN_FIELDS[name]
    text = {"date": "2024-01-01", "whole number": "5", "true or false": "true"}.get(row.takes, "image")
    text = row.choices[0][:2] if row.choices else text
    for allowed, value in ((row.prefix, starting(text)), (row.ranges, between(text, None))):
        if allowed:
            assert parse_nodes(show(field(name, value))) == field(name, value)
            continue
        with pytest.raises(QuerySyntaxError, match="takes no"):
            field(name, value)


@pytest.mark.parametrize("language", ["nodes", "search"])
def test_only_what_can_be_sorted_by_is(language):
    for name in {*KNOWN_FIELDS, "nobody", "name DESC','x"}:
        if name in sort_fields(language):
            assert show_sort(f"-{name}", language=language) == f"['{name} DESC']"
            continue
        with pytest.raises(ValueError, match="cannot sort by"):
            show_sort(name, language=language)
