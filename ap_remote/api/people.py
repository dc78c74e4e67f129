"""People: clusters of faces that the service made. They are named, joined, and given a photograph to stand for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from ap_remote.api import limits
from ap_remote.api._common import body
from ap_remote.errors import LimitError
from ap_remote.transport.call import Call, segment
from ap_remote.wire.people import CLUSTER, Cluster

Context = Literal["customer", "all", "family"]
"""Whose clusters."""
NAME: Final = 256
"""Characters in a person's name; the figure is that of nodes (inferred)."""


def name(cluster_id: str, new_name: str, *, context: Context = "customer") -> Call[Cluster]:
    """Give a cluster a name.

    Raises:
        LimitError: it is empty or too long.
    """
    fields = {"sourceCluster": limits.an_id(cluster_id), "newName": _name(new_name), "context": context}
    return Call(
        method="PUT",
        path="cluster/name",
        json=body(fields),
        reply=CLUSTER,
        idempotent=True,
        subject=f"person {cluster_id}",
    )


def merge(cluster_ids: Sequence[str], new_name: str, *, context: Context = "customer") -> Call[Cluster]:
    """Make one cluster of several. There is no way back, and which id stays is unknown.

    Raises:
        LimitError: there are fewer than two, or the name is empty or too long.
    """
    ids = [limits.an_id(each) for each in dict.fromkeys(cluster_ids)]
    if len(ids) < 2:  # noqa: PLR2004 - one alone is joined with nobody
        raise LimitError("two people or more can be made one")
    fields = {"clusterIds": ids, "newName": _name(new_name), "context": context}
    subject = " and ".join(f"person {each}" for each in ids)
    return Call(method="POST", path="cluster", json=body(fields), reply=CLUSTER, subject=subject)


def hero(cluster_id: str, node_id: str) -> Call[Cluster]:
    """Let a photograph stand for a cluster."""
    fields = {"clusterId": limits.an_id(cluster_id), "nodeId": limits.an_id(node_id)}
    return Call(
        method="PUT",
        path=f"cluster/hero/{segment(cluster_id)}",
        json=body(fields),
        reply=CLUSTER,
        idempotent=True,
        subject=f"person {cluster_id}",
    )


def _name(text: str) -> str:
    if not 0 < len(text.strip()) <= NAME:
        raise LimitError(f"a person's name has between 1 and {NAME} characters, not {len(text.strip())}")
    return text
