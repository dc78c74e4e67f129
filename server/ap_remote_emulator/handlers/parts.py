"""``v2/upload/multipart-upload``: large files, a part at a time. What its answers hold is (inferred)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ap_remote_emulator.blobs import Upload
from ap_remote_emulator.errors import BadRequestError, ServiceError
from ap_remote_emulator.handlers.answers import failure, json_response
from ap_remote_emulator.handlers.endpoint import store_of
from ap_remote_emulator.handlers.uploading import (
    ALLOWED_HEADERS,
    Handler,
    cross_origin,
    drain,
    preflight,
    promised_md5,
    read_body,
    receive,
)
from ap_remote_emulator.library import Store, parts

_BASE: Final = "/v2/upload/multipart-upload"
_PART_MD5: Final = "x-amzn-part-md5"
_MAX_DIGITS: Final = 9


def routes() -> list[Route]:
    """Return the five calls, and the preflights that a browser sends before them."""
    table: list[tuple[str, dict[str, Handler]]] = [
        ("", {"POST": start}),
        ("/{id}", {"PUT": start, "GET": state, "DELETE": abort}),
        ("/{id}/parts/{number}", {"PUT": put_part}),
        ("/{id}/complete", {"POST": complete}),
    ]
    found: list[Route] = []
    for path, handlers in table:
        found += [Route(_BASE + path, cross_origin(handler), methods=[each]) for each, handler in handlers.items()]
        asked = preflight(", ".join(handlers), f"{ALLOWED_HEADERS},{_PART_MD5}")
        found.append(Route(_BASE + path, asked, methods=["OPTIONS"]))
    return found


async def start(request: Request) -> Response:
    """``POST`` for a new node (201), ``PUT {id}`` for other content of a file (200)."""
    node_id = request.path_params.get("id", "")
    query = request.query_params

    def work(store: Store) -> dict[str, Any]:
        return parts.start(store, query, promised_md5(request), node_id)

    return await _work(request, work, status=200 if node_id else 201)


async def put_part(request: Request) -> Response:
    """``PUT {id}/parts/{number}``: the body is the part."""
    store, node_id, upload_id = store_of(request), request.path_params["id"], _upload_id(request)
    try:
        number = _number(request.path_params["number"])
        await anyio.to_thread.run_sync(parts.check_part, store, node_id, upload_id, number)
    except ServiceError as error:
        await drain(request)
        return failure(error, upload_service=True)

    def commit(store: Store, part: Upload) -> dict[str, Any]:
        return parts.keep(store, part, node_id, upload_id, number)

    return await receive(request, read_body, commit, status=200, upload_service=True, md5_header=_PART_MD5)


async def state(request: Request) -> Response:
    """``GET {id}``: which parts are here."""
    node_id, upload_id = request.path_params["id"], _upload_id(request)
    return await _work(request, lambda store: parts.state(store, node_id, upload_id))


async def complete(request: Request) -> Response:
    """``POST {id}/complete``: the node."""
    node_id, upload_id = request.path_params["id"], _upload_id(request)
    return await _work(request, lambda store: parts.complete(store, node_id, upload_id))


async def abort(request: Request) -> Response:
    """``DELETE {id}``."""
    node_id, upload_id = request.path_params["id"], _upload_id(request)
    return await _work(request, lambda store: parts.abort(store, node_id, upload_id), status=204)


async def _work(request: Request, work: Callable[[Store], Any], *, status: int = 200) -> Response:
    await drain(request)
    try:
        # Joining gigabytes takes a while; a client that goes away meanwhile finds the node made.
        with anyio.CancelScope(shield=True):
            answer = await anyio.to_thread.run_sync(work, store_of(request))
    except Exception as error:  # noqa: BLE001 - the border of the service: every error becomes an answer
        return failure(error, upload_service=True)
    return json_response(answer, status) if answer is not None else Response(status_code=status)


def _upload_id(request: Request) -> str:
    return request.query_params.get("uploadId", "")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > _MAX_DIGITS:
        raise BadRequestError(f"Invalid part number: {text[:40]}")
    return int(text)
