"""Pictures for an answer: fetched in a call's turn, then decoded and drawn beside everybody's, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio.from_thread
import anyio.to_thread

from ap_remote.errors import ProtocolError, UnsupportedError
from ap_remote.model import NodeId
from ap_remote.remote.features import SupportsThumbnails
from ap_remote_mcp.results.pictures import shrink

if TYPE_CHECKING:
    from ap_remote.model import Entry
    from ap_remote_mcp.context import App

T = TypeVar("T")
Step = Callable[[], None]
"""What is drawn calls it between its parts; where the call was given up, it ends the work."""


async def fetched(app: App, entry: Entry, side: int) -> bytes | None:
    """Return the service's rendition of an entry in the call's turn, which is taken again if it was left.

    ``None`` where the service has none, or sends what is none.

    Raises:
        UnsupportedError: the remote makes no renditions.
    """
    if not isinstance(app.remote, SupportsThumbnails):
        raise UnsupportedError("this remote makes no thumbnails")
    await app.turn.take()
    try:
        return await app.remote.thumbnail(NodeId(entry.id), size=side)
    except (UnsupportedError, ProtocolError):
        return None


async def drawn(app: App, work: Callable[[Step], T]) -> T:
    """Draw in a thread, after the turn was left: others may speak, and no other picture is drawn meanwhile.

    When the call is given up it waits for the thread, which ends at its next step.

    Raises:
        PictureError: what *work* raises.
    """
    app.turn.leave()

    return await anyio.to_thread.run_sync(work, anyio.from_thread.check_cancelled, limiter=app.drawing)


async def preview(app: App, entry: Entry, side: int) -> bytes:
    """Return a small JPEG of an entry, without metadata. Its pixels count even if there turns out to be none.

    Raises:
        UnsupportedError: the entry has no rendition.
        PictureError: the rendition cannot be shown.
        CodedError: the day's pixels are spent.
    """
    app.spend(app.pixels, side * side, "pixels")
    data = await fetched(app, entry, side)
    if data is None:
        raise UnsupportedError("the service has no rendition of it")
    return await drawn(app, partial(shrink, data, side=side, **bounds(app)))


def bounds(app: App) -> dict[str, int]:
    """Return what a rendition may be, as :func:`~ap_remote_mcp.results.pictures.shrink` takes it."""
    return {"max_bytes": app.limits.picture_bytes, "max_pixels": app.limits.picture_pixels}
