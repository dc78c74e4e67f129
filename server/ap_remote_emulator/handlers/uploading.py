"""The content host's uploads whose body is the bytes. They go from the socket to a file, a megabyte at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ap_remote_emulator.blobs import Upload
from ap_remote_emulator.errors import BadRequestError, ServiceError
from ap_remote_emulator.handlers.answers import failure, json_response
from ap_remote_emulator.handlers.endpoint import store_of
from ap_remote_emulator.library import Store, nodes, uploads
from ap_remote_emulator.library.wishes import Change, Wish

PIECE: Final = 1 << 20
"""Bytes that are gathered before they are written."""
_MD5_DIGITS: Final = frozenset("0123456789abcdef")
_MD5_LENGTH: Final = 32
ALLOWED_HEADERS: Final = "x-amz-access-token,x-amzn-file-md5"
"""What a browser's preflight asks for."""
Read = Callable[[Request, Upload], Awaitable[None]]
Commit = Callable[[Store, Upload], Any]
Handler = Callable[[Request], Awaitable[Response]]


def routes() -> list[Route]:
    """Return the routes of ``v2/upload``."""
    return [
        Route("/v2/upload", cross_origin(upload_v2), methods=["POST"]),
        Route("/v2/upload", preflight("POST"), methods=["OPTIONS"]),
        Route("/v2/upload/{id}", cross_origin(overwrite_v2), methods=["PUT"]),
        Route("/v2/upload/{id}", preflight("PUT"), methods=["OPTIONS"]),
    ]


async def upload_raw(request: Request) -> Response:
    """``POST /cdproxy/nodes``: variant A, the body is the bytes."""
    return await _upload(request, upload_service=False)


async def upload_v2(request: Request) -> Response:
    """``POST /v2/upload``: variant B, with a digest and a size to verify."""
    return await _upload(request, upload_service=True)


async def overwrite_v2(request: Request) -> Response:
    """``PUT /v2/upload/{id}``: other bytes for a file."""
    return await overwrite(request, read_body, upload_service=True)


async def overwrite(request: Request, read: Read, *, upload_service: bool) -> Response:
    """Give a file other bytes.

    Args:
        request: has the node's ``id`` in its path.
        read: takes the bytes out of the body.
        upload_service: conflicts have shape D.
    """
    store, node_id = store_of(request), request.path_params["id"]

    def check() -> Change:
        with store.read() as connection:
            nodes.find_own(connection, node_id)
        return Change.read(request.query_params)

    try:
        change = await anyio.to_thread.run_sync(check)
    except ServiceError as error:
        await drain(request)
        return failure(error, upload_service=upload_service)

    def commit(store: Store, upload: Upload) -> Any:
        return uploads.overwrite(store, upload, node_id, change)

    return await receive(request, read, commit, status=200, upload_service=upload_service)


async def _upload(request: Request, *, upload_service: bool) -> Response:
    store = store_of(request)
    try:
        wish = Wish.read(request.query_params)
        await anyio.to_thread.run_sync(uploads.precheck, store, wish)
    except ServiceError as error:
        # The body is read to its end: a client that is still writing would miss an answer that comes too early.
        await drain(request)
        return failure(error, upload_service=upload_service)

    def commit(store: Store, upload: Upload) -> Any:
        return uploads.commit(store, upload, wish)

    return await receive(request, read_body, commit, status=201, upload_service=upload_service)


async def receive(
    request: Request,
    read: Read,
    commit: Commit,
    *,
    status: int,
    upload_service: bool,
    md5_header: str = "x-amzn-file-md5",
) -> Response:
    """Take bytes out of a body, verify them and commit them; whatever goes wrong, nothing is left of them.

    Args:
        request: whose body it is.
        read: takes the bytes out of it.
        commit: is called in a worker thread with the whole of them; what it returns is answered as JSON.
        status: of a success.
        upload_service: conflicts have shape D.
        md5_header: the header that promises the digest.
    """
    store = store_of(request)
    try:
        with store.blobs.receive() as upload:
            try:
                await read(request, upload)
            except ServiceError as error:
                await drain(request)
                return failure(error, upload_service=upload_service)
            _verify(upload, promised_md5(request, md5_header))
            # Once the bytes are whole the commit must not be torn off by a client that goes away.
            with anyio.CancelScope(shield=True):
                answer = await anyio.to_thread.run_sync(commit, store, upload)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    except (ServiceError, OSError, sqlite3.Error) as error:
        # Nothing wider: in process, what the caller's own body raises must reach the caller.
        return failure(error, upload_service=upload_service)
    return json_response(answer, status)


async def read_body(request: Request, upload: Upload) -> None:
    """Take the whole body.

    Raises:
        BadRequestError: it is shorter than was said.
        ClientDisconnect: it broke off.
        StoreFullError: no room is left.
    """
    piece = bytearray()
    async for chunk in chunks(request):
        piece += chunk
        if len(piece) >= PIECE:
            await anyio.to_thread.run_sync(upload.write, bytes(piece))
            piece.clear()
    if piece:
        await anyio.to_thread.run_sync(upload.write, bytes(piece))


async def chunks(request: Request) -> AsyncIterator[bytes]:
    """Yield the body as it arrives.

    Raises:
        BadRequestError: its length is not the one that was said.
        ClientDisconnect: it broke off.
    """
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        yield chunk
    said = request.headers.get("content-length", "")
    if said and said != str(size):
        raise BadRequestError("Cannot read from request.")


def promised_md5(request: Request, header: str = "x-amzn-file-md5") -> str:
    """Return the digest that a header promises, in lower case, or ``""``.

    Raises:
        BadRequestError: it is no MD5.
    """
    md5 = request.headers.get(header, "").strip().lower()
    if md5 and (len(md5) != _MD5_LENGTH or not _MD5_DIGITS.issuperset(md5)):
        raise BadRequestError(f"Cannot complete upload: {header} is no MD5")
    return md5


def _verify(upload: Upload, md5: str) -> None:
    if md5 and md5 != upload.md5:
        raise BadRequestError("Cannot complete upload: the content does not match its MD5")


async def drain(request: Request) -> None:
    """Read what is left of a body."""
    try:
        async for _ in request.stream():
            pass
    except (ClientDisconnect, RuntimeError):
        return  # the body has ended already, one way or the other


def preflight(methods: str, headers: str = ALLOWED_HEADERS) -> Handler:
    """Return what answers a browser that asks whether it may send such a request; it asks without credentials."""

    async def answer(request: Request) -> Response:
        return Response(
            status_code=200,
            headers={
                "access-control-allow-origin": request.headers.get("origin", "*"),
                "access-control-allow-methods": methods,
                "access-control-allow-headers": headers,
                "access-control-max-age": "86400",
                "vary": "origin",
            },
        )

    return answer


def cross_origin(handler: Handler) -> Handler:
    """Let a page of another origin read what *handler* answers.

    Cookies are not part of it: without ``access-control-allow-credentials`` a page needs an access token of its own.
    """

    async def answer(request: Request) -> Response:
        response = await handler(request)
        if origin := request.headers.get("origin"):
            response.headers["access-control-allow-origin"] = origin
            response.headers["vary"] = "origin"
        return response

    return answer
