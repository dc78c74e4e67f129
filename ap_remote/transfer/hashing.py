"""The md5 of a local file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def md5_of(file: Path) -> str:
    """Return the file's md5 as lower-case hexadecimal, reading it piece by piece."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
