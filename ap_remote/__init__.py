"""A remote for Amazon Photos: one abstract interface, many faces.

``connect("local:")`` returns a :class:`~ap_remote.remote.base.Remote`; ``AmazonPhotos`` is its synchronous face.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Bound here at once: the module of the same name would otherwise take the function's place after its first import.
from ap_remote.connect import connect
from ap_remote.remote.base import Remote

if TYPE_CHECKING:
    from ap_remote.client import AmazonPhotos

__all__ = ["AmazonPhotos", "Remote", "connect"]


def __getattr__(name: str) -> Any:
    """Import the notebook client when it is first asked for; it brings tables along."""
    if name == "AmazonPhotos":
        from ap_remote.client import AmazonPhotos

        return AmazonPhotos
    raise AttributeError(f"module 'ap_remote' has no attribute {name!r}")
