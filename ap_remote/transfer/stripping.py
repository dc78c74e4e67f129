"""A JPEG without the place where it was taken. Its pixels are not touched: only segments are left out or rewritten.

A position stands in EXIF, often once more in XMP, IPTC and the maker's own notes, and in pictures and films that phones
append. EXIF is rewritten without its position and the maker's notes; of the other application segments only those stay
that a decoder needs; what follows the picture is left out.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from PIL import Image

_SOI: Final = b"\xff\xd8"
_EOI: Final = 0xD9
_SOS: Final = 0xDA
_DECODING: Final = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xE0)})
"""Frames, tables, scans; comments and what is reserved are none of them."""
_APP1: Final = 0xE1
_APPS: Final = range(0xE0, 0xF0)
_EXIF: Final = b"Exif\0\0"
_KEPT: Final = ((0xE0, b"JFIF"), (0xE0, b"JFXX"), (0xE2, b"ICC_PROFILE\0"), (0xEE, b"Adobe"))
_LONGEST: Final = 0xFFFF - 2
_MARKER: Final = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
"""A marker right here; any number of ``FF`` may fill the room before it."""
_BEHIND: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""The next marker behind coded pixels, where ``FF00`` is a byte of theirs and ``FFD0`` to ``FFD7`` are restarts.

It has no repetition: a search tries each place, and a repetition would read a long run of ``FF`` from each of them.
"""
_PARTS: Final = 10_000
_EXIFS: Final = 8
"""Segments in all, and those with EXIF, beyond which a file is not a picture but a task (own choice)."""
_GPS: Final = 0x8825
_EXIF_IFD: Final = 0x8769
_MAKER_NOTE: Final = 0x927C
_CARRIERS: Final = (_GPS, 0x014A, 0x02BC, 0x83BB, 0x8649, 0xC634)
"""Tags of the first directory that hold a position, or hold what may: sub-files, XMP, IPTC, Photoshop, DNG."""


class PictureError(Exception):
    """Bytes that are no picture, or one that is not opened; the sentence says which."""


class Stripped(NamedTuple):
    """A JPEG without a position."""

    data: bytes
    had: bool
    """Whether EXIF named one."""
    extras: bool
    """Whether something followed the picture, which was left out."""


def without_position(data: bytes) -> Stripped:
    """Return a JPEG without what says where it was taken, in time that grows with its length and no faster.

    Raises:
        PictureError: it is no JPEG, or damaged, so that nobody could say what is in it.
    """
    if not data.startswith(_SOI):
        raise PictureError("it is no JPEG")
    kept = [_SOI]
    at, had, exifs = len(_SOI), False, 0
    for _ in range(_PARTS):
        marker, at = _next(data, at)
        if marker == _EOI:
            kept.append(bytes((0xFF, _EOI)))
            return Stripped(b"".join(kept), had, at < len(data))
        length = int.from_bytes(data[at : at + 2])
        payload = data[at + 2 : at + length]
        if length < 2 or len(payload) != length - 2:  # noqa: PLR2004 - the length counts its own two bytes
            raise PictureError("it is damaged")
        if marker == _APP1 and payload.startswith(_EXIF):
            exifs += 1
            if exifs > _EXIFS:
                break
            payload, named = _rewritten(payload)
            had = had or named
            kept.append(_segment(marker, payload))
        elif _is_kept(marker, payload):
            kept.append(_segment(marker, payload))
        at += length
        if marker == _SOS:
            found = _BEHIND.search(data, at)
            if found is None:
                raise PictureError("it is cut off")
            kept.append(data[at : found.start()].rstrip(b"\xff"))
            at = found.start()
    raise PictureError("it has too many parts")


def _is_kept(marker: int, payload: bytes) -> bool:
    """Whether a decoder needs a segment."""
    if marker in _APPS:
        return any(marker == app and payload.startswith(start) for app, start in _KEPT)
    return marker in _DECODING


def _next(data: bytes, at: int) -> tuple[int, int]:
    """Return the marker at a place, and the place behind it."""
    found = _MARKER.match(data, at)
    if found is None:
        raise PictureError("it is damaged")
    return found[1][0], found.end()


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload


def _rewritten(payload: bytes) -> tuple[bytes, bool]:
    try:
        exif = Image.Exif()
        exif.load(payload)
        had = _GPS in exif
        for tag in _CARRIERS:
            if tag in exif:
                del exif[tag]
        exif.get_ifd(_EXIF_IFD).pop(_MAKER_NOTE, None)
        body = exif.tobytes()
    except Exception as exc:  # Pillow reports damage in EXIF by a dozen classes
        raise PictureError("its EXIF cannot be read") from exc
    if len(body) > _LONGEST:
        raise PictureError("its EXIF is too long")
    return body, had
