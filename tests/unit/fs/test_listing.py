from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from ap_remote.errors import AuthenticationError, InvalidNameError, NotFoundError, ProtocolError
from ap_remote.model import Entry, Kind

_FAILURES = [AuthenticationError("cookies have expired"), ConnectionResetError("reset"), TimeoutError("too slow")]


@pytest.fixture(autouse=True)
def _tree(remote):
    remote.seed("r/a.txt", b"a")
    remote.seed("r/IMG_1.jpg", b"one")
    remote.seed("r/sub/b.txt", b"bb")
    remote.seed("r/sub/deep/c.txt", b"ccc")
    remote.seed("r/empty", None)


def test_an_info_has_every_key_that_consumers_read_and_no_other(fs):
    info = fs.info("/r/a.txt")

    assert info.pop("id")
    for name in ("mtime", "created"):
        assert isinstance(info.pop(name), datetime)
    assert info == {
        "name": "/r/a.txt",
        "size": 1,
        "type": "file",
        "taken": None,
        "md5": "0cc175b9c0f1b6a831c399e269772661",
        "kind": "file",
        "content_type": "text/plain",
        "version": 1,
    }


def test_the_root_is_a_directory(fs):
    info = fs.info("/")

    assert (info["name"], info["type"], info["size"]) == ("/", "directory", 0)


def test_a_folder_lists_its_children_and_a_file_itself(fs):
    assert fs.ls("/r", detail=False) == ["/r/a.txt", "/r/empty", "/r/IMG_1.jpg", "/r/sub"]
    assert fs.ls("/", detail=False) == ["/r"]
    assert [info["name"] for info in fs.ls("/r/a.txt")] == ["/r/a.txt"]


def test_a_path_may_have_slashes_too_many(fs):
    assert fs.ls("r//sub/", detail=False) == ["/r/sub/b.txt", "/r/sub/deep"]


@pytest.mark.parametrize("verb", ["ls", "info", "du", "cat"])
def test_nothing_at_a_path_is_file_not_found(fs, verb):
    if verb == "du":
        assert fs.du("/r/none") == 0
        return
    with pytest.raises(FileNotFoundError):
        getattr(fs, verb)("/r/none")


def test_find_asks_once_for_a_whole_tree(fs, remote):
    assert fs.find("/r") == ["/r/IMG_1.jpg", "/r/a.txt", "/r/sub/b.txt", "/r/sub/deep/c.txt"]
    assert len(remote.named("list")) == 1


def test_find_gives_folders_infos_and_a_files_own_path_when_asked(fs):
    assert fs.find("/r/sub", withdirs=True) == ["/r/sub", "/r/sub/b.txt", "/r/sub/deep", "/r/sub/deep/c.txt"]
    assert fs.find("/r/a.txt") == ["/r/a.txt"]
    assert fs.find("/r/none") == []
    assert fs.find("/r/sub", detail=True)["/r/sub/deep/c.txt"]["size"] == 3


def test_find_stops_at_a_depth(fs):
    assert fs.find("/r", maxdepth=1) == ["/r/IMG_1.jpg", "/r/a.txt"]
    assert fs.find("/r", maxdepth=2) == ["/r/IMG_1.jpg", "/r/a.txt", "/r/sub/b.txt"]
    with pytest.raises(ValueError, match="maxdepth"):
        fs.find("/r", maxdepth=0)


def test_find_keeps_the_case_of_the_path_it_was_asked_for(fs):
    assert fs.find("/R/SUB") == ["/R/SUB/b.txt", "/R/SUB/deep/c.txt"]
    assert fs.find("/R/SUB", maxdepth=1) == ["/R/SUB/b.txt"]


def test_glob_takes_a_stem_a_star_and_two_stars(fs):
    assert fs.glob("/r/IMG*") == ["/r/IMG_1.jpg"]
    assert fs.glob("/r/*.txt") == ["/r/a.txt"]
    assert fs.glob("/r/**/*.txt") == ["/r/a.txt", "/r/sub/b.txt", "/r/sub/deep/c.txt"]
    assert fs.glob("/none/*") == []


def test_du_adds_up_a_listing_without_asking_for_each_file(fs, remote):
    assert fs.du("/r") == 9
    assert fs.du("/r", total=False, maxdepth=1) == {"/r/IMG_1.jpg": 3, "/r/a.txt": 1}
    assert {path for path, *_ in remote.named("stat")} == {"r"}


def test_walk_goes_down_and_lets_its_caller_prune(fs):
    steps = []
    for path, dirs, files in fs.walk("/r"):
        steps.append((path, list(dirs), files))
        if "deep" in dirs:
            dirs.remove("deep")

    assert steps == [
        ("/r", ["empty", "sub"], ["a.txt", "IMG_1.jpg"]),
        ("/r/empty", [], []),
        ("/r/sub", ["deep"], ["b.txt"]),
    ]


def test_walk_may_go_bottom_up_to_a_depth_and_with_infos(fs):
    assert [path for path, *_ in fs.walk("/r", topdown=False)] == ["/r/empty", "/r/sub/deep", "/r/sub", "/r"]
    assert [path for path, *_ in fs.walk("/r", maxdepth=1)] == ["/r"]
    assert next(iter(fs.walk("/r/sub", detail=True)))[2]["b.txt"]["size"] == 2
    assert list(fs.walk("/r/a.txt")) == [("/r/a.txt", [], [""])]


@pytest.mark.parametrize("error", _FAILURES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "look",
    [
        lambda fs: fs.find("/r"),
        lambda fs: fs.find("/r", maxdepth=3),
        lambda fs: fs.glob("/r/**/*.txt"),
        lambda fs: fs.du("/r"),
        lambda fs: list(fs.walk("/r")),
        lambda fs: list(fs.walk("/r", on_error="raise")),
        lambda fs: fs.ls("/r/sub"),
        lambda fs: fs.get("/r", "/nowhere", recursive=True),
    ],
    ids=["find", "find-depth", "glob", "du", "walk", "walk-raise", "ls", "get"],
)
def test_a_listing_that_breaks_off_is_an_error_and_never_a_shorter_list(fs, remote, look, error):
    remote.fail("list", "r/sub", error)

    with pytest.raises(type(error)):
        look(fs)


def test_walk_leaves_errors_out_only_when_it_is_told_to(fs, remote):
    remote.fail("list", "r/sub", PermissionError("no"))
    seen = []

    assert ("/r/sub", [], []) in list(fs.walk("/r", on_error="omit"))
    list(fs.walk("/r", on_error=seen.append))
    assert [str(each) for each in seen] == ["no"]


def test_a_folder_that_vanishes_while_its_parent_is_walked_is_no_error(fs, remote):
    remote.fail("list", "r/sub", NotFoundError("r/sub"))

    assert fs.find("/r", maxdepth=3) == ["/r/IMG_1.jpg", "/r/a.txt"]
    assert ("/r/sub", [], []) in list(fs.walk("/r"))


def test_a_walk_of_nothing_is_an_error(fs):
    with pytest.raises(FileNotFoundError):
        list(fs.walk("/none"))


@pytest.mark.parametrize("ask", ["exists", "isfile", "isdir"])
def test_an_expired_login_is_not_an_absent_file(fs, remote, ask):
    remote.fail("stat", "r/a.txt", AuthenticationError("cookies have expired"))

    with pytest.raises(PermissionError, match="expired"):
        getattr(fs, ask)("/r/a.txt")


def test_exists_isfile_and_isdir_tell_files_from_folders_from_nothing(fs):
    paths = ["/r", "/r/a.txt", "/r/none", "/r/a.txt/below", "/r/" + "x" * 300, "/r/.."]

    assert [fs.exists(path) for path in paths] == [True, True, False, False, False, False]
    assert [fs.isfile(path) for path in paths] == [False, True, False, False, False, False]
    assert [fs.isdir(path) for path in paths] == [True, False, False, False, False, False]


def test_refresh_asks_the_service(fs, remote):
    fs.ls("/r", refresh=True)
    fs.ls("/r")

    assert [fresh for *_, fresh in remote.named("list")] == [True, False]


@pytest.mark.parametrize("name", ["..", ".", "a/b", "nul\0", ""])
def test_a_name_that_would_leave_its_folder_never_comes_out_of_a_listing(fs, remote, name, monkeypatch):
    hostile = Entry(path=f"r/{name}", name=name, id="x", kind=Kind.FILE)

    async def listing(target="", *, recursive=False, fresh=False):
        yield hostile

    monkeypatch.setattr(remote, "list", listing)
    with pytest.raises(ProtocolError):
        fs.ls("/r")
    if name != "a/b":  # which a recursive listing may hold
        with pytest.raises((ProtocolError, InvalidNameError)):
            fs.find("/r")


def test_a_path_outside_the_folder_never_comes_out_of_a_recursive_listing(fs, remote, tmp_path, monkeypatch):
    async def listing(target="", *, recursive=False, fresh=False):
        yield Entry(path="r/../../evil.txt", name="evil.txt", id="x", kind=Kind.FILE)

    monkeypatch.setattr(remote, "list", listing)
    with pytest.raises(ProtocolError):
        fs.get("/r", str(tmp_path / "in"), recursive=True)
    assert not (tmp_path / "evil.txt").exists()


async def test_the_coroutines_answer_on_a_loop_of_the_callers_own(remote):
    from ap_remote.fs import RemoteFileSystem

    fs = RemoteFileSystem(lambda: remote, asynchronous=True, skip_instance_cache=True)
    found, listed = await asyncio.gather(fs._find("/r/sub"), fs._ls("/r/sub", detail=False))

    assert found == ["/r/sub/b.txt", "/r/sub/deep/c.txt"]
    assert listed == ["/r/sub/b.txt", "/r/sub/deep"]
    with pytest.raises(RuntimeError, match="Loop is not running"):
        fs.ls("/r")
    await fs._close()


def test_created_modified_checksum_and_ukey_come_from_the_entry(fs):
    info = fs.info("/r/a.txt")
    before = fs.ukey("/r/a.txt")

    assert fs.created("/r/a.txt").tzinfo is UTC
    assert fs.modified("/r/a.txt") == info["mtime"]
    assert fs.checksum("/r/a.txt") == int(info["md5"], 16)
    assert before == f"{info['id']}-1-{info['md5']}"
    assert isinstance(fs.checksum("/r"), int)
    fs.pipe_file("/r/a.txt", b"new")
    assert fs.ukey("/r/a.txt") != before


def test_signed_links_are_refused(fs):
    with pytest.raises(NotImplementedError, match="no signed links"):
        fs.sign("/r/a.txt")
