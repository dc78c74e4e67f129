"""Which hosts serve an account, asked of the service and kept for three days beside the account's credentials.

``account/endpoint`` is the authority on content hosts [amazon-photos-api.md 2.2]. It is asked where the table of
marketplaces knows no region, and for accounts that asked once before. The file holds addresses only, no secret.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ap_remote.atomic import make_private
from ap_remote.errors import AuthenticationError, ConfigError, ProtocolError, RemoteError
from ap_remote.transport.call import Call
from ap_remote.transport.hosts import Hosts
from ap_remote.wire.account import ENDPOINT, Endpoint

if TYPE_CHECKING:
    from pathlib import Path

    from ap_remote.transport.session import Session

_log: Final = logging.getLogger("ap_remote.transport")
LIFE: Final = 3 * 24 * 3600.0
"""Seconds for which an answer holds; clients cache it so long [acd_cli]."""
FILE: Final = "endpoint.json"
_ASK: Final = Call(
    method="GET",
    path="account/endpoint",
    params={"asset": "ALL", "tempLink": "false", "resourceVersion": "V2", "ContentType": "JSON"},
    reply=ENDPOINT,
    idempotent=True,
)


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the file holds."""

    asked: float
    """Seconds since 1970."""
    site: str
    """The metadata host that was asked; another one makes the answer worthless."""
    content_url: str | None = None
    thumbnail_service_url: str | None = None
    region: str | None = None


class Discovery:
    """One per account.

    Args:
        file: where the answer is kept.
        hosts: those of the marketplace's table; an empty content host is not known there.
        clock: seconds since 1970.
    """

    def __init__(self, file: Path, hosts: Hosts, *, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._table = hosts
        self._clock = clock
        self._turn = asyncio.Lock()
        self._kept = self._read()
        self._tried_at: float | None = None

    def __repr__(self) -> str:
        return f"Discovery({self._table.metadata})"

    @property
    def hosts(self) -> Hosts:
        """The hosts as far as they are known now, out of the file where it has them, even where that is old."""
        if self._kept is None:
            return self._table
        named = Endpoint(content_url=self._kept.content_url, thumbnail_service_url=self._kept.thumbnail_service_url)
        return self._table.corrected(named)

    def is_due(self) -> bool:
        """Whether the service should be asked before a call to one of these hosts."""
        if self._kept is not None:
            return not 0 <= self._clock() - max(self._kept.asked, self._tried_at or 0.0) < LIFE
        return not self._table.content

    async def settle(
        self, session: Session, send: Callable[[Call[Any]], Awaitable[Any]], *, force: bool = False
    ) -> None:
        """Ask if it is due, and give the session its hosts; all calls that wait are served by one question.

        Args:
            session: gets the hosts.
            send: sends a call.
            force: ask in any case.

        Raises:
            ConfigError: the service does not say where its content host is, and the table does not know.
            AuthenticationError: the session is not accepted.
        """
        async with self._turn:
            if not force and not self.is_due():
                return
            self._tried_at = self._clock()
            try:
                answer: Endpoint = await send(_ASK)
                hosts = self._table.corrected(answer)
            except AuthenticationError:
                raise
            except RemoteError as exc:
                hosts = self._fallen_back(exc)
            else:
                self._write(answer)
            if not hosts.content:
                raise self._unknown() from None
            session.hosts = hosts

    def _fallen_back(self, problem: RemoteError) -> Hosts:
        """Return the hosts that are known without the answer.

        Raises:
            ConfigError: none are.
        """
        hosts = self.hosts
        if not hosts.content:
            raise self._unknown() from problem
        _log.debug("account/endpoint gave no answer (%s); the known hosts are used", type(problem).__name__)
        return hosts

    def _unknown(self) -> ConfigError:
        return ConfigError(
            f"the service does not say which content host serves {self._table.metadata}: "
            "name the marketplace with --tld, or its region with --region"
        )

    def _read(self) -> _Kept | None:
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=_Kept)
            if kept.site != self._table.metadata:
                return None
            self._table.corrected(
                Endpoint(content_url=kept.content_url, thumbnail_service_url=kept.thumbnail_service_url)
            )
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, ProtocolError, ValueError) as exc:
            _log.debug("%s is of no use: %s", self._file.name, type(exc).__name__)
            return None
        return kept

    def _write(self, answer: Endpoint) -> None:
        origins = self._table.corrected(answer)
        self._kept = _Kept(
            asked=self._clock(),
            site=self._table.metadata,
            # Origins, not what came: an address could carry more than a host.
            content_url=origins.content or None,
            thumbnail_service_url=origins.thumbnails,
            region=answer.region if _is_plain(answer.region) else None,
        )
        partial = self._file.with_name(f".{self._file.name}.{os.getpid()}.partial")
        try:
            make_private(self._file.parent)
            partial.write_bytes(msgspec.json.encode(self._kept))
            partial.replace(self._file)
        except OSError as exc:
            _log.warning("the account's hosts could not be kept: %s", exc.strerror)


def _is_plain(word: str | None) -> bool:
    return word is not None and word.isascii() and word.isalpha() and len(word) <= 4  # noqa: PLR2004 - NA, EU, FE
