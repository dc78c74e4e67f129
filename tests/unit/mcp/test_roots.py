"""Which local paths may be touched: the table of escapes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from ap_remote.cli import servers
from ap_remote.errors import ConfigError
from ap_remote_mcp import server
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
        "file://{root}/in/a%20b%20%231.jpg",
        "FILE://localhost{root}/in/a%20b%20#1.jpg",
        "file:{root}/in/%61 b%20%231.jpg",
    ],
)
def test_a_host_may_name_a_file_by_its_uri(place, given_path):
    (place / "in" / "a b #1.jpg").write_bytes(b"picture")
    assert Roots([place]).to_read(given_path.format(root=place)) == place / "in" / "a b #1.jpg"
    assert Roots.given([Path(f"file://{place}")]).folders == (place,)


def test_a_tilde_is_the_home_of_whoever_started_the_server(place, monkeypatch):
    monkeypatch.setenv("HOME", str(place.parent))
    roots = Roots.given([Path("~/root")])
    assert roots.to_read("~/root/in/a.jpg") == place / "in" / "a.jpg"
    assert Roots([place.parent]).names == {"root1": "~"}
    with pytest.raises(OutsideRootsError, match=r"it lies outside root1 \(root\)"):
        roots.to_read("~/secret/id_rsa")


def test_the_home_of_the_server_is_told_as_such_also_behind_a_link(place, monkeypatch, tmp_path):
    (tmp_path / "somebody").symlink_to(place)
    monkeypatch.setenv("HOME", str(tmp_path / "somebody"))
    assert Roots([place]).names == {"root1": "~"}


def test_an_account_without_a_home_serves_its_roots(place, monkeypatch):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    roots = Roots([place])
    assert roots.names == {"root1": "root"}
    with pytest.raises(OutsideRootsError, match="has no home"):
        roots.to_read("~/a.jpg")


def test_names_that_are_no_text_are_left_alone(place):
    """A disk may hold any bytes; the journal, a job and an answer are JSON."""
    odd = os.fsdecode(os.fsencode(place) + b"/in/\xff")
    try:
        Path(odd).mkdir()
    except OSError:
        pytest.skip("this disk holds text only")
    (Path(odd) / "a.jpg").write_bytes(b"picture")
    (place / "fair").symlink_to(odd)
    for given_path in (f"file://{place}/in/%ff/a.jpg", "fair/a.jpg"):
        with pytest.raises(OutsideRootsError, match="no text"):
            Roots([place]).to_read(given_path)
    for given_path in (f"file://{place}/in/%fe", "fair/new"):
        with pytest.raises(OutsideRootsError, match="no text"):
            Roots([place]).to_write(given_path)
    with pytest.raises(ConfigError, match="no text"):
        Roots.given([Path(odd)])


def test_a_relative_path_begins_with_a_root_s_name_or_number(place, tmp_path):
    (tmp_path / "Exports").mkdir()
    one, both = Roots([tmp_path / "Exports"]), Roots([place, tmp_path / "Exports"])
    for roots in (one, both):
        assert roots.to_write("Exports/new") == tmp_path / "Exports" / "new"
    assert one.to_write("new/deep") == tmp_path / "Exports" / "new" / "deep"
    assert both.to_write("root2/new") == tmp_path / "Exports" / "new"
    (tmp_path / "Exports" / "Exports").mkdir()
    assert one.to_write("Exports/new") == tmp_path / "Exports" / "Exports" / "new", "what is there is meant"
    for unclear in ("new", ".", "exports/new"):
        with pytest.raises(OutsideRootsError, match=r"several folders: begin with root1 \(root\) or root2 \(Exports\)"):
            both.to_write(unclear)
    with pytest.raises(OutsideRootsError, match="there is no root3: begin with root1"):
        both.to_write("root3/new")


def test_two_roots_of_one_name_are_told_apart_by_number(place, tmp_path):
    (tmp_path / "other" / "root").mkdir(parents=True)
    with pytest.raises(OutsideRootsError, match="several folders"):
        Roots([place, tmp_path / "other" / "root"]).to_write("root/new")


@pytest.mark.parametrize(
    ("given_path", "words"),
    [
        (
            "in",
            "it is a folder: list the files in it one by one, 4 here, as root1/in/a.jpg, root1/in/b.jpg, root1/in/c",
        ),
        ("in/", "it is a folder: list the files in it"),
        ("", "it is no path"),
        ("in/deep", "it is a folder, and no file lies directly in it"),
        ("{root}", "it is a folder, and no file lies directly in it"),
        (
            "in/[bc].jpg",
            "patterns are not followed: list the files that fit one by one, 2 here, as root1/in/b.jpg, root1",
        ),
        ("in/*.png", "patterns are not followed, and no file fits this one"),
        ("*/a.jpg", "patterns are not followed: list the files one by one"),
        ("**/*.jpg", "patterns are not followed: list the files one by one"),
        ("https://example.org/a.jpg", "it is an address, and nothing is fetched"),
        ("file://server/share/a.jpg", "its address names another machine"),
        ("file:///C:/Users/me/a.jpg", "it is a path of Windows"),
        ("file:///c%3A/Users/me/a.jpg", "it is a path of Windows"),
        ("C:\\Users\\me\\a.jpg", "it is a path of Windows"),
        ("file://{root}/%2e%2e/secret/id_rsa", "a path with .. is not followed"),
        ("file://{root}/in/a.jpg%00", "it is no path"),
        ("in/nothing.jpg", "there is no such file inside root1 (root)"),
    ],
)
def test_what_names_no_one_file_is_told_with_what_to_give(place, given_path, words):
    for name in ("b.jpg", "c.jpg", "d\u202e.jpg", ".e.jpg"):
        (place / "in" / name).write_bytes(b"picture")
    (place / "in" / "f.jpg").symlink_to(place / "in" / "a.jpg")
    with pytest.raises(OutsideRootsError) as caught:
        Roots([place]).to_read(given_path.format(root=place))
    assert words in caught.value.reason
    assert "secret" not in caught.value.reason
    assert str(place) not in caught.value.reason
    assert "\u202e" not in caught.value.reason


def test_a_file_may_be_called_like_a_pattern(place):
    (place / "in" / "what [is] this*.jpg").write_bytes(b"picture")
    assert Roots([place]).to_read("in/what [is] this*.jpg").name == "what [is] this*.jpg"


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


def test_what_is_opened_is_the_file_that_was_meant(place):
    with Roots([place]).opened("in/a.jpg") as (path, file):
        assert path == place / "in" / "a.jpg"
        assert os.pread(file, 100, 0) == b"picture"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)


@pytest.mark.parametrize("trick", ["file", "folder", "root"])
def test_a_link_that_appears_after_the_path_was_resolved_is_not_followed(place, tmp_path, monkeypatch, trick):
    roots = Roots([place])
    meant = roots.to_read("in/a.jpg")
    secret = tmp_path / "secret"
    (secret / "a.jpg").write_bytes(b"secret")
    match trick:
        case "file":
            meant.unlink()
            meant.symlink_to(secret / "a.jpg")
        case "folder":
            (place / "in").rename(place / "was")
            (place / "in").symlink_to(secret, target_is_directory=True)
        case "root":
            place.rename(tmp_path / "was")
            (secret / "in").mkdir()
            (secret / "in" / "a.jpg").write_bytes(b"secret")
            place.symlink_to(secret, target_is_directory=True)
    # The path is taken for what it was a moment ago, as if the exchange came right after.
    monkeypatch.setattr("os.path.realpath", os.path.abspath)
    with pytest.raises(OutsideRootsError), roots.opened("in/a.jpg"):
        pytest.fail("it was opened")
    if trick != "file":
        with pytest.raises(OutsideRootsError):
            roots.made(place / "in" / "new")
        assert not (secret / "new").exists()
        assert not (secret / "in" / "new").exists()


def test_a_folder_is_made_from_its_root_down(place):
    roots = Roots([place])
    target = roots.to_write("new/deep/folder")
    assert not target.exists(), "looking makes nothing"
    os.close(roots.made(target))
    assert target.is_dir()
    os.close(roots.made(target))


def test_no_descriptor_is_left_open(place):
    roots = Roots([place], private=[place / "in"])
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - what is counted closes by itself
    for path in ("in/a.jpg", "hard.jpg", "pipe", "door/id_rsa", "in", "in/nothing.jpg", "hard.jpg/x"):
        with pytest.raises(OutsideRootsError), roots.opened(path):
            pytest.fail("it was opened")
        with pytest.raises(OutsideRootsError):
            os.close(roots.made(place / path))
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above


def test_the_folder_with_the_credentials_stays_closed_below_a_root(place):
    (place / "home" / "accounts").mkdir(parents=True)
    (place / "home" / "accounts" / "c.jpg").write_bytes(b"cookies")
    (place / "way").symlink_to(place / "home", target_is_directory=True)
    roots = Roots([place], private=[place / "home"])
    for path in ("home/accounts/c.jpg", "way/accounts/c.jpg"):
        with pytest.raises(OutsideRootsError, match="own folder"):
            roots.to_read(path)
    for path in ("home", "home/accounts/new", "way/new"):
        with pytest.raises(OutsideRootsError):
            roots.to_write(path)


@pytest.mark.parametrize("path", ["x" * 256, "new/" + "x" * 256, "é" * 128])
def test_a_name_that_no_disk_holds_is_refused(place, path):
    for ask in (Roots([place]).to_read, Roots([place]).to_write):
        with pytest.raises(OutsideRootsError, match="too long"):
            ask(path)


def test_roots_that_are_none_are_refused_at_the_start(place, tmp_path):
    with pytest.raises(ConfigError, match="takes a folder"):
        Roots.given([place / "nothing"])
    with pytest.raises(ConfigError, match="takes a folder"):
        Roots.given([place / "in" / "a.jpg"])
    with pytest.raises(ConfigError, match="credentials"):
        Roots.given([place / "in"], private=[place])
    assert Roots.given([place], private=[tmp_path / "secret"]).folders == (place,)


def test_the_command_takes_roots_and_wants_one_for_transfers(place, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    served = []
    monkeypatch.setattr(server, "_serve", lambda *given: served.append(given) or given)
    monkeypatch.setattr("asyncio.run", lambda given: given)
    assert server.main(["--allow", "transfer"]) == 2
    assert "needs --root" in capsys.readouterr().err
    assert server.main(["--allow", "transfer", "--root", str(place / "nothing")]) == 2
    assert "takes a folder" in capsys.readouterr().err
    assert server.main(["--allow", "transfer", "--root", str(place / "in"), "--root", str(place)]) == 0
    found = next(each for each in served[0] if isinstance(each, Roots))
    assert found.folders == (place / "in", place)


def test_ap_mcp_passes_its_roots_on(place, monkeypatch):
    given = {}
    monkeypatch.setattr(servers, "_find", lambda *_: lambda spec, **options: given.update(options))
    app = typer.Typer()
    servers.register(app)
    asked = CliRunner().invoke(app, ["mcp", "--allow", "transfer", "--root", str(place), "--root", str(place / "in")])
    assert asked.exit_code == 0, asked.output
    assert given["roots"] == [place, place / "in"]
    assert given["allow"] == {"transfer"}
