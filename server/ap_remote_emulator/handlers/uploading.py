"""The content host's uploads. Bodies go from the socket to a file, a megabyte at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Final

import anyio
import anyio.to_thread
from msgspec import Raw
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ap_remote_emulator.blobs import Upload
from ap_remote_emulator.errors import BadRequestError, ServiceError
from ap_remote_emulator.handlers.answers import failure, json_response
from ap_remote_emulator.handlers.endpoint import store_of
from ap_remote_emulator.library import Store, nodes, uploads
from ap_remote_emulator.query.fields import read_int
from ap_remote_emulator.query.tree import Term

_PIECE: Final = 1 << 20
_PLAIN_MD5_DIGITS: Final = 32
Commit = Callable[[Store, Upload], Raw]


async def upload_raw(request: Request) -> Response:
    """``POST /cdproxy/nodes``: variant A, the body is the bytes."""
    return await _upload(request, status=201)


async def upload_v2(request: Request) -> Response:
    """``POST /v2/upload``: variant B, with a digest and a size to verify."""
    return await _upload(request, status=201, upload_service=True)


async def overwrite_v2(request: Request) -> Response:
    """``PUT /v2/upload/{id}``: other bytes for a file."""
    store, query, node_id = store_of(request), request.query_params, request.path_params["id"]
    try:
        await anyio.to_thread.run_sync(_check_exists, store, node_id)
    except ServiceError as error:
        await _drain(request)
        return failure(error, upload_service=True)

    def commit(store: Store, upload: Upload) -> Raw:
        return uploads.overwrite(store, upload, node_id, query)

    return await _receive(request, commit, status=200, upload_service=True)


async def _upload(request: Request, *, status: int, upload_service: bool = False) -> Response:
    store = store_of(request)
    try:
        wish = uploads.read_wish(request.query_params)
        await anyio.to_thread.run_sync(uploads.precheck, store, wish)
    except ServiceError as error:
        # The body is read to its end: a client that is still writing would miss an answer that comes too early.
        await _drain(request)
        return failure(error, upload_service=upload_service)

    def commit(store: Store, upload: Upload) -> Raw:
        return uploads.commit(store, upload, wish)

    return await _receive(request, commit, status=status, upload_service=upload_service)


async def _receive(request: Request, commit: Commit, *, status: int, upload_service: bool) -> Response:
    store = store_of(request)
    try:
        with store.blobs.receive() as upload:
            try:
                await _store_body(request, upload)
            except ServiceError as error:
                await _drain(request)
                return failure(error, upload_service=upload_service)
            _verify(upload, request.headers, request.query_params)
            # Once the bytes are whole the commit must not be torn off by a client that goes away.
            with anyio.CancelScope(shield=True):
                node = await anyio.to_thread.run_sync(commit, store, upload)
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    except (ServiceError, OSError, sqlite3.Error) as error:
        # Nothing wider: in process, what the caller's own body raises must reach the caller.
        return failure(error, upload_service=upload_service)
    return json_response(node, status)


async def _store_body(request: Request, upload: Upload) -> None:
    piece = bytearray()
    async for chunk in request.stream():
        piece += chunk
        if len(piece) >= _PIECE:
            await anyio.to_thread.run_sync(upload.write, bytes(piece))
            piece.clear()
    if piece:
        await anyio.to_thread.run_sync(upload.write, bytes(piece))


def _verify(upload: Upload, headers: Mapping[str, str], query: Mapping[str, str]) -> None:
    """Compare what came with what was promised: ``content-length``, ``fileSize``, ``x-amzn-file-md5``."""
    for promised, message in (
        (headers.get("content-length", ""), "Cannot read from request."),
        (query.get("fileSize", ""), "Cannot complete upload"),
    ):
        if promised and read_int(Term(promised, 0)) != upload.size:
            raise BadRequestError(message)
    md5 = headers.get("x-amzn-file-md5", "").strip().lower()
    if md5 and (len(md5) != _PLAIN_MD5_DIGITS or md5 != upload.md5):
        raise BadRequestError("Cannot complete upload: the content does not match x-amzn-file-md5")


def _check_exists(store: Store, node_id: str) -> None:
    with store.read() as connection:
        nodes.find(connection, node_id)


async def _drain(request: Request) -> None:
    try:
        async for _ in request.stream():
            pass
    except (ClientDisconnect, RuntimeError):
        return  # the body has ended already, one way or the other
