"""The account's cookies and tokens: made once, kept in ``credentials.json`` with mode 0600.

The file always holds values that work: whoever starts from it is let in. It is replaced as a whole and never edited in
place, so a reader sees the old one or the new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from ap_remote_emulator.errors import StoreError

_COUNTRIES: Final = (
    *("ca", "mx", "br", "uk", "de", "it", "fr", "es", "nl", "se", "pl", "be", "ie", "at", "bg", "ch", "cy", "cz", "dk"),
    *("ee", "fi", "gr", "hr", "hu", "is", "li", "lt", "lu", "lv", "mt", "no", "pt", "ro", "si", "sk", "jp", "au", "in"),
    *("sg", "tr", "ae", "sa"),
)
SUFFIXES: Final = frozenset(["main", *(f"acb{country}" for country in _COUNTRIES)])
"""What may follow ``at-`` and ``ubid-``: the marketplaces."""
_NEEDED: Final = frozenset({"session-id", "ubid-main", "at-main"})
_REFRESHING: Final = ("sess-at-main", "sst-main", "x-main", "session-token")
"""What a browser has besides; ``sess-at-main`` renews a session."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a client must show.

    Attributes:
        cookies: by their names at amazon.com; another marketplace's differ in the suffix alone.
        access_token: opens the app's and the OAuth door, and never ends (own choice).
        owner_id: the account's id.
        refresh_token: gets access tokens that end, for OAuth clients that insist on refreshing (own choice).
    """

    cookies: dict[str, str]
    access_token: str
    owner_id: str
    refresh_token: str = ""

    def __repr__(self) -> str:
        """Show whose they are, and nothing else."""
        return f"Credentials(owner_id={self.owner_id!r})"


def suffix_of(cookies: Mapping[str, str]) -> str:
    """Return the marketplace that an ``at-`` cookie names, ``""`` if there is none or it is unknown.

    Names are taken as they must be on the wire, with hyphens.
    """
    suffix = next((name[3:] for name in cookies if name.startswith("at-")), "")
    return suffix if suffix in SUFFIXES else ""


def same(given: str, known: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ. An empty one is none."""
    return known != "" and hmac.compare_digest(given.encode("utf-8", "surrogateescape"), known.encode())


def path_of(data: Path) -> Path:
    """Return where the credentials of a data folder lie."""
    return data / "credentials.json"


def load(data: Path, owner_id: str) -> Credentials:
    """Read the credentials of a data folder; make what is missing. Safe for many processes at once.

    Raises:
        StoreError: the file is damaged, or cannot be read or written.
    """
    path = path_of(data)
    try:
        with _alone(data):
            found = read(path) if path.exists() else _fresh(owner_id)
            whole = _completed(found)
            if whole != found or not path.exists():
                _write(path, whole)
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"cannot use {path}: {error.strerror or error}") from error
    return whole


def read(path: Path) -> Credentials:
    """Read a credentials file as it is.

    Raises:
        StoreError: it is damaged.
        OSError: it cannot be read.
    """
    try:
        credentials = msgspec.json.decode(path.read_bytes(), type=Credentials)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Without its cause: a decoder's error may quote what it read.
        raise StoreError(f"{path} is damaged; delete it, and new credentials are made") from None
    if not credentials.cookies.keys() >= _NEEDED:
        raise StoreError(f"{path} lacks a cookie; delete it, and new credentials are made")
    return credentials


def renew(data: Path) -> tuple[Credentials, Credentials]:
    """Put a fresh ``at-main`` into the file; return the credentials before and after.

    Raises:
        OSError: the file cannot be read or written.
    """
    path = path_of(data)
    with _alone(data):
        before = read(path)
        after = msgspec.structs.replace(before, cookies={**before.cookies, "at-main": _token()})
        _write(path, after)
    return before, after


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Keep other processes and threads from changing the file meanwhile."""
    with (data / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fresh(owner_id: str) -> Credentials:
    return Credentials(
        cookies={"session-id": _digits(), "ubid-main": _digits(), "at-main": _token()},
        access_token=_token(),
        owner_id=owner_id,
    )


def _completed(found: Credentials) -> Credentials:
    missing = {name: secrets.token_urlsafe(48) for name in _REFRESHING if name not in found.cookies}
    return msgspec.structs.replace(
        found,
        cookies={**found.cookies, **missing},
        refresh_token=found.refresh_token or f"Atnr|{secrets.token_urlsafe(48)}",
    )


def _digits() -> str:
    return "-".join("".join(secrets.choice("0123456789") for _ in range(count)) for count in (3, 7, 7))


def _token() -> str:
    return f"Atza|{secrets.token_urlsafe(48)}"


def _write(path: Path, credentials: Credentials) -> None:
    draft = path.with_name(f".credentials-{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(credentials), indent=1) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
