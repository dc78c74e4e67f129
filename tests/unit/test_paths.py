from __future__ import annotations

import pytest

from ap_remote.errors import InvalidNameError, UnsupportedError
from ap_remote.model import NodeId
from ap_remote.remote import paths


@pytest.mark.parametrize(
    ("text", "path"),
    [("", ""), ("/", ""), ("a", "a"), ("/a//b/", "a/b"), ("...", "..."), (" a /.b", " a /.b"), ("a.", "a.")],
)
def test_slashes_are_put_in_order_and_names_are_kept(text, path):
    assert paths.normalise(text) == path


@pytest.mark.parametrize("text", [".", "..", "a/./b", "a/../b", "a/b\0c", "x" * 257, "ok/" + "é" * 257])
def test_what_cannot_be_a_name_is_refused(text):
    with pytest.raises(InvalidNameError) as caught:
        paths.normalise(text)
    assert caught.value.name in text
    assert caught.value.reason


@pytest.mark.parametrize("name", ["", "a/b", "\0", ".", ".."])
def test_a_single_name_is_held_to_more_than_a_path(name):
    with pytest.raises(InvalidNameError):
        paths.check_name(name)


def test_256_characters_are_allowed():
    assert paths.check_name("é" * paths.NAME_LIMIT) == "é" * 256


def test_the_root_has_neither_parent_nor_name():
    assert paths.split(paths.ROOT) == ("", "")
    assert paths.components(paths.ROOT) == ()
    assert paths.join("", "a", "") == "a"


@pytest.mark.parametrize(
    ("path", "seen"),
    [(".views", True), (".views/trash", True), (".viewsx", False), ("a/.views", False), ("", False)],
)
def test_views_lie_at_the_root_only(path, seen):
    assert paths.is_view(path) is seen


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (".views/albums", ()),
        (".views/albums/Rome", ("Rome",)),
        (".views/Albums/Rome/a.jpg", ("Rome", "a.jpg")),
        (".views/trash/Rome", ()),
        (".views", ()),
        ("albums/Rome", ()),
        ("", ()),
    ],
)
def test_what_leads_to_an_album_is_told_whatever_the_case_of_the_view(path, names):
    assert paths.below_albums(path) == names


def test_names_that_differ_in_case_collide():
    assert paths.fold("ÉTÉ.JPG") == paths.fold("été.jpg")
    assert paths.fold("a") != paths.fold("b")


@pytest.mark.parametrize(
    ("text", "ref"),
    [("id:Ab-_9", NodeId("Ab-_9")), ("/id:x", "id:x"), ("id:", "id:"), ("a/id:x", "a/id:x"), ("/a/", "a")],
)
def test_what_a_person_types_names_a_node_or_a_path(text, ref):
    assert paths.parse_ref(text) == ref


def test_text_that_cannot_be_encoded_is_no_name() -> None:
    with pytest.raises(InvalidNameError, match="lone surrogate"):
        paths.check_name("a\ud800b")


@pytest.mark.parametrize("written", [".VIEWS/albums/Rome", "/.Views//albums/Rome/", ".views/albums/Rome"])
def test_the_views_are_the_views_whatever_the_case_of_their_name(written):
    assert paths.is_view(written.strip("/"))
    assert paths.normalise(written) == ".views/albums/Rome"
    assert paths.view_name(written.strip("/").replace("//", "/")) == ("albums", ("Rome",))
    with pytest.raises(UnsupportedError):
        paths.writable(written)
