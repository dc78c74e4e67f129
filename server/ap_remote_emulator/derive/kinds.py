"""Content types by file name, for what does not tell its own."""

from __future__ import annotations

import mimetypes
from typing import Final

_MORE: Final = {
    "3gp": "video/3gpp",
    "arw": "image/x-sony-arw",
    "avif": "image/avif",
    "cr2": "image/x-canon-cr2",
    "cr3": "image/x-canon-cr3",
    "dng": "image/x-adobe-dng",
    "heic": "image/heic",
    "heif": "image/heif",
    "m4v": "video/x-m4v",
    "md": "text/markdown",
    "mkv": "video/x-matroska",
    "mts": "video/mp2t",
    "nef": "image/x-nikon-nef",
    "orf": "image/x-olympus-orf",
    "raf": "image/x-fuji-raf",
    "rw2": "image/x-panasonic-rw2",
    "webm": "video/webm",
    "webp": "image/webp",
}
_TYPES: Final = mimetypes.MimeTypes()
"""The table that Python brings along, not the system's: the same file has the same type on every machine."""
_MAX_EXTENSION: Final = 32


def extension_of(name: str) -> str:
    """Return the extension without its dot, in lower case, or ``""``."""
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem and len(extension) <= _MAX_EXTENSION else ""


def content_type_of(name: str) -> str:
    """Return the content type that a file's name promises."""
    extension = extension_of(name)
    if known := _MORE.get(extension):
        return known
    guess, encoding = _TYPES.guess_type(f"file.{extension}") if extension.isascii() else (None, None)
    if encoding is not None:
        return {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}.get(
            encoding,
            "application/octet-stream",
        )
    return guess or "application/octet-stream"


def media_of(content_type: str) -> str | None:
    """Return the search type of a content type."""
    major = content_type.partition("/")[0]
    return {"image": "PHOTOS", "video": "VIDEOS"}.get(major)
