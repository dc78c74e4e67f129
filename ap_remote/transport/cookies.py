"""Cookies as people have them: copied from a browser's tools, exported to a file, or lying in Firefox's own store.

Nothing here keeps or shows a value; what is returned goes into a :class:`~ap_remote.transport.session.Session`.
"""

from __future__ import annotations

import configparser
import re
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ap_remote.errors import AuthenticationError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

_PAIR: Final = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*=\s*(\"?)([^;]*?)\2\s*")
_NETSCAPE_FIELDS: Final = 7
_HTTP_ONLY: Final = "#HttpOnly_"
_STORE: Final = "cookies.sqlite"
_HOMES: Final = {
    "darwin": ("Library/Application Support/Firefox",),
    "win32": ("AppData/Roaming/Mozilla/Firefox",),
}
_LINUX_HOMES: Final = (
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
)


def parse_cookies(text: str, *, tld: str | None = None) -> dict[str, str]:
    """Read cookies in any form that browsers and their extensions give.

    These are a JSON mapping of names to values, a JSON list of objects with ``name`` and ``value``, Netscape's
    ``cookies.txt``, and the ``Cookie`` header of a request. Rows that name a domain are taken when it is Amazon's.

    Args:
        text: what was pasted, or the content of a file.
        tld: takes only cookies of this marketplace where rows name a domain.

    Raises:
        AuthenticationError: no cookie was found in it. The text is not repeated.
    """
    found = _from_json(text, tld) or _from_netscape(text, tld) or _from_header(text)
    if not found:
        raise AuthenticationError(
            "no cookies were found: expected JSON, cookies.txt, or a line like name=value; name=value"
        )
    return found


def firefox_cookies(*, profile: Path | None = None, tld: str | None = None, home: Path | None = None) -> dict[str, str]:
    """Return Amazon's cookies out of Firefox's store, which may be open in a running Firefox.

    Args:
        profile: a profile's folder; without it the default profile is found.
        tld: the marketplace, needed when cookies of several are there.
        home: the user's home folder.

    Raises:
        ConfigError: no profile, or no store in it, or cookies of several marketplaces and no *tld*.
        AuthenticationError: Firefox has no cookies of Amazon.
    """
    folder = profile or _default_profile(home or Path.home())
    store = folder / _STORE
    if not store.is_file():
        raise ConfigError(f"no {_STORE} in {folder}: name the folder of a Firefox profile")
    rows = _read_store(store)
    domains = {_site(host) for host, _, _ in rows} - {None}
    if tld is not None:
        rows = [row for row in rows if _site(row[0]) == tld]
    elif len(domains) > 1:
        raise ConfigError(f"Firefox has cookies of amazon.{', amazon.'.join(sorted(map(str, domains)))}: say --tld")
    if not rows:
        raise AuthenticationError("Firefox has no cookies of Amazon: sign in to Amazon Photos there first")
    return {name: value for _, name, value in rows}


def _from_json(text: str, tld: str | None) -> dict[str, str]:
    try:
        content = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    if isinstance(content, dict):
        inner = content.get("cookies", content)
        if isinstance(inner, dict):
            return {str(name): value for name, value in inner.items() if isinstance(value, str)}
        content = inner
    if not isinstance(content, list):
        return {}
    rows = [row for row in content if isinstance(row, dict) and isinstance(row.get("value"), str)]
    return _chosen(((row.get("domain") or "", str(row.get("name")), row["value"]) for row in rows), tld)


def _from_netscape(text: str, tld: str | None) -> dict[str, str]:
    rows = []
    for line in text.splitlines():
        fields = line.removeprefix(_HTTP_ONLY).split("\t")
        if len(fields) == _NETSCAPE_FIELDS and not fields[0].startswith("#"):
            rows.append((fields[0], fields[5], fields[6]))
    return _chosen(rows, tld)


def _from_header(text: str) -> dict[str, str]:
    line = re.sub(r"^\s*cookie:", "", text.strip(), flags=re.IGNORECASE)
    matches = [_PAIR.fullmatch(part) for part in line.replace("\n", ";").split(";") if part.strip()]
    return {match[1]: match[3] for match in matches if match} if all(matches) else {}


def _chosen(rows: Iterable[tuple[Any, str, str]], tld: str | None) -> dict[str, str]:
    kept = {}
    for domain, name, value in rows:
        site = _site(str(domain)) if domain else None
        if not domain or (site is not None and tld in (None, site)):
            kept[name] = value
    return kept


def _site(domain: str) -> str | None:
    """Return the marketplace of a cookie's domain, ``None`` where it is not Amazon's."""
    match = re.fullmatch(r"\.?(?:[a-z0-9-]+\.)*amazon\.([a-z]{2,3}(?:\.[a-z]{2,3})?)", domain.casefold())
    return match[1] if match else None


def _default_profile(home: Path) -> Path:
    for each in _HOMES.get(sys.platform, _LINUX_HOMES):
        index = home / each / "profiles.ini"
        if not index.is_file():
            continue
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(index, encoding="utf-8")
        installs = [
            parser[name]["Default"]
            for name in parser.sections()
            if "Default" in parser[name] and "Path" not in parser[name]
        ]
        marked = [
            parser[name]["Path"]
            for name in parser.sections()
            if parser[name].get("Default") == "1" and "Path" in parser[name]
        ]
        every = [parser[name]["Path"] for name in parser.sections() if "Path" in parser[name]]
        for path in (*installs, *marked, *every):
            folder = index.parent / path
            if (folder / _STORE).is_file():
                return folder
    raise ConfigError("no Firefox profile was found: name its folder")


def _read_store(store: Path) -> list[tuple[str, str, str]]:
    """Read a copy: a running Firefox holds its own file locked, and its newest cookies are in the write-ahead log."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, _STORE)
        for suffix in ("", "-wal"):
            if (source := store.with_name(store.name + suffix)).is_file():
                shutil.copyfile(source, copy.with_name(copy.name + suffix))
        try:
            with closing(sqlite3.connect(copy)) as database:
                rows = database.execute("SELECT host, name, value FROM moz_cookies ORDER BY lastAccessed").fetchall()
        except sqlite3.Error as exc:
            raise ConfigError(f"{store} cannot be read as Firefox's cookies: {exc}") from exc
    return [(host, name, value) for host, name, value in rows if _site(host) is not None]
