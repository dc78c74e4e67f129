"""Attempts to lose data by ways that people really take."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

import fsspec
import pyarrow.fs
import pytest
from fsspec.core import OpenFile

from ap_remote.errors import (
    AlreadyExistsError,
    AuthenticationError,
    IntegrityError,
    InvalidNameError,
    OutcomeUnknownError,
    ProtocolError,
    ServiceFullError,
    UnavailableError,
    UnsupportedError,
)
from ap_remote.fs import RemoteFileSystem, files, spool
from ap_remote.model import Entry, Kind
from tests.lazily import Lazily

# Writers that end otherwise than they should


def _generator(fs):
    with fs.open("/a", "wb") as file:
        while True:
            file.write((yield))


def test_a_generator_that_is_given_up_publishes_nothing(fs, remote):
    writing = _generator(fs)
    next(writing)
    writing.send(b"half")
    writing.close()

    assert remote.named("put") == []


async def test_a_task_that_is_cancelled_publishes_nothing(fs, remote):
    started = asyncio.Event()

    async def write():
        with fs.open("/a", "wb") as file:
            file.write(b"half")
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert remote.named("put") == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("mode", ["wb", "w"])
def test_what_is_no_ordinary_exception_publishes_nothing(fs, remote, error, compression, mode):
    def write():
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(OpenFile(fs, "/a", mode, compression=compression))
            file.write("half" if mode == "w" else b"half")
            raise error

    with pytest.raises(error):
        write()

    assert remote.named("put") == []


_AT_EXIT = """
import sys
from ap_remote.backends.memory import MemoryRemote
from ap_remote.fs import RemoteFileSystem

class Loud(MemoryRemote):
    async def put(self, *args, **options):
        print("published")

fs = RemoteFileSystem(Loud, skip_instance_cache=True)
files = [fs.open("/a", "wb"), fs.open("/b", "w"), fs.open("/c", "wb", compression="gzip")]
for file, data in zip(files, [b"half", "half", b"half"]):
    file.write(data)
print("end")
"""


def test_a_writer_that_is_open_when_the_interpreter_ends_publishes_nothing():
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", _AT_EXIT], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stdout) == (0, "end\n")
    assert "Traceback" not in done.stderr
    assert "was not uploaded" in done.stderr


@pytest.mark.parametrize(
    "error",
    [
        UnavailableError("the service failed (500)"),
        AuthenticationError("the login has expired"),
        AlreadyExistsError("a"),
        ServiceFullError("no room (507)"),
        OutcomeUnknownError("the connection broke"),
        IntegrityError("stored something else"),
        ConnectionResetError("reset"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("mode", ["wb", "w", "xb"])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_publication_that_fails_is_said_once_and_tried_once(fs, remote, error, mode, compression):
    remote.fail("put", "a", error)
    file = fs.open("/a", mode, compression=compression)
    file.write("x" if mode == "w" else b"x")

    with pytest.raises(type(error)) as caught:
        file.close()
    assert str(caught.value) == str(error)
    assert file.closed
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.write("x" if mode == "w" else b"x")
    assert len(remote.named("put")) == 1
    assert remote.raw("a") is None


def test_a_transaction_whose_commit_fails_says_so_and_ends(fs, remote):
    remote.fail("put", "b", UnavailableError("the service failed (500)"))

    def write():
        with fs.transaction:
            for name in "abc":
                with fs.open(f"/{name}", "wb") as file:
                    file.write(b"x")

    with pytest.raises(UnavailableError):
        write()
    assert [name for name in "abc" if remote.raw(name) is not None] == ["a"]
    with fs.open("/later", "wb") as file:
        file.write(b"published at once")
    assert remote.raw("later") == b"published at once"


class _Full:
    def __init__(self, file):
        self._file = file

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, data):
        self._file.write(memoryview(data)[:3])
        raise OSError(28, "No space left on device")


def test_a_writer_whose_disk_filled_up_publishes_nothing_even_if_it_is_closed(fs, remote, monkeypatch):
    make = spool.tempfile.NamedTemporaryFile
    monkeypatch.setattr(files, "Spool", lambda: spool.Spool(limit=4))
    monkeypatch.setattr(spool.tempfile, "NamedTemporaryFile", lambda **options: _Full(make(**options)))
    file = fs.open("/a", "wb")
    file.write(b"1234")
    with pytest.raises(OSError, match="No space left"):
        file.write(b"5678")
    file.close()

    assert file.closed
    assert remote.named("put") == []


# Changing in place


def test_appending_is_refused_with_its_reason_on_every_way(fs, remote):
    fs.pipe_file("/a", b"one")
    arrow = pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(fs))
    ways = [
        lambda: fs.open("/a", "ab"),
        lambda: fs.open("/a", "a"),
        lambda: fs.open("/a", "rb+"),
        lambda: OpenFile(fs, "/a", "a").open(),
        lambda: OpenFile(fs, "/a", "ab", compression="gzip").open(),
        lambda: arrow.open_append_stream("/a"),
    ]
    for way in ways:
        with pytest.raises(UnsupportedError, match="read it and write it anew"):
            way()

    assert remote.raw("a") == b"one"
    assert len(remote.named("put")) == 1


def test_pandas_cannot_append_by_url(monkeypatch, tmp_path):
    monkeypatch.setenv("AP_HOME", str(tmp_path))
    monkeypatch.setenv("AP_REMOTE", "memory:")
    fs = fsspec.filesystem("ap", skip_instance_cache=False)
    fs.pipe_file("/a.csv", b"x\n1\n")
    with pytest.raises(UnsupportedError, match="no appending"):
        Lazily("pandas").DataFrame({"x": [2]}).to_csv("ap:///a.csv", mode="a")

    assert fs.cat_file("/a.csv") == b"x\n1\n"
    fs.close()
    type(fs).clear_instance_cache()


# What lands on the local disk


@pytest.fixture
def _tree(remote):
    remote.seed("r/sub/x", b"x")
    remote.seed("r/y", b"y")


@pytest.mark.usefixtures("_tree")
@pytest.mark.parametrize("link", ["sub", "y"])
def test_a_download_does_not_go_through_a_link_out_of_its_target(fs, tmp_path, link):
    outside, inside = tmp_path / "outside", tmp_path / "in"
    outside.mkdir()
    inside.mkdir()
    (outside / "y").write_bytes(b"mine")
    (inside / link).symlink_to(outside if link == "sub" else outside / "y")
    if link == "sub":
        for source, target in (("/r/", f"{inside}"), ("/r/**", f"{inside}/")):
            with pytest.raises(ValueError, match="outside"):
                fs.get(source, target, recursive=True)
    else:
        fs.get("/r/", f"{inside}", recursive=True)  # a link to a file is replaced, not followed
        assert (inside / "y").read_bytes() == b"y"

    assert {each.name: each.read_bytes() for each in outside.iterdir()} == {"y": b"mine"}
    fs.get("/r/sub/x", f"{inside}/{link}" if link == "y" else f"{outside}/x")  # named by the caller, it may


@pytest.mark.usefixtures("_tree")
def test_a_target_that_is_itself_a_link_is_what_was_meant(fs, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    fs.get("/r/", f"{tmp_path}/link", recursive=True)

    assert (tmp_path / "real" / "sub" / "x").read_bytes() == b"x"


@pytest.mark.usefixtures("_tree")
def test_a_download_that_cannot_land_leaves_nothing_behind(fs, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"mine")
    for target in ("folder", "file/below", "n" * 256):
        with pytest.raises(OSError, match=r"\w+"):
            fs.get_file("/r/y", str(tmp_path / target))
    with pytest.raises(UnicodeEncodeError):
        fs.get_file("/r/y", f"{tmp_path}/\ud800")

    assert sorted(each.name for each in tmp_path.rglob("*")) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_a_name_that_is_too_long_is_listed_beside_its_neighbours_and_refused_where_it_is_used(fs, remote, tmp_path):
    remote.seed("r/ok", b"ok")
    inner = remote.list
    remote.list = lambda target="", **options: _and_one_more(inner(target, **options))
    long = "/r/" + "n" * 300

    assert fs.ls("/r", detail=False) == fs.find("/r")[::-1] == ["/r/ok", long]
    assert fs.cat_file("/r/ok") == b"ok"
    fs.get("/r/ok", str(tmp_path / "ok"))
    for use in (fs.info, fs.cat_file, fs.rm_file, lambda path: fs.get(path, str(tmp_path / "x"))):
        with pytest.raises((InvalidNameError, FileNotFoundError)):
            use(long)


async def _and_one_more(entries):
    async for entry in entries:
        yield entry
    yield Entry(path="r/" + "n" * 300, name="n" * 300, id="x", kind=Kind.FILE)


@pytest.mark.parametrize("name", ["n" * 300 + "/..", "n" * 300 + "\0"])
def test_length_does_not_let_a_hostile_name_through(fs, remote, name, monkeypatch):
    async def listing(target="", *, recursive=False, fresh=False):
        yield Entry(path=f"r/{name}", name=name, id="x", kind=Kind.FILE)

    monkeypatch.setattr(remote, "list", listing)
    with pytest.raises(ProtocolError):
        fs.ls("/r")


# Many at once


def test_local_files_that_differ_by_case_only_are_refused_before_the_first_is_sent(fs, remote, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"lower")
    (tmp_path / "A.JPG").write_bytes(b"upper")
    for given, recursive in (
        (f"{tmp_path}/", True),
        (f"{tmp_path}/*", False),
        ([str(tmp_path / "a.jpg"), str(tmp_path / "A.JPG")], False),
    ):
        with pytest.raises(ValueError, match="give each a target of its own"):
            fs.put(given, "/up/", recursive=recursive)
    assert remote.named("put") == []

    fs.put([str(tmp_path / "a.jpg"), str(tmp_path / "A.JPG")], ["/up/1", "/up/2"])
    assert fs.cat(["/up/1", "/up/2"]) == {"/up/1": b"lower", "/up/2": b"upper"}


def test_one_source_may_be_named_twice_and_folders_become_one(fs, remote, tmp_path):
    for path in ("x/s/1", "y/s/2"):
        remote.seed(path, b"")
    fs.get(["/x/s/1", "/x/s/1"], f"{tmp_path}/")
    fs.cp(["/x/s", "/x/s/1", "/y/s", "/y/s/2"], ["/z/s", "/z/s/1", "/z/s", "/z/s/2"])

    assert fs.find("/z") == ["/z/s/1", "/z/s/2"]


def test_put_and_get_take_path_objects(fs, tmp_path):
    (tmp_path / "[1]").mkdir()
    (tmp_path / "[1]" / "a").write_bytes(b"a")
    fs.put(tmp_path / "[1]", "/up", recursive=True)
    fs.get("/up", Path(tmp_path / "down"), recursive=True)

    assert fs.find("/") == ["/up/a"]
    assert (tmp_path / "down" / "a").read_bytes() == b"a"


def test_without_moving_no_case_is_changed_for_that_would_trash_the_file(remote):
    from tests.unit.fs.test_changes import NineVerbs

    remote.seed("a", b"a")
    plain = RemoteFileSystem(lambda: NineVerbs(remote), skip_instance_cache=True)
    with pytest.raises(UnsupportedError):
        plain.mv("/a", "/A")
    plain.close()

    assert remote.raw("a") == b"a"
