"""The clusters of faces: naming, joining, choosing who stands for them."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from ap_remote_emulator.handlers.endpoint import Call, endpoint
from ap_remote_emulator.library import Store, people


def routes() -> list[Route]:
    """Return the routes under ``/drive/v1/cluster``."""
    return [
        Route("/drive/v1/cluster", endpoint(combine), methods=["POST"]),
        Route("/drive/v1/cluster/name", endpoint(rename), methods=["PUT"]),
        Route("/drive/v1/cluster/hero/{id}", endpoint(set_hero), methods=["PUT"]),
    ]


def rename(store: Store, call: Call) -> dict[str, Any]:
    """``PUT cluster/name``."""
    return people.rename(store, call.body)


def combine(store: Store, call: Call) -> dict[str, Any]:
    """``POST cluster``."""
    return people.combine(store, call.body)


def set_hero(store: Store, call: Call) -> dict[str, Any]:
    """``PUT cluster/hero/{id}``."""
    return people.set_hero(store, call.path["id"], call.body)
