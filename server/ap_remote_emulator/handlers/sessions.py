"""Where sessions and tokens are had and renewed: what the hosts of sign-in answer."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ap_remote_emulator.errors import BadRequestError
from ap_remote_emulator.handlers.answers import NO_AUTH, failure, json_response
from ap_remote_emulator.handlers.endpoint import Call, endpoint, json_body, store_of
from ap_remote_emulator.library import Store, sessions
from ap_remote_emulator.library.credentials import same
from ap_remote_emulator.library.sessions import TOKEN_LIFE_S, Gate

_MAX_FORM: Final = 64 << 10
_EXCHANGE: Final = {"requested_token_type": "auth_cookies", "source_token_type": "refresh_token"}
_DEVICE: Final = {"requested_token_type": "access_token", "source_token_type": "refresh_token"}


def routes(gate: Gate) -> list[Route]:
    """Return the routes of sign-in."""
    door = _Door(gate)
    return [
        Route("/photos/auth/token", endpoint(_browser_token, quick=True), methods=["GET"]),
        Route("/ap/exchangetoken/refresh", door.exchange, methods=["POST"]),
        Route("/auth/token", door.device_token, methods=["POST"]),
        Route("/auth/o2/token", door.oauth_token, methods=["POST"]),
        Route("/auth/o2/tokeninfo", door.token_info, methods=["GET"]),
    ]


def _browser_token(store: Store, call: Call) -> dict[str, str]:
    """``GET /photos/auth/token``: what a browser that has the cookies shows the content host."""
    del call
    return {"access_token": sessions.issue_token(store), "duration": str(TOKEN_LIFE_S)}


class _Door:
    """The endpoints that look at a credential in the body."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    async def exchange(self, request: Request) -> Response:
        """``POST /ap/exchangetoken/refresh``: fresh cookies for a session that has ended, or is about to.

        400 for a form that asks for something else, 401 for a stranger; what the real one says then is in no source.
        """
        try:
            form = await _form(request)
        except (BadRequestError, ClientDisconnect) as error:
            return _unreadable(error)
        if any(form.get(key, value) != value for key, value in _EXCHANGE.items()) or "source_token" not in form:
            return failure(BadRequestError("Invalid exchange: auth_cookies for a refresh_token are given"))

        def work() -> Response:
            cookies = sessions.exchange(store_of(request), self.gate, request.cookies, form["source_token"])
            if cookies is None:
                return json_response({"Message": NO_AUTH}, 401)
            fresh = [{"Name": name, "Value": value} for name, value in cookies.items()]
            return json_response({"response": {"tokens": {"cookies": fresh}}})

        return await _guarded(work)

    async def device_token(self, request: Request) -> Response:
        """``POST /auth/token``: JSON, as the apps ask."""
        try:
            body = await json_body(request)
        except (BadRequestError, ClientDisconnect) as error:
            return _unreadable(error)
        if any(body.get(key) != value for key, value in _DEVICE.items()):
            return _oauth_error("invalid_request", "an access_token is given for a refresh_token")
        return await self._refresh(request, body.get("source_token"), {"request_id": secrets.token_hex(16)})

    async def oauth_token(self, request: Request) -> Response:
        """``POST /auth/o2/token``: a form, as OAuth has it. Any client is served, for there is one account here."""
        try:
            form = await _form(request)
        except (BadRequestError, ClientDisconnect) as error:
            return _unreadable(error)
        if form.get("grant_type") != "refresh_token":
            return _oauth_error("unsupported_grant_type", "the grant refresh_token is the only one")
        token = form.get("refresh_token")
        return await self._refresh(request, token, {"refresh_token": token})

    async def token_info(self, request: Request) -> Response:
        """``GET /auth/o2/tokeninfo``: whose token it is, and the seconds that it has left."""
        token, store = request.query_params.get("access_token", ""), store_of(request)
        until, now = sessions.token_end(store, token), store.clock.now()
        if until is None or until <= now:
            return _oauth_error("invalid_token", "The request has an invalid parameter : access_token")
        return json_response({"user_id": self.gate.known.owner_id, "exp": (until - now) // 1000})

    async def _refresh(self, request: Request, token: Any, further: Mapping[str, Any]) -> Response:
        if not isinstance(token, str) or not same(token, self.gate.known.refresh_token):
            return _oauth_error("invalid_grant", "The request has an invalid grant parameter : refresh_token")
        answer = {"access_token": sessions.issue_token(store_of(request)), "expires_in": TOKEN_LIFE_S}
        return json_response({**answer, "token_type": "bearer", **further})


async def _form(request: Request) -> dict[str, str]:
    """Return an ``application/x-www-form-urlencoded`` body.

    Raises:
        BadRequestError: it is too long, or no text.
        ClientDisconnect: the caller went away.
    """
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _MAX_FORM:
            raise BadRequestError("The form is too long")
    try:
        return dict(parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict"))
    except ValueError:
        raise BadRequestError("The body is no form") from None


async def _guarded(work: Callable[[], Response]) -> Response:
    try:
        return await anyio.to_thread.run_sync(work)
    except Exception as error:  # noqa: BLE001 - the border of the service: every error becomes an answer
        return failure(error)


def _unreadable(error: Exception) -> Response:
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)  # nobody is there to read it
    return failure(error)


def _oauth_error(code: str, description: str) -> Response:
    return json_response({"error": code, "error_description": description}, 400)
