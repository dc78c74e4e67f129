"""What was made of a listing holds for as long as the remote's mark does, and belongs to nobody who asks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import ProtocolError
from ap_remote.fs import RemoteFileSystem, known
from ap_remote.fs.known import Known
from ap_remote.model import Entry, Kind
from tests.unit.backends.odd_service import Clock, OddService, remote_over


class Marked(MemoryRemote):
    """Says whether a listing holds, and counts how often it is looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.mark: object = 1
        self.listed: list[str] = []
        self.seed("r/a.txt", b"abc")
        self.seed("r/sub/b.txt", b"b")
        self.seed("r/sub/deep/c.jpg", b"c")

    def peek_mark(self, path):
        return self.mark if path in {"", "r", "r/sub", "r/sub/deep", "s"} else None

    def peek_list(self, path):
        self.listed.append(path)
        return super().peek_list(path)


@pytest.fixture
def remote():
    return Marked()


@pytest.fixture
def fs(remote):
    fs = RemoteFileSystem(lambda: remote, skip_instance_cache=True)
    fs.cat("/r/a.txt")  # opens the remote
    remote.listed.clear()
    yield fs
    fs.close()


def answers(fs):
    return [
        fs.ls("/r"),
        fs.ls("/r", detail=False),
        fs.ls("/R//SUB/"),
        list(fs.walk("/r")),
        list(fs.walk("/r", topdown=False)),
        list(fs.walk("/r", maxdepth=1)),
        list(fs.walk("/r", detail=True)),
        list(fs.walk("/r/a.txt")),
        *(
            fs.glob(each)
            for each in (
                "/r/*",
                "/r/*/",
                "/r/su*/*",
                "/r/su*/**",
                "/r/*/*.txt",
                "/*/a.txt",
                "/r/a*",
                "/r/*/de*/*",
                "/r/a.txt/*",
                "/none/*",
                "/r/[as]*",
            )
        ),
        fs.glob("/r/**", maxdepth=2),
        fs.glob("/r/*", withdirs=False),
        fs.glob("/*", maxdepth=3),
    ]


def test_what_is_known_is_what_would_be_listed(fs, remote):
    first, again = answers(fs), answers(fs)
    remote.mark = None

    assert first == again == answers(fs)


def test_a_listing_is_made_into_infos_and_names_once(fs, remote):
    for _ in range(3):
        fs.ls("/r")
        list(fs.walk("/r"))
        fs.glob("/r/*/*.txt")

    assert sorted(remote.listed) == ["r", "r", "r/sub", "r/sub/deep"]


async def test_the_coroutines_use_it_as_well(remote):
    fs = RemoteFileSystem(lambda: remote, asynchronous=True, skip_instance_cache=True)
    assert await fs._ls("/r") == await fs._ls("/r")

    assert remote.listed == ["r"]


def test_another_mark_is_another_listing(fs, remote):
    answers(fs)
    remote.seed("r/new.txt", b"n")
    remote.seed("r/sub/new.txt", b"n")
    assert "/r/new.txt" not in fs.ls("/r", detail=False)
    remote.mark = 2

    assert "/r/new.txt" in fs.ls("/r", detail=False)
    assert ("/r/sub", ["deep"], ["b.txt", "new.txt"]) in list(fs.walk("/r"))
    assert fs.glob("/r/*/new.txt") == ["/r/sub/new.txt"]


def test_fresh_does_not_ask_it(fs, remote):
    answers(fs)
    remote.seed("r/sub/new.txt", b"n")

    assert "/r/sub/new.txt" in fs.ls("/r/sub", detail=False, refresh=True)
    assert any("new.txt" in files for _, _, files in fs.walk("/r", refresh=True))
    assert fs.glob("/r/*/new.txt", refresh=True) == ["/r/sub/new.txt"]


def test_who_changes_an_answer_changes_only_their_own(fs):
    fs.ls("/r")
    first = fs.ls("/r")
    first[0]["size"] = 99
    first[0]["more"] = True
    first.clear()
    _, folders, files = next(iter(fs.walk("/r")))
    folders.clear()
    files.append("mine")

    assert [(each["name"], each["size"], "more" in each) for each in fs.ls("/r")] == [
        ("/r/a.txt", 3, False),
        ("/r/sub", 0, False),
    ]
    assert next(iter(fs.walk("/r"))) == ("/r", ["sub"], ["a.txt"])


def test_a_walk_goes_on_only_where_the_caller_leaves_it(fs):
    walked = []
    for path, folders, _ in fs.walk("/r"):
        walked.append(path)
        folders[:] = [each for each in folders if each != "deep"]

    assert walked == ["/r", "/r/sub"]


def test_what_is_kept_has_a_limit_and_what_was_used_last_stays(remote, monkeypatch):
    monkeypatch.setattr(known, "INFOS", 6)
    kept = Known()
    for path in ("/r", "/r/sub", "/r", "/r/sub/deep", "/r", "/r/sub"):
        kept.infos(remote, path)

    assert remote.listed == ["r", "r/sub", "r/sub/deep", "r/sub"]
    assert kept._infos._weight <= 6


def test_a_folder_that_is_too_large_is_not_kept(remote, monkeypatch):
    monkeypatch.setattr(known, "NAMES", 2)
    kept = Known()

    assert kept.names(remote, "/r") == kept.names(remote, "/r") == (("sub",), ("a.txt",))
    assert remote.listed == ["r", "r"]


@pytest.mark.parametrize("ask", ["infos", "names"])
def test_a_name_that_cannot_be_one_is_an_error(remote, ask):
    remote.peek_list = lambda _: [Entry(path="r/..", name="..", id="x" * 22, kind=Kind.FILE)]
    with pytest.raises(ProtocolError):
        getattr(Known(), ask)(remote, "/r")


# -- the node cache's mark ---------------------------------------------------------------------------------------------


async def test_the_mark_stands_until_anybody_writes_or_it_grows_old(tmp_path: Path):
    service = OddService(Clock())
    folder = service.add("r", None, kind="FOLDER")
    service.add("a.jpg", b"a", folder)
    async with remote_over(service, tmp_path / "cache") as remote:
        assert remote.peek_mark("r") is None
        await remote.stat("r/a.jpg")
        first = remote.peek_mark("r")
        assert first is not None
        assert first == remote.peek_mark("/R/")
        assert [remote.peek_mark(each) for each in ("r/a.jpg", "r/none", ".views", ".views/albums")] == [None] * 4

        _write_in_another_process(tmp_path / "cache")
        second = remote.peek_mark("r")
        assert second not in (None, first)

        await remote.put(b"b", "r/b.jpg")
        third = remote.peek_mark("r")
        assert third not in (None, first, second)

        service.clock.now += 61
        assert remote.peek_mark("r") is None


async def test_files_that_were_opened_again_have_another_mark(tmp_path: Path):
    service = OddService(Clock())
    async with remote_over(service, tmp_path / "cache") as remote:
        [each async for each in remote.list("")]
        first = remote.peek_mark("")
        remote._cache.close()
        assert remote.peek_mark("") is None
        assert remote._cache.root

        assert remote.peek_mark("") not in (None, first)


def _write_in_another_process(folder: Path) -> None:
    lines = f"""
from pathlib import Path
from ap_remote.cache import NodeCache
cache = NodeCache(Path({str(folder)!r}))
cache.remember("somebody", "wrote", 1.0)
cache.close()
"""
    subprocess.run([sys.executable, "-c", lines], check=True, timeout=60)
