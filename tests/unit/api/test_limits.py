"""What is refused before it is sent; the figures are those of the reference, section 12."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.api import family, limits, nodes, people, properties, search, trash
from ap_remote.errors import InvalidNameError, LimitError, NotFoundError, RemoteError
from ap_remote.transport import Call

MAKERS = {
    "create_folder": lambda name: nodes.create_folder(name, "p"),
    "create_album": nodes.create_album,
    "patch": lambda name: nodes.patch("a", name=name),
    "update": lambda name: nodes.update("a", name=name),
}
WITH_IDS = {
    "node": nodes.node,
    "children": nodes.children,
    "create_folder": lambda bad: nodes.create_folder("x", bad),
    "patch": lambda bad: nodes.patch(bad, name="x"),
    "update": lambda bad: nodes.update(bad, name="x"),
    "move": lambda bad: nodes.move("a", bad, "b"),
    "link": lambda bad: nodes.link("a", bad),
    "unlink": lambda bad: nodes.unlink(bad, "a"),
    "change_members": lambda bad: nodes.change_members("a", "add", [bad]),
    "cover": lambda bad: nodes.cover("a", bad),
    "trash": lambda bad: trash.trash([bad]),
    "trash_one": trash.trash_one,
    "restore_one": trash.restore_one,
    "purge": lambda bad: trash.purge(["a", bad]),
    "name": lambda bad: people.name(bad, "x"),
    "merge": lambda bad: people.merge(["a", bad], "x"),
    "hero": lambda bad: people.hero("a", bad),
    "archive": lambda bad: family.archive("f", add=[bad]),
    "properties": lambda bad: properties.properties(bad, "o"),
    "group": lambda bad: search.group(bad, "s"),
}
LISTINGS = {
    "nodes": nodes.nodes,
    "children": lambda **where: nodes.children("a", **where),
    "trash": trash.trash_page,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", "x" * 257, "caf\udce9"])
def test_max_name_length_and_characters_are_checked_before_sending(make: Any, name: str) -> None:
    with pytest.raises(InvalidNameError):
        make(name)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_name_of_256_characters_is_sent(make: Any) -> None:
    assert json.loads(make("é" * 256).json)["name"] == "é" * 256


@pytest.mark.parametrize("make", WITH_IDS.values(), ids=WITH_IDS)
@pytest.mark.parametrize("bad", ["", " ", "a b", "é", "x" * 61, "a\n"])
def test_what_can_be_no_id_names_nothing(make: Any, bad: str) -> None:
    with pytest.raises(NotFoundError):
        make(bad)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60))
@settings(max_examples=40)
def test_an_id_stays_one_part_of_a_path(node_id: str) -> None:
    made = {
        1: (nodes.node(node_id), trash.trash_one(node_id)),
        2: (people.hero(node_id, "n"), trash.restore_one(node_id)),
        3: (nodes.link("p", node_id), nodes.unlink(node_id, "c"), properties.properties(node_id, "o")),
    }
    for slashes, calls in made.items():
        for call in calls:
            assert call.path.count("/") == slashes
            assert not set(call.path) & set("?# ")


@pytest.mark.parametrize("make", LISTINGS.values(), ids=LISTINGS)
@pytest.mark.parametrize("where", [{"limit": 0}, {"limit": 201}, {"offset": -1}, {"limit": 200, "offset": 9800}])
def test_no_page_lies_beyond_the_wall_or_has_more_than_200_rows(make: Any, where: dict[str, int]) -> None:
    with pytest.raises(LimitError):
        make(**where)
    assert make(limit=200, offset=9799).params["offset"] == "9799"


def test_search_has_no_wall_but_pages_of_200() -> None:
    assert search.search("type:(PHOTOS)", offset=28_800).params["offset"] == "28800"
    with pytest.raises(LimitError):
        search.search("type:(PHOTOS)", limit=201)


@pytest.mark.parametrize("make", LISTINGS.values(), ids=LISTINGS)
@pytest.mark.parametrize("field", ["name", "kind", "status", "createdDate", "contentProperties.size"])
def test_listings_sort_by_what_the_drive_can(make: Any, field: str) -> None:
    assert make(sort=f"{field} ASC").params["sort"] == f"['{field} ASC']"
    for bad in ("labels ASC", f"{field}", f"{field} DOWN", f"['{field} ASC','people DESC']", "name ASC; x"):
        with pytest.raises(LimitError):
            make(sort=bad)


def test_search_sorts_by_three_fields() -> None:
    for field in ("contentProperties.contentDate", "createdDate", "name"):
        search.search("type:(PHOTOS)", sort=f"{field} DESC")
    for field in ("modifiedDate", "contentProperties.size"):
        with pytest.raises(LimitError, match=field):
            search.search("type:(PHOTOS)", sort=f"{field} DESC")


def test_nodes_are_not_given_a_sort_list_that_python_wrote() -> None:
    """Bug 8: ``str(list)`` of what the caller gave went into the address."""
    sort = nodes.nodes(sort="['name ASC', 'modifiedDate DESC']").params["sort"]
    assert sort == "['name ASC', 'modifiedDate DESC']"
    with pytest.raises(LimitError):
        nodes.nodes(sort=str(["name"]))


@pytest.mark.parametrize("make", [trash.trash, trash.restore, trash.purge])
def test_restore_is_batched_like_trash_and_purge(make: Any) -> None:
    """Bug 13: the restore of more than fifty went out in one call."""
    make(["a"] * 50)
    for count in (0, 51, 1000):
        with pytest.raises(LimitError, match="between 1 and 50"):
            make(["a"] * count)


def test_a_batch_of_members_and_of_the_family_is_bounded() -> None:
    nodes.change_members("a", "add", ["x"] * 200)
    family.archive("f", add=["x"] * 25, remove=["y"] * 25)
    for call in (
        lambda: nodes.change_members("a", "add", []),
        lambda: nodes.change_members("a", "add", ["x"] * 201),
        lambda: family.archive("f"),
        lambda: family.archive("f", add=["x"] * 25, remove=["y"] * 26),
        lambda: family.archive("", add=["x"]),
    ):
        with pytest.raises(LimitError):
            call()


@pytest.mark.parametrize(
    "fields",
    [
        {"labels": ["x"] * 11},
        {"labels": ["x" * 257]},
        {"labels": [""]},
        {"description": "x" * 501},
        {"properties": {"o": {f"k{number}": "v" for number in range(11)}}},
        {"properties": {"o": {"k": "x" * 501}}},
        {"properties": {"o": {"a-b": "v"}}},
        {"properties": {"an owner": {"a": "v"}}},
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda **fields: nodes.patch("a", **fields),
        lambda **fields: nodes.update("a", **fields),
        lambda **fields: nodes.create_folder("x", "p", **fields),
    ],
)
def test_words_have_their_limits(make: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(LimitError):
        make(**fields)


@pytest.mark.parametrize("text", ["", "é", "a-b", "x" * 51, "a b", "a/b", "a\n"])
def test_owner_and_key_of_a_property_are_words(text: str) -> None:
    for call in (
        lambda: properties.properties("n", text),
        lambda: properties.get("n", "o", text),
        lambda: properties.put("n", text, "k", "v"),
        lambda: properties.delete("n", "o", text),
    ):
        with pytest.raises(LimitError):
            call()
    with pytest.raises(LimitError):
        properties.put("n", "o", "k", "x" * 501)


@pytest.mark.parametrize("name", ["", " ", "x" * 257])
def test_a_person_has_a_name(name: str) -> None:
    for make in (lambda: people.name("a", name), lambda: people.merge(["a", "b"], name)):
        with pytest.raises(LimitError):
            make()
    with pytest.raises(LimitError):
        people.merge(["a", "a"], "Ada")
    with pytest.raises(LimitError):
        search.aggregation("things", limit=0)


@given(
    st.lists(st.text(max_size=300), max_size=12),
    st.text(max_size=520),
    st.dictionaries(st.text(max_size=6), st.text(max_size=510), max_size=12),
)
@settings(max_examples=60)
def test_whatever_is_sent_keeps_the_limits_and_all_else_is_one_of_our_errors(
    labels: list[str], description: str, pairs: dict[str, str]
) -> None:
    try:
        call: Call[Any] = nodes.patch("a", labels=labels, description=description, properties={"app": pairs})
    except RemoteError:
        assert (
            len(labels) > limits.LABELS
            or not all(0 < len(each) <= limits.LABEL for each in labels)
            or len(description) > limits.DESCRIPTION
            or len(pairs) > limits.PROPERTIES
            or not all(key.isascii() and key.replace("_", "a").isalnum() for key in pairs)
            or any(len(value) > limits.PROPERTY_VALUE for value in pairs.values())
        )
    else:
        assert call.json is not None
        assert json.loads(call.json)["labels"] == labels
