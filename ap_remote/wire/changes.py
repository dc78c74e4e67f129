"""The delta stream: newline-delimited JSON, a line per batch of nodes, and a last line that says it is whole."""

from __future__ import annotations

from typing import Final

from ap_remote.wire._base import Lenient, Wire
from ap_remote.wire.nodes import Node


class ChangeLine(Wire, frozen=True, kw_only=True):
    """One line. ``reset`` means: forget what you knew. Without a line whose ``end`` is true the stream was cut off."""

    checkpoint: str | None = None
    reset: bool = False
    nodes: tuple[Node, ...] = ()
    status_code: int | None = None
    end: bool = False


LINE: Final = Lenient(ChangeLine)


class Lines:
    """Decodes a whole stream at once; for one that is read as it comes, give each line to :data:`LINE`."""

    def decode(self, body: bytes, /) -> tuple[ChangeLine, ...]:
        """Return the lines in order; empty ones are keep-alives and are skipped.

        Raises:
            msgspec.DecodeError: a line is not what it should be.
        """
        return tuple(LINE.decode(line) for line in body.split(b"\n") if line.strip())


LINES: Final = Lines()
