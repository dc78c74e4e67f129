"""The listings cache, for who asks for it."""

from __future__ import annotations

import pytest

from ap_remote.errors import ConfigError
from ap_remote.fs import RemoteFileSystem
from ap_remote.fs.listings import Listings


@pytest.fixture
def cached(remote):
    remote.seed("r/a.txt", b"a")
    remote.seed("r/sub/b.txt", b"b")
    remote.seed("other/c.txt", b"c")
    fs = RemoteFileSystem(lambda: remote, use_listings_cache=True, skip_instance_cache=True)
    yield fs
    fs.close()


def asked(remote) -> list[str]:
    return [call[0] for call in remote.named("list")]


def test_it_is_off_unless_it_is_asked_for(fs, remote):
    remote.seed("r/a.txt", b"a")
    fs.ls("/r")
    fs.ls("/r")

    assert asked(remote) == ["r", "r"]
    assert not fs.dircache


def test_a_listing_is_asked_for_once_and_tells_of_its_entries(cached, remote):
    assert cached.ls("/r") == cached.ls("/r")
    assert cached.info("/r/a.txt")["size"] == 1
    assert cached.isdir("/r/sub")

    assert asked(remote) == ["r"]
    assert not remote.named("stat")


async def test_the_coroutines_use_it_as_well(remote):
    remote.seed("r/a.txt", b"a")
    fs = RemoteFileSystem(lambda: remote, use_listings_cache=True, asynchronous=True, skip_instance_cache=True)
    assert await fs._ls("/r") == await fs._ls("/r")
    assert (await fs._info("/r/a.txt"))["size"] == 1

    assert asked(remote) == ["r"]
    assert not remote.named("stat")


def test_what_a_listing_lacks_is_asked_for(cached, remote):
    cached.ls("/r")
    cached.ls("/")

    assert cached.exists("/R/A.TXT")
    assert cached.exists("/.views")
    assert not cached.exists("/r/none")
    assert [path for path, _ in remote.named("stat")] == ["R/A.TXT", ".views", "r/none"]


def test_who_changes_an_info_changes_only_their_own(cached):
    cached.ls("/r")[0]["size"] = 99
    cached.info("/r/a.txt")["name"] = "mine"

    assert cached.ls("/r")[0]["size"] == 1
    assert cached.info("/r/a.txt")["name"] == "/r/a.txt"


def test_refresh_asks_and_is_remembered(cached, remote):
    cached.ls("/r")
    remote.seed("r/new.txt", b"n")
    assert not cached.ls("/r", detail=False).count("/r/new.txt")
    assert "/r/new.txt" in cached.ls("/r", detail=False, refresh=True)

    assert "/r/new.txt" in cached.ls("/r", detail=False)
    assert asked(remote) == ["r", "r"]


def test_a_listing_is_believed_for_a_minute(cached, remote, monkeypatch):
    now = 1000.0
    monkeypatch.setattr("fsspec.dircache.time.time", lambda: now)
    cached.ls("/r")
    now += 59
    cached.ls("/r")
    assert asked(remote) == ["r"]
    now += 2
    cached.ls("/r")

    assert asked(remote) == ["r", "r"]
    assert cached.dircache.listings_expiry_time == 60


def test_the_time_is_an_option_and_none_is_for_ever(remote, monkeypatch):
    now = 1000.0
    monkeypatch.setattr("fsspec.dircache.time.time", lambda: now)
    remote.seed("r/a.txt", b"a")
    fs = RemoteFileSystem(lambda: remote, use_listings_cache=True, listings_expiry_time=None, skip_instance_cache=True)
    fs.ls("/r")
    now += 1e9
    fs.ls("/r")

    assert asked(remote) == ["r"]
    fs.close()


def test_a_limit_of_paths_is_refused_with_the_reason():
    with pytest.raises(ConfigError, match=r"max_paths.*loses its entries"):
        RemoteFileSystem(lambda: None, use_listings_cache=True, max_paths=10, skip_instance_cache=True)


WRITES = {
    "pipe": lambda fs, _: fs.pipe_file("/r/sub/new", b"n"),
    "open": lambda fs, _: fs.open("/r/sub/new", "wb").close(),
    "touch": lambda fs, _: fs.touch("/r/sub/new"),
    "put": lambda fs, here: fs.put_file(here, "/r/sub/new"),
    "cp": lambda fs, _: fs.cp_file("/other/c.txt", "/r/sub/new"),
    "mkdir": lambda fs, _: fs.mkdir("/r/sub/new"),
    "makedirs": lambda fs, _: fs.makedirs("/r/sub/new/deep"),
    "mv": lambda fs, _: fs.mv("/other/c.txt", "/r/sub/new"),
    "rm_file": lambda fs, _: fs.rm_file("/r/sub/b.txt"),
    "rm": lambda fs, _: fs.rm("/r/sub", recursive=True),
    "rm of a pattern": lambda fs, _: fs.rm("/r/s*", recursive=True),
    "rm of a list": lambda fs, _: fs.rm(["/r/sub/b.txt"]),
    "another case": lambda fs, _: fs.pipe_file("/R/SUB/new", b"n"),
}


@pytest.mark.parametrize("write", WRITES)
def test_every_write_is_seen(cached, remote, tmp_path, write):
    (tmp_path / "local").write_bytes(b"local")
    before = {path: cached.ls(path, detail=False) for path in ("/", "/r", "/r/sub", "/other", "/.views")}
    WRITES[write](cached, tmp_path / "local")
    plain = RemoteFileSystem(lambda: remote, skip_instance_cache=True)

    assert all(path not in cached.dircache for path in ("/", "/r", "/r/sub", "/.views"))
    assert cached.find("/", withdirs=True) == plain.find("/", withdirs=True)
    for path in before:
        assert (cached.ls(path) if cached.exists(path) else None) == (plain.ls(path) if plain.exists(path) else None)


def test_rmdir_and_what_a_move_leaves_are_seen(cached):
    cached.mkdir("/r/empty")
    cached.ls("/r")
    cached.ls("/other")
    cached.rmdir("/r/empty")
    assert "/r/empty" not in cached.ls("/r", detail=False)
    cached.mv("/other/c.txt", "/r/c.txt")

    assert cached.ls("/other") == []
    assert "/r/c.txt" in cached.ls("/r", detail=False)


def test_what_a_write_does_not_touch_is_kept(cached, remote):
    cached.ls("/other")
    cached.ls("/r")
    cached.pipe_file("/r/sub/new", b"n")
    cached.ls("/other")

    assert asked(remote).count("other") == 1
    assert "/r" not in cached.dircache


def test_a_write_that_fails_may_have_happened_all_the_same(cached, remote):
    cached.ls("/r")
    remote.fail("put", "r/new", TimeoutError("no answer"))
    with pytest.raises(TimeoutError):
        cached.pipe_file("/r/new", b"n")

    assert "/r" not in cached.dircache


def test_invalidate_cache_takes_a_path_what_is_above_and_below_or_all(cached):
    for path in ("/", "/r", "/r/sub", "/other"):
        cached.ls(path)
    cached.invalidate_cache("ap-remote://r/")
    assert list(cached.dircache) == ["/other"]
    cached.invalidate_cache()

    assert list(cached.dircache) == []


def test_a_transaction_forgets_again_at_its_end(cached):
    with cached.transaction:
        with cached.open("/r/new.txt", "wb") as file:
            file.write(b"n")
        cached.invalidate_cache("/r")
        assert "/r/new.txt" not in cached.ls("/r", detail=False)

    assert "/r/new.txt" in cached.ls("/r", detail=False)


def test_a_listing_that_was_begun_before_a_write_is_not_kept(cached):
    listings = cached._listings
    before = listings.count
    listings.forget("/r/new.txt")
    listings.keep("/r", [{"name": "/r/a.txt"}], before)
    assert listings.children("/r") is None
    listings.keep("/r", [{"name": "/r/a.txt"}], listings.count)

    assert listings.children("/r") == [{"name": "/r/a.txt"}]


def test_listings_that_nobody_asks_for_again_are_dropped(cached, monkeypatch):
    now = 1000.0
    monkeypatch.setattr("fsspec.dircache.time.time", lambda: now)
    listings = Listings(cached.dircache)
    for number in range(511):
        listings.keep(f"/{number}", [], 0)
    now += 61
    listings.keep("/last", [], 0)

    assert len(cached.dircache) == 1
