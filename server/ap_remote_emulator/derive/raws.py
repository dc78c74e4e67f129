"""Cameras' raw files, where rawpy is installed (the extra ``formats``).

Without it those that are TIFF still tell their EXIF, and what they show is what Pillow finds in them, often nothing.
The preview that cameras put into such a file is preferred to developing the file.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from PIL import ExifTags, Image

from ap_remote_emulator.derive import pictures
from ap_remote_emulator.derive.limits import check_pixels

if TYPE_CHECKING:
    from rawpy import ImageSizes, RawPy

_HEAD: Final = 1 << 20
"""Bytes at the start in which cameras that write no plain TIFF have their EXIF."""
_TIFF: Final = (b"II*\0", b"MM\0*")
_MARKED: Final = {b"IIRO": b"II*\0", b"IIRS": b"II*\0", b"MMOR": b"MM\0*", b"IIU\0": b"II*\0"}
"""Olympus and Panasonic write TIFF with marks of their own."""
_CR3: Final = b"ftypcrx "
_XMP: Final = 700
_TURNS: Final = {
    1: Image.Transpose.FLIP_LEFT_RIGHT,
    2: Image.Transpose.FLIP_TOP_BOTTOM,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.TRANSPOSE,
    5: Image.Transpose.ROTATE_90,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
}
"""LibRaw's ``flip``, whose bits are mirrored, upside down and sideways."""
_SIDEWAYS: Final = 4
_LIBRAW: Final = "dcraw "
"""So begins the software in the EXIF that LibRaw itself writes into a preview that has none."""
_EPOCH: Final = "1970"
_Found = TypeVar("_Found")


def installed() -> bool:
    """Whether such files can be developed here."""
    return find_spec("rawpy") is not None


def read(path: Path, content_type: str) -> pictures.Picture | None:
    """Return what the raw file at *path* says, or ``None`` if it is none.

    Width and height are the upright picture's, and the orientation is told as 1.
    """
    exif, gps, xmp = _of_file(path)
    size = _with_libraw(path, lambda raw: _size(raw.sizes))
    if size is None and (installed() or not exif):
        return None
    if not exif:
        exif, gps = _of_preview(_with_libraw(path, _jpeg) or b"")
    if size:
        exif[ExifTags.Base.Orientation] = 1
    return pictures.understood(
        pictures.Told(content_type=content_type, size=size, exif=exif, gps=gps, xmp=xmp, iptc=None)
    )


def picture(path: Path, width: int, height: int) -> Image.Image | None:
    """Return the picture, upright, at least as large as fits *width* x *height* where the file has so many pixels.

    ``None`` says that this is no raw file, or a damaged one, or that rawpy is not installed.
    """
    side = max(width, height)
    shown, enough = _with_libraw(path, lambda raw: _preview(raw, side)) or (None, False)
    return shown if enough else _with_libraw(path, _developed) or shown


def _with_libraw(path: Path, use: Callable[[RawPy], _Found]) -> _Found | None:
    """Return what *use* finds in the file, or ``None`` if LibRaw or Pillow gave up on it."""
    try:
        import rawpy
    except ImportError:
        return None
    try:
        with rawpy.imread(str(path)) as raw:
            return use(raw)
    except (rawpy.LibRawError, rawpy.NotSupportedError, NotImplementedError, *pictures.UNREADABLE):
        return None


def _size(sizes: ImageSizes) -> tuple[int, int]:
    return (sizes.height, sizes.width) if sizes.flip & _SIDEWAYS else (sizes.width, sizes.height)


def _jpeg(raw: RawPy) -> bytes:
    data = raw.extract_thumb().data
    return data if isinstance(data, bytes) else b""


def _preview(raw: RawPy, side: int) -> tuple[Image.Image, bool]:
    """Return the largest preview, upright, and whether it has *side* pixels or as many as developing would give.

    EXIF in a preview is often missing, or of LibRaw's making: its orientation is not asked.
    """
    sizes, data = raw.sizes, raw.extract_thumb().data
    if isinstance(data, bytes):
        image: Image.Image = Image.open(io.BytesIO(data), formats=("JPEG",))
        image.draft("RGB", (side, side))
        image.load()
    else:
        image = _from_samples(data)
    turned = sizes.flip & _SIDEWAYS and (image.width < image.height) != (sizes.width < sizes.height)
    turn = None if turned else _TURNS.get(sizes.flip)  # some cameras turn the preview and leave the rest as it lay
    enough = max(image.size) >= min(side, max(sizes.width, sizes.height) // 2)
    return image if turn is None else image.transpose(turn), enough


def _developed(raw: RawPy) -> Image.Image:
    """Return the picture in half its width and height, where four cells of the sensor are one pixel."""
    check_pixels(raw.sizes.raw_width, raw.sizes.raw_height)
    return _from_samples(raw.postprocess(half_size=True, use_camera_wb=True))


def _from_samples(samples: Any) -> Image.Image:
    """Return the picture of an array of bytes, (height, width, 1 or 3); its memory is LibRaw's no longer."""
    grey = samples.ndim == 3 and samples.shape[2] == 1  # noqa: PLR2004 - dimensions
    return Image.fromarray(samples[:, :, 0] if grey else samples).copy()


def _of_file(path: Path) -> tuple[dict[int, Any], dict[int, Any], Any]:
    """Return EXIF, GPS and XMP as the file itself has them, as far as it is understood here."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        if head[4:12] == _CR3:
            return {**_box(head, b"CMT1"), **_box(head, b"CMT2")}, _box(head, b"CMT4"), None
        mark = _MARKED.get(head[:4])
        if mark is None and head[:4] not in _TIFF:
            return {}, {}, None
        plain = io.BytesIO(mark + head[4:]) if mark else file
        plain.seek(0)
        exif, gps = pictures.exif_in(lambda: _loaded(plain))
        return exif, gps, exif.get(_XMP)


def _loaded(file: Any) -> Image.Exif:
    block = Image.Exif()
    block.load_from_fp(file)
    return block


def _box(head: bytes, name: bytes) -> dict[int, Any]:
    """Return the one directory in a box of Canon's: IFD0, Exif and GPS each have theirs."""
    at = head.find(name)
    if at < 4:  # noqa: PLR2004 - a box begins with its length in four bytes
        return {}
    return pictures.exif_in(lambda: _loaded(io.BytesIO(head[at + 4 : at - 4 + int.from_bytes(head[at - 4 : at])])))[0]


def _of_preview(jpeg: bytes) -> tuple[dict[int, Any], dict[int, Any]]:
    """Return EXIF and GPS of a preview."""
    exif, gps = pictures.exif_in(lambda: Image.open(io.BytesIO(jpeg), formats=("JPEG",)).getexif())
    if str(exif.get(ExifTags.Base.Software, "")).startswith(_LIBRAW):
        del exif[ExifTags.Base.Software]
        when = str(exif.pop(ExifTags.Base.DateTime, ""))
        if when[:4] > _EPOCH:  # LibRaw knows one date, when it was taken; none is the epoch
            exif[ExifTags.Base.DateTimeOriginal] = when
        gps = {}  # without hemispheres, for which it writes what lies in memory
    return exif, gps
