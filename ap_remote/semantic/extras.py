"""Brings in the optional libraries, or says in one sentence which extra to install."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ap_remote.errors import MissingExtraError


def need(module: str, what: str = "semantic search") -> Any:
    """Return an imported optional module.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as exc:
        raise MissingExtraError(what, "semantic") from exc
