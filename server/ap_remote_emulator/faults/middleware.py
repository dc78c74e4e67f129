"""The knobs, as a middleware in front of everything but the scripted faults."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ap_remote_emulator.faults import answers, bodies, requests
from ap_remote_emulator.faults.behaviour import Behaviour
from ap_remote_emulator.faults.knobs import Knobs, late, veiled

_OPEN: Final = ("/content/signed/", "/ap/exchangetoken/", "/auth/")
"""No session is needed there: the credential is in the query or in the body."""
_BROWSER_TOKEN: Final = "/photos/auth/token"  # noqa: S105 - a path
_COOKIES: Final = ("at-", "session-id")
"""How the names of the cookies begin that are rotated; ``session-id-time`` is none of them."""


class BehaviourMiddleware:
    """Lets the knobs befall requests. What lies under ``/_internal/`` is spared."""

    def __init__(self, app: ASGIApp, knobs: Knobs, now: Callable[[], int]) -> None:
        self.app = app
        self.knobs = knobs
        self.now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as the service does or otherwise."""
        if scope["type"] != "http" or scope["path"].startswith("/_internal/") or self.knobs.off:
            await self.app(scope, receive, send)
            return
        behaviour = self.knobs.behaviour
        async with self._among_others() as number:
            refusal = self._refusal(behaviour, scope, number)
            if refusal is None:
                await self._serve(behaviour, scope, receive, send)
                return
            # What a client is still sending is read to its end, or it would miss an answer that comes too early.
            await requests.drain(receive)
            status, body, headers = refusal
            await answers.answer(send, status, body, **headers)

    @asynccontextmanager
    async def _among_others(self) -> AsyncIterator[int]:
        number = self.knobs.enter()
        try:
            yield number
        finally:
            self.knobs.leave()

    def _refusal(self, behaviour: Behaviour, scope: Scope, number: int) -> tuple[int, object, dict[str, str]] | None:
        throttle, busy = behaviour.throttle, behaviour.busy
        if behaviour.concurrency and number > behaviour.concurrency:
            return 503, answers.busy("json"), {}
        if self.knobs.refuses("throttle", throttle.every, throttle.length):
            hint = {} if throttle.retry_after is None else {"retry_after": str(throttle.retry_after)}
            return 429, {"message": "Rate exceeded"}, hint
        if self.knobs.refuses("busy", busy.every, busy.length):
            return 503, answers.busy(busy.body), {}
        if (message := self._ended(behaviour, scope)) is not None:
            return 401, message, {}
        if requests.is_listing(scope) and self._page_expired(behaviour, scope):
            return 400, {"message": answers.PAGE_EXPIRED}, {}
        return None

    def _ended(self, behaviour: Behaviour, scope: Scope) -> object | None:
        """Return the body of a 401 if the credentials shown are good no more."""
        path, sessions, now = scope["path"], self.knobs.sessions, self.now()
        if path.startswith(_OPEN) or scope["method"] == "OPTIONS":
            return None
        if (token := _token(scope)) and path != _BROWSER_TOKEN:
            most = behaviour.session.token_requests
            spent = not sessions.good(token, now) or (most and not sessions.spend(token, most))
            return {"message": answers.TOKEN_EXPIRED} if spent else None
        cookies = _credentials(requests.cookies_of(scope))
        at = next((value for name, value in cookies.items() if name.startswith("at-")), "")
        most = behaviour.session.requests
        shown = [*cookies.values(), requests.header(scope, "x-amzn-sessionid")]
        spent = not all(sessions.good(value, now) for value in shown)
        if spent or (most and at and not sessions.spend(at, most)):
            return answers.unauthorised(path)
        return None

    def _page_expired(self, behaviour: Behaviour, scope: Scope) -> bool:
        most = behaviour.paging.token_pages
        if not most or "startToken" not in requests.query_of(scope):
            return False
        if self.knobs.count("pages") < most:
            return False
        self.knobs.forget("pages")
        return True

    async def _serve(self, behaviour: Behaviour, scope: Scope, receive: Receive, send: Send) -> None:
        send = self._rotating(behaviour, scope, send)
        if behaviour.bodies.bytes_per_second:
            send = bodies.slow(send, behaviour.bodies.bytes_per_second)
        if behaviour.bodies.redirect_to:
            send = bodies.elsewhere(send, behaviour.bodies.redirect_to)
        if requests.is_download(scope) and behaviour.bodies.truncate >= 0:
            send = bodies.shortened(send, behaviour.bodies.truncate)
        if requests.is_download(scope) and behaviour.bodies.length_off:
            send = bodies.misstated(send, behaviour.bodies.length_off)
        scope, receive, rewrites = await self._rewritten(behaviour, scope, receive)
        if rewrites:
            send = answers.RewrittenJson(send, rewrites)
        scope = self._shifted(behaviour, self._resolved(scope))
        denied = requests.is_upload(scope) and self.knobs.befalls("denied", behaviour.uploads.denied)
        mark = late.set(behaviour.uploads.appears if denied else 0)
        seen = veiled.set(requests.is_listing(scope) or (behaviour.lag.changes and requests.is_changes(scope)))
        try:
            await self.app(scope, receive, _nowhere if denied else send)
        finally:
            veiled.reset(seen)
            late.reset(mark)
        if denied:
            await answers.answer(send, 504, {"message": "Endpoint request timed out"})

    async def _rewritten(
        self, behaviour: Behaviour, scope: Scope, receive: Receive
    ) -> tuple[Scope, Receive, list[answers.Rewrite]]:
        """Return the request without what is to fail, and what is to be done to the JSON of its answer."""
        path, method = scope["path"], scope["method"]
        rewrites: list[answers.Rewrite] = []
        if behaviour.text_numbers and path.endswith(("/account/usage", "/account/quota")):
            rewrites.append(answers.text_numbers)
        if not behaviour.paging.tokens and requests.is_listing(scope):
            rewrites.append(answers.without_token)
        if behaviour.uploads.pending:
            rewrites.append(answers.pending(self.now() - behaviour.uploads.pending))
        for asked, key, errors in (
            ("POST /drive/v1/bulk/nodes/purge", "nodeIds", behaviour.purge_errors),
            ("PATCH /drive/v1/trash", "value", behaviour.trash_errors),
        ):
            if errors and asked == f"{method} {path}":
                body, spared = requests.spare(await requests.read_whole(receive), key, errors)
                receive = requests.replay(body, receive)
                scope = requests.with_headers(scope, content_length=str(len(body)))
                rewrites.append(answers.with_errors(spared))
        return scope, receive, rewrites

    def _shifted(self, behaviour: Behaviour, scope: Scope) -> Scope:
        """Return the request for a page as it would be answered if rows had come or gone before it."""
        by = behaviour.paging.skip - behaviour.paging.duplicate
        offset = requests.query_of(scope).get("offset", "") if by and requests.is_listing(scope) else ""
        if not (offset.isascii() and offset.isdigit()) or int(offset) == 0:
            return scope
        return requests.with_query(scope, offset=str(max(0, int(offset) + by)))

    def _resolved(self, scope: Scope) -> Scope:
        """Return the request with the credentials that its aliases stand for."""
        resolve = self.knobs.sessions.resolve
        cookies = requests.cookies_of(scope)
        resolved = {name: resolve(value) for name, value in cookies.items()}
        if resolved != cookies:
            scope = requests.with_cookies(scope, resolved)
        session = requests.header(scope, "x-amzn-sessionid")
        return requests.with_headers(scope, x_amzn_sessionid=resolve(session)) if resolve(session) != session else scope

    def _rotating(self, behaviour: Behaviour, scope: Scope, send: Send) -> Send:
        """Return a *send* that gives fresh cookies to whom their turn has come."""
        every = behaviour.session.rotate_every
        cookies = _credentials(requests.cookies_of(scope))
        if not every or not cookies or _token(scope) or (self.knobs.count("answers") + 1) % every:
            return send

        async def rotate(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:  # noqa: PLR2004 - not to strangers
                deadline = self.now() + behaviour.session.grace
                fresh = []
                for name, value in cookies.items():
                    alias = self.knobs.sessions.alias(value)
                    self.knobs.sessions.outlive(value, deadline)
                    fresh.append((b"set-cookie", f"{name}={alias}; Path=/".encode("latin-1")))
                message = {**message, "headers": [*message["headers"], *fresh]}
            await send(message)

        return rotate


def _token(scope: Scope) -> str:
    scheme, _, bearer = requests.header(scope, "authorization").partition(" ")
    return requests.header(scope, "x-amz-access-token") or (bearer.strip() if scheme.lower() == "bearer" else "")


def _credentials(cookies: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in cookies.items() if name.startswith(_COOKIES[0]) or name == _COOKIES[1]}


async def _nowhere(message: Message) -> None:
    del message
