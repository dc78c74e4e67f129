"""Ways out of the roots that spelling and strange files offer, for what is sent and for what is saved."""

from __future__ import annotations

import os
import socket
import unicodedata
from pathlib import Path

import pytest

from ap_remote_mcp.policy.filenames import LIMIT, portable
from ap_remote_mcp.policy.roots import OutsideRootsError, Roots


@pytest.fixture
def place(tmp_path):
    """A root with a picture, beside a folder of secrets; in it what no picture is."""
    root, secret = tmp_path / "root", tmp_path / "secret"
    (root / "in").mkdir(parents=True)
    secret.mkdir()
    (secret / "id_rsa").write_bytes(b"secret")
    (root / "in" / "a.jpg").write_bytes(b"picture")
    (root / "in" / "café.jpg").write_bytes(b"composed")
    (root / "door").symlink_to(secret, target_is_directory=True)
    (root / "in" / "up").symlink_to("../../secret", target_is_directory=True)
    (root / "null.jpg").symlink_to("/dev/null")
    (root / "self.jpg").symlink_to("/proc/self/environ")
    (root / "dangling.jpg").symlink_to(root / "nothing")
    (root / "chain").symlink_to(root / "door")
    os.mkfifo(root / "pipe.jpg")
    door = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(root)  # the name of a socket is short
    try:
        door.bind("socket.jpg")
    finally:
        os.chdir(here)
    yield root
    door.close()


SPELLINGS = [
    "in/a.jpg.",
    "in/a.jpg ",
    "in /a.jpg",
    "IN/A.JPG",
    "in/a.jpg::$DATA",
    "in\\a.jpg",
    "in/../in/a.jpg",
    "in/./../../secret/id_rsa",
    "..\\secret\\id_rsa",
    "%2e%2e/secret/id_rsa",
    "in/%2e%2e%2f%2e%2e/secret/id_rsa",
    "\uff0e\uff0e/secret/id_rsa",
    "\u2025/secret/id_rsa",
    ".\u200b./secret/id_rsa",
    "root1/../secret/id_rsa",
    "root1//etc/passwd",
    "root01/../../etc/passwd",
    "root\u0661/in/a.jpg",
    "file:///etc/passwd",
    "//etc/passwd",
    "/proc/self/fd/0",
    "/proc/self/root/etc/passwd",
    "/proc/self/cwd/setup.py",
    "/dev/stdin",
    "/dev/fd/0",
    "in/up/id_rsa",
    "chain/id_rsa",
    "null.jpg",
    "self.jpg",
    "dangling.jpg",
    "pipe.jpg",
    "socket.jpg",
    "CON",
    "NUL.jpg",
    "in/LPT1",
    "$HOME/secret",
    "~root/x.jpg",
    "a" * 256,
    "/".join(["a"] * 400),
    "in/" + "é" * 200 + ".jpg",
    "in/a.jpg/",
    "in/a.jpg/.",
    " in/a.jpg",
    "in/a.jpg\n",
    "\r\nin/a.jpg",
]
REACHED = {"in/a.jpg/", "in/a.jpg/."}
"""Another spelling of the same file for this system; they may be opened, as what they are."""


@pytest.mark.parametrize("given_path", SPELLINGS, ids=range(len(SPELLINGS)))
def test_no_spelling_opens_what_is_outside_or_no_file(place, given_path):
    roots = Roots([place])
    try:
        with roots.opened(given_path) as (path, file):
            assert os.read(file, 100) == b"picture"
            assert path == place / "in" / "a.jpg"
            assert given_path in REACHED
    except OutsideRootsError as exc:
        told = exc.reason
    else:
        told = ""
    assert str(place) not in told
    assert "secret" not in told


@pytest.mark.parametrize("given_path", SPELLINGS, ids=range(len(SPELLINGS)))
def test_no_spelling_makes_a_folder_outside(place, given_path):
    roots = Roots([place])
    before = sorted(each for each in place.parent.rglob("*") if place not in each.parents)
    try:
        found = roots.to_write(given_path)
        os.close(roots.made(found))
    except OutsideRootsError as exc:
        told = exc.reason
    else:
        told = ""
        assert place in found.parents
        assert found.is_dir()
        assert not any(part.startswith(".") for part in found.relative_to(place).parts)
    assert str(place) not in told
    assert sorted(each for each in place.parent.rglob("*") if place not in each.parents) == before


def test_another_normal_form_of_a_name_opens_that_name_or_nothing(place):
    with Roots([place]).opened("in/café.jpg") as (_, file):
        assert os.read(file, 100) == b"composed"
    try:
        with Roots([place]).opened("in/" + unicodedata.normalize("NFD", "café.jpg")) as (path, file):
            assert (path.parent, os.read(file, 100)) == (place / "in", b"composed")
    except OutsideRootsError:
        assert not (place / "in" / unicodedata.normalize("NFD", "café.jpg")).exists()


@pytest.mark.parametrize("kind", ["absolute", "relative", "chain", "circle"])
def test_a_linked_parent_of_a_folder_that_is_not_there_leads_nowhere(place, kind):
    links = {"absolute": place.parent / "secret", "relative": "../secret", "chain": "door", "circle": "new"}
    (place / "new").symlink_to(links[kind], target_is_directory=True)
    with pytest.raises(OutsideRootsError):
        Roots([place]).to_write("new/deep/er")
    assert sorted(each.name for each in (place.parent / "secret").iterdir()) == ["id_rsa"]


def test_a_parent_that_became_a_link_after_the_check_is_not_followed(place):
    roots = Roots([place])
    found = roots.to_write("later/deep")
    (place / "later").symlink_to(place.parent / "secret", target_is_directory=True)
    with pytest.raises(OutsideRootsError):
        roots.made(found)
    assert sorted(each.name for each in (place.parent / "secret").iterdir()) == ["id_rsa"]


NAMES = [
    "..",
    ".",
    "",
    "...",
    "../../etc/passwd",
    "/etc/passwd",
    "..\\..\\x",
    "C:\\x",
    "a\0b.jpg",
    "CON",
    "con.jpg",
    "NUL",
    "LPT9.txt",
    "COM1 .jpg",
    "a.jpg.",
    "a.jpg ",
    " .hidden",
    ".ssh",
    "~/x",
    "-rf",
    "a:b",
    "a.jpg::$DATA",
    '*?<>|"',
    "\u202egpj.exe",
    "a" * 5000 + ".jpg",
    "é" * 300,
    "\ud800.jpg",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_of_the_library_becomes_one_plain_component(name):
    shown = portable(name)
    assert shown == Path(shown).name
    assert not shown.startswith((".", "-", "~", " "))
    assert not shown.endswith((".", " "))
    assert not set(shown) & set('/\\:*?"<>|\0')
    assert shown.partition(".")[0].upper().rstrip() not in {"CON", "NUL", "PRN", "AUX", "COM1", "LPT9"}
    assert 0 < len(shown.encode()) <= LIMIT
