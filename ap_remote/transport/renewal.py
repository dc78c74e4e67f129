"""What is done about a 401: newer credentials are shown, the content host gets a token, the session is renewed once.

Each of these is tried at most once for a call, and one renewal serves all calls that were refused together. What is not
healed by then is said, never tried in a loop [amazon-photos-api.md 3.2, 3.3, 5.2].
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from ap_remote.errors import AuthenticationError, ProtocolError, TransportError, UnavailableError
from ap_remote.transport import faults
from ap_remote.transport.call import Call
from ap_remote.transport.hosts import marketplace_of
from ap_remote.transport.retry import Failure
from ap_remote.transport.session import LOG_IN, Session, Shown
from ap_remote.wire.account import INFO
from ap_remote.wire.session import ACCESS_TOKEN, REFRESHED, AccessToken, Refreshed

if TYPE_CHECKING:
    from pathlib import Path

Ask = Callable[[Call[Any], bytes | None], Awaitable[Any]]
"""Sends a call once, with a body of its own; returns what it decodes to, or a :class:`Failure`."""

_log: Final = logging.getLogger("ap_remote.transport")
_MARGIN: Final = 30.0
"""Seconds before its end at which an access token counts as gone (own choice)."""
_PATIENCE: Final = 30.0
"""Seconds that a renewal waits for another process's."""
_GRACE: Final = 5.0
"""Seconds that closing waits for a renewal (own choice)."""
_FORM: Final = "application/x-www-form-urlencoded"
_APP: Final = "Amazon Drive"
_REFRESH: Final = Call(
    method="POST", host="retail", path="ap/exchangetoken/refresh", headers={"content-type": _FORM}, reply=REFRESHED
)
_INFO: Final = Call(
    method="GET",
    path="account/info",
    params={"asset": "ALL", "tempLink": "false", "resourceVersion": "V2", "ContentType": "JSON"},
    reply=INFO,
    idempotent=True,
)
_REFUSED: Final = f"the service refuses this call, though it accepts the session otherwise: {LOG_IN}"
_UNKNOWN: Final = (
    "the session is not accepted, and cannot be renewed now because the service does not answer: try later"
)


class Renewal:
    """One per session.

    Args:
        session: whose cookies they are.
        ask: sends the calls that this needs, without any of this.
        clock: seconds, of any beginning.
        wall: seconds since 1970.
        lock: a file that processes of one account hold while they renew.
    """

    def __init__(
        self,
        session: Session,
        ask: Ask,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        lock: Path | None = None,
    ) -> None:
        self._session = session
        self._ask = ask
        self._clock = clock
        self._wall = wall
        self._file = lock
        self._turn = asyncio.Lock()
        self._token = ""
        self._token_end = 0.0
        self._tokens = 0
        # Sessions as :attr:`Session.identified` tells them apart: the one whose renewal has failed, and the one that is
        # known to be dead. A refusal may well replace other cookies, which makes it neither alive nor another one.
        self._spent: int | None = None
        self._dead: int | None = None
        self._renewing: asyncio.Task[bool] | None = None

    def __repr__(self) -> str:
        return f"Renewal({self._session!r})"

    def credentials(self, content: bool) -> tuple[dict[str, str], Shown]:  # noqa: FBT001 - Sender's Credentials
        """Return the headers that say who asks, and what they are; the content host gets the token if there is one."""
        if content and self._has_token():
            return {"x-amz-access-token": self._token}, self._shown(self._tokens, content=True)
        return self._session.headers(), self._shown(0, content=content)

    def steps(self) -> Steps:
        """Return what may be tried for one call."""
        return Steps(self)

    @property
    def is_possible(self) -> bool:
        """Whether there is anything to renew: whoever has only a link has no session."""
        return bool(self._session.cookies)

    async def heal(self, refused: Shown, tried: set[str]) -> Failure | None:
        """Do the next thing about a refusal; ``None`` when the call may be sent again.

        Args:
            refused: what the call had shown.
            tried: what was done for this call before; it grows.
        """
        if "newer" not in tried and self._is_older(refused):
            tried.add("newer")
            return None
        async with self._turn:
            # Whoever had the turn before may have healed this.
            if "newer" not in tried and (self._is_older(refused) or self._session.reread()):
                tried.add("newer")
                return None
            if refused.content and "token" not in tried:
                tried.add("token")
                found = await self._fetch_token(refused)
                if found is None:
                    return None
                if not isinstance(found.error, AuthenticationError | ProtocolError):
                    # The site is down for the moment, which says nothing of the session.
                    tried.discard("token")
                    return found
            if "refresh" not in tried:
                tried.add("refresh")
                # Fresh cookies buy a fresh token.
                tried.discard("token")
                return await self._renew(refused.generation)
        return Failure(error=AuthenticationError(_REFUSED))

    def _shown(self, token: int, *, content: bool) -> Shown:
        return Shown(generation=self._session.generation, token=token, content=content)

    def _has_token(self) -> bool:
        return bool(self._token) and self._clock() < self._token_end

    def _is_older(self, refused: Shown) -> bool:
        """Whether there are other credentials now than those that were refused."""
        if refused.content and self._has_token():
            return refused.token != self._tokens
        return not refused.token and refused.generation < self._session.generation

    async def _fetch_token(self, refused: Shown) -> Failure | None:
        """Get a token for the content host, for the cookies that it does not take and the site does."""
        if refused.token == self._tokens:
            self._token = ""
        call = Call(
            method="GET",
            host="retail",
            path="photos/auth/token",
            params={"_": str(int(self._wall() * 1000))},
            reply=ACCESS_TOKEN,
            idempotent=True,
        )
        found: AccessToken | Failure = await self._ask(call, None)
        if isinstance(found, Failure):
            return found if isinstance(found.error, TransportError) else faults.sign_in(None)
        if not found.access_token or not _is_sendable(found.access_token):
            return Failure(error=ProtocolError("the service gives no access token"))
        self._session.hide(found.access_token)
        self._token = found.access_token
        self._token_end = self._clock() + max(0.0, found.duration - _MARGIN)
        self._tokens += 1
        return None

    async def _renew(self, generation: int) -> Failure | None:
        session = self._session
        if session.identified > generation:
            return None
        if self._dead == session.identified or session.refresh_token is None:
            return faults.sign_in(None)
        if self._spent != session.identified and await self._refresh(session.refresh_token):
            return None
        # A failed renewal does not prove the session dead: one cheap question does.
        probe = await self._ask(_INFO, None)
        if not isinstance(probe, Failure):
            return None
        if isinstance(probe.error, AuthenticationError):
            self._dead = session.identified
            return faults.sign_in(None)
        return Failure(error=UnavailableError(_UNKNOWN))

    async def settle(self) -> None:
        """Let a renewal that is going on end: whoever wanted it may be gone, but its cookies are the only ones left."""
        task = self._renewing
        if task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop():
            _, late = await asyncio.wait({task}, timeout=_GRACE)
            for each in late:
                each.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _refresh(self, token: str) -> bool:
        """Renew, or wait for the renewal that is going on; it outlives a cancelled call: a token is spent once."""
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._refreshed(token))
        return await asyncio.shield(self._renewing)

    async def _refreshed(self, token: str) -> bool:
        """Give the refresh token for fresh cookies, unless another process has just done so."""
        async with self._alone():
            if self._session.reread():
                return True
            found: Refreshed | Failure = await self._ask(_REFRESH, self._form(token))
            if not isinstance(found, Failure) and self._session.renew(found.cookies):
                _log.info("the session was renewed")
                return True
        if not (isinstance(found, Failure) and found.error.retryable):
            self._spent = self._session.identified
        return False

    def _form(self, token: str) -> bytes:
        host = urlsplit(self._session.hosts.retail).hostname or ""
        market = marketplace_of(self._session.cookies)
        site = (
            host.removeprefix("www.") if host.startswith("www.amazon.") else f"amazon.{market.tld if market else 'com'}"
        )
        fields = {
            "app_name": _APP,
            "requested_token_type": "auth_cookies",
            "domain": f".{site}",
            "source_token_type": "refresh_token",
            "source_token": token,
        }
        return urlencode(fields).encode()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Keep other processes of the account from renewing at the same time, as far as the disk allows."""
        from filelock import AsyncFileLock

        lock = None if self._file is None else AsyncFileLock(self._file, timeout=_PATIENCE, mode=0o600)
        try:
            if lock is not None:
                await lock.acquire()
        except OSError as exc:
            # Two renewals at once are better than none.
            _log.debug("renewing without the lock: %s", type(exc).__name__)
            lock = None
        try:
            yield
        finally:
            if lock is not None:
                await lock.release()


class Steps:
    """What was done about refusals of one call."""

    def __init__(self, renewal: Renewal) -> None:
        self._renewal = renewal
        self._tried: set[str] = set()

    async def heal(self, failure: Failure) -> Failure | None:
        """Do something about a failure; ``None`` when the call may be sent again."""
        if failure.expired is None or not self._renewal.is_possible:
            return failure
        found = await self._renewal.heal(failure.expired, self._tried)
        if found is not None:
            return msgspec.structs.replace(found, expired=None)
        return None


def _is_sendable(token: str) -> bool:
    return token.isascii() and token.isprintable() and " " not in token
