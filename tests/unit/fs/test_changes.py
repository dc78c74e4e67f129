from __future__ import annotations

import asyncio
import errno

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import AccessDeniedError, AlreadyExistsError, FolderNotEmptyError, UnsupportedError
from ap_remote.fs import RemoteFileSystem
from ap_remote.model import NodeId
from ap_remote.remote.base import Remote


class NineVerbs(Remote):
    """A remote that can do nothing beyond the nine verbs."""

    def __init__(self, inner: MemoryRemote):
        self._inner = inner

    name = property(lambda self: "plain")
    features = property(lambda self: self._inner.features)

    def list(self, *args, **options):
        return self._inner.list(*args, **options)

    async def stat(self, *args, **options):
        return await self._inner.stat(*args, **options)

    async def put(self, *args, **options):
        return await self._inner.put(*args, **options)

    def get(self, *args, **options):
        return self._inner.get(*args, **options)

    async def trash(self, *targets):
        return await self._inner.trash(*targets)

    async def restore(self, *targets):
        return await self._inner.restore(*targets)

    async def delete(self, *targets):
        return await self._inner.delete(*targets)

    def search(self, *args, **options):
        return self._inner.search(*args, **options)

    async def aggregations(self, *args, **options):
        return await self._inner.aggregations(*args, **options)

    async def close(self):
        await self._inner.close()


@pytest.fixture(autouse=True)
def _tree(remote):
    remote.seed("r/a.txt", b"a")
    remote.seed("r/b.txt", b"b")
    remote.seed("r/sub/c.txt", b"c")
    remote.seed("r/empty", None)


async def _bin(remote):
    return sorted([entry.path async for entry in remote.trashed()])


# Removing


async def test_rm_puts_in_the_trash_and_restore_brings_back(fs, remote):
    node = fs.info("/r/a.txt")["id"]
    fs.rm("/r/a.txt")

    assert not fs.exists("/r/a.txt")
    assert await _bin(remote) == ["r/a.txt"]
    await remote.restore(NodeId(node))
    assert fs.cat_file("/r/a.txt") == b"a"


def test_rm_of_a_folder_is_one_call_and_takes_all_below_along(fs, remote):
    fs.rm("/r", recursive=True)

    assert [len(targets) for (targets,) in remote.named("trash")] == [1]
    assert fs.ls("/") == []


def test_rm_of_a_list_is_one_call_and_drops_what_lies_below_another_target(fs, remote):
    fs.rm(["/r/sub", "/r/sub/c.txt", "/r/a.txt"], recursive=True)

    assert [len(targets) for (targets,) in remote.named("trash")] == [2]
    assert fs.ls("/r", detail=False) == ["/r/b.txt", "/r/empty"]


def test_rm_does_not_take_a_neighbour_for_a_child(fs, remote):
    remote.seed("r/sub b/d.txt", b"d")
    remote.seed("r/sub!/d.txt", b"d")
    fs.rm(["/r/sub", "/r/sub b", "/r/sub!/d.txt", "/r/sub!"], recursive=True)

    assert fs.ls("/r", detail=False) == ["/r/a.txt", "/r/b.txt", "/r/empty"]


def test_rm_of_a_full_folder_needs_to_be_told(fs, remote):
    with pytest.raises(FolderNotEmptyError) as caught:
        fs.rm(["/r/a.txt", "/r/sub"])

    assert caught.value.errno == errno.ENOTEMPTY
    assert remote.named("trash") == []
    fs.rm("/r/empty")
    assert not fs.exists("/r/empty")


def test_rm_checks_every_target_before_the_first_goes(fs, remote):
    with pytest.raises(FileNotFoundError):
        fs.rm(["/r/a.txt", "/r/none"])

    assert remote.named("trash") == []


def test_rm_takes_a_pattern(fs):
    fs.rm("/r/*.txt")

    assert fs.ls("/r", detail=False) == ["/r/empty", "/r/sub"]


def test_rm_to_a_depth_keeps_what_lies_deeper(fs):
    fs.rm("/r", recursive=True, maxdepth=1)

    assert fs.find("/r", withdirs=True) == ["/r", "/r/sub", "/r/sub/c.txt"]


@pytest.mark.parametrize("remove", ["rm", "rmdir", "rm_file"])
def test_the_root_cannot_be_removed(fs, remote, remove):
    with pytest.raises(AccessDeniedError):
        getattr(fs, remove)("/", **({"recursive": True} if remove == "rm" else {}))
    assert remote.named("trash") == []


def test_rm_file_refuses_a_folder_and_rmdir_a_file(fs):
    with pytest.raises(IsADirectoryError):
        fs.rm_file("/r/empty")
    with pytest.raises(NotADirectoryError):
        fs.rmdir("/r/a.txt")
    fs.rm_file("/r/a.txt")
    assert not fs.exists("/r/a.txt")


def test_rmdir_takes_only_an_empty_folder(fs):
    with pytest.raises(FolderNotEmptyError):
        fs.rmdir("/r/sub")
    fs.rmdir("/r/empty")

    assert fs.ls("/r", detail=False) == ["/r/a.txt", "/r/b.txt", "/r/sub"]


def test_what_is_removed_is_the_entry_that_was_looked_at(fs, remote):
    node = fs.info("/r/a.txt")["id"]
    fs.rm("/r/a.txt")

    assert remote.named("trash") == [((NodeId(node),),)]


# Folders


def test_mkdir_makes_what_is_missing_and_refuses_what_is_there(fs):
    fs.mkdir("/x/y/z")

    assert fs.isdir("/x/y/z")
    for path in ("/x", "/"):
        with pytest.raises(FileExistsError):
            fs.mkdir(path)
        with pytest.raises(FileExistsError):
            fs.makedirs(path)
        fs.makedirs(path, exist_ok=True)
    with pytest.raises(FileNotFoundError):
        fs.mkdir("/none/below", create_parents=False)


async def test_many_coroutines_make_the_same_folders_at_once(remote):
    class Racing(MemoryRemote):
        """Yields between looking and making, and knows no exist_ok, as a service over a network does."""

        async def mkdir(self, path, *, parents=True, exist_ok=True):
            present = True
            try:
                await self.stat(path)
            except FileNotFoundError:
                present = False
            await asyncio.sleep(0)
            if present and exist_ok:
                return await self.stat(path)
            return await super().mkdir(path, parents=parents, exist_ok=False)

    racing = Racing()
    one, two = (
        RemoteFileSystem(lambda: racing, asynchronous=True, skip_instance_cache=True, batch_size=number)
        for number in (1, 2)
    )
    await asyncio.gather(*(fs._makedirs("/p/q", exist_ok=True) for fs in (one, two) for _ in range(10)))

    assert await one._isdir("/p/q")


def test_makedirs_over_a_file_is_an_error(fs):
    with pytest.raises((FileExistsError, NotADirectoryError)):
        fs.makedirs("/r/a.txt", exist_ok=True)


# Moving


@pytest.mark.parametrize("source", ["/absent", "/"])
def test_what_cannot_move_does_not_move_onto_itself_either(fs, source):
    with pytest.raises((FileNotFoundError, PermissionError)):
        fs.mv([source], [source])


def test_mv_moves_on_the_service_and_keeps_the_id(fs, remote):
    node = fs.info("/r/a.txt")["id"]
    fs.mv("/r/a.txt", "/elsewhere/b.txt")

    assert fs.info("/elsewhere/b.txt")["id"] == node
    assert not fs.exists("/r/a.txt")
    assert remote.named("get") == remote.named("put") == remote.named("trash") == []


def test_mv_into_a_folder_keeps_the_name(fs):
    fs.mv("/r/a.txt", "/r/empty")
    fs.mv("/r/b.txt", "/new/")

    assert fs.find("/") == ["/new/b.txt", "/r/empty/a.txt", "/r/sub/c.txt"]


def test_mv_takes_a_folder_whole_a_pattern_and_two_lists(fs):
    fs.mv("/r/sub", "/moved", recursive=True)
    fs.mv("/r/*.txt", "/moved")
    assert fs.find("/moved") == ["/moved/a.txt", "/moved/b.txt", "/moved/c.txt"]

    fs.mv(["/moved/a.txt", "/moved/b.txt"], ["/1", "/2"])
    assert fs.cat(["/1", "/2"]) == {"/1": b"a", "/2": b"b"}


async def test_mv_over_a_file_puts_that_one_in_the_trash(fs, remote):
    fs.mv("/r/a.txt", "/r/b.txt")

    assert fs.cat_file("/r/b.txt") == b"a"
    assert await _bin(remote) == ["r/b.txt"]


def test_a_move_that_fails_leaves_the_file_it_would_have_replaced(fs, remote, monkeypatch):
    tries = []

    async def move(source, path):
        tries.append(path)
        raise AlreadyExistsError(path) if len(tries) == 1 else ConnectionResetError

    monkeypatch.setattr(remote, "move", move)
    with pytest.raises(ConnectionResetError):
        fs.mv("/r/a.txt", "/r/b.txt")

    assert fs.cat(["/r/a.txt", "/r/b.txt"]) == {"/r/a.txt": b"a", "/r/b.txt": b"b"}


def test_mv_never_replaces_a_folder(fs):
    with pytest.raises(AlreadyExistsError):
        fs.mv(["/r/a.txt"], ["/r/sub"])

    assert fs.isdir("/r/sub")


def test_mv_changes_the_case_of_a_name(fs):
    fs.mv("/r/sub", "/r/SUB")
    fs.mv("/r/a.txt", "/r/A.TXT")

    assert fs.ls("/r", detail=False) == ["/r/A.TXT", "/r/b.txt", "/r/empty", "/r/SUB"]
    assert fs.find("/r/SUB") == ["/r/SUB/c.txt"]


def test_mv_onto_itself_does_nothing_and_of_nothing_fails(fs, remote):
    fs.mv("/r/a.txt", "/r/a.txt")
    with pytest.raises(FileNotFoundError):
        fs.mv("/none", "/x/y")
    with pytest.raises(ValueError, match="maxdepth"):
        fs.mv("/r", "/q", recursive=True, maxdepth=1)

    assert remote.named("move") == []
    assert not fs.exists("/x")


def test_without_moving_a_file_is_copied_and_trashed_and_a_folder_refused(remote):
    fs = RemoteFileSystem(lambda: NineVerbs(remote), skip_instance_cache=True)
    fs.mv("/r/a.txt", "/r/sub/")

    assert fs.cat_file("/r/sub/a.txt") == b"a"
    assert not fs.exists("/r/a.txt")
    with pytest.raises(UnsupportedError):
        fs.mv("/r/sub", "/q")
    with pytest.raises(UnsupportedError):
        fs.mkdir("/q")
    fs.close()


# Touching


def test_touch_makes_and_empties_and_says_why_it_cannot_date(fs):
    fs.touch("/new/t")
    fs.touch("/new/u", truncate=False)
    assert fs.sizes(["/new/t", "/new/u"]) == [0, 0]
    with pytest.raises(NotImplementedError, match="cannot be set"):
        fs.touch("/r/a.txt", truncate=False)
    fs.touch("/r/a.txt")

    assert fs.cat_file("/r/a.txt") == b""


def test_a_member_named_by_views_of_another_case_leaves_its_album_and_is_not_trashed(fs):
    fs.pipe("/.views/albums/Rome/a.jpg", b"a")
    fs.rm("/.VIEWS/Albums/rome/A.jpg")
    assert fs.ls("/.views/albums/Rome") == []
    assert fs.ls("/.views/trash") == []
    assert not [each for each in fs.ls("/", detail=False) if each.casefold() == "/.views"]


def test_a_refusal_among_very_many_leaves_no_coroutine_behind(fs):
    names = [f"/box/{number}.jpg" for number in range(20)]
    for each in names:
        fs.pipe(each, each.encode())
    with pytest.raises(PermissionError):
        fs.rm([*names, "/", *names], batch_size=2)
    assert len(fs.ls("/box")) == len(names)
