"""What a file is by its first bytes. Only media leave this machine, whatever their names say."""

from __future__ import annotations

from typing import Final

HEAD: Final = 64
"""Bytes that are looked at."""
_STARTS: Final = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
)
_BRANDS: Final = {
    "heic": b"heic heix heim heis hevc hevx hevm hevs mif1 msf1",
    "avif": b"avif avis",
    "mov": b"qt  ",
    "mp4": b"isom iso2 iso3 iso4 iso5 iso6 iso8 mp41 mp42 avc1 mmp4 MSNV dash M4V  M4VH 3gp4 3gp5 3gp6 3g2a",
}
"""Brands of the ISO base media format, four bytes each; audio (``M4A ``) and e-books are none of them."""
_KINDS: Final = {
    brands[start : start + 4]: kind for kind, brands in _BRANDS.items() for start in range(0, len(brands), 5)
}
_ATOMS: Final = frozenset({b"moov", b"mdat", b"wide"})
"""How QuickTime films begin that were made before brands."""
_LEAST: Final = 8


def kind_of(head: bytes) -> str:
    """Return what a file with these first bytes is, e.g. ``jpeg``, ``heic``, ``mov``; ``""`` if it is no medium."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    size = int.from_bytes(head[:4])
    if head[4:8] == b"ftyp" and size >= 2 * _LEAST:
        offered = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)), 4))]
        return next((_KINDS[brand] for brand in offered if brand in _KINDS), "")
    return "mov" if head[4:8] in _ATOMS and (size in (0, 1) or size >= _LEAST) else ""
