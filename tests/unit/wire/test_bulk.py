"""Answers that nobody recorded, and those about which sources disagree."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.wire.nodes import BULK, NODE, PERHAPS_NODE, PROPERTIES
from ap_remote.wire.people import CLUSTER
from ap_remote.wire.search import AGGREGATION

WIRE = Path(__file__).parents[3] / "fixtures" / "wire"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "count", "id", "clusterId", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_a_bulk_answer_keeps_its_nodes_and_its_failures() -> None:
    answer = BULK.decode((WIRE / "nodes/trashed.json").read_bytes())
    assert [(node.id, node.status) for node in answer.data] == [("HeMReF-vvJiTTkdPIeWuoP", "TRASH")]
    assert answer.error_map == {"vvvvvvvvvvvvvvvvvvvvvv": 404}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'"done"',
        b"null",
        b'{"data": ["id1", "id2"]}',
        b'{"data": {"id1": 200}}',
        b'{"id": "x", "kind": "FOLDER", "count": "many"}',
    ],
)
def test_a_bulk_answer_of_another_shape_is_one_that_says_nothing(body: bytes) -> None:
    assert (BULK.decode(body).data, BULK.decode(body).error_map) == ((), {})


def test_failures_are_read_whatever_else_is_odd() -> None:
    assert BULK.decode(b'{"data": ["odd"], "errorMap": {"a": "404"}}').error_map == {"a": "404"}
    assert CLUSTER.decode(b'{"clusterId": {"odd": 1}, "errorMap": {"c": 404}}').error_map == {"c": 404}


@pytest.mark.parametrize(
    "body", [b'{"errorMap": "all"}', b'{"errorMap": [1]}', b'{"errorMap": {"a": {"code": 1}}}', b"{"]
)
def test_failures_that_cannot_be_read_are_an_error(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        BULK.decode(body)


@given(JSON)
@settings(max_examples=80)
def test_any_json_answers_a_write_that_was_done(value: object) -> None:
    body = msgspec.json.encode(value)
    assert BULK.decode(body).error_map == {}
    assert CLUSTER.decode(body).error_map == {}


def test_aggregation_match_vs_value() -> None:
    found = {
        name: AGGREGATION.decode((WIRE / "search" / name).read_bytes())
        for name in ("aggregation.json", "aggregation-match.json")
    }
    for answer in found.values():
        assert [(bucket.word, bucket.count) for bucket in answer.aggregations] == [("cluster-1", 40), ("cluster-2", 3)]


def test_a_node_may_have_several_parents_no_content_and_numbers_in_quotes() -> None:
    """Bug 27: one parent, contentProperties and integers were taken for granted."""
    node = NODE.decode(
        b'{"id": "a", "kind": "FILE", "version": "7", "parents": ["p", "q"], "contentProperties": null,'
        b' "parentMap": {"FOLDER": ["p", "q"], "VISUAL_COLLECTION": ["v"]}}'
    )
    assert (node.version, node.parents, node.content_properties) == (7, ("p", "q"), None)
    bare = NODE.decode(b'{"id": "a", "contentProperties": {"size": "12"}}')
    assert bare.content_properties is not None
    assert (bare.parents, bare.content_properties.size) == ((), 12)


def test_a_node_that_may_be_absent() -> None:
    assert PERHAPS_NODE.decode(b'{"id": "a"}') == NODE.decode(b'{"id": "a"}')
    assert PERHAPS_NODE.decode(b'{"message": "done"}') is None
    with pytest.raises(msgspec.DecodeError):
        PERHAPS_NODE.decode(b"<html>")


def test_properties_that_are_no_text_are_read_too() -> None:
    assert PROPERTIES.decode(b'{"count": "1", "data": {"a": 5, "b": "x"}}').data == {"a": 5, "b": "x"}
