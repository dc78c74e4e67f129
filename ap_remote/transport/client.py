"""The one place that sends: credentials on, redirects by hand, answers checked, failures named."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from ap_remote.transport import faults, quiet
from ap_remote.transport.answer import Download, length_of
from ap_remote.transport.asgi import ASGIApp, ASGITransport
from ap_remote.transport.body import Upload, opened
from ap_remote.transport.pacer import Pacer
from ap_remote.transport.retry import Failure, Retry
from ap_remote.wire import faults as wire_faults

if TYPE_CHECKING:
    from types import TracebackType

    from ap_remote.transport.call import Call
    from ap_remote.transport.session import Session

T = TypeVar("T")

_log: Final = logging.getLogger("ap_remote.transport")

HOPS: Final = 5
"""Redirects followed for one call."""
TIMEOUT: Final = httpx.Timeout(connect=15.0, read=60.0, write=60.0, pool=120.0)
_LIMITS: Final = httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=30.0)
_AGENT: Final = "Mozilla/5.0 (compatible; ap-remote/0.1)"
_JSON: Final = "application/json"
_SIGNATURE: Final = ("x-amz-algorithm", "x-amz-signature")
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_NEVER_LEFT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_FAULT_LIMIT: Final = 64 * 1024
"""Bytes of an error's body that are read."""


class Transport:
    """Sends calls for one account.

    Args:
        session: cookies and hosts.
        app: an ASGI application to speak to instead of the network.
        retry: the policy and its clock; the default waits for real.
        pacer: how fast; the default is polite to Amazon.
        timeout: per phase of a request, in seconds.
    """

    def __init__(
        self,
        session: Session,
        *,
        app: ASGIApp | None = None,
        retry: Retry | None = None,
        pacer: Pacer | None = None,
        timeout: httpx.Timeout | float = TIMEOUT,
    ) -> None:
        quiet.install()
        self.session = session
        self._retry = retry or Retry()
        self._pacer = pacer or (Pacer.unlimited() if app is not None else Pacer())
        self._own = {_origin(httpx.URL(base)) for base in msgspec.structs.astuple(session.hosts)}
        self._client = httpx.AsyncClient(
            transport=None if app is None else ASGITransport(app),
            timeout=timeout,
            limits=_LIMITS,
            follow_redirects=False,
            headers={"user-agent": _AGENT},
            # A proxy from the environment is for the outside; it cannot reach a service on this machine.
            trust_env=urlsplit(session.hosts.metadata).hostname not in _LOOPBACK,
            cookies=_no_jar(),
        )

    def __repr__(self) -> str:
        return f"Transport({self.session!r})"

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
        await self._client.aclose()

    async def send(self, call: Call[T]) -> T:
        """Send a call and return its answer as the call's reply decodes it.

        Raises:
            AuthenticationError: the session is not accepted; said at once.
            TransportError: no usable answer came.
            RemoteError: what the service refused, by its kind.
        """

        async def attempt() -> T | Failure:
            answer = await self._answer(call, {})
            if isinstance(answer, Failure):
                return answer
            try:
                return await self._decoded(call, answer)
            finally:
                await answer.aclose()

        return await self._retry.run(attempt, title=call.title)

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

        answer = await self._retry.run(lambda: self._answer(call, wanted), title=call.title)
        try:
            yield Download(answer, title=call.title)
        finally:
            await answer.aclose()

    async def _answer(self, call: Call[Any], extra: Mapping[str, str]) -> httpx.Response | Failure:
        """Make one attempt and return a good answer, still open, or what went wrong."""
        begun = time.monotonic()
        async with self._pacer.slot(), opened(call) as upload:
            try:
                answer = await self._followed(call, extra, upload)
            except httpx.HTTPError as exc:
                answer = self._broken(call, upload, exc)
            except httpx.InvalidURL:
                answer = faults.undecodable(ValueError("a redirect leads to no valid address"))
        if isinstance(answer, Failure):
            _log.debug("%s failed: %s", call.title, type(answer.error).__name__)
            return answer
        _log.debug(
            "%s -> %d in %d ms (request %s)",
            call.title,
            answer.status_code,
            (time.monotonic() - begun) * 1000,
            self.session.masked(answer.headers.get("x-amzn-requestid", "-")),
        )
        verdict: Failure | None = None
        try:
            verdict = await self._verdict(call, answer)
        finally:
            if verdict is not None:
                await answer.aclose()
        return verdict or answer

    async def _followed(
        self, call: Call[Any], extra: Mapping[str, str], upload: Upload | None
    ) -> httpx.Response | Failure:
        url = httpx.URL(self.session.hosts.base(call.host) + call.path, params=call.params)
        for _ in range(HOPS + 1):
            request = self._request(call, url, extra, upload)
            with quiet.ours():
                response = await self._client.send(request, stream=True)
            if self._trusted(url):
                self.session.absorb(response.headers.get_list("set-cookie"))
            if not response.has_redirect_location:
                return response
            await response.aclose()
            onward = url.join(response.headers["location"])
            if _asks_to_sign_in(onward):
                return faults.sign_in()
            if call.method != "GET":
                return faults.undecodable(ValueError(f"a {call.method} was sent elsewhere ({response.status_code})"))
            if onward.scheme not in ("https", url.scheme):
                return faults.undecodable(ValueError("a redirect leads to an unprotected address"))
            if not self._trusted(onward):
                _log.debug("%s goes on without credentials to %s", call.title, onward.host)
            url = onward
        return faults.undecodable(ValueError(f"more than {HOPS} redirects"))

    def _request(
        self, call: Call[Any], url: httpx.URL, extra: Mapping[str, str], upload: Upload | None
    ) -> httpx.Request:
        headers = {"accept": "*/*" if call.raw else _JSON, **call.headers, **extra}
        if call.json is not None:
            headers["content-type"] = _JSON
        if upload is not None:
            headers["content-length"] = str(upload.size)
        if self._trusted(url):
            headers.update(self.session.headers())
        return self._client.build_request(call.method, url, headers=headers, content=call.json or upload)

    def _trusted(self, url: httpx.URL) -> bool:
        """Whether credentials may go there: one of our hosts, and no address that is a credential itself."""
        return _origin(url) in self._own and not any(key.lower() in _SIGNATURE for key in url.params)

    async def _verdict(self, call: Call[Any], answer: httpx.Response) -> Failure | None:
        """Return what an answer means that is not a good one."""
        if answer.is_success:
            return faults.sign_in() if call.raw and self._is_page(answer) else None
        if call.raw and answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return None
        fault = wire_faults.parse(await _beginning(answer))
        fault = msgspec.structs.replace(fault, message=self.session.masked(fault.message))
        hint = faults.retry_after(answer.headers.get("retry-after"), now=time.time())
        return faults.failure(call, answer.status_code, fault, after=hint)

    def _is_page(self, answer: httpx.Response) -> bool:
        """Whether the metadata host itself sent a web page; a file that is one comes from elsewhere, or with a name."""
        return (
            answer.headers.get("content-type", "").startswith("text/html")
            and "content-disposition" not in answer.headers
            and str(answer.url).startswith(self.session.hosts.metadata)
        )

    async def _decoded(self, call: Call[T], response: httpx.Response) -> T | Failure:
        try:
            body = await response.aread()
        except httpx.HTTPError as exc:
            return self._broken(call, None, exc)
        expected = length_of(response)
        if expected is not None and expected != len(body):
            short = httpx.RemoteProtocolError(f"{len(body)} of {expected} bytes came")
            return faults.broken(call, "the answer broke off", left=True, whole=True, cause=short)
        kind = response.headers.get("content-type", "")
        if not call.raw and "html" in kind:
            return faults.sign_in() if _is_sign_in_page(body) else faults.not_json(kind)
        try:
            return call.reply.decode(body or (b"" if call.raw else b"{}"))
        except (UnicodeDecodeError, RecursionError) as exc:  # the first carries the whole body along
            problem = "it is not UTF-8" if isinstance(exc, UnicodeDecodeError) else "it is nested too deeply"
            return faults.undecodable(ValueError(problem))
        except msgspec.DecodeError as exc:
            return faults.undecodable(exc)

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


def _no_jar() -> Any:
    """Return a cookie jar that keeps nothing: the session alone decides which cookies go where."""
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _asks_to_sign_in(url: httpx.URL) -> bool:
    return url.path.startswith(("/ap/signin", "/ap/register", "/ap/cvf", "/ap/mfa"))


def _is_sign_in_page(body: bytes) -> bool:
    page = body[:_FAULT_LIMIT].lower()
    return b"signin" in page or b"sign-in" in page or b'type="password"' in page


async def _beginning(response: httpx.Response) -> bytes:
    """Return the beginning of an error's body; a broken one is as good as none."""
    found = bytearray()
    try:
        async for piece in response.aiter_bytes():
            found += piece
            if len(found) >= _FAULT_LIMIT:
                break
    except httpx.HTTPError:
        return b""
    return bytes(found)
