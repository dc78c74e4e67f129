"""Brings in the optional libraries, or says in one sentence which extra to install."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from ap_remote.errors import MissingExtraError


def need(module: str, what: str = "semantic search") -> Any:
    """Return an imported optional module.

    Raises:
        MissingExtraError: it is not installed.
    """
    # OpenMP's threads spin while they wait for each other. Where decoding, or another program, needs the same cores
    # that made the offline encoder two to three times slower; it must be said before torch or faiss is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        return import_module(module)
    except ModuleNotFoundError as exc:
        raise MissingExtraError(what, "semantic") from exc
