"""The delta stream: newline-delimited JSON, a line per batch of nodes, and a last line that says it is whole."""

from __future__ import annotations

from typing import Final

import msgspec

from ap_remote.wire._base import Lenient, Wire
from ap_remote.wire.nodes import Node


class ChangeLine(Wire, frozen=True, kw_only=True):
    """One line. ``reset`` means: forget what you knew. Without a line whose ``end`` is true the stream was cut off."""

    checkpoint: str | None = None
    reset: bool = False
    nodes: tuple[Node, ...] = ()
    status_code: int | None = None
    end: bool = False

    @property
    def good(self) -> bool:
        """Whether its nodes may be believed: lines carry a status of their own."""
        return self.status_code is None or 200 <= self.status_code < 300  # noqa: PLR2004 - the statuses of success

    @property
    def says_something(self) -> bool:
        """Whether it is a line of such a stream at all, and not some other JSON."""
        return self.end or self.checkpoint is not None or bool(self.nodes) or self.status_code is not None


LINE: Final = Lenient(ChangeLine)
LONGEST: Final = 256 << 20
"""Bytes of a line beyond which nobody waits for its end (own choice)."""


class Lines:
    """Decodes a whole stream at once; for one that is read as it comes, see :class:`Splitter`."""

    def decode(self, body: bytes, /) -> tuple[ChangeLine, ...]:
        """Return the lines in order; empty ones are keep-alives and are skipped.

        Raises:
            msgspec.DecodeError: a line is not what it should be.
        """
        return tuple(LINE.decode(line) for line in body.split(b"\n") if line.strip())


LINES: Final = Lines()


class Splitter:
    """Cuts a stream into lines as it comes, keeping no more than the line that is not whole yet."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that *piece* completes; empty ones are keep-alives and are left out.

        Raises:
            msgspec.DecodeError: a line has no end.
        """
        *whole, rest = piece.split(b"\n")
        if whole:
            whole[0] = b"".join((*self._pieces, whole[0]))
            self._pieces, self._length = [], 0
        if rest:
            self._pieces.append(rest)
            self._length += len(rest)
        if self._length > LONGEST:
            raise msgspec.DecodeError("a line has no end")
        return [line for line in whole if line.strip()]

    def rest(self) -> bytes:
        """Return what came after the last line's end."""
        return b"".join(self._pieces).strip()
