from __future__ import annotations

import sqlite3

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ap_remote_emulator.errors import BadRequestError, InvalidFilterError
from ap_remote_emulator.library.schema import prepare
from ap_remote_emulator.query import (
    compile_drive,
    compile_search,
    parse_drive,
    parse_drive_sort,
    parse_search,
    parse_search_sort,
)
from ap_remote_emulator.query.fields import DRIVE, SEARCH
from ap_remote_emulator.query.tree import AllOf, And, AnyOf, Clause, Or, Range, Term

_FIELDS = sorted(DRIVE) + sorted(SEARCH) + ["unknown"]
_SYNTAX = [":", "(", ")", "[", "]", "{", "}", " ", " AND ", " OR ", " TO ", '"', "\\", "*", "#", ">", "<", "="]
_VALUES = ["'", ";", "--", "%", "true", "x", "2023", "2023-01-01", "9" * 30, "-1", "\0", "é", "\ud800", "PHOTOS"]
_PIECES = st.sampled_from([*_FIELDS, *_SYNTAX, *_VALUES])
_TEXTS = st.lists(_PIECES, max_size=24).map("".join) | st.text(max_size=60)


@pytest.fixture(scope="module")
def database():
    connection = sqlite3.connect(":memory:")
    prepare(connection)
    yield connection
    connection.close()


@settings(max_examples=400, deadline=None)
@given(text=_TEXTS, search=st.booleans())
@example(text="(" * 5000, search=False)
@example(text="a:(" + " OR ".join(["x"] * 5000) + ")", search=False)
@example(text="x" * 20_000, search=True)
def test_any_text_is_read_or_refused_and_what_is_read_runs(database, text, search):
    parse, compile_ = (parse_search, compile_search) if search else (parse_drive, compile_drive)
    refused = None
    try:
        condition = compile_(parse(text))
    except InvalidFilterError as error:
        refused = error
    if refused is not None:
        assert refused.message.startswith("Invalid filter: ")
        assert 0 <= refused.position <= len(text)
        return
    sql = f"SELECT COUNT(*) FROM nodes n WHERE {condition.sql}"
    assert database.execute(sql, condition.parameters).fetchone() == (0,)


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=40) | st.sampled_from(["['name ASC']", '["name", "kind DESC"]', "[]", "['name ASC'"]))
def test_any_sort_is_read_or_refused(database, text):
    for parse in (parse_drive_sort, parse_search_sort):
        try:
            order = parse(text)
        except BadRequestError:
            continue
        database.execute(f"SELECT id FROM nodes n ORDER BY {order or 'n.id'}").fetchall()


@settings(max_examples=200, deadline=None)
@given(word=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_escaped_and_quoted_text_means_itself(word):
    escaped = "".join(f"\\{char}" for char in word)
    quoted = word.replace("\\", "\\\\").replace('"', '\\"')
    for parse in (parse_drive, parse_search):
        assert parse(f"name:{escaped}").value.text == word
        assert parse(f'name:("{quoted}")').value.text == word
        assert compile_drive(parse_drive(f'description:"{quoted}"')).parameters == (word,)


def test_and_binds_tighter_than_or():
    query = parse_drive("kind:a AND kind:b OR kind:c")
    assert isinstance(query, Or)
    assert isinstance(query.parts[0], And)
    value = parse_search("things:(a AND b OR c)").value
    assert isinstance(value, AnyOf)
    assert isinstance(value.parts[0], AllOf)


def test_the_tree_knows_positions():
    query = parse_drive('name:a AND contentProperties.size:["1" TO 5}')
    first, second = query.parts
    assert first == Clause("name", Term("a", 5), 0)
    assert second.position == 11
    assert second.value == Range(Term("1", 35), Term("5", 42), include_low=True, include_high=False, position=34)


def test_an_unquoted_date_keeps_its_colons():
    clause = parse_drive("createdDate:[2024-01-01T00:00:00.000Z TO *]")
    assert clause.value.low.text == "2024-01-01T00:00:00.000Z"
    assert clause.value.high is None


def test_words_in_a_facet_are_one_value():
    assert parse_search("location:(USA#NY#New  York City)").value == Term("USA#NY#New York City", 10)


def test_a_space_joins_facets_and_nothing_else():
    assert len(parse_search("type:(PHOTOS) timeYear:(2023)").parts) == 2
    with pytest.raises(InvalidFilterError):
        parse_drive("kind:FILE status:TRASH")


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("kind", 4),
        ("kind:", 5),
        (":x", 0),
        ("kind:FILE AND", 13),
        ("kind:(FILE", 10),
        ("kind:(FILE OR)", 13),
        ("kind:FILE)", 9),
        ('name:"a', 5),
        ("name:a\\", 7),
        ("name:a*b", 7),
        ("createdDate:[x y]", 15),
        ("createdDate:[* TO x", 19),
        ("isRoot:yes", 7),
        ("parents:a*", 8),
        ("name:[a TO b]", 5),
        ("createdDate:soon", 12),
        ("createdDate:9999-12-31T23:59:59-23:00x", 12),
        ("kind:FILE AND colour:red", 14),
    ],
)
def test_an_error_stands_where_it_is(text, position):
    with pytest.raises(InvalidFilterError) as caught:
        compile_drive(parse_drive(text))
    assert caught.value.position == position
