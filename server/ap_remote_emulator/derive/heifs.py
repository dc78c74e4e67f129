"""HEIC and HEIF, where pi-heif is installed (the extra ``formats``); without it they are files with a content type.

The opener is not registered with Pillow: what the rest of a process opens must not depend on this service being in it.
AVIF stays Pillow's.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from PIL import ImageFile, UnidentifiedImageError

from ap_remote_emulator.derive.limits import MAX_BYTES, check_pixels

_HEAD: Final = 64
_BOX: Final = 8
"""Bytes of a box's length and kind."""
_HEVC: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_ANY: Final = frozenset({b"mif1", b"msf1"})
"""Brands that do not say how the pixels are coded."""
_AVIF: Final = frozenset({b"avif", b"avis"})
_EXTENT: Final = re.compile(rb"ispe\0{4}(.{4})(.{4})", re.DOTALL)
"""The property that tells the width and height of a coded picture; libheif refuses pixels that are not so many."""
_ITEM: Final = re.compile(
    rb"infe(?=(?:\x02.{5}|\x03.{7})..(?P<kind>.{4})[^\0]*\0(?P<type>[^\0]*)|(?P<other>.))", re.DOTALL
)
"""What an item is: its kind, and behind its name the content type of one that is ``mime``."""


def installed() -> bool:
    """Whether such files can be read here."""
    return find_spec("pi_heif") is not None


def claims(path: Path) -> bool:
    """Whether the file at *path* begins as HEIF that is not AVIF.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head[4:8] != b"ftyp":
        return False
    end = min(len(head), int.from_bytes(head[:4]))
    others = {head[at : at + 4] for at in range(16, end - 3, 4)}
    return head[8:12] in _HEVC or (head[8:12] in _ANY and not others & _AVIF)


@contextmanager
def opened(path: Path) -> Iterator[ImageFile.ImageFile]:
    """Open a picture lazily, as :func:`ap_remote_emulator.derive.pictures.opened` does.

    It is upright: libheif applies the file's own rotation and mirroring, and the EXIF orientation, which says the same
    a second time, has been made 1.

    Raises:
        OSError: it is damaged, or too large, or pi-heif is not installed.
        Image.DecompressionBombError: it has too many pixels.
    """
    try:
        from pi_heif import HeifImageFile  # type: ignore[import-untyped]  # its wheel has no py.typed
    except ImportError as error:
        raise UnidentifiedImageError("pi-heif is not installed") from error
    _check(path)
    try:
        with HeifImageFile(str(path)) as image:
            yield image
    except RuntimeError as error:  # libheif's word for what it cannot decode, here or where the pixels are asked for
        raise OSError(f"libheif cannot read it: {error}") from error


def _check(path: Path) -> None:
    """Refuse what is too large before it is read, and what pi-heif does not survive.

    The size that libheif tells is that of the crop, if the file asks for one; what is decoded may be far larger. A kind
    or content type that is no text ends the process in pi-heif 1.4, which does not ask whether Python could decode it.
    """
    if path.stat().st_size > MAX_BYTES:
        raise OSError("too many bytes for a HEIF")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start, end = _meta(content)
        for extent in _EXTENT.finditer(content, start, end):
            check_pixels(int.from_bytes(extent[1]), int.from_bytes(extent[2]))
        for item in _ITEM.finditer(content, start, end):
            if item["other"] is not None or not item["kind"].isascii() or not item["type"].isascii():
                raise OSError("an item is of no kind that there is")


def _meta(content: mmap.mmap) -> tuple[int, int]:
    """Return where the box begins and ends that describes the items.

    Raises:
        OSError: there is none.
    """
    at, end = 0, len(content)
    while at + _BOX <= end:
        size = int.from_bytes(content[at : at + 4])
        kind = content[at + 4 : at + _BOX]
        if size == 1:
            size = int.from_bytes(content[at + _BOX : at + 2 * _BOX])
        if kind == b"meta":
            return at, min(end, at + size) if size else end
        if size < _BOX:
            break
        at += size
    raise OSError("nothing tells what is in it")
