"""A promise that nothing which may have been done is done twice.

Putting a file in the trash twice has the effect of doing it once, so a request for it is sent again when its answer is
lost. Between the two somebody may have restored the file. Where that matters more than getting through, the answer that
was lost is told instead, as :class:`~ap_remote.errors.OutcomeUnknownError`, and whoever asked looks.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROMISED: Final[ContextVar[bool]] = ContextVar("once", default=False)


@contextmanager
def once() -> Iterator[None]:
    """Within the block, and in tasks that begin there, no change is asked for a second time after it may have left."""
    token = _PROMISED.set(True)
    try:
        yield
    finally:
        _PROMISED.reset(token)


def is_promised() -> bool:
    """Whether that holds here."""
    return _PROMISED.get()
