"""Values that a client carries for the server and cannot change: cursors and plans.

A sealed value is base64url of an HMAC-SHA256 (128 bits of it) followed by the payload. It is authentic, not secret:
it holds nothing that the client was not told.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ap_remote.atomic import make_private, write_atomically

if TYPE_CHECKING:
    from pathlib import Path

_TAG: Final = 16
_KEY: Final = 32


class BrokenSealError(Exception):
    """The value was not made by this server for this purpose, or was changed on the way."""


class Seal:
    """Seals values for one purpose under one key."""

    def __init__(self, key: bytes, purpose: str) -> None:
        self._key = hmac.digest(key, purpose.encode(), hashlib.sha256)

    def __repr__(self) -> str:
        """Never show the key."""
        return "Seal(...)"

    def close(self, payload: bytes) -> str:
        """Return *payload* with its seal, as text."""
        return urlsafe_b64encode(self._tag(payload) + payload).rstrip(b"=").decode()

    def open(self, token: str) -> bytes:
        """Return the payload of a sealed value.

        Raises:
            BrokenSealError: the seal does not fit.
        """
        try:
            raw = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except (binascii.Error, ValueError) as exc:
            raise BrokenSealError from exc
        tag, payload = raw[:_TAG], raw[_TAG:]
        # Base64 has several spellings of one value; only the one that close() writes is ours.
        if not hmac.compare_digest(tag, self._tag(payload)) or self.close(payload) != token:
            raise BrokenSealError
        return payload

    def _tag(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, hashlib.sha256)[:_TAG]


def process_key() -> bytes:
    """Return a key that lives as long as this process."""
    return secrets.token_bytes(_KEY)


def kept_key(file: Path) -> bytes:
    """Return the key kept in *file*, making it (mode 0600) when it is missing or too short.

    Cursors are sealed by it, so that they survive a restart. Servers that start at once end with one key.

    Raises:
        OSError: it can be neither read nor written.
    """
    key = _read(file)
    if len(key) >= _KEY:
        return key
    make_private(file.parent)
    made = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    write_atomically(made, process_key(), private=True)
    try:
        if key:
            made.replace(file)
        else:
            # Unlike a rename a link never replaces the key that another server made meanwhile.
            with suppress(FileExistsError):
                os.link(made, file)
    finally:
        made.unlink(missing_ok=True)
    return _read(file)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
