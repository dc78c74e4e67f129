from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.errors import InvalidNameError
from ap_remote.model import NodeId
from ap_remote.remote import paths

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda name: name not in (".", "..")
)
PATHS = st.lists(NAMES, max_size=5).map("/".join)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40) | st.lists(st.sampled_from(["/", ".", "..", "a", "é", "\0"]), max_size=10).map("".join))
def test_normalising_twice_is_normalising_once(text):
    try:
        once = paths.normalise(text)
    except InvalidNameError as exc:
        # It was refused for a component of what was typed, not for something that normalising made.
        bad = exc.name
    else:
        bad = None
    if bad is not None:
        assert bad in text.split("/")
        return
    assert paths.normalise(once) == once
    assert paths.normalise(f"//{once}/") == once


@settings(max_examples=100, deadline=None)
@given(PATHS, NAMES)
def test_split_undoes_join(parent, name):
    assert paths.split(paths.join(parent, name)) == (parent, name)


@settings(max_examples=100, deadline=None)
@given(PATHS)
def test_join_undoes_split_and_components(path):
    assert paths.join(*paths.split(path)) == path
    assert paths.join(*paths.components(path)) == path
    assert paths.normalise(path) == path


@settings(max_examples=100, deadline=None)
@given(PATHS)
def test_a_path_is_read_as_itself_when_a_slash_stands_before_it(path):
    assert paths.parse_ref(f"/{path}") == path


@settings(max_examples=50, deadline=None)
@given(st.text("abcXYZ019_-", min_size=1, max_size=30))
def test_an_id_is_read_back_from_what_it_shows(value):
    assert paths.parse_ref(str(NodeId(value))) == NodeId(value)
