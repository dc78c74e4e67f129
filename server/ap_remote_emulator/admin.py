"""What stands beside the protocol: a health probe always, and for tests the strings behind the stage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ap_remote_emulator.errors import ServiceError
from ap_remote_emulator.faults import Behaviour, Fault, Faults
from ap_remote_emulator.library import Store
from ap_remote_emulator.library.check import check_store
from ap_remote_emulator.seed import Order, seed


class ClockOrder(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The body of ``POST /_internal/clock``."""

    advance_ms: int


class _Stage:
    """The strings: one method per endpoint."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self.store = store
        self.faults = faults

    async def fault(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.faults.clear()
        elif request.method == "POST":
            self.faults.add(msgspec.json.decode(await request.body(), type=Fault))
        return _json(self.faults.pending())

    async def behaviour(self, request: Request) -> Response:
        if request.method == "POST":
            self.store.knobs.turn(msgspec.json.decode(await request.body(), type=Behaviour))
        elif request.method == "DELETE":
            self.store.knobs.turn(Behaviour())
            self.store.veil.lift()
        return _json(self.store.knobs.behaviour)

    async def reset(self, request: Request) -> Response:
        del request
        self.faults.clear()
        self.store.knobs.turn(Behaviour())
        await anyio.to_thread.run_sync(self.store.reset)
        return _json({})

    async def seed(self, request: Request) -> Response:
        order = msgspec.json.decode(await request.body(), type=Order)
        return _json(await anyio.to_thread.run_sync(seed, self.store, order))

    async def clock(self, request: Request) -> Response:
        self.store.clock.advance(msgspec.json.decode(await request.body(), type=ClockOrder).advance_ms)
        return _json({"now": self.store.clock.now()})

    async def check(self, request: Request) -> Response:
        del request
        return _json({"faults": await anyio.to_thread.run_sync(check_store, self.store)})


def routes(store: Store, faults: Faults, *, internal: bool) -> list[Route]:
    """Return the routes under ``/_internal/``; all but the health probe only where *internal* allows it."""
    always = [Route("/_internal/health", _health, methods=["GET"])]
    if not internal:
        return always
    stage = _Stage(store, faults)
    return [
        *always,
        Route("/_internal/fault", _guarded(stage.fault), methods=["GET", "POST", "DELETE"]),
        Route("/_internal/behaviour", _guarded(stage.behaviour), methods=["GET", "POST", "DELETE"]),
        Route("/_internal/reset", _guarded(stage.reset), methods=["POST"]),
        Route("/_internal/seed", _guarded(stage.seed), methods=["POST"]),
        Route("/_internal/clock", _guarded(stage.clock), methods=["POST"]),
        Route("/_internal/check", _guarded(stage.check), methods=["GET"]),
    ]


async def _health(request: Request) -> Response:
    del request
    return _json({"status": "ok"})


def _guarded(function: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return await function(request)
        except msgspec.DecodeError as error:
            return _json({"message": str(error)}, 400)
        except ServiceError as error:
            return _json({"message": error.message}, error.status)

    return answer


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")
