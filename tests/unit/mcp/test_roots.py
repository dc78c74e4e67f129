"""Which local paths may be touched: the table of escapes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ap_remote_mcp.policy.roots import OutsideRootsError, Roots


@pytest.fixture
def place(tmp_path):
    """A root beside a folder of secrets, with links of every kind between them."""
    root, secret = tmp_path / "root", tmp_path / "secret"
    (root / "in" / "deep").mkdir(parents=True)
    secret.mkdir()
    (secret / "id_rsa").write_bytes(b"secret")
    (root / "in" / "a.jpg").write_bytes(b"picture")
    (root / ".hidden").mkdir()
    (root / ".hidden" / "b.jpg").write_bytes(b"hidden")
    (root / "link.jpg").symlink_to(secret / "id_rsa")
    (root / "inside.jpg").symlink_to(root / "in" / "a.jpg")
    (root / "door").symlink_to(secret, target_is_directory=True)
    (root / "loop").symlink_to(root / "loop")
    os.link(secret / "id_rsa", root / "hard.jpg")
    os.mkfifo(root / "pipe")
    (tmp_path / "root-twin").mkdir()
    (tmp_path / "root-twin" / "c.jpg").write_bytes(b"twin")
    return root


@pytest.mark.parametrize("given_path", ["in/a.jpg", "root1/in/a.jpg", "inside.jpg", "{root}/in/a.jpg", "./in//a.jpg"])
def test_a_file_inside_may_be_read(place, given_path):
    found = Roots([place]).to_read(given_path.format(root=place))
    assert found == place / "in" / "a.jpg"


@pytest.mark.parametrize(
    "given_path",
    [
        "",
        "..",
        "../secret/id_rsa",
        "in/../../secret/id_rsa",
        "/etc/passwd",
        "{root}/../secret/id_rsa",
        "{root}-twin/c.jpg",
        "link.jpg",
        "door/id_rsa",
        "door",
        "hard.jpg",
        "pipe",
        "in",
        "loop",
        "in/nothing.jpg",
        ".hidden/b.jpg",
        "root2/in/a.jpg",
        "root0/in/a.jpg",
        "in/a.jpg\0.png",
        "in/a.jpg/../../../secret/id_rsa",
        "~/secret",
        "\ud800",
        "C:\\Windows\\win.ini",
        "\\\\server\\share",
    ],
)
def test_nothing_else_may(place, given_path):
    with pytest.raises(OutsideRootsError) as caught:
        Roots([place]).to_read(given_path.format(root=place))
    assert "secret" not in caught.value.reason
    assert str(place) not in caught.value.reason


@pytest.mark.parametrize("given_path", ["in", "new/deep/folder", "root1/new", "in/deep", "{root}"])
def test_a_folder_inside_may_be_written_even_if_it_is_not_there_yet(place, given_path):
    found = Roots([place]).to_write(given_path.format(root=place))
    assert found == place or place in found.parents


@pytest.mark.parametrize(
    "given_path",
    [
        "..",
        "door",
        "door/new",
        "door/new/deeper",
        "/tmp",
        "in/a.jpg",
        "in/a.jpg/new",
        ".hidden",
        "new/.ssh",
        "link.jpg",
    ],
)
def test_no_other_folder_may(place, given_path):
    with pytest.raises(OutsideRootsError):
        Roots([place]).to_write(given_path)


def test_without_roots_nothing_is_touched(place):
    for ask in (Roots().to_read, Roots().to_write):
        with pytest.raises(OutsideRootsError, match="--root"):
            ask(str(place / "in" / "a.jpg"))


def test_a_root_that_is_a_link_is_the_place_it_leads_to(place, tmp_path):
    (tmp_path / "alias").symlink_to(place)
    roots = Roots([tmp_path / "alias"])
    assert roots.to_read("in/a.jpg") == place / "in" / "a.jpg"
    assert roots.to_read(str(place / "in" / "a.jpg")) == place / "in" / "a.jpg"


def test_an_answer_names_a_path_below_its_root(place):
    roots = Roots([place])
    assert roots.shown(place / "in" / "a.jpg") == "root1/in/a.jpg"
    assert roots.shown(place) == "root1"
    assert roots.shown(Path("/elsewhere/x.jpg")) == "x.jpg"
    assert roots.to_read(roots.shown(place / "in" / "a.jpg")) == place / "in" / "a.jpg"


@given(st.text(max_size=30))
def test_whatever_is_given_it_is_inside_or_refused(given_path):
    roots = Roots([Path("/usr/share")])
    try:
        found = roots.to_write(given_path)
    except OutsideRootsError:
        return
    assert found == roots.folders[0] or roots.folders[0] in found.parents
