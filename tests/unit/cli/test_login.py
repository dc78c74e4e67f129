from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import pytest
from pytest_httpx import HTTPXMock
from typer.testing import CliRunner

from ap_remote import config
from ap_remote.cli.main import app
from ap_remote.connect import connect, credential_store
from tests.unit.transport.test_stores import Keyring

COOKIES = {"session-id": "133-CANARY-1", "ubid-acbuk": "257-CANARY-2", "at-acbuk": "Atza|CANARY-3", "lang": "en"}
HEADER = "; ".join(f"{name}={value}" for name, value in COOKIES.items())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AP_HOME", str(tmp_path))
    monkeypatch.delenv("AP_CONFIG", raising=False)
    return tmp_path


def test_a_session_is_tried_then_kept_for_its_owner_alone(home: Path, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json={"termsOfUse": "1.0.0", "status": "ACTIVE"})
    httpx_mock.add_response(json={"contentUrl": "https://content-eu.drive.amazonaws.com/cdproxy/"})
    result = CliRunner().invoke(app, ["login", "home"], input=HEADER)
    assert result.exit_code == 0, result.output
    assert "amazon.co.uk" in result.stdout
    assert "CANARY" not in result.output
    requests = httpx_mock.get_requests()
    assert {each.url.host for each in requests} == {"www.amazon.co.uk"}
    assert [each.url.path for each in requests] == ["/drive/v1/account/info", "/drive/v1/account/endpoint"]
    file = home / "accounts" / "home" / "credentials.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert set(json.loads(file.read_text("utf-8"))["cookies"]) == {"session-id", "ubid-acbuk", "at-acbuk"}
    assert "CANARY" not in (home / "config.toml").read_text("utf-8")


def test_a_session_that_is_refused_is_not_kept_and_asked_once(home: Path, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=401, json={"Message": "No Auth Method Provided"})
    result = CliRunner().invoke(app, ["login", "home"], input=HEADER)
    assert result.exit_code == 7
    assert "CANARY" not in result.output
    assert not (home / "accounts").exists()
    assert not (home / "config.toml").exists()
    assert len(httpx_mock.get_requests()) == 1


@pytest.mark.parametrize(
    ("words", "given", "code", "told"),
    [
        (["login", "home"], "nothing CANARY", 7, "no cookies"),
        (["login", "home"], "session-id=CANARY; at-main=CANARY", 7, "ubid-main"),
        (["login", "home", "--tld", "zz"], HEADER, 2, "amazon.zz"),
        (["login", "a:b"], HEADER, 2, "cannot be an account's name"),
        (["login", "local"], HEADER, 2, "cannot be an account's name"),
        (["login", "home", "--cookies", "nowhere.json"], "", 1, "nowhere.json"),
        (["login", "home"], "session-id=CANARY; at-acbxx=CANARY; ubid-acbxx=CANARY", 2, "acbxx"),
    ],
)
def test_what_cannot_be_a_login_is_said_without_its_secrets(home: Path, words, given, code, told) -> None:
    result = CliRunner().invoke(app, words, input=given)
    assert result.exit_code == code, result.output
    assert told in result.stderr
    assert "CANARY" not in result.output
    assert not (home / "config.toml").exists()


ACTIVE = {"termsOfUse": "1.0.0", "status": "ACTIVE"}
ENDPOINT = {"contentUrl": "https://content-fe.drive.amazonaws.com/cdproxy/", "region": "FE"}


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Keyring:
    module = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", module)
    return module


def invoke(*words: str, given: str = HEADER, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*words], input=given)
    assert result.exit_code == code, result.output
    assert "CANARY" not in result.output
    return result.output


def spelled(suffix: str, separator: str) -> dict[str, str]:
    names = ("session-id", f"ubid-{suffix}", f"at-{suffix}", f"sess-at-{suffix}", f"x-{suffix}")
    return {name.replace("-", separator): f"CANARY-{name}" for name in names}


@pytest.mark.parametrize(("suffix", "tld"), [("main", "com"), ("acbuk", "co.uk"), ("acbjp", "co.jp"), ("acbde", "de")])
@pytest.mark.parametrize("separator", ["-", "_"])
def test_both_spellings_and_every_suffix_are_taken_and_kept_with_hyphens(
    home: Path, httpx_mock: HTTPXMock, suffix: str, tld: str, separator: str
) -> None:
    httpx_mock.add_response(json=ACTIVE)
    given = "; ".join(f"{name}={value}" for name, value in spelled(suffix, separator).items())
    assert f"amazon.{tld}" in invoke("login", "home", "--no-discover", given=given)
    kept = json.loads((home / "accounts" / "home" / "credentials.json").read_text("utf-8"))["cookies"]
    assert kept == spelled(suffix, "-")
    (request,) = httpx_mock.get_requests()
    assert request.url.host == f"www.amazon.{tld}"
    assert f"at-{suffix}=CANARY" in request.headers["cookie"]
    assert "at_" not in request.headers["cookie"]


def test_the_order_of_the_names_does_not_matter(home: Path, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=ACTIVE, is_reusable=True)
    for order in itertools.permutations(COOKIES.items(), len(COOKIES)):
        invoke("login", "home", "--no-discover", given="; ".join(f"{name}={value}" for name, value in order))


def test_a_session_that_is_renewed_while_it_is_tried_is_kept_as_it_is_then(home: Path, httpx_mock: HTTPXMock) -> None:
    fresh = [{"Name": "at-acbuk", "Value": "Atza|CANARY-new"}, {"Name": "sess-at-acbuk", "Value": "CANARY-next"}]
    httpx_mock.add_response(status_code=401, json={})
    httpx_mock.add_response(json={"response": {"tokens": {"cookies": fresh}}})
    httpx_mock.add_response(json=ACTIVE, headers={"set-cookie": "session-token=CANARY-rotated"})
    invoke("login", "home", "--no-discover", given=f"{HEADER}; sess-at-acbuk=CANARY-refresh")
    kept = json.loads((home / "accounts" / "home" / "credentials.json").read_text("utf-8"))["cookies"]
    assert kept["at-acbuk"] == "Atza|CANARY-new"
    assert kept["sess-at-acbuk"] == "CANARY-next"
    assert kept["session-token"] == "CANARY-rotated"


def test_a_folder_that_was_open_is_closed(home: Path, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=ACTIVE)
    folder = home / "accounts" / "home"
    folder.mkdir(parents=True, mode=0o755)
    invoke("login", "home", "--no-discover")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_hosts_that_the_service_names_are_kept_for_the_account(home: Path, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=ACTIVE)
    httpx_mock.add_response(json=ENDPOINT)
    given = HEADER.replace("acbuk", "acbau")
    assert "amazon.com.au" in invoke("login", "home", given=given)
    kept = (home / "accounts" / "home" / "endpoint.json").read_text("utf-8")
    assert "content-fe" in kept
    assert "CANARY" not in kept
    remote = connect("home:")
    assert remote._transport.session.hosts.content == "https://content-fe.drive.amazonaws.com/"  # type: ignore[attr-defined]  # an Amazon remote


def test_a_marketplace_whose_hosts_nobody_knows_is_refused_with_what_to_say(home: Path, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=ACTIVE)
    httpx_mock.add_response(status_code=404)
    said = invoke("login", "home", given=HEADER.replace("acbuk", "acbau"), code=2)
    assert "--tld" in said
    assert "--region" in said
    assert not (home / "config.toml").exists()
    assert not (home / "accounts").exists()


def test_a_named_region_is_taken_without_asking(home: Path, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=ACTIVE)
    invoke("login", "home", "--region", "jp", given=HEADER.replace("acbuk", "acbau"))
    assert len(httpx_mock.get_requests()) == 1
    assert config.load().account("home").region == "jp"


def test_a_service_that_does_not_say_its_hosts_leaves_those_of_the_table(home: Path, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=ACTIVE)
    httpx_mock.add_response(status_code=404)
    invoke("login", "home")
    assert not (home / "accounts" / "home" / "endpoint.json").exists()


def test_a_closed_account_is_said_and_not_kept(home: Path, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json={"status": "BLOCKED"})
    assert "BLOCKED" in invoke("login", "home", code=7)
    assert not (home / "config.toml").exists()


def test_the_keyring_takes_the_cookies_and_no_file_has_them(
    home: Path, httpx_mock: HTTPXMock, keyring: Keyring
) -> None:
    httpx_mock.add_response(json=ACTIVE, is_reusable=True)
    invoke("login", "home", "--no-discover")
    assert (home / "accounts" / "home" / "credentials.json").exists()
    invoke("login", "home", "--keyring", "--no-discover")
    assert "CANARY" in keyring.entries["ap_remote", "home"]
    assert not [each for each in home.rglob("*") if each.is_file() and "CANARY" in each.read_text("utf-8")]
    settings = config.load()
    assert settings.account("home").store == "keyring"
    assert credential_store(settings.account("home"), settings).load()["at-acbuk"] == COOKIES["at-acbuk"]
    assert "(keyring)" in invoke("accounts", "list")
    remote = connect("home:")
    remote._transport.session.absorb(["at-acbuk=CANARY-rotated"])  # type: ignore[attr-defined]  # an Amazon remote
    assert "CANARY-rotated" in keyring.entries["ap_remote", "home"]
    invoke("login", "home", "--no-discover")
    assert keyring.entries == {}
    assert config.load().account("home").store == "file"


def test_an_account_that_is_removed_leaves_the_keyring(home: Path, httpx_mock: HTTPXMock, keyring: Keyring) -> None:
    httpx_mock.add_response(json=ACTIVE)
    invoke("login", "home", "--keyring", "--no-discover")
    invoke("accounts", "remove", "home:")
    assert keyring.entries == {}


def test_without_the_package_for_the_keyring_nothing_is_asked(
    home: Path, httpx_mock: HTTPXMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert "ap-remote[keyring]" in invoke("login", "home", "--keyring", code=2)
    assert httpx_mock.get_requests() == []


def test_a_keyring_that_is_locked_is_said_without_its_words(
    home: Path, httpx_mock: HTTPXMock, keyring: Keyring
) -> None:
    keyring.broken = ValueError("CANARY")
    httpx_mock.add_response(json=ACTIVE)
    assert "unlock it" in invoke("login", "home", "--keyring", "--no-discover", code=7)
    assert not (home / "config.toml").exists()


def test_a_login_may_be_recorded(home: Path, httpx_mock: HTTPXMock, tmp_path: Path) -> None:
    httpx_mock.add_response(json=ACTIVE)
    httpx_mock.add_response(json=ENDPOINT)
    invoke("--record", str(tmp_path / "truth"), "login", "home")
    manifest = (tmp_path / "truth" / "MANIFEST.toml").read_text("utf-8")
    assert "GET account/info" in manifest
    assert "GET account/endpoint" in manifest
    assert config.load().record is None
    assert "not empty" in invoke("--record", str(home), "login", "home", code=2)


def test_names_are_kept_in_a_recording_only(home: Path) -> None:
    assert "--record DIR" in invoke("--record-names", "accounts", "list", code=2)
