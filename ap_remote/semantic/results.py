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
    """The cosine, less what is unwanted; comparable within one search only."""
    cosine: float | None = None
    """Cosine between what is wanted and the photograph, -1 to 1."""
    reason: str
    """A sentence for a person: what made it an answer."""
    labels: tuple[Label, ...] = ()
    """What the encoder's classifier sees in it, most probable first; empty where it has none."""
    duplicates: tuple[str, ...] = ()
    """Paths of other photographs with the same bytes, which this hit stands for."""
    copies: tuple[str, ...] = ()
    """Paths of photographs that are this picture encoded anew, where a search was asked to collapse them."""
    burst: tuple[str, ...] = ()
    """Paths of its neighbours in a burst, where a search was asked to collapse them."""
    z: float | None = None
    """Standard deviations by which the cosine is above this library's mean for the same question."""
    margin: float | None = None
    """By how much it is nearer to the text than to what says nothing (`a photo`); ``None`` without a text."""
    confidence: float | None = None
    """How probable it is that this is what was asked for, 0 to 1; ``None`` where nobody calibrated the question."""
    frame: int = 0
    """Which picture of a video was nearest, from 0."""
    moment: float = 0.0
    """Where in the video that is, in seconds."""

    @property
    def count(self) -> int:
        """How many photographs this hit stands for, itself among them."""
        return 1 + len(self.duplicates) + len(self.copies) + len(self.burst)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a search found, and what there is to say about it."""

    hits: tuple[Hit, ...]
    cursor: str = ""
    """Gives the next page; empty where nothing follows."""
    note: str = ""
    """A sentence for a person: why nothing was found, or what an answer cannot promise."""
    calibrated: bool = False
    """Whether the cut and the confidences come from marks of this library's owner."""


class ItemFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A photograph that could not be indexed, and why."""

    path: str
    reason: str
    status: str = "unreadable"
    """``unreadable``, ``too_large`` and ``missing`` stay so until the content or the pipeline changes, or a build is
    told to try again; ``transient`` is tried again by itself."""
    tries: int = 1
    """How often it was tried."""
    again: datetime | None = None
    """From when on a build tries again what is transient; ``None`` for the next one."""


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
    """Seconds of work by stage: list, load, fetch, decode, encode, store. They overlap; each has its own workers."""
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    """What went through each stage: entries listed, fetches, pictures."""
    limit: str = ""
    """Which stage the others waited for, in words; empty where nothing was encoded."""
    coverage: float = 1.0
    """Share of the photographs that can be encoded which have a vector, 0 to 1."""
    compacted: int = 0
    """Rows that no photograph had any more and that were taken away at the end."""


class IndexStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The state of an index on disk."""

    folder: str
    place: str = ""
    """Where the vectors lie: a path, or an address of fsspec."""
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
