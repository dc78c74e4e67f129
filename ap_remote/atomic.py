"""Local files that are whole or not there: a temporary name, fsync, rename."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_atomically(file: Path, body: bytes, *, private: bool = False) -> None:
    """Write a file; what it was before stays until the new one is whole on the disk.

    Args:
        file: where; its folder is there.
        body: all of it.
        private: let its owner alone read it (mode 0600), whatever the one before let others do.

    Raises:
        OSError: the disk is full or cannot be written; nothing half-written is left.
    """
    partial = file.with_name(f".{secrets.token_hex(8)}.partial")
    mode = 0o600 if private else 0o666
    try:
        with open(partial, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as stream:
            stream.write(body)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
