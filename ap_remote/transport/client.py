"""The one place that sends calls: paced, tried again, renewed once, answers checked and failures named."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import httpx
import msgspec

from ap_remote.remote.once import is_promised
from ap_remote.transport import faults, pages
from ap_remote.transport.answer import Download, gathered, length_of, unpacked
from ap_remote.transport.body import Upload, opened
from ap_remote.transport.breaker import Breaker
from ap_remote.transport.pacer import Pacer, Pacing
from ap_remote.transport.quiet import install as install_quiet
from ap_remote.transport.renewal import Renewal
from ap_remote.transport.retry import Failure, Retry
from ap_remote.transport.sender import TIMEOUT, Answer, Sender
from ap_remote.wire import faults as wire_faults

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from ap_remote.transport.asgi import ASGIApp
    from ap_remote.transport.call import Call
    from ap_remote.transport.discovery import Discovery
    from ap_remote.transport.recording import Recorder
    from ap_remote.transport.session import Session

T = TypeVar("T")

_log: Final = logging.getLogger("ap_remote.transport")

_NEVER_LEFT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_BUSY: Final = 503
_UNAUTHORISED: Final = 401
_BREATH: Final = 1.0
"""Seconds without requests after a 429 that names no pause (own choice)."""


class Transport:
    """Sends calls for one account.

    Args:
        session: cookies and hosts.
        app: an ASGI application to speak to instead of the network.
        retry: the policy and its clock; the default waits for real.
        pacer: how fast; the default is polite to Amazon.
        breaker: when to stop for a while; the default stops for Amazon, and never for *app*.
        timeout: per phase of a request, in seconds.
        clock: seconds of any beginning, by which an access token ends.
        lock: a file that all processes of the account hold while they renew its session.
        discovery: finds out the hosts that the session does not know.
        record: keeps every answer, redacted.
    """

    def __init__(
        self,
        session: Session,
        *,
        app: ASGIApp | None = None,
        retry: Retry | None = None,
        pacer: Pacing | None = None,
        breaker: Breaker | None = None,
        timeout: httpx.Timeout | float = TIMEOUT,
        clock: Callable[[], float] = time.monotonic,
        lock: Path | None = None,
        discovery: Discovery | None = None,
        record: Recorder | None = None,
    ) -> None:
        install_quiet()
        self.session = session
        self._retry = retry or Retry()
        self._pacer: Pacing = pacer or (Pacer.unlimited() if app is not None else Pacer())
        self._breaker = breaker or (Breaker.never() if app is not None else Breaker())
        self._renewal = Renewal(session, self._once, clock=clock, lock=lock)
        self._discovery = discovery
        self._record = record
        self._sender = Sender(session, self._renewal.credentials, app=app, timeout=timeout)
        self._client = self._sender.client

    def __repr__(self) -> str:
        return f"Transport({self.session!r})"

    @property
    def rests(self) -> float:
        """Seconds for which nothing is sent, because the service refused too often."""
        return self._breaker.rests

    async def __aenter__(self) -> Self:
        """Return the transport itself."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Release connections; closing twice is allowed."""
        await self._renewal.settle()
        await self._client.aclose()

    async def send(self, call: Call[T]) -> T:
        """Send a call and return its answer as the call's reply decodes it.

        Raises:
            AuthenticationError: the session is not accepted; said at once.
            TransportError: no usable answer came.
            RemoteError: what the service refused, by its kind.
        """
        if call.changes and is_promised():
            call = msgspec.structs.replace(call, idempotent=False)
        return await self._run(call, lambda: self._attempt(call, None))

    def forget(self, leads: str) -> None:
        """Ask anew for the way of calls with this :attr:`Call.leads`: what came from where it led was not good."""
        self._sender.forget(leads)

    @asynccontextmanager
    async def stream(self, call: Call[Any], *, headers: Mapping[str, str] | None = None) -> AsyncIterator[Download]:
        """Send a call and give its answer while it comes.

        Until the first byte it is retried like any other; what breaks later is the reader's to resume by ``Range``.

        Args:
            call: usually a GET for bytes.
            headers: beside the call's own, e.g. ``Range``. They are kept on every hop.

        Raises:
            RemoteError: as :meth:`send`.
        """
        wanted = {"accept-encoding": "identity", **(headers or {})}
        answer = await self._run(call, lambda: self._answer(call, wanted, None))
        download = Download(answer.response, title=call.title)
        if self._record is not None and not call.raw:
            download.heard = bytearray()
        try:
            yield download
        finally:
            await answer.response.aclose()
            self._keep(call, answer.response, None if download.heard is None else bytes(download.heard))

    async def _run(self, call: Call[Any], attempt: Callable[[], Awaitable[T | Failure]]) -> T:
        """Make attempts until one is good or none may follow; a refused session is renewed in between, once."""
        await self._locate(call)
        steps = self._renewal.steps()

        async def renewed() -> T | Failure:
            while isinstance(result := await attempt(), Failure):
                if (failure := await steps.heal(result)) is not None:
                    return failure
            return result

        return await self._retry.run(renewed, title=call.title)

    async def _locate(self, call: Call[Any]) -> None:
        """Find out which host is meant, where that has to be asked."""
        if self._discovery is None or call.address is not None or call.host not in ("content", "thumbnails"):
            return
        await self._discovery.settle(self.session, self.send)

    async def _once(self, call: Call[T], body: bytes | None) -> T | Failure:
        """Send one of the session's own calls, a single time; *body* is a secret that no call carries."""
        return await self._attempt(call, body)

    async def _attempt(self, call: Call[T], body: bytes | None) -> T | Failure:
        answer = await self._answer(call, {}, body)
        if isinstance(answer, Failure):
            return answer
        try:
            return await self._decoded(call, answer)
        finally:
            await answer.response.aclose()

    async def _answer(self, call: Call[Any], extra: Mapping[str, str], body: bytes | None) -> Answer | Failure:
        """Make one attempt and return a good answer, still open, or what went wrong."""
        async with self._pacer.slot(), opened(call) as upload:
            ticket = self._breaker.admit()
            if isinstance(ticket, Failure):
                return ticket
            try:
                sent = upload if body is None else Upload(None, body, len(body), call.title)
                return await self._heard(call, extra, sent)
            finally:
                self._breaker.release(ticket)

    async def _heard(self, call: Call[Any], extra: Mapping[str, str], upload: Upload | None) -> Answer | Failure:
        begun = time.monotonic()
        answer: Answer | Failure
        try:
            answer = await self._sender.send(call, extra, upload)
        except httpx.HTTPError as exc:
            answer = self._broken(call, upload, exc)
        except httpx.InvalidURL:
            answer = faults.undecodable(ValueError("a redirect leads to no valid address"))
        if isinstance(answer, Failure):
            _log.debug("%s failed: %s", call.title, type(answer.error).__name__)
            return answer
        response = answer.response
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug(
                "%s -> %d in %d ms (request %s)",
                call.title,
                response.status_code,
                (time.monotonic() - begun) * 1000,
                self.session.masked(response.headers.get("x-amzn-requestid", "-")),
            )
        verdict: Failure | None = None
        try:
            verdict = await self._verdict(call, answer)
            if answer.shown is not None:
                self._tell_breaker(response.status_code, verdict, page=pages.is_html(_kind(response)))
                self._slow_down(response.status_code, verdict)
        finally:
            if verdict is not None:
                await response.aclose()
        return verdict or answer

    def _tell_breaker(self, status: int, verdict: Failure | None, *, page: bool) -> None:
        if verdict is not None and (verdict.robot or status == _BUSY):
            self._breaker.refused(robot=verdict.robot, after=verdict.after)
        elif status != httpx.codes.TOO_MANY_REQUESTS and not page:  # a page is judged when it is read
            self._breaker.answered()

    def _slow_down(self, status: int, verdict: Failure | None) -> None:
        """Let the account's other requests wait as well where the service asks for fewer."""
        hint = None if verdict is None else verdict.after
        if status == httpx.codes.TOO_MANY_REQUESTS or (status == _BUSY and hint is not None):
            self._pacer.slow_down(_BREATH if hint is None else hint)

    async def _verdict(self, call: Call[Any], answer: Answer) -> Failure | None:
        """Return what an answer means that is not a good one."""
        response = answer.response
        if response.is_success:
            if not (call.raw and self._is_page(response)):
                return None
            page = await _beginning(response)
            self._keep(call, response, page)
            return faults.robot(response.status_code) if pages.is_for_robots(page) else faults.sign_in(answer.shown)
        if call.raw and response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return None
        page = await _beginning(response)
        self._keep(call, response, page)
        fault = wire_faults.parse(page)
        fault = msgspec.structs.replace(fault, message=self.session.masked(fault.message))
        hint = faults.retry_after(response.headers.get("retry-after"), now=time.time())
        if response.status_code == _BUSY and answer.shown is not None and not fault.json and pages.is_for_robots(page):
            return msgspec.structs.replace(faults.robot(_BUSY), after=hint)
        failure = faults.failure(call, response.status_code, fault, after=hint)
        if response.status_code == _UNAUTHORISED:
            return msgspec.structs.replace(failure, expired=answer.shown)
        return failure

    def _is_page(self, response: httpx.Response) -> bool:
        """Whether the metadata host itself sent a web page; a file that is one comes from elsewhere, or with a name."""
        return (
            _kind(response).startswith("text/html")
            and "content-disposition" not in response.headers
            and str(response.url).startswith(self.session.hosts.metadata)
        )

    async def _decoded(self, call: Call[T], answer: Answer) -> T | Failure:
        response = answer.response
        body = await self._body(call, response)
        if isinstance(body, Failure):
            return body
        self._keep(call, response, body)
        if not call.raw and pages.is_html(_kind(response)):
            return self._page(answer, body)
        try:
            return call.reply.decode(body or (b"" if call.raw else b"{}"))
        except (UnicodeDecodeError, RecursionError) as exc:  # the first carries the whole body along
            problem = "it is not UTF-8" if isinstance(exc, UnicodeDecodeError) else "it is nested too deeply"
            return faults.undecodable(ValueError(problem))
        except msgspec.DecodeError as exc:
            return faults.undecodable(exc)

    async def _body(self, call: Call[Any], response: httpx.Response) -> bytes | Failure:
        """Return all bytes of an answer, or what is wrong with them."""
        try:
            body = await gathered(response, call.most)
        except httpx.HTTPError as exc:
            return self._broken(call, None, exc)
        if body is None:
            return faults.too_long(call)
        expected = length_of(response)
        if expected is not None and expected != len(body):
            short = httpx.RemoteProtocolError(f"{len(body)} of {expected} bytes came")
            return faults.broken(call, "the answer broke off", left=True, whole=True, cause=short)
        return body

    def _page(self, answer: Answer, body: bytes) -> Failure:
        """Return what a web page means where JSON was due."""
        if pages.is_for_robots(body):
            self._breaker.refused(robot=True)
            return faults.robot(answer.response.status_code)
        self._breaker.answered()
        return faults.sign_in(answer.shown) if pages.asks_to_sign_in(body) else faults.not_json(_kind(answer.response))

    def _keep(self, call: Call[Any], response: httpx.Response, body: bytes | None) -> None:
        if self._record is not None:
            self._record.keep(call, response, body, mask=self.session.without_secrets)

    def _broken(self, call: Call[Any], upload: Upload | None, exc: httpx.HTTPError) -> Failure:
        left = not isinstance(exc, _NEVER_LEFT)
        whole = upload is None or upload.whole
        if isinstance(exc, httpx.TimeoutException):
            reason = "the service did not answer in time"
        elif isinstance(exc, httpx.ConnectError):
            reason = "the service cannot be reached"
        else:
            reason = "the connection broke"
        # A copy without the request: that one has the address and the cookies in it.
        cause = Exception(f"{type(exc).__name__}: {self.session.masked(str(exc))}")
        cause.__cause__ = exc.__cause__ if isinstance(exc, httpx.RemoteProtocolError) else None
        return faults.broken(call, reason, left=left, whole=whole, cause=cause)


def _kind(response: httpx.Response) -> str:
    kind: str = response.headers.get("content-type", "")
    return kind


async def _beginning(response: httpx.Response) -> bytes:
    """Return the beginning of an error's body; a broken one is as good as none."""
    found = bytearray()
    try:
        async for piece in unpacked(response):
            found += piece
            if len(found) >= pages.LONGEST:
                break
    except httpx.HTTPError:
        return b""
    return bytes(found)
