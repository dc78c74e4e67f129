"""Content types by file name, for what does not tell its own."""

from __future__ import annotations

import mimetypes
from typing import Final

_RAW: Final = {
    "3fr": "image/x-hasselblad-3fr",
    "arw": "image/x-sony-arw",
    "cr2": "image/x-canon-cr2",
    "cr3": "image/x-canon-cr3",
    "crw": "image/x-canon-crw",
    "dcr": "image/x-kodak-dcr",
    "dng": "image/x-adobe-dng",
    "erf": "image/x-epson-erf",
    "fff": "image/x-hasselblad-fff",
    "kdc": "image/x-kodak-kdc",
    "mef": "image/x-mamiya-mef",
    "mrw": "image/x-minolta-mrw",
    "nef": "image/x-nikon-nef",
    "nrw": "image/x-nikon-nrw",
    "orf": "image/x-olympus-orf",
    "pef": "image/x-pentax-pef",
    "raf": "image/x-fuji-raf",
    "rw2": "image/x-panasonic-rw2",
    "rwl": "image/x-leica-rwl",
    "sr2": "image/x-sony-sr2",
    "srf": "image/x-sony-srf",
    "srw": "image/x-samsung-srw",
    "x3f": "image/x-sigma-x3f",
}
_MORE: Final = _RAW | {
    "3gp": "video/3gpp",
    "avif": "image/avif",
    "heic": "image/heic",
    "heif": "image/heif",
    "hif": "image/heif",
    "m4v": "video/x-m4v",
    "md": "text/markdown",
    "mkv": "video/x-matroska",
    "mts": "video/mp2t",
    "webm": "video/webm",
    "webp": "image/webp",
}
RAW: Final = frozenset(_RAW.values())
"""The content types of cameras' raw files. Names tell them: most are TIFF inside, with a small picture in front."""
HEIF: Final = frozenset({"image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"})
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
