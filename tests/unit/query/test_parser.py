from __future__ import annotations

import pytest

from ap_remote.errors import QuerySyntaxError
from ap_remote.query import AllOf, AnyOf, Bound, Clause, Query, Range, Term, parse_nodes, parse_search, show


def search(*clauses):
    return Query(language="search", clauses=clauses)


def nodes(*clauses):
    return Query(language="nodes", clauses=clauses)


def clause(name, value):
    return Clause(name=name, value=value)


def term(text, *, prefix=False):
    return Term(text=text, prefix=prefix)


@pytest.mark.parametrize("parse", [parse_search, parse_nodes])
@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_nothing_is_the_query_without_clauses(parse, text):
    assert parse(text).clauses == ()


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("type:(PHOTOS)", search(clause("type", term("PHOTOS")))),
        ("type : ( PHOTOS )", search(clause("type", term("PHOTOS")))),
        (
            "type:(PHOTOS OR VIDEOS)",
            search(clause("type", AnyOf(values=(term("PHOTOS"), term("VIDEOS"))))),
        ),
        (
            "things:(plant AND beach OR moon)",
            search(
                clause("things", AnyOf(values=(AllOf(values=(term("plant"), term("beach"))), term("moon")))),
            ),
        ),
        (
            "things:(moon OR plant AND beach)",
            search(
                clause("things", AnyOf(values=(term("moon"), AllOf(values=(term("plant"), term("beach")))))),
            ),
        ),
        (
            "timeYear:(2023) AND timeMonth:(7)",
            search(clause("timeYear", term("2023")), clause("timeMonth", term("7"))),
        ),
        ("timeYear:(2023) timeMonth:(7)", search(clause("timeYear", term("2023")), clause("timeMonth", term("7")))),
        ("location:(CAN#BC#Vancouver)", search(clause("location", term("CAN#BC#Vancouver")))),
        ('location:("USA#NY#New York")', search(clause("location", term("USA#NY#New York")))),
        (r'name:("a \"quoted\" \\ name")', search(clause("name", term(r'a "quoted" \ name')))),
        ("name:(vac*)", search(clause("name", term("vac", prefix=True)))),
        ("name:(*)", search(clause("name", term("", prefix=True)))),
        ('name:("vac*")', search(clause("name", term("vac*")))),
        (r"name:(vac\*)", search(clause("name", term("vac*")))),
        (r"name:(my\ file*)", search(clause("name", term("my file", prefix=True)))),
        ('name:("AND" OR ANDy OR ORe*)', None),
        ("things:(it's OR côte-d'azur)", None),
    ],
)
def test_a_search_is_read(text, tree):
    read = parse_search(text)
    if tree is not None:
        assert read == tree
    assert parse_search(show(read)) == read


def test_words_of_the_language_are_values_when_quoted_or_when_more_follows():
    (names,) = parse_search('name:("AND" OR ANDy OR ORe*)').clauses
    assert names.value == AnyOf(values=(term("AND"), term("ANDy"), term("ORe", prefix=True)))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        (
            "kind:(FILE* OR FOLDER*) AND status:(TRASH*)",
            nodes(
                clause("kind", AnyOf(values=(term("FILE", prefix=True), term("FOLDER", prefix=True)))),
                clause("status", term("TRASH", prefix=True)),
            ),
        ),
        ("(kind:FILE AND (name:a))", nodes(clause("kind", term("FILE")), clause("name", term("a")))),
        (r"name:my\ file\(1\).jpg", nodes(clause("name", term("my file(1).jpg")))),
        (r'name:"my\ file\(1\).jpg"', nodes(clause("name", term("my file(1).jpg")))),
        ('name:"my file(1).jpg"', nodes(clause("name", term("my file(1).jpg")))),
        (
            'createdDate:{"2014-12-31T23:59:59.000Z" TO *]',
            nodes(clause("createdDate", Range(low=Bound(text="2014-12-31T23:59:59.000Z", included=False)))),
        ),
        (
            "createdDate:[2024-01-01T00:00:00Z TO 2024-02-01T00:00:00Z}",
            nodes(
                clause(
                    "createdDate",
                    Range(
                        low=Bound(text="2024-01-01T00:00:00Z"),
                        high=Bound(text="2024-02-01T00:00:00Z", included=False),
                    ),
                ),
            ),
        ),
        ("createdDate:{* TO *}", nodes(clause("createdDate", Range()))),
        ("createdDate:>=2024-01-01", nodes(clause("createdDate", Range(low=Bound(text="2024-01-01"))))),
        ("createdDate:<2024-01-01", nodes(clause("createdDate", Range(high=Bound(text="2024-01-01", included=False))))),
        ("labels:(a AND b)", nodes(clause("labels", AllOf(values=(term("a"), term("b")))))),
        (
            "labels:(a AND (b OR c))",
            nodes(clause("labels", AllOf(values=(term("a"), AnyOf(values=(term("b"), term("c"))))))),
        ),
        (
            "contentProperties.contentType:image*",
            nodes(clause("contentProperties.contentType", term("image", prefix=True))),
        ),
        ("parents:-Ab_c", nodes(clause("parents", term("-Ab_c")))),
        ("isRoot:true", nodes(clause("isRoot", term("true")))),
    ],
)
def test_a_node_filter_is_read(text, tree):
    assert parse_nodes(text) == tree
    assert parse_nodes(show(tree)) == tree


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        ("type", 4, "expected ':' after 'type'"),
        ("type(PHOTOS)", 4, "expected ':' after 'type'"),
        ("type:PHOTOS", 5, "expected '(' after ':'"),
        ("type:(PHOTOS", 12, "expected ')', AND or OR after 'PHOTOS'"),
        ("type:()", 6, "expected a value after '('"),
        ("type:(PHOTOS))", 13, "expected AND, the end or a facet after ')'"),
        (")", 0, "expected a facet at the beginning"),
        ("name:(a) AND", 12, "expected a facet after 'AND'"),
        ("name:(a AND)", 11, "expected a value after 'AND'"),
        ("type:(PHOTOS) OR name:(x)", 14, "OR stands inside parentheses only, as in type:(PHOTOS OR VIDEOS)"),
        ("NOT type:(PHOTOS)", 0, "there is no NOT in Amazon's language"),
        ("things:(a and b)", 10, "write AND in capitals, or quote a value that has blanks in it"),
        ("things:(a b)", 10, "expected AND, OR or ')' before 'b'; quote a value that has blanks in it"),
        ("things:(a AND (b))", 14, "parentheses cannot be nested in a facet; write the facet twice, joined by AND"),
        ("name:(OR)", 6, "expected a value, found OR; quote it to look for the word itself"),
        ('name:("abc)', 6, "the quote is never closed"),
        ("name:(a*b)", 8, "a '*' stands only at the end of a value; quote it if it belongs to the value"),
        ("name:(\\", 6, "a backslash stands before the character it protects"),
        ("type:(photos)", 6, "unknown type 'photos' (did you mean PHOTOS?); known are PHOTOS, VIDEOS, ALBUMS"),
        ("type:(PHOTOS) timeYear:(last)", 24, "'timeYear' takes a whole number, not 'last'"),
        ("favorite:(yes)", 10, "'favorite' takes true or false, not 'yes'"),
    ],
)
def test_a_search_that_cannot_be_read_is_explained(text, position, problem):
    with pytest.raises(QuerySyntaxError) as caught:
        parse_search(text)
    assert (caught.value.position, caught.value.problem) == (position, problem)
    assert caught.value.text == text


@pytest.mark.parametrize(
    ("text", "position", "problem"),
    [
        ("name:a name:b", 7, "expected AND or the end after 'a'"),
        ("name:a OR name:b", 7, "OR stands inside parentheses only, as in type:(PHOTOS OR VIDEOS)"),
        ("name:AND", 5, "expected a value, found AND; quote it to look for the word itself"),
        ("name:(OR OR a)", 6, "expected a value, found OR; quote it to look for the word itself"),
        ("createdDate:[TO TO *]", 13, "expected a value, found TO; quote it to look for the word itself"),
        ("name:foo?", 8, "quote a value that has '?' in it"),
        ("(name:a", 7, "expected ')' or AND after 'a'"),
        ("createdDate:[2024-01-01 2024-02-01]", 24, "expected TO after '2024-01-01'"),
        ("createdDate:[2024-01-01 TO *", 28, "expected ']' or '}' after '*'"),
        ("createdDate:soon", 12, "'createdDate' takes a date such as 2024-01-31T00:00:00.000Z, not 'soon'"),
        ("name:[a TO b]", 5, "'name' takes no range; dates do"),
        ("contentProperties.size:>5", 23, "'contentProperties.size' takes no range; dates do"),
        ("labels:x*", 7, "'labels' takes no prefix; leave out the '*', or quote it if it belongs to the value"),
        (
            "kind:MOVIE*",
            5,
            "no kind begins with 'MOVIE'; known are FILE, FOLDER, ASSET, VISUAL_COLLECTION, SHARED_COLLECTION",
        ),
        (
            "contentProperties.contentType:image/jp*",
            30,
            "a content type's prefix is its major part, as in image*, not 'image/jp*'",
        ),
    ],
)
def test_a_node_filter_that_cannot_be_read_is_explained(text, position, problem):
    with pytest.raises(QuerySyntaxError) as caught:
        parse_nodes(text)
    assert (caught.value.position, caught.value.problem) == (position, problem)


@pytest.mark.parametrize(("parse", "what"), [(parse_search, "facet"), (parse_nodes, "field")])
def test_an_unknown_name_is_answered_with_those_that_are_known(parse, what):
    with pytest.raises(QuerySyntaxError) as caught:
        parse("colour:(red)")
    assert caught.value.position == 0
    assert caught.value.problem.startswith(f"unknown {what} 'colour'; known are ")
    assert "name" in caught.value.problem


@pytest.mark.parametrize(("parse", "one"), [(parse_search, "name:(a) "), (parse_nodes, "name:a AND ")])
def test_eight_clauses_are_accepted_and_the_ninth_is_pointed_at(parse, one):
    assert len(parse((one * 8).removesuffix(" AND ")).clauses) == 8
    with pytest.raises(QuerySyntaxError) as caught:
        parse((one * 9).removesuffix(" AND "))
    assert caught.value.problem == "there are 9 clauses, Amazon accepts 8"
    assert caught.value.position == len(one) * 8


@pytest.mark.parametrize("text", ["labels:" + "(" * 3000 + "a" + ")" * 3000, "(" * 3000 + "name:a" + ")" * 3000])
def test_endless_nesting_is_refused_rather_than_followed(text):
    with pytest.raises(QuerySyntaxError, match="nested too deeply"):
        parse_nodes(text)


def test_positions_tell_where_things_stood_and_make_no_difference():
    (facet,) = parse_search("  name:( a )").clauses
    assert (facet.at, facet.value.at) == (2, 9)
    assert facet == parse_search("name:(a)").clauses[0]
    assert hash(facet) == hash(parse_search("name:(a)").clauses[0])
    assert facet != parse_search("name:(b)").clauses[0]


def test_the_error_points_at_the_place():
    with pytest.raises(QuerySyntaxError) as caught:
        parse_search("type:(PHOTOS) AND kind:(FILE)")
    _, line, caret = str(caught.value).splitlines()
    assert line[caret.index("^") :].startswith("kind")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("type:(PHOTOS) and timeYear:(2023)", "write AND in capitals"),
        ("timeyear:(2023)", "did you mean timeYear?"),
        ("Type:(PHOTOS)", "did you mean type?"),
        ("type:(photos)", "did you mean PHOTOS?"),
        ("thing:(beach)", "did you mean things?"),
    ],
)
def test_a_near_miss_is_told_what_was_probably_meant(text, told):
    with pytest.raises(QuerySyntaxError) as caught:
        parse_search(text)
    assert told in str(caught.value)
