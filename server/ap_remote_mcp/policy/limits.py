"""Every bound of the server in one place, so that a test can tighten them."""

from __future__ import annotations

from typing import Final

import msgspec

MAX_ROWS: Final = 100
"""Rows in a page."""
MAX_IDS: Final = 50
"""Ids that one ``photos_get`` looks up."""
MAX_VIEW: Final = 4
MAX_TILES: Final = 36
MAX_PURGE: Final = 50
"""Entries that one call may delete for ever; the service takes no more at once."""
MAX_CHANGE: Final = 200
"""Entries that one call may change."""
MIN_PX: Final = 256
MAX_PX: Final = 1568
"""Pixels of the longer side; vision models scale larger pictures down."""
MAX_TEXT: Final = 500
"""Characters of a free text or a filter."""
MAX_WAIT: Final = 40
"""Seconds that a call waits for a job: what is left of its own time is for the answer."""
MAX_ID: Final = 128
MAX_TOKEN: Final = 4096
"""Characters of a cursor."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds that a call meets while it runs."""

    result_bytes: int = 30_000
    """JSON bytes of one answer, about 8,000 tokens; a page is cut there and continues by its cursor."""
    scan: int = 5_000
    """Entries read for one answer that the remote itself cannot count or filter."""
    position: int = 10_000
    """How deep a cursor may point."""
    listed: int = 200_000
    """Files that one search for copies looks at."""
    compared: int = 100_000
    """Pictures that one search for what was encoded anew, or for bursts, compares, all with all."""
    semantic: int = 1_000
    """Nearest neighbours asked of the index."""
    folders: int = 100
    """Folders in one listing."""
    counted_folders: int = 50
    """Folders whose entries are counted for one listing."""
    call_seconds: float = 45.0
    """After this long a call is given up."""
    wait_seconds: float = MAX_WAIT
    """How long a call waits for a job before it answers with how far the job is."""
    stop_seconds: float = 5.0
    """How long a call waits for a job to stop."""
    question_seconds: float = 300.0
    """How long a person may think about a question."""
    plan_seconds: float = 900.0
    """How long a plan may be applied."""
    changes_per_day: int = 2_000
    """Entries that all servers of an account change in 24 hours."""
    pixels_per_day: int = 2_000_000_000
    """Pixels that all servers of an account show in 24 hours."""
    upload_file_bytes: int = 10 * 1024**3
    """A local file larger than this is not sent."""
    transfer_bytes: int = 20 * 1024**3
    """What one call may send or fetch."""
    transfer_bytes_per_day: int = 100 * 1024**3
    """Bytes that all servers of an account send and fetch in 24 hours."""
    unasked_files: int = 50
    """So many files are downloaded without a plan."""
    unasked_bytes: int = 1024**3
    """Bytes that are downloaded without a plan."""
    unasked_files_per_day: int = 1_000
    """Files that all servers of an account download without a plan in 24 hours; more of them need one."""
    rewritten_bytes: int = 100 * 1024**2
    """A photograph larger than this is not freed of its position."""
    picture_bytes: int = 15 * 1024 * 1024
    """A rendition larger than this is not decoded."""
    picture_pixels: int = 50_000_000
    """A rendition with more pixels is not decoded."""
