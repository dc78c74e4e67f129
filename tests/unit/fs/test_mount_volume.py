"""What a mount answers, without libfuse."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from datetime import UTC, datetime

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import AuthenticationError, UnavailableError
from ap_remote.fs import RemoteFileSystem
from ap_remote.fs.mount import Volume
from tests.contracts.pictures import jpeg


@pytest.fixture
def remote():
    made = MemoryRemote()

    async def fill():
        await made.put(b"alpha", "r/a.txt")
        await made.put(jpeg(taken=datetime(2021, 5, 1, 10, tzinfo=UTC)), "r/b.jpg")
        await made.mkdir("r/empty")

    asyncio.run(fill())
    return made


@pytest.fixture
def make(remote, tmp_path):
    def volume(**options):
        fs = RemoteFileSystem(lambda: remote, skip_instance_cache=True)
        return Volume(fs, drafts=tmp_path / "drafts", **options)

    return volume


@pytest.fixture
def volume(make):
    return make(writable=True)


def write(volume, path, *pieces, flags=os.O_WRONLY | os.O_TRUNC, new=True):
    handle = volume.create(path, 0o644) if new else volume.open(path, flags)
    offset = 0 if flags & os.O_TRUNC or new else volume.getattr(path, handle)["st_size"]
    for piece in pieces:
        offset += volume.write(path, piece, offset, handle)
    volume.flush(path, handle)
    volume.release(path, handle)


def read(volume, path):
    handle = volume.open(path, os.O_RDONLY)
    try:
        return volume.read(path, 1 << 20, 0, handle)
    finally:
        volume.release(path, handle)


def names(volume, path):
    return [name for name, _, _ in volume.readdir(path)][2:]


def refusal(number, work, *args):
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number is looked at
        work(*args)
    assert caught.value.errno == number, caught.value


def test_a_tree_is_listed_and_read(volume):
    assert names(volume, "/") == [".views", "r"] or names(volume, "/") == ["r"]
    assert names(volume, "/r") == ["a.txt", "b.jpg", "empty"]
    assert stat.S_ISDIR(volume.getattr("/r/empty")["st_mode"])
    found = volume.getattr("/r/a.txt")
    assert stat.S_ISREG(found["st_mode"])
    assert found["st_size"] == 5
    assert read(volume, "/r/a.txt") == b"alpha"


def test_a_photograph_has_the_date_on_which_it_was_taken(volume):
    assert volume.getattr("/r/b.jpg")["st_mtime"] == 1619863200 * 10**9


def test_a_part_of_a_file_is_read(volume):
    handle = volume.open("/r/a.txt", os.O_RDONLY)
    assert volume.read("/r/a.txt", 3, 1, handle) == b"lph"
    assert volume.read("/r/a.txt", 10, 4, handle) == b"a"
    assert volume.read("/r/a.txt", 10, 50, handle) == b""
    volume.release("/r/a.txt", handle)


def test_the_root_may_be_a_folder(make):
    volume = make(root="/r")
    assert names(volume, "/") == ["a.txt", "b.jpg", "empty"]
    assert read(volume, "/a.txt") == b"alpha"


def test_nothing_changes_in_a_mount_that_is_read_only(make, remote):
    volume = make()
    for work, *args in (
        (volume.create, "/r/new", 0o644),
        (volume.open, "/r/a.txt", os.O_WRONLY),
        (volume.open, "/r/a.txt", os.O_RDWR),
        (volume.truncate, "/r/a.txt", 0),
        (volume.mkdir, "/r/new", 0o755),
        (volume.rmdir, "/r/empty"),
        (volume.unlink, "/r/a.txt"),
        (volume.rename, "/r/a.txt", "/r/c.txt"),
        (volume.chmod, "/r/a.txt", 0o600),
        (volume.utimens, "/r/a.txt", None),
    ):
        refusal(errno.EROFS, work, *args)
    assert volume.getattr("/r/a.txt")["st_mode"] & 0o222 == 0
    assert names(volume, "/r") == ["a.txt", "b.jpg", "empty"]


def test_what_is_written_arrives_when_the_file_is_closed(volume, tmp_path):
    handle = volume.create("/r/new.txt", 0o644)
    volume.write("/r/new.txt", b"one", 0, handle)
    assert names(make_other(volume), "/r") == ["a.txt", "b.jpg", "empty"]
    assert volume.getattr("/r/new.txt")["st_size"] == 3
    assert "new.txt" in names(volume, "/r")
    volume.write("/r/new.txt", b" two", 3, handle)
    volume.flush("/r/new.txt", handle)
    assert read(make_other(volume), "/r/new.txt") == b"one two"
    volume.release("/r/new.txt", handle)
    assert list((tmp_path / "drafts").iterdir()) == []


def make_other(volume):
    """Return a second mount of the same account: it sees only what has arrived."""
    return Volume(volume._fs, drafts=volume._drafts._folder / "other")


def test_a_file_that_is_only_touched_arrives_empty(volume):
    write(volume, "/r/empty.txt")
    assert read(make_other(volume), "/r/empty.txt") == b""


def test_appending_and_changing_in_place_keep_the_rest(volume):
    write(volume, "/r/a.txt", b" beta", flags=os.O_WRONLY | os.O_APPEND, new=False)
    assert read(volume, "/r/a.txt") == b"alpha beta"
    handle = volume.open("/r/a.txt", os.O_RDWR)
    volume.write("/r/a.txt", b"A", 0, handle)
    volume.flush("/r/a.txt", handle)
    volume.release("/r/a.txt", handle)
    assert read(volume, "/r/a.txt") == b"Alpha beta"
    volume.truncate("/r/a.txt", 5)
    assert read(volume, "/r/a.txt") == b"Alpha"


def test_two_who_write_one_file_share_it(volume):
    first, second = volume.open("/r/a.txt", os.O_RDWR), volume.open("/r/A.TXT", os.O_RDWR)
    volume.write("/r/a.txt", b"12", 0, first)
    volume.write("/r/a.txt", b"34", 2, second)
    volume.release("/r/a.txt", first)
    assert volume.read("/r/a.txt", 10, 0, second) == b"1234a"
    volume.release("/r/a.txt", second)
    assert read(make_other(volume), "/r/a.txt") == b"1234a"


def test_an_upload_that_fails_is_told_at_close_and_its_bytes_are_kept(volume, remote, monkeypatch, tmp_path, caplog):
    async def put(*args, **options):
        raise UnavailableError("the service is down")

    monkeypatch.setattr(remote, "put", put)
    handle = volume.create("/r/new.txt", 0o644)
    volume.write("/r/new.txt", b"precious", 0, handle)
    refusal(errno.EIO, volume.flush, "/r/new.txt", handle)
    refusal(errno.EIO, volume.release, "/r/new.txt", handle)
    (kept,) = (tmp_path / "drafts").iterdir()
    assert kept.read_bytes() == b"precious"
    assert str(kept) in caplog.text
    assert volume._drafts.find("/r/new.txt") is None


def test_what_is_open_at_the_end_is_sent(volume):
    handle = volume.create("/r/late.txt", 0o644)
    volume.write("/r/late.txt", b"late", 0, handle)
    volume.destroy("/")
    assert read(make_other(volume), "/r/late.txt") == b"late"


def test_removing_and_replacing_go_to_the_trash(volume, remote):
    async def trashed():
        return sorted([each.path async for each in remote.trashed()])

    volume.unlink("/r/a.txt")
    write(volume, "/r/c.txt", b"c")
    write(volume, "/r/d.txt", b"d")
    volume.rename("/r/c.txt", "/r/d.txt")
    assert read(volume, "/r/d.txt") == b"c"
    assert asyncio.run(trashed()) == ["r/a.txt", "r/d.txt"]


def test_an_editor_that_renames_a_draft_over_the_old_file_saves_it(volume):
    handle = volume.create("/r/.a.txt.swp", 0o644)
    volume.write("/r/.a.txt.swp", b"edited", 0, handle)
    volume.rename("/r/.a.txt.swp", "/r/a.txt")
    volume.write("/r/a.txt", b"!", 6, handle)
    volume.flush("/r/a.txt", handle)
    volume.release("/r/a.txt", handle)
    assert read(make_other(volume), "/r/a.txt") == b"edited!"


def test_who_still_writes_the_old_file_does_not_undo_a_rename(volume):
    old = volume.open("/r/a.txt", os.O_RDWR)
    volume.write("/r/a.txt", b"late", 0, old)
    write(volume, "/r/new.txt", b"new")
    volume.rename("/r/new.txt", "/r/a.txt")
    volume.write("/r/a.txt", b"later", 0, old)
    volume.flush("/r/a.txt", old)
    volume.release("/r/a.txt", old)
    assert read(make_other(volume), "/r/a.txt") == b"new"


def test_a_file_that_is_removed_while_it_is_written_does_not_come_back(volume):
    handle = volume.create("/r/gone.txt", 0o644)
    volume.write("/r/gone.txt", b"x", 0, handle)
    volume.unlink("/r/gone.txt")
    volume.flush("/r/gone.txt", handle)
    volume.release("/r/gone.txt", handle)
    refusal(errno.ENOENT, volume.getattr, "/r/gone.txt")


def test_folders_are_made_and_removed_empty_only(volume):
    volume.mkdir("/r/sub", 0o755)
    refusal(errno.EEXIST, volume.mkdir, "/r/sub", 0o755)
    refusal(errno.ENOTEMPTY, volume.rmdir, "/r")
    volume.rmdir("/r/sub")
    refusal(errno.ENOENT, volume.getattr, "/r/sub")
    refusal(errno.ENOTDIR, volume.rmdir, "/r/a.txt")
    refusal(errno.EISDIR, volume.unlink, "/r/empty")


def test_a_login_that_has_ended_is_no_missing_file(volume, remote, monkeypatch):
    async def stat_(*args, **options):
        raise AuthenticationError("the session has ended")

    monkeypatch.setattr(remote, "stat", stat_)
    refusal(errno.EACCES, volume.getattr, "/r/a.txt")


def test_views_are_entered_by_name(volume):
    write(volume, "/r/x.txt", b"x")
    volume.unlink("/r/x.txt")
    assert names(volume, "/.views/trash") == ["x.txt"]


def test_room_is_told_in_blocks(volume):
    room = volume.statfs("/")
    assert room["f_bsize"] == 4096
    assert room["f_bavail"] > 0


def test_permissions_and_times_are_taken_and_forgotten(volume):
    assert volume.chmod("/r/a.txt", 0o600) == 0
    assert volume.chown("/r/a.txt", 0, 0) == 0
    assert volume.utimens("/r/a.txt", (0, 0)) == 0


# -- albums ------------------------------------------------------------------------------------------------------------

ROME = "/.views/albums/Rome"


def test_a_file_that_is_copied_into_a_mounted_album_is_added(volume, remote):
    volume.mkdir(ROME, 0o755)
    node = volume._fs.info("/r/a.txt")["id"]
    write(volume, f"{ROME}/a.txt", read(volume, "/r/a.txt"))
    write(volume, f"{ROME}/new.txt", b"new")
    assert names(volume, ROME) == ["a.txt", "new.txt"]
    assert volume._fs.info(f"{ROME}/a.txt")["id"] == node
    assert names(volume, "/Pictures/Rome") == ["new.txt"]
    assert read(volume, f"{ROME}/new.txt") == b"new"


def test_a_file_that_is_removed_from_a_mounted_album_stays_in_its_folder(volume, remote):
    write(volume, f"{ROME}/a.txt", b"alpha")
    refusal(errno.ENOTEMPTY, volume.rmdir, ROME)
    volume.unlink(f"{ROME}/a.txt")
    assert names(volume, ROME) == []
    assert read(volume, "/r/a.txt") == b"alpha"
    volume.rmdir(ROME)
    assert names(volume, "/.views/albums") == []
    assert names(volume, "/.views/trash") == ["Rome"]


def test_a_mount_restores_what_is_moved_out_of_its_trash(volume):
    volume.unlink("/r/a.txt")
    refusal(errno.EACCES, volume.unlink, "/.views/trash/a.txt")
    volume.rename("/.views/trash/a.txt", "/r/back.txt")
    assert read(volume, "/r/back.txt") == b"alpha"


def test_a_mount_moves_nothing_into_an_album_and_writes_nothing_into_other_views(volume):
    volume.mkdir(ROME, 0o755)
    refusal(errno.EOPNOTSUPP, volume.rename, "/r/a.txt", f"{ROME}/a.txt")
    refusal(errno.EOPNOTSUPP, write, volume, "/.views/trash/a.txt", b"x")
    refusal(errno.EOPNOTSUPP, volume.mkdir, f"{ROME}/sub", 0o755)
    assert read(volume, "/r/a.txt") == b"alpha"
    assert names(volume, ROME) == []
