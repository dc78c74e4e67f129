from __future__ import annotations

import pickle
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ap_remote.errors import AuthenticationError, MissingExtraError, RemoteError
from ap_remote.transport import FileStore, Hosts, KeyringStore, Session

COOKIES = {"session-id": "canary-1", "ubid-main": "canary-2", "at-main": "Atza|canary-3"}


class Keyring(ModuleType):
    """A system's keyring, in memory; the methods are the package's own."""

    def __init__(self) -> None:
        super().__init__("keyring")
        self.entries: dict[tuple[str, str], str] = {}
        self.broken: Exception | None = None

    def _check(self) -> None:
        if self.broken is not None:
            raise self.broken

    def get_password(self, service: str, name: str) -> str | None:
        self._check()
        return self.entries.get((service, name))

    def set_password(self, service: str, name: str, password: str) -> None:
        self._check()
        self.entries[service, name] = password

    def delete_password(self, service: str, name: str) -> None:
        self._check()
        del self.entries[service, name]


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Keyring:
    module = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", module)
    return module


def test_a_file_is_its_owners_alone_and_so_is_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "account"
    folder.mkdir(mode=0o755)
    FileStore(folder / "credentials.json", own=True).save(COOKIES)
    assert (folder / "credentials.json").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert FileStore(folder / "credentials.json").load() == COOKIES
    assert [each.name for each in folder.iterdir()] == ["credentials.json"]


def test_a_folder_that_is_not_the_accounts_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    FileStore(tmp_path / "credentials.json").save(COOKIES)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_a_file_is_forgotten_and_may_be_gone_already(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "credentials.json")
    store.save(COOKIES)
    store.delete()
    store.delete()
    with pytest.raises(AuthenticationError, match="no credentials"):
        store.load()


def test_the_keyring_keeps_cookies_by_account(keyring: Keyring) -> None:
    KeyringStore("home").save(COOKIES)
    assert list(keyring.entries) == [("ap_remote", "home")]
    assert KeyringStore("home").load() == COOKIES
    KeyringStore("home").delete()
    KeyringStore("home").delete()
    with pytest.raises(AuthenticationError, match="no cookies of 'home'"):
        KeyringStore("home").load()


@pytest.mark.parametrize("text", ["canary", "[]", "{}", '{"cookies": "canary"}', '{"cookies": {}}', "\ud800"])
def test_what_is_no_mapping_of_cookies_is_said_without_it(keyring: Keyring, text: str) -> None:
    keyring.entries["ap_remote", "home"] = text
    with pytest.raises(AuthenticationError, match="log in again") as caught:
        KeyringStore("home").load()
    assert "canary" not in everything(caught.value)


def everything(error: BaseException) -> str:
    chain = [*traceback.format_exception(error), repr(error), repr(error.args)]
    seen: BaseException | None = error
    while seen is not None:
        chain += [repr(seen), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(chain)


@pytest.mark.parametrize("work", ["load", "save", "delete"])
def test_a_keyring_that_fails_is_said_without_what_it_says(keyring: Keyring, work: str) -> None:
    keyring.broken = ValueError("cannot store canary-3")
    with pytest.raises(AuthenticationError, match=r"cannot be .* \(ValueError\): unlock it") as caught:
        getattr(KeyringStore("home"), work)(*([COOKIES] if work == "save" else []))
    assert "canary" not in everything(caught.value)
    assert "canary" not in repr(pickle.loads(pickle.dumps(caught.value)))


def test_a_rotation_reaches_the_keyring_and_one_that_cannot_does_not_fail_the_call(
    keyring: Keyring, caplog: pytest.LogCaptureFixture
) -> None:
    store = KeyringStore("home")
    store.save(COOKIES)
    session = Session(store.load(), Hosts.for_marketplace("com"), on_rotate=store.save, reread=store.load)
    session.absorb(["at-main=Atza|canary-4"])
    assert store.load()["at-main"] == "Atza|canary-4"
    keyring.broken = ValueError("canary-5")
    session.absorb(["at-main=Atza|canary-5"])
    assert session.cookies["at-main"] == "Atza|canary-5"
    assert "could not be kept" in caplog.text
    assert "canary" not in caplog.text


def test_without_the_package_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtraError, match=r"ap-remote\[keyring\]"):
        KeyringStore("home")


def test_stores_show_where_and_not_what(keyring: Any, tmp_path: Path) -> None:
    KeyringStore("home").save(COOKIES)
    FileStore(tmp_path / "c.json").save(COOKIES)
    assert "canary" not in repr(KeyringStore("home")) + repr(FileStore(tmp_path / "c.json"))


def test_an_error_of_a_store_is_one_of_ours(keyring: Keyring) -> None:
    keyring.broken = RuntimeError("x")
    with pytest.raises(RemoteError):
        KeyringStore("home").load()
