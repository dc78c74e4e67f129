"""The metadata host: everything under ``/drive/v1/`` that is JSON in and JSON out."""

from __future__ import annotations

from typing import Any, Final

import anyio.to_thread
from msgspec import Raw
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ap_remote_emulator.errors import BadRequestError
from ap_remote_emulator.handlers.answers import failure
from ap_remote_emulator.handlers.endpoint import Call, json_body, store_of
from ap_remote_emulator.library import Store, changes, listing, nodes, search, trash, usage

MARKETPLACE: Final = "ATVPDKIKX0DER"
"""Amazon's public id of amazon.com."""
_TOKEN_LIFE_S: Final = 3600


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
    """``GET trash``."""
    return listing.list_nodes(store, call.query, call.view, trash=True)


def get_node(store: Store, call: Call) -> Raw:
    """``GET nodes/{id}``."""
    return nodes.get(store, call.path["id"], call.view)


def create_node(store: Store, call: Call) -> Raw:
    """``POST nodes``."""
    return nodes.create(store, call.body, v2=call.v2)


def patch_node(store: Store, call: Call) -> Raw:
    """``PATCH nodes/{id}``; a status is a trashing or a restoring (inferred)."""
    node_id, status = call.path["id"], call.body.get("status")
    if status is None:
        return nodes.patch(store, node_id, call.body, call.view)
    if status not in ("AVAILABLE", "TRASH"):
        raise BadRequestError("Invalid status")
    trash.change(store, {"op": "add" if status == "TRASH" else "remove", "value": [node_id]})
    rest = {key: value for key, value in call.body.items() if key != "status"}
    return nodes.patch(store, node_id, rest, call.view)


def patch_children(store: Store, call: Call) -> Raw:
    """``PATCH nodes/{id}/children``."""
    return nodes.change_children(store, call.path["id"], call.body, call.view)


def move_child(store: Store, call: Call) -> Raw:
    """``POST nodes/{id}/children``."""
    return nodes.move(store, call.path["id"], call.body, call.view)


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


def auth_token(token: str) -> Any:
    """Return the function behind ``GET /photos/auth/token``, which gives a browser its access token."""

    def give(store: Store, call: Call) -> dict[str, str]:
        del store, call
        return {"access_token": token, "duration": str(_TOKEN_LIFE_S)}

    return give
