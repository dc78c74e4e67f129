"""Albums and the trash through fsspec's verbs: what is copied, moved and removed there, and what is refused."""

from __future__ import annotations

import asyncio

import pytest

from ap_remote.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    FolderNotEmptyError,
    IsFolderError,
    NotFoundError,
    UnavailableError,
    UnsupportedError,
)
from ap_remote.model import NodeId

ROME = "/.views/albums/Rome"


@pytest.fixture(autouse=True)
def _tree(remote):
    for name in "abc":
        remote.seed(f"box/{name}.jpg", name.encode())
    remote.seed("box/sub/d.jpg", b"d")


def shown(fs, path):
    return [each.rpartition("/")[2] for each in fs.ls(path, detail=False)]


def sent(remote):
    return [call for call in remote.named("put") if not call[0].startswith(".views")]


# Copying into an album


def test_a_copy_into_an_album_adds_the_file_and_no_bytes_travel(fs, remote):
    fs.mkdir(ROME)
    fs.cp("/box/a.jpg", f"{ROME}/a.jpg")
    assert fs.info(f"{ROME}/a.jpg")["id"] == fs.info("/box/a.jpg")["id"]
    assert (remote.named("get"), remote.named("put")) == ([], [])


def test_a_copy_into_an_album_that_is_not_there_makes_it(fs, remote):
    fs.cp("/box/a.jpg", f"{ROME}/a.jpg")
    assert shown(fs, "/.views/albums") == ["Rome"]
    assert remote.named("put") == []


def test_many_files_are_copied_into_one_new_album(fs, remote):
    fs.copy("/box/*.jpg", f"{ROME}/")
    assert shown(fs, "/.views/albums") == ["Rome"]
    assert shown(fs, ROME) == ["a.jpg", "b.jpg", "c.jpg"]
    assert remote.named("put") == []


def test_a_folder_becomes_an_album(fs, remote):
    fs.copy("/box/sub", "/.views/albums/New", recursive=True)
    assert shown(fs, "/.views/albums/New") == ["d.jpg"]
    fs.copy("/box/sub", "/.views/albums/", recursive=True)
    assert shown(fs, "/.views/albums") == ["New", "sub"]
    assert remote.named("put") == []


def test_a_folder_with_folders_in_it_is_refused_before_anything_is_copied(fs, tmp_path):
    with pytest.raises(UnsupportedError, match="no folders in it"):
        fs.copy("/box", "/.views/albums/New", recursive=True)
    (tmp_path / "trip" / "day").mkdir(parents=True)
    (tmp_path / "trip" / "a.jpg").write_bytes(b"1")
    (tmp_path / "trip" / "day" / "b.jpg").write_bytes(b"2")
    with pytest.raises(UnsupportedError, match="no folders in it"):
        fs.put(str(tmp_path / "trip"), "/.views/albums/New", recursive=True)
    assert shown(fs, "/.views/albums") == []


def test_a_copy_under_another_name_is_another_photograph(fs):
    fs.cp("/box/a.jpg", f"{ROME}/z.jpg")
    assert fs.info(f"{ROME}/z.jpg")["id"] != fs.info("/box/a.jpg")["id"]
    assert fs.cat_file("/Pictures/Rome/z.jpg") == b"a"


def test_a_copy_over_a_member_of_that_name_replaces_it_in_the_album_and_loses_nothing(fs, remote):
    other = remote.seed("other/a.jpg", b"other")
    fs.cp("/other/a.jpg", f"{ROME}/a.jpg")
    fs.cp("/box/a.jpg", f"{ROME}/a.jpg")
    fs.cp("/box/a.jpg", f"{ROME}/a.jpg")
    assert shown(fs, ROME) == ["a.jpg"]
    assert fs.cat_file(f"{ROME}/a.jpg") == b"a"
    assert (fs.cat_file("/other/a.jpg"), fs.info("/other/a.jpg")["id"]) == (b"other", other)


def test_what_lies_in_the_trash_is_copied_by_its_bytes(fs):
    fs.rm("/box/a.jpg")
    fs.cp("/.views/trash/a.jpg", f"{ROME}/a.jpg")
    assert fs.cat_file("/Pictures/Rome/a.jpg") == b"a"
    assert not fs.exists("/box/a.jpg")


def test_a_copy_out_of_an_album_is_a_file_of_its_own(fs):
    fs.cp("/box/a.jpg", f"{ROME}/a.jpg")
    fs.cp(f"{ROME}/a.jpg", "/box/copy.jpg")
    assert fs.cat_file("/box/copy.jpg") == b"a"


def test_a_refused_addition_is_an_error_and_leaves_the_album_as_it_was(fs, remote, monkeypatch):
    fs.cp("/box/a.jpg", f"{ROME}/a.jpg")

    async def refused(*_):
        raise UnavailableError("the service is away")

    monkeypatch.setattr(remote, "add_to_album", refused)
    with pytest.raises(UnavailableError):
        fs.copy(["/box/b.jpg", "/box/c.jpg"], [f"{ROME}/b.jpg", f"{ROME}/c.jpg"])
    assert shown(fs, ROME) == ["a.jpg"]


# Writing into an album


def test_bytes_are_written_into_an_album_in_every_way(fs, tmp_path):
    (tmp_path / "put.jpg").write_bytes(b"put")
    fs.pipe(f"{ROME}/pipe.jpg", b"pipe")
    fs.put(str(tmp_path / "put.jpg"), f"{ROME}/put.jpg")
    with fs.open(f"{ROME}/open.jpg", "wb") as file:
        file.write(b"open")
    assert shown(fs, ROME) == ["open.jpg", "pipe.jpg", "put.jpg"]
    assert fs.cat(f"{ROME}/*") == {f"{ROME}/{word}.jpg": word.encode() for word in ("open", "pipe", "put")}
    assert shown(fs, "/Pictures/Rome") == ["open.jpg", "pipe.jpg", "put.jpg"]


def test_what_breaks_off_in_an_album_leaves_nothing(fs):
    def broken():
        with fs.open(f"{ROME}/a.jpg", "wb") as file:
            file.write(b"half")
            raise KeyError("stop")

    with pytest.raises(KeyError):
        broken()
    assert not fs.exists(ROME)
    assert not fs.exists("/Pictures")


def test_writing_over_a_member_gives_it_new_bytes_in_its_folder(fs):
    fs.cp("/box/a.jpg", f"{ROME}/a.jpg")
    node = fs.info("/box/a.jpg")["id"]
    fs.pipe(f"{ROME}/a.jpg", b"new")
    assert (fs.cat_file("/box/a.jpg"), fs.info("/box/a.jpg")["id"]) == (b"new", node)
    with pytest.raises(AlreadyExistsError):
        fs.pipe(f"{ROME}/a.jpg", b"newer", mode="create")


@pytest.mark.parametrize("path", ["/.views/favorites/a.jpg", "/.views/trash/a.jpg", "/.views/albums/a.jpg"])
def test_bytes_go_nowhere_else_in_the_views(fs, remote, path):
    with pytest.raises(UnsupportedError):
        fs.pipe(path, b"x")
    assert sent(remote) == []


# Folders


def test_an_album_is_made_as_a_folder_is(fs):
    fs.makedirs(ROME)
    fs.makedirs(ROME, exist_ok=True)
    with pytest.raises(FileExistsError):
        fs.mkdir(ROME)
    fs.makedirs("/.views/albums", exist_ok=True)
    for path in (f"{ROME}/sub", "/.views/new", "/.views/trash/new"):
        with pytest.raises(UnsupportedError):
            fs.makedirs(path, exist_ok=True)


# Removing


async def bin_of(remote):
    return [entry.path async for entry in remote.trashed()]


async def test_rm_in_an_album_takes_out_and_the_file_stays(fs, remote):
    fs.copy("/box/*.jpg", f"{ROME}/")
    fs.rm(f"{ROME}/a.jpg")
    assert shown(fs, ROME) == ["b.jpg", "c.jpg"]
    fs.rm(f"{ROME}/*")
    assert shown(fs, ROME) == []
    assert [fs.cat_file(f"/box/{name}.jpg") for name in "abc"] == [b"a", b"b", b"c"]
    assert await bin_of(remote) == []


async def test_rm_of_an_album_puts_the_album_alone_in_the_bin(fs, remote):
    fs.copy("/box/*.jpg", f"{ROME}/")
    with pytest.raises(FolderNotEmptyError):
        fs.rmdir(ROME)
    with pytest.raises(FolderNotEmptyError):
        fs.rm(ROME)
    with pytest.raises(IsFolderError):
        fs.rm_file(ROME)
    fs.rm(ROME, recursive=True)
    assert await bin_of(remote) == [ROME.lstrip("/")]
    assert [fs.cat_file(f"/box/{name}.jpg") for name in "abc"] == [b"a", b"b", b"c"]


async def test_nothing_is_deleted_for_ever_by_rm(fs, remote):
    fs.rm("/box/a.jpg")
    for remove in (fs.rm, fs.rm_file, fs.rmdir):
        with pytest.raises(PermissionError, match="for ever"):
            remove("/.views/trash/a.jpg")
    with pytest.raises(AccessDeniedError, match="for ever"):
        fs.rm("/.views/trash", recursive=True)
    assert await bin_of(remote) == ["box/a.jpg"]


@pytest.mark.parametrize("path", ["/.views", "/.views/albums"])
def test_a_virtual_folder_is_not_removed(fs, path):
    fs.cp("/box/a.jpg", f"{ROME}/a.jpg")
    with pytest.raises(UnsupportedError, match="virtual folder"):
        fs.rm(path, recursive=True)
    assert shown(fs, ROME) == ["a.jpg"]


# Moving


def test_mv_out_of_the_trash_restores_and_makes_the_way(fs):
    node = fs.info("/box/a.jpg")["id"]
    fs.rm("/box/a.jpg")
    fs.mv("/.views/trash/a.jpg", "/new/place/b.jpg")
    assert (fs.info("/new/place/b.jpg")["id"], fs.cat_file("/new/place/b.jpg")) == (node, b"a")
    assert shown(fs, "/.views/trash") == []


def test_mv_out_of_the_trash_into_a_folder_keeps_the_name(fs):
    fs.rm("/box/a.jpg")
    fs.mv("/.views/trash/a.jpg", "/box/sub/")
    assert shown(fs, "/box/sub") == ["a.jpg", "d.jpg"]


def test_mv_out_of_the_trash_replaces_nothing(fs):
    fs.rm("/box/a.jpg")
    with pytest.raises(FileExistsError):
        fs.mv("/.views/trash/a.jpg", "/box/b.jpg")
    assert fs.cat_file("/box/b.jpg") == b"b"
    assert shown(fs, "/.views/trash") == ["a.jpg"]


def test_mv_takes_a_member_from_one_album_to_another_which_is_made(fs):
    fs.cp("/box/a.jpg", f"{ROME}/a.jpg")
    fs.mv(f"{ROME}/a.jpg", "/.views/albums/Oslo/a.jpg")
    assert (shown(fs, ROME), shown(fs, "/.views/albums/Oslo")) == ([], ["a.jpg"])
    assert fs.exists("/box/a.jpg")


def test_mv_renames_an_album(fs, remote):
    fs.cp("/box/a.jpg", f"{ROME}/a.jpg")
    node = fs.info(ROME)["id"]
    fs.mv(ROME, "/.views/albums/Roma")
    assert fs.info("/.views/albums/Roma")["id"] == node


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        ("/box/a.jpg", f"{ROME}/a.jpg", "copy it"),
        ("/box/sub", "/.views/albums/sub2", "a view is no folder"),
        (f"{ROME}/b.jpg", "/box/z.jpg", "'box/b.jpg'"),
        (f"{ROME}/b.jpg", f"{ROME}/z.jpg", "rename 'box/b.jpg'"),
        (ROME, "/box/Rome", "no folder"),
    ],
)
def test_other_moves_are_refused_and_change_nothing(fs, source, target, told):
    fs.cp("/box/b.jpg", f"{ROME}/b.jpg")
    before = fs.find("/", withdirs=True)
    with pytest.raises(UnsupportedError, match=told):
        fs.mv(source, target)
    assert (fs.find("/", withdirs=True), shown(fs, ROME)) == (before, ["b.jpg"])


def test_mv_of_nothing_makes_no_album(fs):
    with pytest.raises(NotFoundError):
        fs.mv(f"{ROME}/a.jpg", "/.views/albums/Oslo/a.jpg")
    assert shown(fs, "/.views/albums") == []


def test_two_members_of_one_name_are_copied_and_removed_each_by_the_name_that_is_shown(fs, remote):
    other = remote.seed("other/a.jpg", b"other")
    first = fs.info("/box/a.jpg")["id"]
    fs.mkdir(ROME)
    fs.cp("/box/a.jpg", f"{ROME}/a.jpg")
    asyncio.run(remote.add_to_album(ROME, [NodeId(other)]))
    assert shown(fs, ROME) == sorted([f"a {{{first[:8]}}}.jpg", f"a {{{other[:8]}}}.jpg"], key=str.casefold)
    fs.copy(f"{ROME}/*", "/.views/albums/Oslo/")
    assert len(shown(fs, "/.views/albums/Oslo")) == 2
    fs.rm(f"{ROME}/a {{{other[:8]}}}.jpg")
    assert shown(fs, ROME) == ["a.jpg"]
    assert fs.cat_file("/other/a.jpg") == b"other"
