"""Bytes on their way out: originals with ranges, renditions, and the redirect to a signed URL."""

from __future__ import annotations

import re
import sqlite3
from typing import Final
from urllib.parse import parse_qsl, quote

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from ap_remote_emulator.errors import BadRequestError, NodeNotFoundError, StoreDamagedError
from ap_remote_emulator.handlers.access import has_second_credential
from ap_remote_emulator.handlers.answers import failure
from ap_remote_emulator.handlers.endpoint import base_of, store_of
from ap_remote_emulator.library import Store, nodes, renditions, signing

_RANGE: Final = re.compile(r"\s*bytes\s*=\s*(?:(\d{1,18})-(\d{1,18})?|-\d{1,18})\s*", re.ASCII | re.IGNORECASE)


class _BlobResponse(FileResponse):
    """A file, whole or one range of it.

    Like the storage behind the real service, whoever asks for several ranges, or for what is no range, gets the whole.
    """

    chunk_size = 256 * 1024

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = _RANGE.fullmatch(Headers(scope=scope).get("range", "bytes=0-"))
        if match is None or (match[2] and int(match[1]) > int(match[2])):
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"range"]}
        await super().__call__(scope, receive, send)


async def redirect(request: Request) -> Response:
    """``GET nodes/{id}/contentRedirection``: 302 to a URL that needs no cookies and accepts none."""
    store, node_id = store_of(request), request.path_params["id"]
    suffix = dict(parse_qsl(request.query_params.get("querySuffix", "").lstrip("?")))
    owner_id = request.query_params.get("ownerId", "")
    wanted: dict[str, str] = {key: suffix[key] for key in ("download", "viewBox") if key in suffix}

    def find() -> str:
        with store.read() as connection:
            row = nodes.find(connection, node_id)
        _check_owner(store, row, owner_id)
        if row["size"] is None:
            raise NodeNotFoundError(node_id)
        if "viewBox" in wanted:
            _box(wanted["viewBox"])
        return signing.sign_url(store, base_of(request), node_id, wanted, life_s=signing.REDIRECT_LIFE_S)

    try:
        target = await anyio.to_thread.run_sync(find)
    except Exception as error:  # noqa: BLE001 - the border of the service: every error becomes an answer
        return failure(error)
    return RedirectResponse(target, 302, {"cache-control": "no-store"})


async def signed(request: Request) -> Response:
    """``GET /content/signed/{id}``: like the storage behind the real service, it refuses a second credential."""
    if has_second_credential(request):
        return _xml("InvalidArgument", "Only one auth mechanism allowed", 400)
    store, node_id, query = store_of(request), request.path_params["id"], dict(request.query_params)
    view_box = query.pop("viewBox", "")
    # A viewBox may be put on a temporary link by its holder; everything else must be as it was signed.
    reason = signing.check_url(store, node_id, query)
    if reason and view_box:
        reason = signing.check_url(store, node_id, {**query, "viewBox": view_box})
    if reason:
        return _xml(reason, "Request has expired" if reason == "AccessDenied" else "The signature is wrong", 403)
    if view_box:
        return await _rendition(store, node_id, view_box)
    return await _original(store, node_id, attachment=query.get("download") == "true", named=True)


async def original(request: Request) -> Response:
    """``GET /cdproxy/nodes/{id}``: the bytes, without a name."""
    return await _original(store_of(request), request.path_params["id"], attachment=False, named=False)


async def content(request: Request) -> Response:
    """``GET /cdproxy/nodes/{id}/content``: the bytes, or with ``viewBox`` a rendition.

    The real service gives up above some 10 GiB; this one does not (own choice).
    """
    store, node_id = store_of(request), request.path_params["id"]
    if "viewBox" in request.query_params:
        return await _rendition(store, node_id, request.query_params["viewBox"])
    return await _original(store, node_id, attachment=False, named=False)


async def thumbnail(request: Request) -> Response:
    """``GET /v1/thumbnail/{id}``; ``cb``, which is there against caches, changes nothing."""
    query = request.query_params
    view_box = query.get("viewBox", str(renditions.DEFAULT_SIDE))
    return await _rendition(store_of(request), request.path_params["id"], view_box, owner_id=query.get("ownerId", ""))


async def _original(store: Store, node_id: str, *, attachment: bool, named: bool) -> Response:
    def find() -> Response:
        with store.read() as connection:
            row = nodes.find(connection, node_id)
        if row["size"] is None:
            raise NodeNotFoundError(node_id)
        path = store.blobs.path(row["sha"]) if row["sha"] else None
        try:
            stat = path.stat() if path else None
        except FileNotFoundError:
            stat = None
        if path is None or stat is None or stat.st_size != row["size"]:
            raise StoreDamagedError(node_id)
        headers = {"etag": f'"{row["md5"]}"', "x-content-type-options": "nosniff"}
        if named:
            headers["content-disposition"] = disposition(row["name"], attachment=attachment)
        return _BlobResponse(path, media_type=row["content_type"], headers=headers, stat_result=stat)

    try:
        return await anyio.to_thread.run_sync(find)
    except Exception as error:  # noqa: BLE001 - the border of the service: every error becomes an answer
        return failure(error)


async def _rendition(store: Store, node_id: str, view_box: str, *, owner_id: str = "") -> Response:
    def find() -> Response:
        width, height = _box(view_box)
        with store.read() as connection:
            _check_owner(store, nodes.find(connection, node_id), owner_id)
        path = renditions.rendition(store, node_id, width, height)
        return _BlobResponse(path, media_type="image/jpeg", headers={"cache-control": "private, max-age=86400"})

    try:
        return await anyio.to_thread.run_sync(find)
    except Exception as error:  # noqa: BLE001 - the border of the service: every error becomes an answer
        return failure(error)


def disposition(name: str, *, attachment: bool) -> str:
    """Return a ``content-disposition`` that carries any name: plain for old readers, RFC 5987 for the others."""
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '"\\%' else "_" for char in name)
    kind = "attachment" if attachment else "inline"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _check_owner(store: Store, row: sqlite3.Row, owner_id: str) -> None:
    """Refuse a node to whoever names another owner; whoever names none means this account (inferred).

    Raises:
        NodeNotFoundError: the node is not this owner's.
    """
    if owner_id and owner_id not in (store.owner_id, row["uploader"]):
        raise NodeNotFoundError(row["id"])


def _box(text: str) -> tuple[int, int]:
    """Read ``viewBox``: one side for both, or width and height."""
    parts = text.split(",")
    if len(parts) > 2 or not all(part.isascii() and part.isdigit() and len(part) < 7 for part in parts):  # noqa: PLR2004 - width, height; digits
        raise BadRequestError("Invalid viewBox")
    sides = [int(part) for part in parts]
    if min(sides) < 1:
        raise BadRequestError("Invalid viewBox")
    return sides[0], sides[-1]


def _xml(code: str, message: str, status: int) -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(text, status, media_type="application/xml")
