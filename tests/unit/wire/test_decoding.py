from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.wire import faults
from ap_remote.wire._base import moment, stamp
from ap_remote.wire.account import USAGE
from ap_remote.wire.changes import LINES
from ap_remote.wire.nodes import BULK, NODE, NODE_PAGE, ContentProperties, ImageProperties, Node, VideoProperties
from ap_remote.wire.search import AGGREGATION, SEARCH_PAGE

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ID = st.text(st.sampled_from("ABCabc019_-"), min_size=22, max_size=22)
UNKNOWN = st.dictionaries(st.text(min_size=1).map(lambda key: f"zz{key}"), JSON, max_size=3)
QUOTED = st.integers(0, 2**53).flatmap(lambda number: st.sampled_from([number, str(number)]))
WORD = st.none() | st.text() | st.integers(-(2**60), 2**60) | st.booleans()


def keys(kind: type[msgspec.Struct], values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({}, optional={each.encode_name: values for each in msgspec.structs.fields(kind)})


CONTENT = st.fixed_dictionaries(
    {},
    optional={
        "size": QUOTED | st.none(),
        "md5": st.text() | st.none(),
        "contentDate": st.text() | st.none(),
        "image": keys(ImageProperties, WORD) | st.none(),
        "video": keys(VideoProperties, WORD) | st.none(),
    },
)
NODES = st.builds(
    lambda known, unknown: {**unknown, **known},
    st.fixed_dictionaries(
        {"id": ID},
        optional={
            "name": st.text() | st.none(),
            "kind": st.sampled_from(["FILE", "FOLDER", "SOMETHING_NEW"]) | st.none(),
            "version": QUOTED | st.none(),
            "parents": st.lists(ID | st.none(), max_size=3) | st.none(),
            "settings": st.none() | st.just({"favorite": "true", "hidden": None}) | st.just({}),
            "assets": st.none() | st.lists(ID | st.none() | st.builds(lambda name: {"id": name}, ID), max_size=3),
            "contentProperties": CONTENT | st.none(),
            "properties": st.none() | st.dictionaries(st.text(), JSON, max_size=2),
        },
    ),
    UNKNOWN,
)


@settings(max_examples=60)
@given(NODES)
def test_a_node_is_read_whatever_is_missing_null_quoted_or_new(raw: dict[str, object]) -> None:
    node = NODE.decode(json.dumps(raw).encode())
    assert node.id == raw["id"]
    assert node.name == raw.get("name")
    assert node.version == int(raw.get("version") or 0)  # type: ignore[call-overload]  # JSON, by construction a number
    assert node.parents == tuple(each for each in raw.get("parents") or () if each is not None)  # type: ignore[attr-defined]  # a list
    again = NODE.decode(msgspec.json.encode(node))
    assert again == node


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"id": 5}', b'{"id": null}', b"<html>", b'{"id": "a", "version": "x"}']
    + [b'{"id": ""}', b'{"id": "a\\u0000b"}', b'{"id": "a b"}', b'{"id": "%s"}' % (b"i" * 61)]
    + [b'{"id": "a", "parents": ["%s"]}' % (b"i" * 61), b'{"id": "a", "version": -1}']
    + [b'{"id": "a", "contentProperties": {"size": %d}}' % size for size in (-5, 2**63, 2**70)]
    + [b'{"id": "a", "contentProperties": {"md5": "%s"}}' % (b"0" * 600)],
)
def test_a_node_without_the_essential_or_beyond_reason_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        NODE.decode(body)


def test_a_name_that_looks_like_something_else_stays_a_name() -> None:
    for name in ("null", "true", "007", "1e5", "NaN"):
        assert NODE.decode(json.dumps({"id": "a", "name": name}).encode()).name == name


def test_assets_are_nodes_or_ids() -> None:
    node = NODE.decode(b'{"id": "a", "assets": ["b", {"id": "c", "kind": "ASSET"}]}')
    assert node.assets == ("b", Node(id="c", kind="ASSET"))


def test_a_file_without_content_has_none() -> None:
    assert NODE.decode(b'{"id": "a", "kind": "FILE", "status": "PENDING"}').content_properties is None
    assert NODE.decode(b'{"id": "a", "contentProperties": {}}').content_properties == ContentProperties()


def test_counts_may_be_quoted() -> None:
    assert NODE_PAGE.decode(b'{"count": "12", "data": []}').count == 12
    assert USAGE.decode(b'{"photo": {"total": {"bytes": "5", "count": "1"}}}').photo.total.bytes == 5


def test_a_bucket_is_read_under_either_key() -> None:
    page = SEARCH_PAGE.decode(b'{"aggregations": {"time": [{"match": 2023}], "favorite": [{"match": true}]}}')
    assert page.aggregations["time"][0].word == "2023"
    assert page.aggregations["favorite"][0].word == "true"
    answer = AGGREGATION.decode(b'{"aggregations": [{"value": "beach"}, {}]}')
    assert [each.word for each in answer.aggregations] == ["beach", ""]


def test_failures_of_a_bulk_call_come_by_id() -> None:
    assert BULK.decode(b'{"errorMap": {"a": 404, "b": "gone"}}').error_map == {"a": 404, "b": "gone"}
    assert BULK.decode(b'{"id": "a node, from a service that answers so"}').error_map == {}


def test_a_stream_is_read_line_by_line() -> None:
    lines = LINES.decode(b'{"checkpoint": "c", "reset": true, "nodes": [{"id": "a"}]}\n\n{"end": true}\n')
    assert [line.end for line in lines] == [False, True]
    assert lines[0].nodes[0].id == "a"


@pytest.mark.parametrize(
    ("body", "message", "code", "ids"),
    [
        (b'{"Message": "No Auth Method Provided"}', "No Auth Method Provided", "", ()),
        (
            b'{"logref": "u", "message": "taken", "code": "NAME_ALREADY_EXISTS", "info": {"nodeId": "N"}}',
            "taken",
            "NAME_ALREADY_EXISTS",
            ("N",),
        ),
        (b'{"message": "Rate exceeded"}', "Rate exceeded", "", ()),
        (
            b'{"MESSAGE": "m", "errorCode": "E", "requestId": "r", "errorDetails": {"conflictNodeIds": ["N", "M"]}}',
            "m",
            "E",
            ("N", "M"),
        ),
        (b'{"message": null, "code": 5, "info": "text"}', "", "5", ()),
        (b'{"message": "two\\nlines\\u0000"}', "two lines", "", ()),
    ],
)
def test_all_shapes_of_an_error_are_read(body: bytes, message: str, code: str, ids: tuple[str, ...]) -> None:
    fault = faults.parse(body)
    assert (fault.message, fault.code, fault.node_ids, fault.json) == (message, code, ids, True)


@pytest.mark.parametrize("body", [b"", b"<UnknownOperationException/>", b"[]", b'"text"', b"\xff", b"[" * 100_000])
def test_an_error_that_is_no_json_says_nothing(body: bytes) -> None:
    assert faults.parse(body) == faults.Fault()


@settings(max_examples=60)
@given(st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()))
def test_an_error_of_any_body_is_read_without_an_exception(body: bytes) -> None:
    fault = faults.parse(body)
    assert len(fault.message) <= 300
    assert "\n" not in fault.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-08-15T01:02:03.123Z", datetime(2023, 8, 15, 1, 2, 3, 123_000, tzinfo=UTC)),
        ("2023-08-15T01:02:03", datetime(2023, 8, 15, 1, 2, 3, tzinfo=UTC)),
        ("2023-08-15T03:02:03+02:00", datetime(2023, 8, 15, 1, 2, 3, tzinfo=UTC)),
        ("0001-01-01T00:00:00+02:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_a_time_is_read_as_utc_or_not_at_all(text: object, expected: datetime | None) -> None:
    assert moment(text) == expected


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.none() | st.just(UTC)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_a_time_that_is_written_is_read_back(when: datetime) -> None:
    known = when.replace(tzinfo=UTC)
    read = moment(stamp(when))
    assert read is not None
    assert timedelta(0) <= known - read < timedelta(milliseconds=1)


def test_a_time_is_written_in_utc() -> None:
    assert stamp(datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == "2023-12-31T23:00:00.000Z"


def test_half_a_character_pair_in_a_name_costs_that_character_and_no_more() -> None:
    body = rb'{"id": "x", "kind": "FILE", "name": "a\ud83d\\ud83d\ud83d\ude00\udc00\u0041\n"}'

    assert NODE.decode(body).name == "a\ufffd\\ud83d\U0001f600\ufffdA\n"
    with pytest.raises(msgspec.DecodeError):
        NODE.decode(body[:-1])
