from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ap_remote.cache import keys

ids = st.text(alphabet="ABCabc019_-", min_size=1, max_size=22)
names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=300)
short_names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=80)
moments = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them naive


@given(ids, names, ids)
def test_a_child_key_has_an_inverse(parent: str, folded: str, node_id: str):
    key = keys.child(parent, folded, node_id)
    parsed = keys.parse_child(key)
    assert (parsed.parent, parsed.id) == (parent, node_id)
    assert parsed.folded == folded or parsed.cut
    assert keys.encode_child(parsed) == key
    assert len(key) <= 511


@given(short_names, short_names)
def test_child_keys_are_ordered_as_their_names(one: str, other: str):
    first, second = keys.child("p", one, "x"), keys.child("p", other, "x")
    assert (first < second) == (one.encode() < other.encode())


@given(ids, ids, short_names)
def test_a_folders_children_share_a_beginning_that_no_other_folder_has(parent: str, other: str, folded: str):
    assert keys.child(parent, folded, "x").startswith(keys.children(parent))
    assert keys.child(other, folded, "x").startswith(keys.children(parent)) == (parent == other)


def test_a_long_name_is_cut_and_says_so():
    key = keys.child("p", "ß" * 256, "x")
    assert keys.is_cut(key)
    assert keys.parse_child(key).folded is None
    assert keys.child("p", "ß" * 190, "x") < key


@given(st.integers(0, 255), moments, ids)
def test_a_key_of_time_has_an_inverse(shelf: int, when: datetime, node_id: str):
    key = keys.time(keys.TAKEN, shelf, keys.instant(when), node_id)
    assert keys.parse_time(key) == (shelf, keys.instant(when), node_id)
    assert keys.moment(keys.instant(when)) == when


@given(moments, moments)
def test_keys_of_time_are_ordered_as_moments_before_and_after_1970(one: datetime, other: datetime):
    first, second = (keys.time(keys.CREATED, 3, keys.instant(when)) for when in (one, other))
    assert (first < second) == (one < other)


@given(moments)
def test_a_moment_sorts_between_never_and_always_and_before_what_happened_at_it(when: datetime):
    at = keys.instant(when)
    assert keys.NEVER < at < keys.ALWAYS
    assert keys.time(b"T", 1, at) < keys.time(b"T", 1, at, "a") < keys.time(b"T", 1, at + 1)


@given(short_names, st.integers(1, 80))
def test_the_stem_of_a_name_begins_its_keys(name: str, length: int):
    key = keys.child("p", name, "x")[len(keys.children("p")) :]
    assert key.startswith(keys.stem(name, prefix=False))
    assert key.startswith(keys.stem(name[:length], prefix=True))


@given(st.binary(min_size=16, max_size=16), ids)
def test_a_digest_key_has_an_inverse(digest: bytes, node_id: str):
    assert keys.parse_digest(keys.digest(digest.hex().upper(), node_id)) == (digest.hex(), node_id)


@pytest.mark.parametrize("node_id", ["a\0b", "x" * 61])
def test_what_cannot_be_an_id_is_refused(node_id: str):
    with pytest.raises(ValueError, match="cannot be a node id"):
        keys.node(node_id)
