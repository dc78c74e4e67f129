"""Keeps what HTTP libraries log about our requests free of addresses and headers.

httpx logs whole addresses, httpcore logs whole answer headers: signed addresses and rotated cookies among them. While
one of our requests is in hand, httpx is silent (we log the same ourselves), and what httpcore says is cut down to the
name of the event.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS: ContextVar[bool] = ContextVar("_OURS", default=False)
# A filter of a logger does not hold for its children, so each that speaks is named.
_LOUD: Final = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
    "aiohttp.client",
    "aiohttp.internal",
)


class _EventNameOnly(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if _OURS.get():
            record.msg = str(record.msg).partition(" ")[0]
            record.args = None
            return record.name != "httpx"
        return True


_FILTER: Final = _EventNameOnly()


def install() -> None:
    """Put the filter in place; doing it again changes nothing."""
    for name in _LOUD:
        logging.getLogger(name).addFilter(_FILTER)


@contextmanager
def ours() -> Iterator[None]:
    """Mark what is done within as one of our requests."""
    token = _OURS.set(True)
    try:
        yield
    finally:
        _OURS.reset(token)
