"""The grammar of what is asked: read as it is written, refused with the position."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ap_remote.errors import ConfigError, LimitError, QuerySyntaxError
from ap_remote.semantic.question import HEAVIEST, LONGEST, Example, Term, parse, show, wish

words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12).map(
    lambda text: " ".join(text.split())
)
terms = st.builds(
    Term, words.filter(bool), st.floats(1e-6, HEAVIEST).flatmap(lambda weight: st.sampled_from([weight, -weight, 1.0]))
)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a dog  on a beach", [("a dog on a beach", 1)]),
        ('beach sunset^2 -people "old town"', [("beach", 1), ("sunset", 2), ("people", -1), ("old town", 1)]),
        ("black-and-white - a road", [("black-and-white - a road", 1)]),
        ('-"old town"^.5 dog', [("old town", -0.5), ("dog", 1)]),
        (r'"say \"cheese\" \\"', [(r'say "cheese" \ '.strip(), 1)]),
        ("a --flag and -", [("a --flag and -", 1)]),
        (" \t\n", []),
    ],
)
def test_texts_are_read_as_people_write_them(text, read):
    assert [tuple(each) for each in parse(text)] == read


@given(st.lists(terms, max_size=6))
@example([Term('"', 1e-6), Term("\\", -100.0), Term("-a^2", 1.0)])
def test_what_is_shown_is_read_again(given_terms):
    shown = show(given_terms)
    if len(shown) <= LONGEST:
        assert parse(shown) == tuple(given_terms)


@given(st.one_of(st.text(max_size=40), st.text('ab -^"\\.0123456789', max_size=20)))
def test_a_text_is_read_or_refused_with_its_position(text):
    error = None
    try:
        read = parse(text)
    except QuerySyntaxError as exc:
        read, error = (), exc
    assert error is None or (0 <= error.position <= len(text) and error.problem)
    assert all(each.text.strip() == each.text and each.text for each in read)
    assert all(0 < abs(each.weight) <= HEAVIEST for each in read)
    assert parse(show(read)) == read


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ('dog "old', 4),
        ("dog^", 3),
        ("dog^0", 4),
        ("dog^2x", 3),
        ("^2", 0),
        ('a ""', 2),
        ("dog^1e3", 3),
        ("a \ud800", 2),
    ],
)
def test_a_mistake_is_told_where_it_is(text, position):
    with pytest.raises(QuerySyntaxError) as error:
        parse(text)
    assert error.value.position == position


def test_ten_thousand_characters_are_refused():
    with pytest.raises(LimitError, match="10000"):
        wish("x" * 10_000, None)
    with pytest.raises(LimitError, match="33"):
        wish(" ".join(["-x"] * 32 + ["a"]), None)


@pytest.mark.parametrize(
    ("text", "like"),
    [
        (None, None),
        ("  ", ()),
        ("-people", None),
        ("-people", Example(b"", -1)),
        ("dog", Example(b"", 0)),
        ("dog", [Example(b"", float("nan"))]),
    ],
)
def test_a_question_must_want_something(text, like):
    with pytest.raises(ConfigError):
        wish(text, like)


def test_a_question_is_told_in_words():
    assert str(wish("dog^2 -cat", [Example(b"a"), Example(b"b", -1)])) == (
        "“dog” (weight 2) and the picture given without “cat” and the picture that was ruled out"
    )
