"""Who is let in, for how long, and how a session is renewed.

A session is its ``at-`` cookie. The one in ``credentials.json`` is good; one that it replaced is good until the end
that the table ``sessions`` has for it, where values stand hashed. No session ends by itself: how long the real
service's live is reported between 12 hours and days, so an end is a matter for whoever calls :func:`expire_current` or
:func:`rotate`.
"""

from __future__ import annotations

import enum
import hashlib
import secrets
from collections.abc import Mapping
from typing import Final

from ap_remote_emulator.library import credentials, signing
from ap_remote_emulator.library.credentials import Credentials, same, suffix_of
from ap_remote_emulator.library.store import Store, Write

GRACE_S: Final = 600
"""Seconds that a cookie outlives its replacement, for the requests that are on their way and clients that lag (own
choice)."""
TOKEN_LIFE_S: Final = 3600
_PREFIX: Final = "Atza|"


class Verdict(enum.Enum):
    """What the service thinks of a credential."""

    GOOD = enum.auto()
    UNKNOWN = enum.auto()
    EXPIRED = enum.auto()


class Gate:
    """The account's credentials as they are now, though another process may have renewed them."""

    def __init__(self, store: Store, known: Credentials) -> None:
        self.store = store
        self._path = credentials.path_of(store.data)
        self._known = known
        self._mark: tuple[int, int] | None = None

    @property
    def known(self) -> Credentials:
        """The credentials in the file; those last read, if it has gone."""
        try:
            stat = self._path.stat()
            mark = (stat.st_ino, stat.st_mtime_ns)
            if mark != self._mark:
                self._known, self._mark = credentials.read(self._path), mark
        except OSError:
            # Deleted or damaged by hand while the service runs: the next start says so, and no client is put out.
            return self._known
        return self._known

    def judge_cookies(self, cookies: Mapping[str, str], session: str) -> Verdict:
        """Judge cookies with the header ``x-amzn-sessionid``; ``at-`` and ``ubid-`` must be of one marketplace."""
        suffix, known = suffix_of(cookies), self.known
        at = cookies.get(f"at-{suffix}", "")
        results = [bool(suffix), same(session, known.cookies["session-id"]), _same_person(cookies, suffix, known)]
        if not all(results):
            return Verdict.UNKNOWN
        if same(at, known.cookies["at-main"]):
            return Verdict.GOOD
        return self._judge_former(at)

    def judge_token(self, token: str) -> Verdict:
        """Judge an access token: the one that never ends, or one of :func:`issue_token`."""
        if same(token, self.known.access_token):
            return Verdict.GOOD
        until = token_end(self.store, token)
        if until is None:
            return Verdict.UNKNOWN
        return Verdict.GOOD if self.store.clock.now() < until else Verdict.EXPIRED

    def _judge_former(self, at: str) -> Verdict:
        with self.store.read() as connection:
            row = connection.execute("SELECT expired FROM sessions WHERE at = ?", (_hashed(at),)).fetchone()
        if row is None:
            return Verdict.UNKNOWN
        good = row["expired"] is not None and self.store.clock.now() < row["expired"]
        return Verdict.GOOD if good else Verdict.EXPIRED


def issue_token(store: Store) -> str:
    """Return a new access token that is good for ``TOKEN_LIFE_S`` seconds, in every process."""
    until = store.clock.now() + TOKEN_LIFE_S * 1000
    return _PREFIX + signing.seal(store, "token", [until, secrets.token_hex(8)])


def token_end(store: Store, token: str) -> int | None:
    """Return when a token of :func:`issue_token` ends or ended, ``None`` for any other text."""
    content = signing.unseal(store, "token", token.removeprefix(_PREFIX)) if token.startswith(_PREFIX) else None
    return None if content is None else int(content[0])


def expire_current(store: Store) -> None:
    """End the present session at once. The credentials file has the next one, which works."""
    _renew(store, grace_s=0)


def rotate(store: Store, *, suffix: str = "main", grace_s: int = GRACE_S) -> list[str]:
    """Begin a new session; the old one stays good for *grace_s* seconds.

    Args:
        store: whose session.
        suffix: the marketplace of the caller, as in ``at-acbde``.
        grace_s: seconds.

    Returns:
        The ``Set-Cookie`` lines that tell a client. Without ``Secure``, for this service may speak plain HTTP.
    """
    fresh = _renew(store, grace_s=grace_s)
    return [f"at-{suffix}={fresh.cookies['at-main']}; Path=/; HttpOnly"]


def exchange(store: Store, gate: Gate, cookies: Mapping[str, str], source_token: str) -> dict[str, str] | None:
    """Renew the caller's session by its ``sess-at-`` cookie; return its new cookies, ``None`` for a stranger.

    Whoever still holds the present session gets a new one. Whoever was left behind gets the present one, so that two
    clients that renew in turn do not end each other's sessions for ever (own choice). The ``at-`` cookie shown
    need not be good, for it is being replaced; ``sess-at-`` and ``session-id`` stay as they are (own choice).
    """
    known = gate.known
    suffix = suffix_of(cookies) or next(
        (name[8:] for name in cookies if name.startswith("sess-at-") and name[8:] in credentials.SUFFIXES),
        "",
    )
    secret = known.cookies.get("sess-at-main", "")
    results = [
        bool(suffix),
        _same_person(cookies, suffix, known),
        same(cookies.get(f"sess-at-{suffix}", ""), secret),
        same(source_token, secret),
    ]
    if not all(results):
        return None
    if same(cookies.get(f"at-{suffix}", ""), known.cookies["at-main"]):
        known = _renew(store, grace_s=GRACE_S)
    return {
        f"at-{suffix}": known.cookies["at-main"],
        f"sess-at-{suffix}": secret,
        "session-id": known.cookies["session-id"],
    }


def _same_person(cookies: Mapping[str, str], suffix: str, known: Credentials) -> bool:
    results = [
        same(cookies.get("session-id", ""), known.cookies["session-id"]),
        same(cookies.get(f"ubid-{suffix}", ""), known.cookies["ubid-main"]),
    ]
    return all(results)


def _renew(store: Store, *, grace_s: int) -> Credentials:
    # The write lock lets one process at a time renew: none overwrites what another has just told its client.
    with store.write() as write:
        before, after = credentials.renew(store.data)
        _remember(write, before.cookies["at-main"], until=write.now + grace_s * 1000)
        _remember(write, after.cookies["at-main"], until=None)
    return after


def _remember(write: Write, at: str, *, until: int | None) -> None:
    write.execute(
        "INSERT INTO sessions (at, created, expired) VALUES (?, ?, ?) ON CONFLICT (at) DO UPDATE SET expired = ?3",
        (_hashed(at), write.now, until),
    )


def _hashed(at: str) -> str:
    return hashlib.sha256(at.encode("utf-8", "surrogateescape")).hexdigest()
