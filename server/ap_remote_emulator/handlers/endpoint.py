"""What turns a function of (store, call) into an endpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import anyio.to_thread
import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ap_remote_emulator.errors import BadRequestError
from ap_remote_emulator.handlers.answers import failure, json_response
from ap_remote_emulator.library import Store
from ap_remote_emulator.library.views import View

MAX_BODY: Final = 8 << 20
"""Bytes of a JSON body."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request as the functions of this package see it.

    Attributes:
        path: the variable parts of the path.
        query: the query's parameters; of a repeated one the last.
        body: the JSON object, empty for requests without a body.
        base: the origin that the caller reached us at, without a slash at the end.
        tag: the header ``If-Match``, without its quotes; ``""`` if it is not there.
    """

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    base: str
    tag: str = ""

    @property
    def v2(self) -> bool:
        """Whether the caller sent ``resourceVersion=V2``, in the query or in the body."""
        return "V2" in (self.query.get("resourceVersion"), self.body.get("resourceVersion"))

    @property
    def view(self) -> View:
        """How the caller wants nodes shown."""
        return View(
            temp_link_base=self.base if self.query.get("tempLink") == "true" else "",
            v2=self.v2,
            assets=self.query.get("asset") != "NONE",
        )


Function = Callable[[Store, Call], Any]
Endpoint = Callable[[Request], Awaitable[Response]]


def base_of(request: Request) -> str:
    """Return the origin of a request."""
    return str(request.base_url).rstrip("/")


def store_of(request: Request) -> Store:
    """Return the store that the application serves."""
    store: Store = request.app.state.store
    return store


def endpoint(function: Function, *, status: int = 200, quick: bool = False) -> Endpoint:
    """Make an endpoint that answers with what *function* returns, as JSON, or with 204 if that is ``None``.

    Args:
        function: is called in a worker thread, so it may block.
        status: of a success.
        quick: call it in the event loop instead: for reads of a row or two, which cost less than a change of threads.
    """

    def work(store: Store, call: Call) -> Response:
        try:
            found = function(store, call)
            return Response(status_code=204) if found is None else json_response(found, status)
        except Exception as error:  # noqa: BLE001 - the border of the service: every error becomes an answer
            return failure(error)

    async def answer(request: Request) -> Response:
        try:
            body = await json_body(request) if request.method not in ("GET", "HEAD") else {}
        except BadRequestError as error:
            return failure(error)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        tag = request.headers.get("if-match", "").strip().strip('"')
        call = Call(request.path_params, request.query_params, body, base_of(request), tag)
        if quick:
            return work(store_of(request), call)
        return await anyio.to_thread.run_sync(work, store_of(request), call)

    return answer


async def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object that a request carries, empty if it has no body.

    Raises:
        BadRequestError: it is something else, or too long.
        ClientDisconnect: the caller went away.
    """
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY:
            raise BadRequestError("The body is too long")
    if not raw.strip():
        return {}
    try:
        body = msgspec.json.decode(bytes(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequestError("The body is not JSON") from None
    if not isinstance(body, dict):
        raise BadRequestError("The body is not a JSON object")
    return body
