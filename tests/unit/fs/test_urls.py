from __future__ import annotations

import json
import pickle
from pathlib import PurePosixPath

import fsspec
import pytest
from fsspec.core import url_to_fs
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.errors import ConfigError
from ap_remote.fsspec import AmazonPhotosFileSystem


@pytest.fixture(autouse=True)
def _no_instances():
    yield
    AmazonPhotosFileSystem.clear_instance_cache()


@pytest.mark.parametrize("protocol", ["ap", "amazonphotos"])
def test_both_protocols_are_found_by_their_entry_points(protocol):
    assert fsspec.get_filesystem_class(protocol) is AmazonPhotosFileSystem
    assert isinstance(fsspec.filesystem(protocol), AmazonPhotosFileSystem)


@pytest.mark.parametrize(
    ("url", "remote", "path"),
    [
        ("ap://Pictures/a.jpg", None, "/Pictures/a.jpg"),
        ("ap:///Pictures/a.jpg", None, "/Pictures/a.jpg"),
        ("amazonphotos://Pictures/a.jpg", None, "/Pictures/a.jpg"),
        ("ap://home@/Pictures/a.jpg", "home:", "/Pictures/a.jpg"),
        ("ap://home@", "home:", "/"),
        ("ap://@/a", None, "/a"),
        ("ap://", None, "/"),
        ("ap:///", None, "/"),
        ("ap://a b/ü#1?x=[2] 100%.jpg", None, "/a b/ü#1?x=[2] 100%.jpg"),
        ("ap:///odd@/a.jpg", None, "/odd@/a.jpg"),
        ("ap://me@home.jpg", None, "/me@home.jpg"),
    ],
)
def test_a_url_is_an_account_and_a_path(url, remote, path):
    fs, stripped = url_to_fs(url)

    assert (fs.remote, stripped) == (remote, path)


def test_plain_paths_lists_and_path_objects_are_paths():
    strip = AmazonPhotosFileSystem._strip_protocol

    assert strip(["a/b/", "ap://c", "/d"]) == ["/a/b", "/c", "/d"]
    assert strip(PurePosixPath("/a/b")) == "/a/b"
    assert strip("odd@/a") == "/odd@/a"


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.sampled_from([None, "home:"]))
def test_a_path_survives_the_way_to_a_url_and_back(text, remote):
    fs = AmazonPhotosFileSystem(**({"remote": remote} if remote else {}))
    path = fs._strip_protocol(f"/{text}")

    assert fs._strip_protocol(path) == path
    assert fs._strip_protocol(fs.unstrip_protocol(path)) == path
    assert url_to_fs(fs.unstrip_protocol(path)) == (fs, path)


def test_an_unstripped_url_stays_one():
    assert AmazonPhotosFileSystem(remote="home:").unstrip_protocol("ap://home@/a") == "ap://home@/a"
    assert AmazonPhotosFileSystem().unstrip_protocol("/a") == "ap:///a"


@pytest.mark.parametrize("remote", ["home", "home:Pictures", ":", "", "a:b:", 3])
def test_a_remote_is_an_accounts_name_and_a_colon(remote):
    with pytest.raises(ConfigError, match="account's name"):
        AmazonPhotosFileSystem(remote=remote)


@pytest.mark.parametrize("option", ["cookies", "token", "password"])
def test_a_secret_is_refused_as_an_option_and_not_repeated(option):
    with pytest.raises(ConfigError, match=option) as caught:
        AmazonPhotosFileSystem(**{option: "at-main-s3cret"})

    assert "s3cret" not in str(caught.value)


def test_pickles_and_json_hold_names_only():
    fs = AmazonPhotosFileSystem(remote="home:", fresh=True)

    assert json.loads(fs.to_json()) == {
        "cls": "ap_remote.fsspec:AmazonPhotosFileSystem",
        "protocol": "ap",
        "args": [],
        "remote": "home:",
        "fresh": True,
    }
    assert AmazonPhotosFileSystem.from_json(fs.to_json()) == fs
    assert pickle.loads(pickle.dumps(fs)) is fs


def test_an_unknown_account_is_said_at_the_first_use(monkeypatch, tmp_path):
    monkeypatch.setenv("AP_HOME", str(tmp_path))
    monkeypatch.delenv("AP_CONFIG", raising=False)
    fs = AmazonPhotosFileSystem(remote="nobody:", skip_instance_cache=True)

    with pytest.raises(ConfigError, match="nobody"):
        fs.ls("/")


def test_the_default_remote_comes_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("AP_HOME", str(tmp_path))
    monkeypatch.setenv("AP_REMOTE", "memory:")
    fs = AmazonPhotosFileSystem(skip_instance_cache=True)

    assert fs.ls("/") == []
    assert list(tmp_path.iterdir()) == []
    fs.close()
