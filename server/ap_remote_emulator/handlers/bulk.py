"""Many nodes in one request: look-up by digest, and a zip behind a link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import anyio.to_thread
import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ap_remote_emulator.errors import BadRequestError
from ap_remote_emulator.handlers.access import has_second_credential
from ap_remote_emulator.handlers.answers import failure, storage_error
from ap_remote_emulator.handlers.endpoint import Call, endpoint, store_of
from ap_remote_emulator.library import Store, archives
from ap_remote_emulator.library.views import show

MAX_DIGESTS: Final = 10_000
"""No source has a limit; this one is (own choice)."""
_METHODS: Final = "GET, HEAD, OPTIONS"


def routes() -> list[Route]:
    """Return the routes of bulk requests; purging is with the trash."""
    return [
        Route("/drive/v1/bulk/nodeByDigest", endpoint(node_by_digest), methods=["POST"]),
        Route("/drive/v1/batchLink", endpoint(batch_link, status=201), methods=["POST"]),
        Route("/content/signed/archive/{id}", archive, methods=["GET", "HEAD", "OPTIONS"]),
    ]


def node_by_digest(store: Store, call: Call) -> dict[str, Any]:
    """``POST bulk/nodeByDigest``: of each digest that the account holds one node, an available one if there is one.

    What a match looks like is in no source: here it is the node (inferred). Trashed copies match, for an upload of the
    same bytes would be refused because of them.
    """
    kind, digests = call.body.get("digestType", "MD5"), call.body.get("digestList")
    if kind != "MD5":
        raise BadRequestError("Invalid digestType: MD5 is the only one")
    if not isinstance(digests, list) or not all(isinstance(each, str) for each in digests):
        raise BadRequestError("digestList is a list of digests")
    if len(digests) > MAX_DIGESTS:
        raise BadRequestError(
            f"1 validation error detected: Member must have length less than or equal to {MAX_DIGESTS}",
        )
    given = {digest.lower(): digest for digest in digests}
    with store.read() as connection:
        rows = connection.execute(
            "SELECT n.md5, n.id FROM json_each(?) j JOIN nodes n ON n.md5 = j.value WHERE n.uploader IS NULL"
            " ORDER BY n.status = 'AVAILABLE'",
            (msgspec.json.encode(list(given)).decode(),),
        ).fetchall()
        found = {row["md5"]: row["id"] for row in rows}
        nodes = show(store, connection, list(found.values()), call.view)
    return {"digestType": kind, "digestToNodeMap": dict(zip((given[md5] for md5 in found), nodes, strict=True))}


def batch_link(store: Store, call: Call) -> dict[str, Any]:
    """``POST batchLink``."""
    return archives.create(store, call.body, call.base)


async def archive(request: Request) -> Response:
    """``GET /content/signed/archive/{id}``: the zip. ``HEAD`` tells no length, for nobody knows it yet."""
    if request.method == "OPTIONS":
        allowed = {"access-control-allow-origin": "*", "access-control-allow-methods": _METHODS}
        return Response(headers={**allowed, "allow": _METHODS})
    if has_second_credential(request):
        return storage_error("InvalidArgument", "Only one auth mechanism allowed", 400)
    store, archive_id = store_of(request), request.path_params["id"]
    reason = archives.refusal(store, archive_id, dict(request.query_params))
    if reason:
        text = "Request has expired" if reason == "AccessDenied" else "The signature is wrong"
        return storage_error(reason, text, 403)
    try:
        ids = await anyio.to_thread.run_sync(archives.node_ids, store, archive_id)
    except Exception as error:  # noqa: BLE001 - the border of the service: every error becomes an answer
        return failure(error)
    pieces: Iterator[bytes] = iter(()) if request.method == "HEAD" else archives.stream(store, ids)
    headers = {"content-disposition": 'attachment; filename="Amazon Photos.zip"', "cache-control": "no-store"}
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)
