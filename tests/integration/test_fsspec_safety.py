"""The filesystem over services that lie, fail in the middle, or go away, and over processes that are killed."""

from __future__ import annotations

import json
import logging
import os
import pickle
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.generic import rsync

from ap_remote.errors import AmbiguousError, InvalidNameError, RemoteError
from ap_remote.fs import RemoteFileSystem
from ap_remote.fsspec import AmazonPhotosFileSystem
from tests.unit.backends.odd_service import Clock, OddService, Reply, remote_over


class Lying(OddService):
    """A service that lists by tokens, two entries a page, and does what it is told to instead of the second page."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.folder = ""
        self.lie: Any = None

    async def _children(self, node_id: str, query: dict[str, str], *_: Any) -> Reply:
        if node_id != self.folder or self.lie is None:
            return await super()._children(node_id, query)
        found = [each for each in self.nodes.values() if node_id in each.get("parents", ())]
        if "startToken" not in query:
            return 200, {"count": len(found), "data": found[:2], "nextToken": "second"}, {}
        return self.lie(found)


LIES: dict[str, Any] = {
    "401": lambda _: (401, {"message": "expired"}, {}),
    "403": lambda _: (403, {"message": "forbidden"}, {}),
    "500": lambda _: (500, {"message": "failed"}, {}),
    "truncated": lambda found: (200, json.dumps({"count": len(found), "data": found[2:]}).encode()[:-40], {}),
    "no JSON": lambda _: (200, b"<html>maintenance</html>", {}),
    "repeated page": lambda found: (200, {"count": len(found), "data": found[:2]}, {}),
    "endless": lambda found: (200, {"count": len(found), "data": found[:2], "nextToken": "second"}, {}),
    "short": lambda found: (200, {"count": len(found), "data": []}, {}),
}


@pytest.fixture
def service():
    return Lying(Clock())


@pytest.fixture
def fs(service, tmp_path):
    fs = RemoteFileSystem(lambda: remote_over(service, tmp_path / "cache"), skip_instance_cache=True)
    yield fs
    fs.close()


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_listing_that_fails_at_its_second_page_is_an_error_on_every_way(service, fs, tmp_path, lie):
    service.lacks["POST changes"] = 404
    above = service.add("r", None, kind="FOLDER")
    service.add("a", b"a", above)
    sub = service.folder = service.add("sub", None, above, kind="FOLDER")
    for number in range(6):
        service.add(f"{number}", b"%d" % number, sub)
    service.lie = lie
    looks = {
        "ls": lambda: fs.ls("/r/sub"),
        "find": lambda: fs.find("/r", maxdepth=2),
        "glob": lambda: fs.glob("/r/*/*"),
        "du": lambda: fs.du("/r", maxdepth=2),
        "walk": lambda: list(fs.walk("/r")),
        "get": lambda: fs.get("/r/sub", str(tmp_path / "got"), recursive=True, maxdepth=1),
        "cp": lambda: fs.cp("/r/sub", "/copy", recursive=True, maxdepth=1),
        "rm": lambda: fs.rm("/r/sub", recursive=True, maxdepth=1),
        "rm pattern": lambda: fs.rm("/r/sub/*"),
        "rmdir": lambda: fs.rmdir("/r/sub"),
        "exists": lambda: fs.exists("/r/sub/5"),
        "isfile": lambda: fs.isfile("/r/sub/5"),
        "open": lambda: fs.open("/r/sub/5"),
    }
    for name, look in looks.items():
        with pytest.raises(RemoteError):
            pytest.fail(f"{name} returned {look()!r}")

    assert not (tmp_path / "got").exists()
    assert service.asked["PATCH trash"] == service.asked["POST nodes"] == service.asked["POST v2/upload"] == 0


@pytest.mark.parametrize("ask", ["exists", "isfile", "isdir", "info", "ls", "open", "find", "du", "cat", "get_mapper"])
def test_an_expired_login_is_a_permission_error_whoever_asks(service, fs, ask):
    service.lacks |= {"GET nodes": 401, "GET nodes/*": 401, "GET nodes/*/children": 401, "POST changes": 401}
    look = (lambda: list(fs.get_mapper("/r"))) if ask == "get_mapper" else lambda: getattr(fs, ask)("/r/a")
    with pytest.raises(PermissionError):
        look()


def test_hostile_names_neither_leave_the_target_nor_hide_their_neighbours(service, fs, tmp_path):
    folder = service.add("r", None, kind="FOLDER")
    names = [
        "..",
        ".",
        "/etc/passwd",
        "../../evil",
        "a/b",
        "nul\0",
        "",
        "CON",
        "dot.",
        "half\ud83d",
        "back\\slash",
        "ok",
    ]
    for number, name in enumerate(names):
        service.add(name, b"%d" % number, folder)
    listed = fs.ls("/r", detail=False)
    assert len(listed) == len(set(listed)) == len(names)
    assert fs.cat_file("/r/ok") == b"11"
    assert "/r/half\ufffd" in listed

    inside = tmp_path / "in" / "deep"
    ways = {
        "tree": lambda at: fs.get("/r", at, recursive=True),
        "pattern": lambda at: fs.get("/r/*", f"{at}/"),
        "lists": lambda at: fs.get(listed, [f"{at}/{each.rpartition('/')[2]}" for each in listed]),
        "folder": lambda at: fs.get(listed, f"{at}/"),
    }
    for name, way in ways.items():
        way(str(inside / name))
        assert sorted(each.read_bytes() for each in (inside / name).iterdir()) == sorted(
            b"%d" % number for number in range(len(names))
        )
    assert sorted(each.name for each in inside.iterdir()) == sorted(ways)
    assert [each.name for each in (tmp_path / "in").iterdir()] == ["deep"]
    mapper = fs.get_mapper("/r")
    assert {mapper[name] for name in mapper} == {b"%d" % number for number in range(len(names))}


def test_two_entries_of_one_name_are_told_apart_or_refused_and_never_mixed_up(service, fs, tmp_path):
    folder = service.add("r", None, kind="FOLDER")
    for name, data in (("same", b"1"), ("same", b"22"), ("Other", b"333"), ("other", b"4444"), ("ok", b"5")):
        service.add(name, data, folder)

    assert len(fs.ls("/r")) == 5
    assert fs.du("/r", maxdepth=1) == 11
    assert fs.cat(["/r/Other", "/r/other"]) == {"/r/Other": b"333", "/r/other": b"4444"}
    for use in (fs.cat_file, fs.info, fs.rm, lambda path: fs.pipe_file(path, b"x"), lambda path: fs.mv(path, "/x")):
        with pytest.raises(AmbiguousError, match="name one by id"):
            use("/r/same")
    with pytest.raises(AmbiguousError):
        fs.get("/r", str(tmp_path / "got"), recursive=True)
    assert service.asked["PATCH trash"] == service.asked["POST v2/upload"] == service.asked["PUT v2/upload/*"] == 0


def test_a_name_that_the_cache_alone_knows_twice_is_asked_for_again(service, fs):
    old = service.add("a", b"old")
    fs.info("/a")
    service.nodes[old]["status"] = "TRASH"
    service.add("a", b"new")
    service.clock.now += 3600

    assert fs.cat_file("/a") == b"new"


def test_a_name_that_is_too_long_does_not_make_its_folder_unreadable(service, fs):
    for name in ("n" * 300, "ok"):
        service.add(name, b"x")

    assert len(fs.ls("/")) == 2
    assert fs.cat_file("/ok") == b"x"
    with pytest.raises(InvalidNameError, match="300 characters"):
        fs.info("/" + "n" * 300)


def test_an_empty_folder_that_filled_up_elsewhere_is_not_removed(service, fs):
    folder = service.add("r", None, kind="FOLDER")
    assert fs.ls("/r") == []
    service.add("theirs", b"x", folder)
    service.clock.now += 1  # far less than what the cache may be old

    for remove in (fs.rmdir, fs.rm):
        with pytest.raises(OSError, match="not empty"):
            remove("/r")
    assert service.asked["PATCH trash"] == 0


def test_a_folder_that_the_service_no_longer_knows_is_not_found_rather_than_empty(service, fs):
    service.add("r", None, kind="FOLDER")
    assert fs.isdir("/r")
    service.before["GET nodes/*/children"] = [404]

    with pytest.raises(FileNotFoundError):
        fs.ls("/r")


@pytest.mark.parametrize("status", [500, 401, 507, 0, 409])
def test_a_publication_that_fails_leaves_no_node_and_one_that_arrived_leaves_one(service, fs, status):
    service.before["POST v2/upload"] = service.before["POST cdproxy/nodes"] = [status] * 99
    file = fs.open("/a", "wb")
    file.write(b"x")
    with pytest.raises((RemoteError, OSError)) as caught:
        file.close()
    assert "\n" not in str(caught.value)
    assert file.closed
    assert service.named("a") == []

    service.before.clear()
    service.after["POST v2/upload"] = [504]
    with fs.open("/b", "wb") as file:
        file.write(b"y")
    assert len(service.named("b")) == 1


# A real account


CANARIES = ("canary-111-2222222", "canary-444-555555", "canary-token", "canary-signature")


def test_no_secret_comes_out_of_the_filesystem(service, fs, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    service.add("a", b"a")
    said: list[str] = [repr(fs), str(fs.info("/a")), str(fs.ls("/")), fs.cat_file("/a").decode()]
    errors = []
    service.after["GET signed/*/*"] = [403] * 99
    service.lacks["GET cdproxy/nodes/*"] = 403
    for work in (lambda: fs.cat_file("/a"), lambda: fs.cat_file("/none"), lambda: fs.pipe_file("/a/b", b"")):
        try:
            work()
        except RemoteError as exc:
            errors.append(exc)
    service.lacks |= {"GET nodes": 401, "GET nodes/*": 401, "GET nodes/*/children": 401}
    try:
        fs.info("/a", refresh=True)
    except PermissionError as exc:
        errors.append(exc)
    assert len(errors) >= 3
    for exc in errors:
        said += [str(exc), repr(exc), "".join(traceback.format_exception(exc)), repr(pickle.dumps(exc))]
        each: BaseException | None = exc
        while each is not None:
            for frame, _ in traceback.walk_tb(each.__traceback__):
                if f"{os.sep}ap_remote{os.sep}fs{os.sep}" in frame.f_code.co_filename:
                    said += [repr(value) for value in frame.f_locals.values()]
            each = each.__cause__ or each.__context__
    said += [record.getMessage() for record in caplog.records]

    for canary in CANARIES:
        assert [text for text in said if canary in text] == []


@pytest.fixture
def local(tmp_path, monkeypatch):
    for name in ("AP_CONFIG", "AP_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    AmazonPhotosFileSystem.clear_instance_cache()
    fs = fsspec.filesystem("ap")
    yield fs
    fs.close()
    AmazonPhotosFileSystem.clear_instance_cache()


def _secrets(home: Path) -> list[str]:
    found = json.loads(next(home.rglob("credentials.json")).read_text())
    return [each for each in _texts(found) if len(each) >= 16]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def test_what_is_written_down_of_a_real_account_holds_names_only(local, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    local.pipe("/a", b"a")
    secrets = _secrets(tmp_path / "home")
    assert secrets
    with local.open("/a") as file:
        said = [
            local.to_json(include_password=True),
            str(local.to_dict()),
            repr(pickle.dumps(local)),
            repr(local),
            repr(pickle.dumps(file)),
            repr(file),
            str(file.info()),
            local.ukey("/a"),
            str(local.find("/", detail=True)),
            fsspec.utils.tokenize(local),
            str(local._fs_token),
        ]
    said += [record.getMessage() for record in caplog.records]
    for secret in secrets:
        assert [text for text in said if secret in text] == []


_WRITE = """
import sys, fsspec
fs = fsspec.filesystem("ap")
fs.ls("/")
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.readline()
try:
    with fs.open(sys.argv[1], sys.argv[2]) as file:
        file.write(sys.argv[3].encode() * 1000)
    fs.makedirs("/made/by/both", exist_ok=True)
    print("won")
except FileExistsError:
    print("lost")
fs.close()
"""


@pytest.mark.parametrize(("mode", "expected"), [("xb", ["lost", "won"]), ("wb", ["won", "won"])])
def test_two_processes_write_one_path_and_one_node_comes_of_it(local, mode, expected):
    local.pipe("/warm", b"")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITE, "/one", mode, word],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for word in ("A", "B")
    ]
    for each in writers:
        assert each.stdout.readline() == "ready\n"
    for each in writers:
        each.stdin.write("\n")
        each.stdin.flush()
    said = sorted(each.communicate(timeout=60)[0].strip() for each in writers)

    assert said == expected
    assert [each["name"] for each in local.ls("/", refresh=True) if each["name"] == "/one"] == ["/one"]
    assert local.cat_file("/one") in (b"A" * 1000, b"B" * 1000)


_KILLED = """
import os, signal, sys, fsspec
from ap_remote.backends.amazon import AmazonPhotosRemote

moves = []
async def move(self, source, path, real=AmazonPhotosRemote.move):
    moves.append(path)
    if len(moves) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return await real(self, source, path)
AmazonPhotosRemote.move = move
fsspec.filesystem("ap").mv("/a", "/b")
"""


def test_a_move_that_is_killed_between_its_two_steps_loses_nothing(local):
    local.pipe({"/a": b"mover", "/b": b"what stood there"})
    killed = subprocess.run([sys.executable, "-c", _KILLED], check=False, timeout=60)

    assert killed.returncode == -9
    assert local.cat_file("/a") == b"mover"
    binned = local.ls("/.views/trash", refresh=True)
    assert [each["md5"] for each in binned if each["name"].rpartition("/")[2].startswith("b")] != []
    assert local.cat_file(binned[0]["name"]) == b"what stood there"


def test_rsync_takes_hostile_names_to_no_other_place(service, tmp_path, local):
    local.pipe({"/r/\uff0e\uff0e": b"dots", "/r/[1]": b"1", "/r/sub/x": b"x"})
    rsync("ap:///r", f"file://{tmp_path}/out")

    assert sorted(
        str(each.relative_to(tmp_path / "out")) for each in (tmp_path / "out").rglob("*") if each.is_file()
    ) == ["[1]", "sub/x", "\uff0e\uff0e"]


def test_a_full_disk_says_so_and_leaves_nothing_of_a_download(local, small_disk):
    local.pipe("/big", os.urandom(8 * 2**20))
    for target in (
        lambda: local.get("/big", str(small_disk / "big")),
        lambda: local.get_file("/big", str(small_disk / "b")),
    ):
        with pytest.raises(OSError, match="No space left"):
            target()

    assert list(small_disk.iterdir()) == []


def test_a_full_disk_under_a_writer_publishes_nothing(local, small_disk, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))

    def fill():
        with local.open("/a", "wb") as file:
            for _ in range(4):
                file.write(os.urandom(4 * 2**20))

    with pytest.raises(OSError, match="No space left"):
        fill()
    careless = local.open("/b", "wb")
    with pytest.raises(OSError, match="No space left"):
        careless.write(os.urandom(9 * 2**20))
    careless.close()

    assert local.ls("/", detail=False, refresh=True) == [
        each for each in local.ls("/", detail=False) if each not in ("/a", "/b")
    ]
    assert list(small_disk.iterdir()) == []
