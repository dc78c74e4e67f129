"""Where an account's cookies are kept: a file that only its owner may read, or the system's keyring."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from ap_remote.errors import AuthenticationError, MissingExtraError
from ap_remote.transport.session import load_credentials, save_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SERVICE: Final = "ap_remote"
"""The name that a keyring's own window shows."""


class Store(Protocol):
    """A place for the cookies of one account."""

    def load(self) -> dict[str, str]:
        """Return the cookies.

        Raises:
            AuthenticationError: there are none, or they cannot be read.
        """
        ...

    def save(self, cookies: Mapping[str, str]) -> None:
        """Replace the cookies, all or nothing.

        Raises:
            OSError: they cannot be kept.
        """
        ...

    def delete(self) -> None:
        """Forget the cookies; there may be none."""
        ...


class FileStore:
    """A JSON file, mode 0600.

    Args:
        path: the file.
        own: its folder is the account's, and is closed to others (mode 0700).
    """

    def __init__(self, path: Path, *, own: bool = False) -> None:
        self._path = path
        self._own = own

    def __repr__(self) -> str:
        return f"FileStore({str(self._path)!r})"

    def load(self) -> dict[str, str]:
        """Return the cookies."""
        return load_credentials(self._path)

    def save(self, cookies: Mapping[str, str]) -> None:
        """Replace the cookies."""
        if self._own and self._path.parent.is_dir():
            self._path.parent.chmod(0o700)
        save_credentials(self._path, cookies)

    def delete(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)


class KeyringStore:
    """An entry of the system's keyring. What a keyring says when it fails is not repeated: it may quote the secret.

    Raises:
        MissingExtraError: the package ``keyring`` is not installed.
    """

    def __init__(self, account: str) -> None:
        self._account = account
        self._keyring = _backend()

    def __repr__(self) -> str:
        return f"KeyringStore({self._account!r})"

    def load(self) -> dict[str, str]:
        """Return the cookies."""
        text = self._guarded("read", partial(self._keyring.get_password, SERVICE, self._account))
        if text is None:
            raise AuthenticationError(f"the keyring has no cookies of {self._account!r}: `ap login NAME --keyring`")
        cookies = _decoded(text)
        if not cookies:
            raise AuthenticationError(f"what the keyring has for {self._account!r} are no cookies: log in again")
        return cookies

    def save(self, cookies: Mapping[str, str]) -> None:
        """Replace the cookies."""
        text = msgspec.json.encode({"cookies": dict(cookies)}).decode()
        self._guarded("written", partial(self._keyring.set_password, SERVICE, self._account, text))

    def delete(self) -> None:
        """Take the entry out."""
        if self._guarded("read", partial(self._keyring.get_password, SERVICE, self._account)) is not None:
            self._guarded("written", partial(self._keyring.delete_password, SERVICE, self._account))

    def _guarded(self, done: str, work: Callable[[], Any]) -> Any:
        failed = ""
        try:
            return work()
        except Exception as exc:  # noqa: BLE001 - backends raise what they like, out of five libraries
            failed = type(exc).__name__
        # Outside of the except block: nothing of the backend's error goes along.
        raise AuthenticationError(f"the system's keyring cannot be {done} ({failed}): unlock it, or log in without it")


def _decoded(text: str) -> dict[str, str] | None:
    try:
        content = msgspec.json.decode(text, type=dict[str, dict[str, str]])
    except (msgspec.DecodeError, UnicodeError):
        return None
    return content.get("cookies")


def _backend() -> Any:
    try:
        import keyring  # type: ignore[import-not-found, unused-ignore] # an optional extra
    except ImportError as exc:
        raise MissingExtraError("the system's keyring", "keyring") from exc
    return keyring
