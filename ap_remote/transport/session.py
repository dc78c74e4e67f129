"""The session: cookies, the hosts they are for, and care that they are never shown.

Browsers write ``at-main``; the seed client's documentation wrote ``at_main``. Both are taken, hyphens are sent. The
service may rotate its cookies in any answer; what is rotated replaces what was there.
"""

from __future__ import annotations

import logging
import os
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote.errors import AuthenticationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ap_remote.transport.hosts import Hosts

_log: Final = logging.getLogger("ap_remote.transport")
_OURS: Final = re.compile(
    r"(?:(?:at|ubid|x|sess-at|sst)-(?:main|acb[a-z.-]+)|session-id|session-id-time|session-token)"
)
_SENDABLE: Final = re.compile(r"[\x21\x23-\x3a\x3c-\x7e\" ]*")
_ADDRESS: Final = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
_MASK: Final = "***"
_SHORTEST_SECRET: Final = 6
LOG_IN: Final = "log in again (`ap accounts add`)"


class Session:
    """An account's cookies and hosts.

    Args:
        cookies: by name, with hyphens or underscores.
        hosts: where they may be sent, and nowhere else.
        on_rotate: gets all cookies whenever the service replaced some; for keeping them in a file.

    Raises:
        AuthenticationError: ``session-id``, ``at-*`` or ``ubid-*`` is missing, or a value cannot be a cookie's.
    """

    def __init__(
        self,
        cookies: Mapping[str, str],
        hosts: Hosts,
        *,
        on_rotate: Callable[[Mapping[str, str]], None] | None = None,
    ) -> None:
        self._cookies = {canonical(name): value for name, value in cookies.items()}
        self.hosts = hosts
        self._on_rotate = on_rotate
        _check(self._cookies)
        self._secrets = {*self._cookies.values()}

    def __repr__(self) -> str:
        """Show names only."""
        return f"Session({', '.join(f'{name}={_MASK}' for name in sorted(self._cookies))}, {self.hosts.metadata})"

    def __reduce__(self) -> str | tuple[object, ...]:
        """Refuse: a pickle would carry the cookies to wherever it is written."""
        raise TypeError("a session is not pickled; make it anew from its credentials")

    @property
    def cookies(self) -> dict[str, str]:
        """A copy of the cookies as they are now, for keeping them in a file."""
        return dict(self._cookies)

    def headers(self) -> dict[str, str]:
        """Return the headers that say who asks."""
        return {
            "cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
            "x-amzn-sessionid": self._cookies["session-id"],
        }

    def absorb(self, set_cookies: Iterable[str]) -> None:
        """Merge ``Set-Cookie`` values; expired ones and names that are not the session's are left alone."""
        changed = {}
        for line in set_cookies:
            name, value = _rotation(line)
            if name and self._cookies.get(name) != value:
                changed[name] = value
        if changed:
            self._cookies.update(changed)
            self._secrets.update(changed.values())
            if self._on_rotate is not None:
                try:
                    self._on_rotate(self.cookies)
                except OSError as exc:
                    # The call itself went well and must not look as if it had failed.
                    _log.warning("rotated cookies could not be kept: %s", exc.strerror)

    def masked(self, text: str) -> str:
        """Return *text* without any value that this session ever had, and without addresses: one may be signed."""
        text = _ADDRESS.sub("<address>", text)
        for secret in sorted(self._secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, _MASK)
        return text


def canonical(name: str) -> str:
    """Return a cookie's name as it is sent: the session's own names with hyphens, others as they are."""
    hyphens = name.replace("_", "-")
    return hyphens if _OURS.fullmatch(hyphens) else name


def load_credentials(path: Path) -> dict[str, str]:
    """Read cookies from a JSON file: ``{"cookies": {…}}``, or the mapping alone.

    Raises:
        AuthenticationError: there is no such file, or it cannot be read so.
    """
    try:
        content = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError as exc:
        raise AuthenticationError(f"no credentials at {path}; `ap accounts add` makes them") from exc
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not JSON"
        raise AuthenticationError(f"the credentials at {path} cannot be read: {reason}") from exc
    cookies = content.get("cookies", content) if isinstance(content, dict) else None
    if not isinstance(cookies, dict) or not cookies or not all(isinstance(each, str) for each in cookies.values()):
        raise AuthenticationError(f'the credentials at {path} hold no cookies: {{"cookies": {{…}}}} is expected')
    return cookies


def save_credentials(path: Path, cookies: Mapping[str, str]) -> None:
    """Write cookies where :func:`load_credentials` finds them, readable by their owner alone, all or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
        stream.write(msgspec.json.encode({"cookies": dict(cookies)}))
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def _check(cookies: Mapping[str, str]) -> None:
    families = {"session-id": "session-id", "at-": "at-main (or at-acb…)", "ubid-": "ubid-main (or ubid-acb…)"}
    missing = [
        shown
        for start, shown in families.items()
        if not any(
            value and (name == start or (start[-1] == "-" and name.startswith(start)))
            for name, value in cookies.items()
        )
    ]
    if missing:
        raise AuthenticationError(f"the credentials lack the cookie {', and '.join(missing)}")
    for name, value in cookies.items():
        if not _SENDABLE.fullmatch(value) or not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
            raise AuthenticationError(f"the cookie {name!r} has characters that no cookie can have; copy it again")


def _rotation(line: str) -> tuple[str, str]:
    """Return name and value of a ``Set-Cookie`` line that replaces one of the session's cookies, else empty ones."""
    pair, *attributes = line.split(";")
    name, _, value = pair.strip().partition("=")
    name, value = canonical(name.strip()), value.strip()
    expired = any(_expires(attribute) for attribute in attributes)
    if expired or not value or not _OURS.fullmatch(name) or not _SENDABLE.fullmatch(value):
        return "", ""
    return name, value


def _expires(attribute: str) -> bool:
    """Whether an attribute of ``Set-Cookie`` takes the cookie away: a logout, which a 401 will tell as well."""
    key, _, value = attribute.strip().partition("=")
    try:
        if key.casefold() == "max-age":
            return int(value) <= 0
        if key.casefold() == "expires":
            return parsedate_to_datetime(value).year <= 1970  # noqa: PLR2004 - the epoch is how a cookie is deleted
    except ValueError:
        return False
    return False
