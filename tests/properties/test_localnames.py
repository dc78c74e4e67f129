"""Whatever a remote calls a file, a disk can hold it and gives the name back."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ap_remote.transfer.localnames import held_name, local_name, remote_name

ODD = (
    '/\\:*?"<>|. \0\x01\x1f\x7f~abD8conNUL1'
    "\u201b\uff0f\uff3c\uff1a\uff0a\uff1f\uff02\uff1c\uff1e\uff5c\uff0e\u2400\u2401\u241f\u2420"
)
odd_text = st.text(alphabet=ODD, max_size=30)
any_text = st.text(alphabet=st.characters(), max_size=80)
names = st.one_of(
    odd_text, any_text, st.builds(lambda dev, rest: dev + rest, st.sampled_from(["con", "LPT1", "aux "]), odd_text)
)
ILLEGAL = set('\\:*?"<>|') | set(map(chr, range(32)))


def fits(name: str, *, windows: bool) -> bool:
    return held_name(name, windows=windows) == name


@pytest.mark.parametrize("windows", [False, True])
@given(name=names)
@example(name="")
@example(name=".")
@example(name="..")
@example(name="\uff0e")
@example(name="\uff0e\uff0e")
@example(name="\u201b")
@example(name="\u201bcon.jpg")
@example(name="\u201bD800")
@example(name="\ud800")
@settings(max_examples=300, deadline=None)
def test_a_name_comes_back_from_the_disk_as_it_was(name: str, windows: bool) -> None:  # noqa: FBT001 - a parameter
    shown = local_name(name, windows=windows)
    assert remote_name(shown, windows=windows) == held_name(name, windows=windows)
    if len(name) <= 42:
        assert fits(name, windows=windows)


@pytest.mark.parametrize("windows", [False, True])
@given(name=st.one_of(names, st.text(min_size=40, max_size=300), st.text(alphabet=ODD, min_size=80, max_size=300)))
@settings(max_examples=200, deadline=None)
def test_any_name_is_one_legal_component(name: str, windows: bool) -> None:  # noqa: FBT001 - a parameter
    shown = local_name(name, windows=windows)
    assert 0 < len(shown.encode()) <= 255
    assert shown not in {".", ".."}
    assert not {"/", "\0"} & set(shown)
    if windows:
        assert not ILLEGAL & set(shown)
        assert shown[-1] not in ". "
        assert shown.partition(".")[0].rstrip(" ").lower() not in {"con", "nul", "aux", "prn", "lpt1", "com1"}
    # What comes back stands for the same file, however often it travels.
    held = remote_name(shown, windows=windows)
    assert local_name(held, windows=windows) == shown


@given(left=st.one_of(odd_text, any_text), right=odd_text)
@settings(max_examples=200, deadline=None)
def test_two_names_never_become_one(left: str, right: str) -> None:
    assert (local_name(left) == local_name(right)) == (left == right)


@given(head=st.text(min_size=256, max_size=256), one=st.text(max_size=20), other=st.text(max_size=20))
@settings(max_examples=50, deadline=None)
def test_long_names_that_begin_alike_stay_apart(head: str, one: str, other: str) -> None:
    assert (local_name(head + one) == local_name(head + other)) == (one == other)


def test_a_name_of_the_disk_that_no_remote_name_becomes_is_told_by_not_coming_back() -> None:
    for name in ("\u201ba", "a\x01b"):
        assert local_name(remote_name(name)) != name
    assert unicodedata.normalize("NFC", remote_name("e\u0301")) == "\u00e9"
