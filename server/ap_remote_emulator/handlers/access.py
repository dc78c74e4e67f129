"""Who may come in, as a middleware: three doors, of which a request takes the first that it knocks at.

An ``x-amz-access-token``, an ``Authorization: Bearer``, or cookies with their session header. A bad token is not made
good by cookies beside it, but for ``/photos/auth/token``, which is there to give a new one.
"""

from __future__ import annotations

from typing import Final

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ap_remote_emulator.handlers import sharing
from ap_remote_emulator.handlers.answers import NO_AUTH, TOKEN_EXPIRED, json_response, shape_b
from ap_remote_emulator.library.sessions import Gate, Verdict

_CONTENT_PATHS: Final = ("/cdproxy/", "/v2/")
_OPEN_PATHS: Final = ("/content/signed/", "/_internal/", "/auth/", "/ap/exchangetoken/")
"""These carry their own credential: in the query, or in the body."""
_SECOND_CREDENTIALS: Final = ("authorization", "x-amz-access-token")
_STRAY_CREDENTIALS: Final = ("cookie", "x-amzn-sessionid")
_COOKIES_ONLY: Final = "/photos/auth/token"
MAX_UNREAD: Final = 64 << 20
"""Bytes of a stranger's body that are read before the refusal (own choice)."""
_MAX_UNREAD_S: Final = 60


def has_second_credential(request: Request) -> bool:
    """Whether a request for a signed URL carries a credential that must not come there.

    A storage service refuses a second authorisation and does not look at cookies: clients that send them everywhere are
    known to download from the real one. Where ``/_internal/`` is open, for tests, cookies are refused as well, so that
    no client leaks them unnoticed.
    """
    refused = _SECOND_CREDENTIALS + (_STRAY_CREDENTIALS if request.app.state.strict else ())
    return any(name in request.headers for name in refused)


class AccessMiddleware:
    """Answers 401 to strangers, in the words of the host that the path belongs to."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self.app = app
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        # A browser asks with OPTIONS whether it may send its credential, and so has none yet.
        if scope["type"] != "http" or scope["method"] == "OPTIONS" or scope["path"].startswith(_OPEN_PATHS):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        if self._admits(request) or self._shared(request):
            await self.app(scope, receive, send)
            return
        # A client that is still writing would see a reset instead of an answer that comes too early.
        whole = await _read_out(request, receive)
        answer = self._refusal(request)
        if not whole:
            answer.headers["connection"] = "close"
        await answer(scope, receive, send)

    def _admits(self, request: Request) -> bool:
        token = _token(request)
        if token is not None:
            return self.gate.judge_token(token) is Verdict.GOOD
        session = request.headers.get("x-amzn-sessionid", "")
        return self.gate.judge_cookies(request.cookies, session) is Verdict.GOOD

    def _shared(self, request: Request) -> bool:
        return sharing.admits(self.gate.store, request.method, request.scope["path"], request.query_params)

    def _refusal(self, request: Request) -> Response:
        bearer = _bearer(request)
        expired = bearer is not None and self.gate.judge_token(bearer) is Verdict.EXPIRED
        if request.scope["path"].startswith(_CONTENT_PATHS):
            return shape_b(TOKEN_EXPIRED if expired else NO_AUTH, "", 401)
        return json_response({"message": TOKEN_EXPIRED} if expired else {"Message": NO_AUTH}, 401)


async def _read_out(request: Request, receive: Receive) -> bool:
    """Read a body that nobody wants; return whether it came to its end.

    Who asks with ``Expect: 100-continue`` whether to send it at all is not told to.
    """
    if request.headers.get("expect", "").lower() == "100-continue":
        return False
    size = 0
    with anyio.move_on_after(_MAX_UNREAD_S):
        while size <= MAX_UNREAD:
            message = await receive()
            if message["type"] != "http.request":
                return False
            size += len(message.get("body", b""))
            if not message.get("more_body", False):
                return True
    return False


def _token(request: Request) -> str | None:
    # The URL's own path would do no better: a Host header can put anything before it.
    if request.scope["path"] == _COOKIES_ONLY:
        return None
    return request.headers.get("x-amz-access-token") or _bearer(request)


def _bearer(request: Request) -> str | None:
    """Return the token of an ``Authorization: Bearer``; other schemes are none of ours."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
