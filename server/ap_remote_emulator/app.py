"""The application: the route table, and the three layers around it."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ap_remote_emulator import admin
from ap_remote_emulator.faults import BehaviourMiddleware, FaultMiddleware, Faults
from ap_remote_emulator.handlers import (
    bulk,
    content,
    drive,
    family,
    oauth,
    parts,
    people,
    properties,
    sessions,
    sharing,
    uploading,
)
from ap_remote_emulator.handlers.access import AccessMiddleware
from ap_remote_emulator.handlers.answers import json_response, unknown_operation
from ap_remote_emulator.handlers.endpoint import Endpoint, endpoint
from ap_remote_emulator.library import credentials, open_store, trash
from ap_remote_emulator.library.parts import sweep
from ap_remote_emulator.library.sessions import Gate

_DRIVE: Final = "/drive/v1"


def create_app(data: Path, *, internal: bool = False) -> Starlette:
    """Open the store in *data*, or make it there, and return the application that serves it.

    One origin plays all of Amazon's hosts. The application may be served on a socket or called in process, and several
    processes may serve one folder at once. ``app.state`` has the ``store``, the ``credentials`` and the ``faults``.

    Args:
        data: the folder; it is made with mode 0700, with ``credentials.json`` (mode 0600) in it.
        internal: also open ``/_internal/`` for tests: faults, reset, seed, clock, check. Never on a network. Signed
            URLs then refuse cookies too.

    Raises:
        StoreError: the folder cannot be used.
    """
    data = Path(data)
    store = open_store(data)
    sweep(store)
    trash.expire(store)
    known = credentials.load(data, store.owner_id)
    gate = Gate(store, known)
    faults = Faults()
    app = Starlette(
        routes=[*_routes(), *sessions.routes(gate), *admin.routes(store, faults, internal=internal)],
        middleware=[
            Middleware(RequestIdMiddleware),
            Middleware(FaultMiddleware, faults=faults),
            Middleware(BehaviourMiddleware, knobs=store.knobs, now=store.clock.now),
            Middleware(AccessMiddleware, gate=gate),
        ],
        exception_handlers={404: _not_found, 405: _wrong_method},
    )
    app.router.redirect_slashes = False
    app.state.store, app.state.credentials, app.state.faults = store, known, faults
    app.state.strict = internal
    return app


def _routes() -> list[Route]:
    def get(path: str, handler: Endpoint) -> Route:
        return Route(path, handler, methods=["GET"])

    def post(path: str, handler: Endpoint) -> Route:
        return Route(path, handler, methods=["POST"])

    def patch(path: str, handler: Endpoint) -> Route:
        return Route(path, handler, methods=["PATCH"])

    return [
        get(f"{_DRIVE}/account/info", endpoint(drive.account_info, quick=True)),
        get(f"{_DRIVE}/account/usage", endpoint(drive.account_usage)),
        get(f"{_DRIVE}/account/quota", endpoint(drive.account_quota)),
        get(f"{_DRIVE}/account/endpoint", endpoint(drive.account_endpoint, quick=True)),
        get(f"{_DRIVE}/nodes", endpoint(drive.list_nodes)),
        post(f"{_DRIVE}/nodes", endpoint(drive.create_node, status=201)),
        get(f"{_DRIVE}/nodes/{{id}}", endpoint(drive.get_node, quick=True)),
        patch(f"{_DRIVE}/nodes/{{id}}", endpoint(drive.patch_node)),
        get(f"{_DRIVE}/nodes/{{id}}/children", endpoint(drive.list_children)),
        patch(f"{_DRIVE}/nodes/{{id}}/children", endpoint(drive.patch_children)),
        post(f"{_DRIVE}/nodes/{{id}}/children", endpoint(drive.move_child)),
        get(f"{_DRIVE}/nodes/{{id}}/contentRedirection", content.redirect),
        get(f"{_DRIVE}/trash", endpoint(drive.list_trash)),
        patch(f"{_DRIVE}/trash", endpoint(drive.patch_trash)),
        post(f"{_DRIVE}/bulk/nodes/purge", endpoint(drive.purge)),
        post(f"{_DRIVE}/changes", drive.stream_changes),
        get(f"{_DRIVE}/search", endpoint(drive.search_nodes)),
        get(f"{_DRIVE}/search/aggregation", endpoint(drive.aggregation)),
        *drive.routes(),
        *properties.routes(),
        *bulk.routes(),
        *people.routes(),
        *family.routes(),
        *sharing.routes(),
        get("/v1/thumbnail/{id}", content.thumbnail),
        *oauth.routes(),
        get("/cdproxy/nodes/{id}", content.original),
        get("/cdproxy/nodes/{id}/content", content.content),
        *parts.routes(),
        *uploading.routes(),
        get("/content/signed/{id}", content.signed),
    ]


class RequestIdMiddleware:
    """Gives every answer an ``x-amzn-RequestId``."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def numbered(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-amzn-requestid", secrets.token_hex(8).encode())]
            await send(message)

        await self.app(scope, receive, numbered if scope["type"] == "http" else send)


async def _not_found(request: Request, error: Exception) -> Response:
    del request, error
    return unknown_operation()


async def _wrong_method(request: Request, error: Exception) -> Response:
    del request, error
    return json_response({"message": "Method Not Allowed"}, 405)
