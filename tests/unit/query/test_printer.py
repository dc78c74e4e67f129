from __future__ import annotations

import pytest

from ap_remote.errors import QuerySyntaxError
from ap_remote.query import all_of, between, escape, facet, field, parse_nodes, parse_search, show, show_sort, starting


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (facet("location", "CAN#BC#Vancouver"), "location:(CAN#BC#Vancouver)"),
        (facet("location", "USA#NY#New York"), 'location:("USA#NY#New York")'),
        (facet("things", ("plant", "beach"), "moon"), "things:(plant AND beach OR moon)"),
        (facet("name", starting("vacation")), "name:(vacation*)"),
        (facet("name", starting("my file")), r"name:(my\ file*)"),
        (facet("name", "OR"), 'name:("OR")'),
        (facet("name", 'a" OR name:("b'), r'name:("a\" OR name:(\"b")'),
        (
            all_of(facet("type", "PHOTOS", "VIDEOS"), facet("timeYear", "2023")),
            "type:(PHOTOS OR VIDEOS) AND timeYear:(2023)",
        ),
        (field("name", "x"), "name:x"),
        (field("name", "my file (1).jpg"), r'name:"my\ file\ \(1\).jpg"'),
        (field("kind", "FILE", "FOLDER"), "kind:(FILE OR FOLDER)"),
        (field("createdDate", between("2024-01-01", None)), "createdDate:[2024-01-01 TO *]"),
        (field("createdDate", between("2024-01-01", None, low_included=False)), "createdDate:{2024-01-01 TO *}"),
        (field("createdDate", between(None, "2024-01-01T00:00:00Z")), 'createdDate:{* TO "2024-01-01T00:00:00Z"]'),
        (all_of(field("parents", "-Ab_c"), field("labels", ("a", "b"))), 'parents:"-Ab_c" AND labels:(a AND b)'),
    ],
)
def test_a_built_query_is_shown_as_amazon_writes_it_and_read_back(query, text):
    assert show(query) == text
    parse = parse_search if query.language == "search" else parse_nodes
    assert parse(text) == query


@pytest.mark.parametrize("value", ["a) OR name:(b", '"', "\\", "a\nb", " ", "*", "AND", "x:y", "ü", "(", "it's"])
def test_no_value_can_become_syntax(value):
    assert parse_search(f"name:({escape(value)})") == facet("name", value)
    assert parse_nodes(f"name:{escape(value, 'nodes')}") == field("name", value)


def test_builders_refuse_what_the_parser_refuses():
    with pytest.raises(QuerySyntaxError, match="unknown facet 'kind'"):
        facet("kind", "FILE")
    with pytest.raises(QuerySyntaxError, match="takes no range"):
        field("name", between("a", "b"))
    with pytest.raises(QuerySyntaxError, match="9 clauses"):
        all_of(*[facet("name", "a")] * 9)


def test_builders_need_something_to_build():
    with pytest.raises(ValueError, match="needs a value"):
        facet("name")
    with pytest.raises(ValueError, match="one language"):
        all_of(facet("name", "a"), field("name", "a"))
    with pytest.raises(ValueError, match="at least one"):
        all_of()


def test_a_sort_parameter_has_the_form_that_browsers_send():
    assert show_sort("-contentProperties.contentDate") == "['contentProperties.contentDate DESC']"
    assert show_sort("name", "-createdDate") == "['name ASC','createdDate DESC']"
    assert show_sort("contentProperties.size", language="nodes") == "['contentProperties.size ASC']"


@pytest.mark.parametrize(
    ("key", "language"), [("contentProperties.size", "search"), ("labels", "nodes"), ("--name", "search")]
)
def test_what_cannot_be_sorted_by_is_refused(key, language):
    with pytest.raises(ValueError, match="cannot sort by"):
        show_sort(key, language=language)
