"""The family: who is in it, and what is in its vault."""

from __future__ import annotations

from typing import Any

from starlette.routing import Route

from ap_remote_emulator.handlers.endpoint import Call, endpoint
from ap_remote_emulator.library import Store, families


def routes() -> list[Route]:
    """Return the routes of the family; its archive has a slash at the end on the real service, and may have none."""
    return [
        Route("/drive/v1/account/family", endpoint(account_family), methods=["GET"]),
        Route("/drive/v1/familyArchive", endpoint(archive), methods=["POST"]),
        Route("/drive/v1/familyArchive/", endpoint(archive), methods=["POST"]),
    ]


def account_family(store: Store, call: Call) -> dict[str, Any]:
    """``GET account/family``: its path and its answer are (own choice)."""
    del call
    return families.family(store)


def archive(store: Store, call: Call) -> dict[str, Any]:
    """``POST familyArchive/``."""
    return families.archive(store, call.body)
