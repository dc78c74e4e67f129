"""The session: cookies, the hosts they are for, and care that they are never shown.

Browsers write ``at-main``; the seed client's documentation wrote ``at_main``. Both are taken, hyphens are sent. The
service may rotate its cookies in any answer; what is rotated replaces what was there.
"""

from __future__ import annotations

import logging
import os
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from ap_remote.atomic import make_private
from ap_remote.errors import AuthenticationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ap_remote.transport.call import Call
    from ap_remote.transport.hosts import Hosts

T = TypeVar("T")

_log: Final = logging.getLogger("ap_remote.transport")
_OURS: Final = re.compile(
    r"(?:(?:at|ubid|x|sess-at|sst)-(?:main|acb[a-z.-]+)|session-id|session-id-time|session-token)"
)
_SENDABLE: Final = re.compile(r"[\x21\x23-\x3a\x3c-\x7e\" ]*")
_ADDRESS: Final = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
_MASK: Final = "***"
_SHORTEST_SECRET: Final = 6
LOG_IN: Final = "log in again (`ap login NAME`)"


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """Which credentials a request showed, without showing them: a refusal is judged by how old they were."""

    generation: int
    """Of the cookies (:attr:`Session.generation`)."""
    token: int = 0
    """The number of the access token that was shown instead of them; 0 for none."""
    content: bool = False
    """Whether the content host was asked."""


class Session:
    """An account's cookies and hosts.

    Args:
        cookies: by name, with hyphens or underscores.
        hosts: where they may be sent, and nowhere else.
        on_rotate: gets all cookies whenever the service replaced some; for keeping them in a file.
        reread: returns the cookies that are kept there now; another process may have renewed them.

    Raises:
        AuthenticationError: ``session-id``, ``at-*`` or ``ubid-*`` is missing, or a value cannot be a cookie's.
    """

    generation = 0
    """Grows whenever a cookie is replaced."""
    identified = 0
    """The generation in which a cookie that says who asks, or that renews it, was replaced last."""
    _reread: Callable[[], Mapping[str, str]] | None = None

    def __init__(
        self,
        cookies: Mapping[str, str],
        hosts: Hosts,
        *,
        on_rotate: Callable[[Mapping[str, str]], None] | None = None,
        reread: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self._cookies = {canonical(name): value for name, value in cookies.items()}
        self.hosts = hosts
        self._on_rotate = on_rotate
        self._reread = reread
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

    def addressed(self, call: Call[T]) -> Call[T]:
        """Return a call with what the session adds to its address: nothing, where cookies say who asks."""
        return call

    @property
    def refresh_token(self) -> str | None:
        """The cookie that buys fresh ones (``sess-at-…``), where the session has it."""
        return next((value for name, value in self._cookies.items() if name.startswith("sess-at-") and value), None)

    def absorb(self, set_cookies: Iterable[str]) -> None:
        """Merge ``Set-Cookie`` values; expired ones and names that are not the session's are left alone."""
        self._merge(dict(_rotation(line) for line in set_cookies))

    def renew(self, cookies: Mapping[str, str]) -> bool:
        """Merge cookies that were given in exchange for the refresh token.

        Returns:
            Whether an ``at-`` cookie of this session's marketplace is among them; if not, nothing is merged.
        """
        mine = {name for name in self._cookies if name.startswith("at-")}
        given = {canonical(name): value for name, value in cookies.items()}
        fresh = {name: value for name, value in given.items() if value and _is_ours(name, value)}
        fresh = {name: value for name, value in fresh.items() if _suffix(name) in {"", *map(_suffix, mine)}}
        if not mine & fresh.keys():
            return False
        self._merge(fresh)
        return True

    def reread(self) -> bool:
        """Take the cookies that are kept now, if another process renewed them.

        Returns:
            Whether there are news. Cookies that this session had before are none.
        """
        if self._reread is None:
            return False
        try:
            kept = {canonical(name): value for name, value in self._reread().items()}
            _check(kept)
        except AuthenticationError as exc:
            _log.debug("the kept cookies cannot be read again: %s", type(exc).__name__)
            return False
        if all(value in self._secrets for name, value in kept.items() if name.startswith("at-")):
            return False
        self._cookies = kept
        self._secrets.update(kept.values())
        self.generation += 1
        self.identified = self.generation
        return True

    def hide(self, secret: str) -> None:
        """Mask one more value from now on (:meth:`masked`)."""
        self._secrets.add(secret)

    def _merge(self, cookies: Mapping[str, str]) -> None:
        changed = {name: value for name, value in cookies.items() if name and self._cookies.get(name) != value}
        if not changed:
            return
        if self._on_rotate is not None:
            # All cookies are written: those that another process renewed meanwhile must not be undone.
            self.reread()
        self._cookies.update(changed)
        self._secrets.update(changed.values())
        self.generation += 1
        if any(name.startswith(("at-", "sess-at-")) for name in changed):
            self.identified = self.generation
        if self._on_rotate is not None:
            try:
                self._on_rotate(self.cookies)
            except OSError as exc:
                # The call itself went well and must not look as if it had failed.
                _log.warning("rotated cookies could not be kept: %s", exc.strerror or exc)

    def masked(self, text: str) -> str:
        """Return *text* without any value that this session ever had, and without addresses: one may be signed."""
        return self.without_secrets(_ADDRESS.sub("<address>", text))

    def without_secrets(self, text: str) -> str:
        """Return *text* without any value that this session ever had."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, _MASK)
        return text


def is_cookie(name: str) -> bool:
    """Whether this is the name of one of a session's cookies, with hyphens."""
    return _OURS.fullmatch(name) is not None


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
        raise AuthenticationError(f"no credentials at {path}: `ap login NAME` makes them") from exc
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not JSON"
        raise AuthenticationError(f"the credentials at {path} cannot be read: {reason}") from exc
    cookies = content.get("cookies", content) if isinstance(content, dict) else None
    if not isinstance(cookies, dict) or not cookies or not all(isinstance(each, str) for each in cookies.values()):
        raise AuthenticationError(f'the credentials at {path} hold no cookies: {{"cookies": {{…}}}} is expected')
    return cookies


def save_credentials(path: Path, cookies: Mapping[str, str]) -> None:
    """Write cookies where :func:`load_credentials` finds them, readable by their owner alone, all or nothing."""
    make_private(path.parent)
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
    return ("", "") if expired or not value or not _is_ours(name, value) else (name, value)


def _is_ours(name: str, value: str) -> bool:
    return bool(_OURS.fullmatch(name) and _SENDABLE.fullmatch(value))


def _suffix(name: str) -> str:
    """Return what tells a cookie's marketplace, ``""`` for one that all have."""
    return "" if name.startswith("session-") else name.rpartition("-")[2]


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
