"""``nodes/{id}/properties/{owner}[/{key}]``: texts that programs keep on nodes, each under its own name."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.routing import Route

from ap_remote_emulator.errors import BadRequestError, NodeNotFoundError
from ap_remote_emulator.handlers.endpoint import Call, endpoint
from ap_remote_emulator.library import Store, details


def routes() -> list[Route]:
    """Return the routes of properties. An empty owner is no path of theirs, and so an unknown operation."""
    of_owner = "/drive/v1/nodes/{id}/properties/{owner}"
    return [
        Route(of_owner, endpoint(list_properties), methods=["GET"]),
        Route(f"{of_owner}/{{key}}", endpoint(get_property), methods=["GET"]),
        Route(f"{of_owner}/{{key}}", endpoint(put_property, status=201), methods=["PUT"]),
        Route(f"{of_owner}/{{key}}", endpoint(delete_property), methods=["DELETE"]),
    ]


def list_properties(store: Store, call: Call) -> dict[str, Any]:
    """``GET``: all that one owner keeps there."""
    data = details.properties_of(store, call.path["id"], call.path["owner"], v2=call.v2)
    return {"count": len(data), "data": data}


def get_property(store: Store, call: Call) -> dict[str, str]:
    """``GET`` of one key; its answer is that of the ``PUT`` (inferred)."""
    key = call.path["key"]
    data = details.properties_of(store, call.path["id"], call.path["owner"], v2=call.v2)
    if key not in data:
        raise NodeNotFoundError(f"{call.path['id']}/properties/{call.path['owner']}/{key}")
    return _shown(call, data[key])


def put_property(store: Store, call: Call) -> dict[str, str]:
    """``PUT``: keep a text, or replace it."""
    value = call.body.get("value")
    if not isinstance(value, str):
        raise BadRequestError("A property has a value, which is text")
    details.set_property(store, call.path["id"], call.path["owner"], call.path["key"], value, v2=call.v2)
    return _shown(call, value)


def delete_property(store: Store, call: Call) -> None:
    """``DELETE``: forget a text."""
    details.remove_property(store, call.path["id"], call.path["owner"], call.path["key"], v2=call.v2)


def _shown(call: Call, value: str) -> dict[str, str]:
    path = "/".join(quote(call.path[part], safe="") for part in ("owner", "key"))
    location = f"{call.base}/drive/v1/nodes/{quote(call.path['id'], safe='')}/properties/{path}"
    return {"key": call.path["key"], "value": value, "location": location}
