"""Clusters of faces, as the calls that change them answer.

Nobody wrote these answers down (inferred): whatever JSON comes, the status has said that it was done.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ap_remote.wire._base import Unrecorded, Wire, Word


class Cluster(Wire, frozen=True, kw_only=True):
    """A cluster after it was changed."""

    cluster_id: str | None = None
    cluster_name: str | None = None
    node_id: str | None = None
    """The photograph that stands for it."""
    error_map: dict[str, Word] = msgspec.field(default_factory=dict)


CLUSTER: Final = Unrecorded(Cluster, keep=("errorMap",))
