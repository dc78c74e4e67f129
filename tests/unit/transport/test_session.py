from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from ap_remote.errors import AuthenticationError, ConfigError
from ap_remote.transport import MARKETPLACES, Hosts, Session, load_credentials, marketplace_of

COM = Hosts.for_marketplace("com")


def named(suffix: str, *, separator: str = "-") -> dict[str, str]:
    names = ("session-id", f"at-{suffix}", f"ubid-{suffix}")
    return {name.replace("-", separator): f"value-of-{name}" for name in names}


@pytest.mark.parametrize("separator", ["-", "_"])
@pytest.mark.parametrize("suffix", ["main", "acbde", "acbuk"])
def test_both_spellings_are_taken_and_hyphens_are_sent(suffix: str, separator: str) -> None:
    headers = Session(named(suffix, separator=separator), COM).headers()
    assert headers["cookie"].startswith("session-id=value-of-session-id; ")
    assert f"at-{suffix}=value-of-at-{suffix}" in headers["cookie"]
    assert "_" not in headers["cookie"]
    assert headers["x-amzn-sessionid"] == "value-of-session-id"


def test_cookies_that_are_not_the_sessions_keep_their_names() -> None:
    assert "my_pref=1" in Session({**named("main"), "my_pref": "1"}, COM).headers()["cookie"]


@pytest.mark.parametrize(
    ("missing", "shown"), [("session-id", "session-id"), ("at-main", "at-main"), ("ubid-main", "ubid-main")]
)
def test_a_missing_cookie_is_named(missing: str, shown: str) -> None:
    cookies = named("main")
    del cookies[missing]
    with pytest.raises(AuthenticationError, match=f"lack the cookie {shown}") as caught:
        Session(cookies, COM)
    assert "value-of" not in str(caught.value)


def test_all_missing_cookies_are_named_at_once() -> None:
    with pytest.raises(AuthenticationError, match=r"session-id.*at-main.*ubid-main"):
        Session({"session-id": ""}, COM)


def test_sess_at_is_no_substitute_for_at() -> None:
    with pytest.raises(AuthenticationError, match="at-main"):
        Session({"session-id": "1", "ubid-main": "2", "sess-at-main": "3"}, COM)


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a;b", "caf\u00e9", "a\0b"])
def test_a_value_that_no_cookie_can_have_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(AuthenticationError, match="at-main") as caught:
        Session({**named("main"), "at-main": value}, COM)
    assert value not in str(caught.value)


def test_a_session_shows_names_only() -> None:
    assert "value-of" not in repr(Session(named("main"), COM))


def test_a_session_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Session(named("main"), COM))


def test_rotated_cookies_replace_the_old_and_are_handed_on() -> None:
    kept: list[dict[str, str]] = []
    session = Session(named("main"), COM, on_rotate=lambda cookies: kept.append(dict(cookies)))
    session.absorb(["at-main=Atza|new; Domain=.amazon.com; Expires=Tue, 01 Jan 2036 08:00:01 GMT; Secure; HttpOnly"])
    assert session.cookies["at-main"] == "Atza|new"
    assert kept == [session.cookies]


@pytest.mark.parametrize(
    "line",
    [
        "at-main=; Path=/",
        "at-main=x; Max-Age=0",
        "at-main=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "i18n-prefs=USD",
        "nonsense",
        "",
        "at-main=caf\u00e9",
        "at-main=value-of-at-main",
    ],
)
def test_what_is_no_rotation_changes_nothing(line: str) -> None:
    kept: list[object] = []
    session = Session(named("main"), COM, on_rotate=kept.append)
    session.absorb([line])
    assert session.cookies == named("main")
    assert kept == []


def test_a_full_disk_does_not_undo_a_rotation(caplog: pytest.LogCaptureFixture) -> None:
    def full(_cookies: object) -> None:
        raise OSError(28, "No space left on device")

    session = Session(named("main"), COM, on_rotate=full)
    session.absorb(["at-main=Atza|rotated"])
    assert session.cookies["at-main"] == "Atza|rotated"
    assert "No space left" in caplog.text
    assert "Atza|rotated" not in caplog.text


def test_old_and_new_values_are_masked() -> None:
    session = Session(named("main"), COM)
    session.absorb(["at-main=rotated-value"])
    assert session.masked("a value-of-at-main b rotated-value c") == "a *** b *** c"


@pytest.mark.parametrize("text", ['{"cookies": {"a": "b"}, "access_token": "t"}', '{"a": "b"}'])
def test_credentials_are_read_in_both_forms(tmp_path: Path, text: str) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(text)
    assert load_credentials(file) == {"a": "b"}


@pytest.mark.parametrize("text", ["not json", "[]", "{}", '{"cookies": {}}', '{"a": 1}', '{"cookies": "x"}'])
def test_a_file_without_cookies_is_said_in_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(text)
    with pytest.raises(AuthenticationError, match=r"credentials\.json") as caught:
        load_credentials(file)
    assert "\n" not in str(caught.value)


def test_an_absent_file_and_a_folder_are_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(AuthenticationError, match="no credentials at"):
        load_credentials(tmp_path / "absent")
    with pytest.raises(AuthenticationError, match="cannot be read"):
        load_credentials(tmp_path)


@pytest.mark.parametrize(
    ("tld", "region"),
    [("com", "na"), ("ca", "na"), ("co.uk", "eu"), ("de", "eu"), ("it", "eu"), ("co.jp", "jp")],
)
def test_a_marketplace_has_its_hosts(tld: str, region: str) -> None:
    assert Hosts.for_marketplace(tld) == Hosts(
        metadata=f"https://www.amazon.{tld}/drive/v1/",
        content=f"https://content-{region}.drive.amazonaws.com/",
        thumbnails=f"https://thumbnails-photos.amazon.{tld}/",
        retail=f"https://www.amazon.{tld}/",
    )


@pytest.mark.parametrize(
    ("names", "tld"),
    [
        (["at-main", "ubid-main"], "com"),
        (["at_main", "session-id"], "com"),
        (["at-acbuk"], "co.uk"),
        (["ubid_acbjp"], "co.jp"),
        (["at-acbde"], "de"),
    ],
)
def test_a_marketplace_is_found_by_its_cookies(names: list[str], tld: str) -> None:
    found = marketplace_of(names)
    assert found is not None
    assert found.tld == tld


def test_cookies_without_a_suffix_name_no_marketplace() -> None:
    assert marketplace_of(["session-id", "x-main"]) is None


@pytest.mark.parametrize("names", [["at-acbuk", "ubid-main"], ["at-acbzz"], ["at-acbco.uk"]])
def test_cookies_of_no_one_marketplace_are_refused(names: list[str]) -> None:
    with pytest.raises(ConfigError):
        marketplace_of(names)


@pytest.mark.parametrize(("tld", "region"), [("uk", None), ("com.au", None), ("com", "mars"), ("evil.com/x", "eu")])
def test_an_unknown_marketplace_or_region_is_refused(tld: str, region: str | None) -> None:
    with pytest.raises(ConfigError):
        Hosts.for_marketplace(tld, region=region)


def test_a_region_may_be_given_where_the_table_has_none() -> None:
    assert Hosts.for_marketplace("com.au", region="jp").content == "https://content-jp.drive.amazonaws.com/"
    assert Hosts.for_marketplace("xy", region="eu").metadata == "https://www.amazon.xy/drive/v1/"


def test_suffixes_and_tlds_are_unique() -> None:
    assert len({each.tld for each in MARKETPLACES}) == len({each.suffix for each in MARKETPLACES}) == len(MARKETPLACES)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8400", "http://127.0.0.1:8400/"])
def test_a_service_is_one_origin(url: str) -> None:
    assert Hosts.for_service(url) == Hosts(
        metadata="http://127.0.0.1:8400/drive/v1/",
        content="http://127.0.0.1:8400/",
        thumbnails="http://127.0.0.1:8400/",
        retail="http://127.0.0.1:8400/",
    )


@pytest.mark.parametrize("url", ["", "127.0.0.1:8400", "ftp://x", "http://", "http://u:p@x", "http://x?token=1"])
def test_what_is_no_service_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        Hosts.for_service(url)
