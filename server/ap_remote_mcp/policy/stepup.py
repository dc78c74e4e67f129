"""A token that lacks what a tool needs is answered by HTTP, so that the client can ask its issuer for more.

Within the protocol the refusal would be a tool's error, which no client takes as a reason to ask. The tools refuse
too (:func:`ap_remote_mcp.principal.permit`): what this module does not see they still do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SEEN: Final = 64 * 1024
"""Bytes of a request that are looked into; the arguments of the tools are smaller."""


class _Named(msgspec.Struct):
    name: str = ""


class _Request(msgspec.Struct):
    method: str = ""
    params: _Named = msgspec.field(default_factory=_Named)


class StepUp:
    """Answers 403 with the scopes that are missing (RFC 6750 section 3.1); stands behind the authentication.

    Args:
        app: gets what is not refused.
        path: where the protocol is spoken; other pages are for everybody.
        base: the scope that every request needs.
        scopes: by the name of a tool the scopes of which it needs one, the first being the one to ask for.
        metadata: the address of the page that tells who issues tokens.
    """

    def __init__(
        self, app: ASGIApp, *, path: str, base: str, scopes: Mapping[str, tuple[str, ...]], metadata: str
    ) -> None:
        self._app = app
        self._path = path
        self._base = base
        self._scopes = scopes
        self._metadata = metadata

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        user = scope.get("user")
        if scope["type"] == "http" and scope["path"] == self._path and isinstance(user, AuthenticatedUser):
            held = set(user.scopes)
            asked = [] if self._base in held else [self._base]
            if scope["method"] == "POST" and any(held.isdisjoint(each) for each in self._scopes.values()):
                body, receive = await _peeked(receive)
                needed = self._scopes.get(_tool(body), ())
                if needed and held.isdisjoint(needed):
                    asked = list(dict.fromkeys([self._base, needed[0]]))
            if asked:
                await self._refusal(asked)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, asked: list[str]) -> JSONResponse:
        told = {"error": "insufficient_scope", "error_description": f"Required scope: {' '.join(asked)}"}
        words = [*told.items(), ("scope", " ".join(asked)), ("resource_metadata", self._metadata)]
        challenge = "Bearer " + ", ".join(f'{name}="{value}"' for name, value in words)
        return JSONResponse(told, status_code=403, headers={"WWW-Authenticate": challenge})


async def _peeked(receive: Receive) -> tuple[bytes, Receive]:
    """Return the body of a request, nothing where it is long, and what gives all of it to whoever reads it next."""
    taken: list[Message] = []
    body = b""
    while len(body) <= _SEEN:
        message = await receive()
        taken.append(message)
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    waiting = iter(taken)

    async def again() -> Message:
        for message in waiting:
            return message
        return await receive()

    return body if len(body) <= _SEEN else b"", again


def _tool(body: bytes) -> str:
    """Return which tool a request calls; ``""`` if none, or if it cannot be read."""
    try:
        request: Any = msgspec.json.decode(body, type=_Request)
    except (msgspec.DecodeError, RecursionError):
        return ""
    return request.params.name if request.method == "tools/call" else ""
