"""Local files that are whole or not there (a temporary name, fsync, rename), and folders for their owner alone."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_atomically(file: Path, body: bytes, *, private: bool = False, durable: bool = True) -> None:
    """Write a file; what it was before stays until the new one is whole on the disk.

    Args:
        file: where; its folder is there.
        body: all of it.
        private: let its owner alone read it (mode 0600), whatever the one before let others do.
        durable: return when it is on the disk. Without, a machine that stops may leave the one before, or none.

    Raises:
        OSError: the disk is full or cannot be written; nothing half-written is left.
    """
    partial = file.with_name(f".{secrets.token_hex(8)}.partial")
    mode = 0o600 if private else 0o666
    try:
        with open(partial, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as stream:
            stream.write(body)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def make_private(folder: Path) -> None:
    """Make a folder that its owner alone may enter (mode 0700), and so each folder above it that is missing.

    ``Path.mkdir`` gives its mode to the last of them only; the others would be as open as the umask lets them. What is
    there already stays as it is.

    Raises:
        OSError: it cannot be made, or a file has its name.
    """
    try:
        folder.mkdir(mode=0o700)
    except FileNotFoundError:
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError:
        if not folder.is_dir():
            raise
