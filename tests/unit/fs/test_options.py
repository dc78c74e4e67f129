"""Options that nobody reads are refused, and what fsspec hands to every filesystem is not."""

from __future__ import annotations

import pickle

import fsspec
import pytest
from fsspec.core import url_to_fs
from fsspec.spec import AbstractFileSystem

from ap_remote.errors import ConfigError, NotFoundError, UnsupportedError
from ap_remote.fs import RemoteFileSystem
from ap_remote.fsspec import AmazonPhotosFileSystem


@pytest.fixture(autouse=True)
def _no_instances():
    yield
    AmazonPhotosFileSystem.clear_instance_cache()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("frsh", "fresh"),
        ("remot", "remote"),
        ("use_listing_cache", "use_listings_cache"),
        ("signed_link", "signed_links"),
        ("blockcache", "block_cache"),
    ],
)
def test_an_option_that_is_misspelt_is_refused_with_the_near_name(given, meant):
    with pytest.raises(ConfigError, match=f"^'{given}' is no option of this filesystem; did you mean '{meant}'"):
        fsspec.filesystem("ap", **{given: True})


def test_an_option_that_resembles_none_is_refused_with_the_names_of_all():
    with pytest.raises(ConfigError, match=r"'zoom' is no option of this filesystem; known are asynchronous, .*remote"):
        fsspec.filesystem("ap", zoom=3)


def test_a_filesystem_over_another_remote_knows_no_account():
    with pytest.raises(ConfigError, match="'remote' is no option"):
        RemoteFileSystem(lambda: None, remote="home:", skip_instance_cache=True)  # type: ignore[arg-type,return-value]  # it is never called


@pytest.mark.parametrize("name", ["block_size", "cache_type", "cache_options"])
def test_what_belongs_to_open_is_said_to_belong_there(name):
    with pytest.raises(ConfigError, match=rf"'{name}' is no option of the filesystem: give it to .* open\(\)"):
        fsspec.filesystem("ap", **{name: 1})


@pytest.mark.parametrize("options", [{"batch_size": "many"}, {"listings_expiry_time": "long"}])
def test_a_number_that_is_none_is_refused_at_once(options):
    with pytest.raises(ConfigError, match="is a number, not"):
        fsspec.filesystem("ap", **options)


@pytest.mark.parametrize(
    "url",
    ["ap://a.csv", "filecache::ap://a.csv", "simplecache::ap://a.csv", "blockcache::ap://a.csv", "dir::ap://a"],
)
def test_a_misspelt_option_is_found_behind_every_link_of_a_chain(url):
    assert url_to_fs(url, ap={"fresh": True})
    with pytest.raises(ConfigError, match="did you mean 'fresh'"):
        url_to_fs(url, ap={"frsh": True})


def test_what_fsspec_hands_to_every_filesystem_passes():
    options = {"asynchronous": False, "batch_size": 3, "listings_expiry_time": 1.5, "use_listings_cache": True}
    fs = fsspec.filesystem("ap", skip_instance_cache=True, loop=None, max_paths=None, **options)
    assert (fs.batch_size, fs.dircache.listings_expiry_time) == (3, 1.5)

    opened = fsspec.open("ap://a.txt", "r", encoding="utf-8", newline="", errors="strict", compression="infer")
    assert opened.fs is fsspec.filesystem("ap")
    fs = fsspec.filesystem("ap", skip_instance_cache=True, **options)
    for back in (pickle.loads(pickle.dumps(fs)), AbstractFileSystem.from_json(fs.to_json())):
        assert back.storage_options == options


def test_a_typing_error_in_fsspecs_own_settings_is_found(monkeypatch):
    monkeypatch.setitem(fsspec.config.conf, "ap", {"frsh": True})

    with pytest.raises(ConfigError, match="did you mean 'fresh'"):
        fsspec.filesystem("ap")


def test_a_filesystem_is_shown_by_its_options():
    assert repr(fsspec.filesystem("ap")) == "AmazonPhotosFileSystem()"
    fs = fsspec.filesystem("ap", remote="home:", fresh=True)
    assert repr(fs) == "AmazonPhotosFileSystem(remote='home:', fresh=True)"


@pytest.mark.parametrize("mode", ["q", "rw", "", "rU", "wx"])
def test_a_mode_that_nobody_knows_is_called_so(fs, mode):
    with pytest.raises(ValueError, match=f"invalid mode '{mode}'"):
        fs.open("/a", mode)


@pytest.mark.parametrize("mode", ["a", "ab", "at", "r+", "rb+", "w+b"])
def test_a_change_in_place_is_what_python_calls_not_implemented(fs, mode):
    with pytest.raises(UnsupportedError, match="there is no appending and no changing in place") as refused:
        fs.open("/a", mode)
    assert isinstance(refused.value, NotImplementedError)


@pytest.mark.parametrize("call", ["get", "cp"])
def test_a_pattern_that_matches_nothing_is_named(fs, tmp_path, call):
    with pytest.raises(NotFoundError, match=r"no such entry: 'nowhere/\*\.jpg'"):
        getattr(fs, call)("/nowhere/*.jpg", str(tmp_path))
    with pytest.raises(NotFoundError, match=r"no such entry: 'nowhere/\*\.jpg'"):
        fs.rm("/nowhere/*.jpg")
