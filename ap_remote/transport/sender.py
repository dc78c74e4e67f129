"""One request and its redirects: credentials on, and off again where they must not go."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

import httpx

from ap_remote.transport import faults, network, quiet, reach
from ap_remote.transport.answer import PACKED, length_of
from ap_remote.transport.asgi import ASGIApp, ASGITransport
from ap_remote.transport.onward import Onward
from ap_remote.transport.retry import Failure
from ap_remote.transport.session import Shown

if TYPE_CHECKING:
    from ap_remote.transport.body import Upload
    from ap_remote.transport.call import Call
    from ap_remote.transport.session import Session

Credentials = Callable[[bool], tuple[dict[str, str], Shown]]
"""From whether the content host is asked to the headers that say who asks."""

_log: Final = logging.getLogger("ap_remote.transport")

HOPS: Final = 5
"""Redirects followed for one call."""
TIMEOUT: Final = httpx.Timeout(connect=15.0, read=60.0, write=60.0, pool=120.0)
_LIMITS: Final = httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=30.0)
_SHORT: Final = 64 * 1024
"""Bytes of a redirect's body that are read rather than losing the connection."""
_AGENT: Final = "Mozilla/5.0 (compatible; ap-remote/0.1)"
_JSON: Final = "application/json"
_SIGNATURE: Final = ("x-amz-algorithm", "x-amz-signature")
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class Answer:
    """An answer, still open, and the credentials that brought it; ``None`` where none were shown."""

    def __init__(self, response: httpx.Response, shown: Shown | None) -> None:
        self.response = response
        self.shown = shown


class Sender:
    """Sends one request at a time, as often as it is told.

    Args:
        session: its hosts are the only ones that ever get credentials.
        credentials: what says who asks.
        app: an ASGI application to speak to instead of the network.
        timeout: per phase of a request, in seconds.
    """

    def __init__(
        self,
        session: Session,
        credentials: Credentials,
        *,
        app: ASGIApp | None,
        timeout: httpx.Timeout | float,
    ) -> None:
        self._session = session
        self._credentials = credentials
        # A proxy from the environment is for the outside; it cannot reach a service on this machine.
        trust_env = urlsplit(session.hosts.metadata).hostname not in _LOOPBACK
        self._network = network.carrier(limits=_LIMITS, trust_env=trust_env) if app is None else None
        self.client = httpx.AsyncClient(
            transport=self._network if app is None else ASGITransport(app),
            timeout=timeout,
            limits=_LIMITS,
            follow_redirects=False,
            headers={"user-agent": _AGENT, "accept-encoding": PACKED},
            trust_env=trust_env,
            cookies=_no_jar(),
        )
        self._onward = Onward()
        self._usual = [(name.decode(), value.decode()) for name, value in self.client.headers.raw]
        self._phases = self.client.timeout.as_dict()

    async def send(self, call: Call[Any], extra: Mapping[str, str], upload: Upload | None) -> Answer | Failure:
        """Send a request, follow where it leads, and return the answer whatever its status.

        Args:
            call: what to ask.
            extra: headers beside the call's own, on every hop.
            upload: the body, if it has one.

        Raises:
            httpx.HTTPError: the connection broke.
            httpx.InvalidURL: an address is none.
        """
        if not call.leads or call.method != "GET":
            return await self._ask(call, extra, upload)
        if (url := await self._onward.recall(call.leads)) is not None:
            if (answer := await self._shortened(call, url, extra)) is not None:
                return answer
            self._onward.forget(call.leads)
        with self._onward.asking(call.leads):
            return await self._ask(call, extra, upload)

    def forget(self, leads: str) -> None:
        """Ask anew where *leads* is, the next time."""
        self._onward.forget(leads)

    async def _shortened(self, call: Call[Any], url: httpx.URL, extra: Mapping[str, str]) -> Answer | None:
        """Ask where an earlier redirect led; ``None`` where that is not as good as it was."""
        try:
            with quiet.ours():
                response = await self._exchange(call, url, extra, None)
        except httpx.HTTPError:
            return None
        if response.is_success or response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return Answer(response, None)
        await _finished(response)
        return None

    async def _ask(self, call: Call[Any], extra: Mapping[str, str], upload: Upload | None) -> Answer | Failure:
        url = self._url(call)
        if (failure := self._barred(url, call, "the service names")) is not None:
            return failure
        for _ in range(HOPS + 1):
            headers, shown = self._identity(url, call)
            with quiet.ours():
                response = await self._exchange(call, url, {**extra, **headers}, upload)
            if shown is not None:
                self._session.absorb(response.headers.get_list("set-cookie"))
            if not response.has_redirect_location:
                return Answer(response, shown)
            await _finished(response)
            onward = _joined(url, response.headers["location"])
            if _asks_to_sign_in(onward):
                return faults.sign_in(shown)
            if call.method != "GET":
                return faults.undecodable(ValueError(f"a {call.method} was sent elsewhere ({response.status_code})"))
            if (failure := self._barred(onward, call, "a redirect leads to")) is not None:
                return failure
            if not self._is_trusted(onward, call):
                _log.debug("%s goes on without credentials to %s", call.title, onward.host)
                if call.leads:
                    self._onward.learn(call.leads, onward)
            url = onward
        return faults.undecodable(ValueError(f"more than {HOPS} redirects"))

    def _barred(self, url: httpx.URL, call: Call[Any], leads: str) -> Failure | None:
        where = reach.refusal(url, call, self._session.hosts)
        return None if where is None else faults.undecodable(ValueError(f"{leads} {where}"))

    def _url(self, call: Call[Any]) -> httpx.URL:
        if call.address is not None:
            return httpx.URL(call.address.url)
        whole = self._session.addressed(call)
        query = f"?{urlencode(whole.params)}" if whole.params else ""
        return httpx.URL(self._session.hosts.base(whole.host) + whole.path + query)

    async def _exchange(
        self, call: Call[Any], url: httpx.URL, extra: Mapping[str, str], upload: Upload | None
    ) -> httpx.Response:
        headers = {"accept": "*/*" if call.raw else _JSON, **call.headers, **extra}
        if call.method == "GET" and self._network is not None:
            return await self._read(url, headers, self._network)
        if call.json is not None:
            headers["content-type"] = _JSON
        if upload is not None:
            headers["content-length"] = str(upload.size)
        request = self.client.build_request(call.method, url, headers=headers, content=call.json or upload)
        return await self.client.send(request, stream=True)

    async def _read(self, url: httpx.URL, headers: dict[str, str], network: httpx.AsyncBaseTransport) -> httpx.Response:
        """Do what the client would: its redirects, its cookies and its log, which are off, cost more than the rest."""
        usual = [pair for pair in self._usual if pair[0].lower() not in headers]
        request = httpx.Request("GET", url, headers=usual + list(headers.items()), extensions={"timeout": self._phases})
        response = await network.handle_async_request(request)
        response.request = request
        return response

    def _identity(self, url: httpx.URL, call: Call[Any]) -> tuple[dict[str, str], Shown | None]:
        if not self._is_trusted(url, call):
            return {}, None
        hosts = self._session.hosts
        # A service of one's own plays all hosts on one origin: there the call alone says which is meant.
        content = reach.origin_of(hosts.content)
        apart = content != reach.origin_of(hosts.metadata)
        return self._credentials(reach.origin(url) == content if apart else call.host == "content")

    def _is_trusted(self, url: httpx.URL, call: Call[Any]) -> bool:
        """Whether credentials may go there: one of our hosts, and no address that is a credential itself."""
        if call.address is not None:
            return False
        return reach.origin(url) in reach.origins(self._session.hosts) and not _is_signed(url)


def _no_jar() -> Any:
    """Return a cookie jar that keeps nothing: the session alone decides which cookies go where."""
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))


def _is_signed(url: httpx.URL) -> bool:
    """Whether an address is a credential itself."""
    query = url.query.lower()
    # To take a long query apart costs more than to see that none of it can be meant.
    return (b"x-amz-" in query or b"%" in query) and any(key.lower() in _SIGNATURE for key in url.params)


def _joined(url: httpx.URL, location: str) -> httpx.URL:
    return httpx.URL(location) if location.startswith(("https://", "http://")) else url.join(location)


async def _finished(response: httpx.Response) -> None:
    """Close a redirect so that its connection can be used again, for which its body has to be read, if it is short."""
    length = length_of(response)
    if length is not None and length <= _SHORT:
        with suppress(httpx.HTTPError):
            await response.aread()
    await response.aclose()


def _asks_to_sign_in(url: httpx.URL) -> bool:
    return url.path.startswith(("/ap/signin", "/ap/register", "/ap/cvf", "/ap/mfa"))
