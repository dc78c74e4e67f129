"""What semantic search hands back: hits, the report of a build, the state of an index."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ap_remote.model import Entry

Label = tuple[str, float]
"""A class name and its probability, 0 to 1."""


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a search, best first."""

    entry: Entry
    score: float
    """Cosine between query and photograph, -1 to 1; comparable within one search only."""
    reason: str
    """A sentence for a person: what made it an answer."""
    labels: tuple[Label, ...] = ()
    """What the encoder's classifier sees in it, most probable first; empty where it has none."""
    duplicates: tuple[str, ...] = ()
    """Paths of other photographs with the same bytes, which this hit stands for."""


class ItemFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A photograph that could not be indexed, and why."""

    path: str
    reason: str
    status: str = "unreadable"
    """``unreadable`` and ``missing`` stay so until the content changes; ``transient`` is tried at the next build."""


class BuildReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a build did. Every photograph counts once: as encoded, as reused, or as failed."""

    total: int
    """Photographs that were looked at."""
    encoded: int
    """Photographs whose vector was made now."""
    reused: int
    """Photographs whose vector was there, or was made now for another copy of the same bytes."""
    failed: tuple[ItemFailure, ...] = ()
    left: int = 0
    """Photographs that a limit leaves for the next build; they are not in *total*."""
    seconds: float
    """Wall time of the whole build."""
    images_per_second: float
    """``encoded`` by the wall time between the first fetch and the last vector, 0 when nothing was encoded."""
    device: str
    encoder: str
    fingerprint: str
    stages: dict[str, float] = msgspec.field(default_factory=dict)
    """Seconds of work by stage: list, load, fetch, decode, encode, store. They overlap; the largest is the limit."""


class IndexStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an index on disk."""

    folder: str
    built: bool
    """Whether a search can be answered."""
    encoder: str | None = None
    fingerprint: str | None = None
    dim: int | None = None
    photos: int = 0
    """Photographs (nodes) that a search can find."""
    vectors: int = 0
    """Distinct contents with a vector."""
    failed: tuple[ItemFailure, ...] = ()
    updated: datetime | None = None
    """When the last build ended."""
    bytes: int = 0
    """Vectors and index on disk."""
