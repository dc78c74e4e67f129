from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ap_remote.errors import AuthenticationError, ConfigError
from ap_remote.transport.cookies import firefox_cookies, parse_cookies

WANTED = {"session-id": "133-1234567-1234567", "ubid-acbuk": "257-1", "at-acbuk": "Atza|CANARY=="}
HEADER = "; ".join(f"{name}={value}" for name, value in WANTED.items())


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(WANTED),
        json.dumps({"cookies": WANTED}),
        json.dumps([{"domain": ".amazon.co.uk", "name": name, "value": value} for name, value in WANTED.items()]),
        json.dumps([{"name": name, "value": value} for name, value in WANTED.items()]),
        "# Netscape HTTP Cookie File\n"
        + "\n".join(f"#HttpOnly_.amazon.co.uk\tTRUE\t/\tTRUE\t0\t{name}\t{value}" for name, value in WANTED.items()),
        HEADER,
        f"Cookie: {HEADER}",
        f"  {HEADER};  \n",
        HEADER.replace("; ", "\n"),
        "; ".join(f'{name}="{value}"' for name, value in WANTED.items()),
    ],
)
def test_cookies_are_read_in_any_form_that_browsers_give(text: str) -> None:
    assert parse_cookies(text) == WANTED


def test_cookies_of_other_sites_are_left_alone() -> None:
    rows = [
        {"domain": ".amazon.de", "name": "session-id", "value": "de"},
        {"domain": ".amazon.com", "name": "session-id", "value": "com"},
        {"domain": ".amazon.com.evil.example", "name": "session-id", "value": "evil"},
        {"domain": "notamazon.de", "name": "ubid-main", "value": "evil"},
    ]
    assert parse_cookies(json.dumps(rows), tld="de") == {"session-id": "de"}


@pytest.mark.parametrize(
    "text", ["", "   ", "hello CANARY", "[]", "{}", "CANARY; b", "<html>CANARY</html>", '["CANARY"]']
)
def test_what_holds_no_cookies_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(AuthenticationError) as caught:
        parse_cookies(text)
    assert "CANARY" not in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_cookies_or_refused(text: str) -> None:
    try:
        found = parse_cookies(text)
    except AuthenticationError:
        return
    assert all(isinstance(value, str) for value in found.values())


@pytest.fixture
def firefox(tmp_path: Path):
    top = tmp_path / ".mozilla" / "firefox"
    (top / "abc.default").mkdir(parents=True)
    (top / "abc.old").mkdir()
    (top / "profiles.ini").write_text(
        "[Profile1]\nName=old\nPath=abc.old\n\n[Profile0]\nName=default\nPath=abc.default\nDefault=1\n", "utf-8"
    )
    database = sqlite3.connect(top / "abc.default" / "cookies.sqlite")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE moz_cookies (host TEXT, name TEXT, value TEXT, lastAccessed INTEGER)")

    def add(host: str, cookies: dict[str, str]) -> None:
        rows = [(host, name, value, 1) for name, value in cookies.items()]
        database.executemany("INSERT INTO moz_cookies VALUES (?, ?, ?, ?)", rows)
        database.commit()

    yield add, tmp_path, top / "abc.default"
    database.close()


def test_a_running_firefox_is_read_without_disturbing_it(firefox) -> None:
    add, home, folder = firefox
    add(".amazon.co.uk", WANTED)
    add(".example.org", {"session-id": "other"})
    assert firefox_cookies(home=home) == WANTED
    assert firefox_cookies(profile=folder) == WANTED


def test_several_marketplaces_need_to_be_told_apart(firefox) -> None:
    add, home, _ = firefox
    add(".amazon.co.uk", WANTED)
    add("www.amazon.de", {"session-id": "de"})
    with pytest.raises(ConfigError, match="--tld"):
        firefox_cookies(home=home)
    assert firefox_cookies(home=home, tld="de") == {"session-id": "de"}


def test_no_profile_no_store_and_no_login_are_said(firefox, tmp_path: Path) -> None:
    _, home, _ = firefox
    with pytest.raises(AuthenticationError, match="sign in"):
        firefox_cookies(home=home)
    with pytest.raises(ConfigError, match="no Firefox profile"):
        firefox_cookies(home=tmp_path / "nobody")
    with pytest.raises(ConfigError, match="profile"):
        firefox_cookies(profile=tmp_path)
    (tmp_path / "cookies.sqlite").write_bytes(b"no database at all, whatever its name says" * 100)
    with pytest.raises(ConfigError, match="cannot be read"):
        firefox_cookies(profile=tmp_path)
