"""What fsspec does by default and this filesystem does not, one default after the other.

Every test takes the same steps over a filesystem that inherits those habits and over ours. Where the first half fails,
fsspec has mended its ways, and what we do about it may be done without.
"""

# fsspec fixes these signatures.
# ruff: noqa: FBT002

from __future__ import annotations

import contextlib
import gc
from pathlib import Path
from types import SimpleNamespace

import pytest
from fsspec.asyn import AsyncFileSystem
from fsspec.dircache import DirCache
from fsspec.spec import AbstractBufferedFile

from ap_remote.errors import AuthenticationError, ProtocolError
from ap_remote.fs import RemoteFileSystem
from ap_remote.model import Entry, Kind


class PlainFile(AbstractBufferedFile):
    """The least that fsspec's documentation asks of a file that is written."""

    def _initiate_upload(self):
        self.parts = []

    def _upload_chunk(self, final=False):
        self.buffer.seek(0)
        self.parts.append(self.buffer.read())
        if final and self.autocommit:
            self.commit()
        return True

    def commit(self):
        self.fs.nodes[self.path] = b"".join(self.parts)

    def _fetch_range(self, start, end):
        return self.fs.nodes[self.path][start:end]


class Plain(AsyncFileSystem):
    """A filesystem that implements what must be implemented and inherits all the rest."""

    protocol = "plain"
    root_marker = "/"
    cachable = False

    def __init__(self, nodes):
        super().__init__()
        self.nodes = dict(nodes)
        self.asked = []
        self.broken = {}

    @classmethod
    def _strip_protocol(cls, path):
        return [cls._strip_protocol(each) for each in path] if isinstance(path, list) else "/" + path.strip("/")

    async def _info(self, path, **kwargs):
        self.asked.append(("info", path))
        path = self._strip_protocol(path)
        if path in self.nodes:
            return {"name": path, "size": len(self.nodes[path]), "type": "file"}
        if any(each.startswith(path.rstrip("/") + "/") for each in self.nodes):
            return {"name": path, "size": 0, "type": "directory"}
        raise FileNotFoundError(path)

    async def _ls(self, path, detail=True, **kwargs):
        path = self._strip_protocol(path)
        if path in self.broken:
            raise self.broken[path]
        below = [each[len(path.rstrip("/")) + 1 :] for each in self.nodes if each.startswith(path.rstrip("/") + "/")]
        names = [f"{path.rstrip('/')}/{each}" for each in sorted({each.split("/")[0] for each in below})]
        return [await self._info(each) for each in names] if detail else names

    async def _cat_file(self, path, start=None, end=None, **kwargs):
        self.asked.append(("cat", path))
        return self.nodes[self._strip_protocol(path)][start:end]

    async def _get_file(self, rpath, lpath, **kwargs):
        self.asked.append(("get", rpath))
        if (await self._info(rpath))["type"] == "file":
            Path(lpath).write_bytes(self.nodes[self._strip_protocol(rpath)])  # noqa: ASYNC240 - a few bytes

    async def _pipe_file(self, path, value, **kwargs):
        self.nodes[self._strip_protocol(path)] = value

    async def _cp_file(self, path1, path2, **kwargs):
        self.asked.append(("copy", path1))
        self.nodes[path2] = self.nodes[path1]

    async def _rm_file(self, path, **kwargs):
        self.asked.append(("rm", path))
        del self.nodes[path]

    def _open(self, path, mode="rb", **kwargs):
        return PlainFile(self, path, mode, **kwargs)


@pytest.fixture
def both(fs, remote):
    """Fill a plain filesystem and ours with the same files."""

    def fill(**files):
        for path, data in files.items():
            remote.seed(path.strip("/"), data)
        return Plain(files)

    return fill


# names with brackets are globs


def test_a_name_with_brackets_is_read_and_removed_and_not_what_it_would_match(fs, remote, both):
    plain = both(**{"/p/IMG[1].jpg": b"bracketed", "/p/IMG1.jpg": b"other"})
    assert plain.cat("/p/IMG[1].jpg") == {"/p/IMG1.jpg": b"other"}
    plain.rm("/p/IMG[1].jpg")
    assert plain.find("/p") == ["/p/IMG[1].jpg"]

    assert fs.cat("/p/IMG[1].jpg") == b"bracketed"
    fs.rm("/p/IMG[1].jpg")
    assert fs.find("/p") == ["/p/IMG1.jpg"]


def test_a_folder_with_brackets_before_a_pattern_is_that_folder(fs, both):
    plain = both(**{"/Trip [2019]/a.tmp": b"a", "/Trip 2/b.tmp": b"b"})
    plain.rm("/Trip [2019]/*")
    assert plain.find("/") == ["/Trip [2019]/a.tmp"]

    assert fs.glob("/Trip [2019]/*") == ["/Trip [2019]/a.tmp"]
    fs.rm("/Trip [2019]/*")
    assert fs.find("/") == ["/Trip 2/b.tmp"]


def test_a_file_that_is_gone_from_a_folder_with_brackets_is_not_looked_for_elsewhere(fs, both):
    plain = both(**{"/set[1]/other": b"", "/set1/a.jpg": b"a"})
    plain.rm("/set[1]/a.jpg")
    assert plain.find("/") == ["/set[1]/other"]

    with pytest.raises(FileNotFoundError):
        fs.rm("/set[1]/a.jpg")
    assert fs.find("/") == ["/set1/a.jpg", "/set[1]/other"]


# __exit__ closes, which uploads


def _fail_within(fs):
    with contextlib.suppress(RuntimeError), fs.open("/a", "wb") as file:
        file.write(b"half")
        raise RuntimeError


def test_an_exception_in_a_with_block_publishes_nothing(fs, both):
    plain = both()
    _fail_within(plain)
    assert plain.nodes["/a"] == b"half"

    _fail_within(fs)
    assert not fs.exists("/a")


# __del__ of a writer uploads


def _forget(fs):
    fs.open("/a", "wb").write(b"half")
    gc.collect()


def test_the_garbage_collector_publishes_nothing(fs, both):
    plain = both()
    _forget(plain)
    assert plain.nodes["/a"] == b"half"

    with pytest.warns(ResourceWarning, match="'/a' was never closed; it was not uploaded"):
        _forget(fs)
    assert not fs.exists("/a")


# walk leaves out what raises


@pytest.mark.parametrize("error", [PermissionError("no"), ConnectionError("reset"), TimeoutError("slow")], ids=repr)
def test_a_folder_that_cannot_be_listed_is_an_error_and_no_smaller_tree(fs, remote, both, error):
    plain = both(**{"/r/a": b"a", "/r/sub/deep/b": b"bb"})
    plain.broken["/r/sub/deep"] = error
    assert plain.find("/r") == ["/r/a"]
    assert plain.glob("/r/**/b") == []
    assert plain.du("/r") == 1
    assert [path for path, _, _ in plain.walk("/r", on_error="raise")] == ["/r", "/r/sub", "/r/sub/deep"]

    remote.fail("list", "r/sub/deep", error)
    for look in (fs.find, fs.du, lambda path: fs.glob(f"{path}/**/b"), lambda path: list(fs.walk(path))):
        with pytest.raises(type(error)):
            look("/r")


@pytest.mark.parametrize("ask", ["isfile", "isdir"])
def test_an_expired_login_is_no_absent_file(fs, remote, both, ask, monkeypatch):
    plain = both(**{"/a": b"a"})
    monkeypatch.setattr(plain, "_info", _expired)
    assert getattr(plain, ask)("/a") is False

    remote.fail("stat", "a", AuthenticationError("expired"))
    with pytest.raises(PermissionError, match="expired"):
        getattr(fs, ask)("/a")


async def _expired(path, **kwargs):
    raise PermissionError("expired")


# "ab" is accepted


def test_appending_is_refused_where_it_would_overwrite(fs, both):
    plain = both(**{"/a": b"one"})
    with plain.open("/a", "ab") as file:
        file.write(b"two")
    assert plain.nodes["/a"] == b"two"

    for mode in ("ab", "a", "r+b", "w+b", "x+b"):
        with pytest.raises(Exception, match="stored whole, so there is no appending"):
            fs.open("/a", mode)
    assert fs.cat_file("/a") == b"one"


# DirCache


def test_the_number_of_listings_that_are_kept_is_no_option_of_ours(fs):
    kept = DirCache(max_paths=2)
    for number in range(5):
        kept[f"/{number}"] = []
    still = [number for number in range(5) if f"/{number}" in kept._cache]
    assert len(still) == 5
    assert list(kept) == []

    with pytest.raises((TypeError, ValueError), match="max_paths"):
        RemoteFileSystem(lambda: None, use_listings_cache=True, max_paths=2, skip_instance_cache=True)


def test_a_listing_does_not_stay_what_it_was(fs, remote):
    kept = DirCache()
    kept["/"] = []
    assert kept.listings_expiry_time is None
    assert "/" in kept

    assert fs.ls("/") == []
    remote.seed("a", b"a")
    assert fs.ls("/", detail=False) == ["/a"]


# mv copies and removes


def test_mv_moves_and_neither_reads_nor_removes(fs, remote, both):
    plain = both(**{"/a": b"a"})
    plain.mv("/a", "/b")
    assert [verb for verb, _ in plain.asked if verb != "info"] == ["copy", "rm"]

    fs.mv("/a", "/b")
    assert [len(remote.named(verb)) for verb in ("get", "put", "trash", "move")] == [0, 0, 0, 1]


# _du asks for each file


def test_du_asks_for_no_single_file(fs, remote, both):
    plain = both(**{f"/r/{number}": b"x" for number in range(20)})
    plain.asked.clear()
    assert plain.du("/r") == 20
    assert sum(path != "/r" for verb, path in plain.asked if verb == "info") >= 40  # once listed, once asked for

    assert fs.du("/r") == 20
    assert {path for path, *_ in remote.named("stat")} == {"r"}


# hostile names


def test_a_hostile_name_leaves_the_target_folder_on_no_way(fs, remote, tmp_path, monkeypatch):
    inside = tmp_path / "in"
    inside.mkdir()
    plain = Plain({"/r/../../evil.txt": b"evil", "/r/x": b"x"})
    with pytest.raises(ValueError, match="outside the destination"):
        plain.get("/r", str(inside), recursive=True)
    listed = plain.find("/r")
    (inside / "r").mkdir()
    plain.get(listed, [f"{inside}{each}" for each in listed])
    assert (tmp_path / "evil.txt").read_bytes() == b"evil"
    (tmp_path / "evil.txt").unlink()

    async def listing(target="", *, recursive=False, fresh=False):
        yield Entry(path="r/../evil.txt", name="../evil.txt", id="x", kind=Kind.FILE)

    monkeypatch.setattr(remote, "list", listing)
    remote.seed("r/x", b"x")
    ways = SimpleNamespace(
        tree=lambda: fs.get("/r", str(inside), recursive=True),
        pattern=lambda: fs.get("/r/*", str(inside)),
        lists=lambda: fs.get(names := fs.find("/r"), [f"{inside}/{each}" for each in names]),
        walk=lambda: list(fs.walk("/r")),
        mapper=lambda: list(fs.get_mapper("/r")),
        listing=lambda: fs.ls("/r"),
    )
    for way in vars(ways).values():
        with pytest.raises(ProtocolError, match="an entry that no path can name"):
            way()
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["in", "r", "x"]


# Defaults beside the table, found since


def test_two_sources_of_one_name_do_not_overwrite_each_other(fs, both, tmp_path):
    plain = both(**{"/x/a.jpg": b"x", "/y/a.jpg": b"y"})
    plain.get(["/x/a.jpg", "/y/a.jpg"], f"{tmp_path}/")
    assert len(list(tmp_path.iterdir())) == 1
    next(tmp_path.iterdir()).unlink()

    for carry, target in ((fs.get, f"{tmp_path}/"), (fs.cp, "/z/"), (fs.mv, "/z/")):
        with pytest.raises(ValueError, match="give each a target of its own"):
            carry(["/x/a.jpg", "/y/a.jpg"], target)
    assert list(tmp_path.iterdir()) == []
    assert fs.find("/") == ["/x/a.jpg", "/y/a.jpg"]


def test_a_source_that_is_not_there_is_said_however_many_others_are(fs, both, tmp_path):
    plain = both(**{"/a": b"a"})
    plain.get(["/a", "/none"], f"{tmp_path}/out/", recursive=True)
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["a"]

    with pytest.raises(FileNotFoundError):
        fs.get(["/a", "/none"], f"{tmp_path}/ours/", recursive=True)
    assert not (tmp_path / "ours").exists()


def test_what_was_listed_and_cannot_be_read_is_no_smaller_copy(fs, remote, both, monkeypatch):
    plain = both(**{"/r/a": b"a", "/r/b": b"b"})

    async def vanished(path1, path2, **kwargs):
        raise FileNotFoundError(path1)

    monkeypatch.setattr(plain, "_cp_file", vanished)
    plain.cp("/r", "/copy", recursive=True)
    assert "/copy/a" not in plain.nodes

    remote.fail("get", "r/a", FileNotFoundError("r/a"))
    with pytest.raises(FileNotFoundError):
        fs.cp("/r", "/copy", recursive=True)


def test_a_refusal_to_move_makes_no_folders(fs, remote):
    remote.seed("a/x", b"x")
    for target in ("/a/b/c", "/A/b", "/a/x/y"):
        with pytest.raises((ValueError, NotADirectoryError)):
            fs.mv("/a", target)

    assert fs.find("/", withdirs=True) == ["/", "/a", "/a/x"]
