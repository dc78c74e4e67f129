"""Ways through a listing that is longer than the service will page by offset.

Where no tokens are given, ``offset + limit`` may not exceed 9,999 [amazon-photos-api.md 8.3]; such a library is listed
in windows of creation time, each narrow enough.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from ap_remote import query
from ap_remote.errors import IncompleteListingError
from ap_remote.wire._base import stamp

ROOM: Final = 9000
"""Nodes in a window; the rest up to 9,999 is for what comes in while it is walked."""
TICK: Final = timedelta(milliseconds=1)
"""The service's times have milliseconds."""


class Window(msgspec.Struct, frozen=True):
    """Moments from *start* to *stop*, both included."""

    start: datetime
    stop: datetime

    @property
    def filters(self) -> str:
        """The filter that finds what was created within."""
        return query.show(query.field("createdDate", query.between(stamp(self.start), stamp(self.stop))))


def halve(window: Window) -> tuple[Window, Window]:
    """Split a window in the middle.

    Raises:
        IncompleteListingError: it is but a moment long, so that no filter can tell its nodes apart.
    """
    if window.stop - window.start < TICK:
        raise IncompleteListingError(f"too many nodes were created at {stamp(window.start)} to be listed")
    middle = window.start + TICK * ((window.stop - window.start) // TICK // 2)
    return Window(window.start, middle), Window(middle + TICK, window.stop)
