"""The metadata host: everything under ``/drive/v1/`` that is JSON in and JSON out."""

from __future__ import annotations

from typing import Any, Final

import anyio.to_thread
from msgspec import Raw
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ap_remote_emulator.errors import BadRequestError
from ap_remote_emulator.handlers.answers import failure
from ap_remote_emulator.handlers.endpoint import Call, endpoint, json_body, store_of
from ap_remote_emulator.library import Store, changes, editing, listing, nodes, search, trash, usage

MARKETPLACE: Final = "ATVPDKIKX0DER"
"""Amazon's public id of amazon.com."""


def routes() -> list[Route]:
    """Return the routes that concern one node, besides the oldest ones."""
    return [
        Route("/drive/v1/nodes/{id}", endpoint(update_node), methods=["PUT"]),
        Route("/drive/v1/nodes/{id}/children/{child}", endpoint(put_child), methods=["PUT"]),
        Route("/drive/v1/nodes/{id}/children/{child}", endpoint(delete_child), methods=["DELETE"]),
        Route("/drive/v1/trash/{id}", endpoint(trash_node), methods=["PUT"]),
        Route("/drive/v1/trash/{id}/restore", endpoint(restore_node), methods=["POST"]),
    ]


def account_info(store: Store, call: Call) -> dict[str, Any]:
    """``GET account/info``: the cheapest probe of credentials."""
    del store, call
    return {"termsOfUse": "1.0.0", "status": "ACTIVE"}


def account_usage(store: Store, call: Call) -> dict[str, Any]:
    """``GET account/usage``."""
    del call
    return usage.usage(store)


def account_quota(store: Store, call: Call) -> dict[str, Any]:
    """``GET account/quota``."""
    del call
    return usage.quota(store)


def account_endpoint(store: Store, call: Call) -> dict[str, Any]:
    """``GET account/endpoint``: this one origin plays every host."""
    del store
    return {
        "customerExists": True,
        "contentUrl": f"{call.base}/cdproxy/",
        "metadataUrl": f"{call.base}/drive/v1/",
        "retailUrl": call.base,
        "thumbnailServiceUrl": call.base,
        "downloadServiceUrl": call.base,
        "region": "NA",
        "countryAtSignup": "US",
        "marketplaceAtSignup": MARKETPLACE,
    }


def list_nodes(store: Store, call: Call) -> dict[str, Any]:
    """``GET nodes``."""
    return listing.list_nodes(store, call.query, call.view)


def list_children(store: Store, call: Call) -> dict[str, Any]:
    """``GET nodes/{id}/children``."""
    return listing.list_children(store, call.path["id"], call.query, call.view)


def list_trash(store: Store, call: Call) -> dict[str, Any]:
    """``GET trash``, where what has been for too long is no more."""
    trash.expire(store)
    return listing.list_nodes(store, call.query, call.view, trash=True)


def get_node(store: Store, call: Call) -> Raw:
    """``GET nodes/{id}``."""
    return nodes.get(store, call.path["id"], call.view)


def create_node(store: Store, call: Call) -> Raw:
    """``POST nodes``; ``localId`` may stand in the query or, as other fields do, in the body."""
    local_id = call.query.get("localId") or call.body.get("localId") or ""
    if not isinstance(local_id, str):
        raise BadRequestError("Invalid localId")
    return editing.create(store, call.body, v2=call.v2, local_id=local_id)


def patch_node(store: Store, call: Call) -> Raw:
    """``PATCH nodes/{id}``; a status is a trashing or a restoring (inferred)."""
    return editing.patch(store, call.path["id"], call.body, call.view, tag=call.tag)


def update_node(store: Store, call: Call) -> Raw:
    """``PUT nodes/{id}``."""
    return editing.update(store, call.path["id"], call.body, call.view, tag=call.tag)


def patch_children(store: Store, call: Call) -> Raw:
    """``PATCH nodes/{id}/children``."""
    return nodes.change_children(store, call.path["id"], call.body, call.view)


def move_child(store: Store, call: Call) -> Raw:
    """``POST nodes/{id}/children``."""
    return nodes.move(store, call.path["id"], call.body, call.view)


def put_child(store: Store, call: Call) -> Raw:
    """``PUT nodes/{id}/children/{child}``."""
    return nodes.put_child(store, call.path["id"], call.path["child"], call.view)


def delete_child(store: Store, call: Call) -> Raw:
    """``DELETE nodes/{id}/children/{child}``."""
    return nodes.delete_child(store, call.path["id"], call.path["child"], call.view)


def trash_node(store: Store, call: Call) -> Raw:
    """``PUT trash/{id}``."""
    return trash.trash_one(store, call.path["id"], call.view)


def restore_node(store: Store, call: Call) -> Raw:
    """``POST trash/{id}/restore``."""
    return trash.restore_one(store, call.path["id"], call.body, call.view)


def patch_trash(store: Store, call: Call) -> dict[str, Any]:
    """``PATCH trash``."""
    return trash.change(store, call.body)


def purge(store: Store, call: Call) -> dict[str, Any]:
    """``POST bulk/nodes/purge``."""
    return trash.purge(store, call.body)


def search_nodes(store: Store, call: Call) -> dict[str, Any]:
    """``GET search``."""
    return search.search(store, call.query, call.view)


def aggregation(store: Store, call: Call) -> dict[str, Any]:
    """``GET search/aggregation``."""
    return search.aggregation(store, call.query)


async def stream_changes(request: Request) -> Response:
    """``POST changes``: a stream of lines, so not an ordinary endpoint."""
    try:
        body = await json_body(request)
        lines = await anyio.to_thread.run_sync(changes.changes, store_of(request), body)
    except Exception as error:  # noqa: BLE001 - the border of the service: every error becomes an answer
        return failure(error)
    return StreamingResponse(lines, media_type="application/x-ndjson")
