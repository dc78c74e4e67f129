"""Who may come in, as a middleware: cookies with their session header, or the access token."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ap_remote_emulator.handlers.answers import NO_AUTH, json_response, shape_b
from ap_remote_emulator.library.credentials import Credentials

_CONTENT_PATHS: Final = ("/cdproxy/", "/v2/")
_OPEN_PATHS: Final = ("/content/signed/", "/_internal/")
_COOKIES_ONLY: Final = "/photos/auth/token"


class AccessMiddleware:
    """Answers 401 to strangers, in the words of the host that the path belongs to."""

    def __init__(self, app: ASGIApp, credentials: Credentials) -> None:
        self.app = app
        self.credentials = credentials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] != "http" or scope["path"].startswith(_OPEN_PATHS) or self._admits(Request(scope)):
            await self.app(scope, receive, send)
            return
        if scope["path"].startswith(_CONTENT_PATHS):
            response = shape_b(NO_AUTH, "", 401)
        else:
            response = json_response({"Message": NO_AUTH}, 401)
        await response(scope, receive, send)

    def _admits(self, request: Request) -> bool:
        token = request.headers.get("x-amz-access-token")
        if token is not None and request.url.path != _COOKIES_ONLY:
            return self.credentials.admit_token(token)
        return self.credentials.admit_cookies(request.cookies, request.headers.get("x-amzn-sessionid", ""))
