"""The account's cookies and token: made once, kept in ``credentials.json`` with mode 0600."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Mapping
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


class Credentials(msgspec.Struct, frozen=True):
    """What a client must show."""

    cookies: dict[str, str]
    access_token: str
    owner_id: str

    def __repr__(self) -> str:
        """Show whose they are, and nothing else."""
        return f"Credentials(owner_id={self.owner_id!r})"

    def admit_cookies(self, cookies: Mapping[str, str], session: str) -> bool:
        """Whether *cookies* and the header ``x-amzn-sessionid`` are this account's.

        Names are taken as they must be on the wire, with hyphens; ``at-`` and ``ubid-`` must be of one marketplace.
        """
        suffix = next((name[3:] for name in cookies if name.startswith("at-")), "")
        if suffix not in SUFFIXES:
            return False
        shown = (
            (cookies.get("session-id", ""), self.cookies["session-id"]),
            (session, self.cookies["session-id"]),
            (cookies.get(f"ubid-{suffix}", ""), self.cookies["ubid-main"]),
            (cookies.get(f"at-{suffix}", ""), self.cookies["at-main"]),
        )
        results = [hmac.compare_digest(given.encode(), known.encode()) for given, known in shown]
        return all(results)

    def admit_token(self, token: str) -> bool:
        """Whether *token* is this account's access token."""
        return hmac.compare_digest(token.encode(), self.access_token.encode())


def path_of(data: Path) -> Path:
    """Return where the credentials of a data folder lie."""
    return data / "credentials.json"


def load(data: Path, owner_id: str) -> Credentials:
    """Read the credentials of a data folder, and make them if there are none. Safe for many processes at once.

    Raises:
        StoreError: the file is damaged, or cannot be read or written.
    """
    path = path_of(data)
    try:
        if not path.exists():
            _make(path, owner_id)
        credentials = msgspec.json.decode(path.read_bytes(), type=Credentials)
    except OSError as error:
        raise StoreError(f"cannot use {path}: {error.strerror or error}") from error
    except msgspec.DecodeError as error:
        raise StoreError(f"{path} is damaged; delete it, and new credentials are made") from error
    if not {"session-id", "ubid-main", "at-main"} <= credentials.cookies.keys():
        raise StoreError(f"{path} lacks a cookie; delete it, and new credentials are made")
    return credentials


def _make(path: Path, owner_id: str) -> None:
    def digits(count: int) -> str:
        return "".join(secrets.choice("0123456789") for _ in range(count))

    credentials = Credentials(
        cookies={
            "session-id": f"{digits(3)}-{digits(7)}-{digits(7)}",
            "ubid-main": f"{digits(3)}-{digits(7)}-{digits(7)}",
            "at-main": f"Atza|{secrets.token_urlsafe(48)}",
        },
        access_token=f"Atza|{secrets.token_urlsafe(48)}",
        owner_id=owner_id,
    )
    draft = path.with_name(f".credentials-{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(credentials), indent=1) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # unlike a rename, this never replaces what another process has made
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
