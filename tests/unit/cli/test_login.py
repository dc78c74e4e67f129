from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_httpx import HTTPXMock
from typer.testing import CliRunner

from ap_remote.cli.main import app

COOKIES = {"session-id": "133-CANARY-1", "ubid-acbuk": "257-CANARY-2", "at-acbuk": "Atza|CANARY-3", "lang": "en"}
HEADER = "; ".join(f"{name}={value}" for name, value in COOKIES.items())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AP_HOME", str(tmp_path))
    monkeypatch.delenv("AP_CONFIG", raising=False)
    return tmp_path


def test_a_session_is_tried_then_kept_for_its_owner_alone(home: Path, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json={"termsOfUse": "1.0.0", "status": "ACTIVE"})
    result = CliRunner().invoke(app, ["login", "home"], input=HEADER)
    assert result.exit_code == 0, result.output
    assert "amazon.co.uk" in result.stdout
    assert "CANARY" not in result.output
    (request,) = httpx_mock.get_requests()
    assert request.url.host == "www.amazon.co.uk"
    assert request.url.path == "/drive/v1/account/info"
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
