"""Pictures: what their headers and EXIF say. Pixels are not decoded here."""

from __future__ import annotations

import math
import re
import struct
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from PIL import ExifTags, Image, ImageFile, IptcImagePlugin, JpegImagePlugin, UnidentifiedImageError

from ap_remote_emulator.derive import heifs, xmp
from ap_remote_emulator.derive.limits import JPEG_PIXELS, check_pixels

FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000")
"""What Pillow opens as a picture (MPO is a kind of JPEG); formats that call other programs stay out."""
UNREADABLE: Final = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    MemoryError,
    ZeroDivisionError,
    struct.error,
    UnidentifiedImageError,
    Image.DecompressionBombError,
    Warning,
)
"""What Pillow raises over a damaged or hostile file; its warnings too, where a program has made them errors."""
_MIME: Final = {"MPO": "image/jpeg", "JPEG2000": "image/jp2"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_KEYWORDS: Final = 100
_MAX_PEOPLE: Final = 100
_MAX_TEXT: Final = 256
_MAX_DESCRIPTION: Final = 500
_DATE: Final = re.compile(r"(\d{4})[:\-/](\d{2})[:\-/](\d{2})[ T](\d{2}):(\d{2}):(\d{2})")
_DATES: Final = {
    "dateTime": (ExifTags.Base.DateTime, ExifTags.Base.SubsecTime),
    "dateTimeOriginal": (ExifTags.Base.DateTimeOriginal, ExifTags.Base.SubsecTimeOriginal),
    "dateTimeDigitized": (ExifTags.Base.DateTimeDigitized, ExifTags.Base.SubsecTimeDigitized),
}
_FIELDS: Final = {
    "make": ExifTags.Base.Make,
    "model": ExifTags.Base.Model,
    "exposureTime": ExifTags.Base.ExposureTime,
    "apertureValue": ExifTags.Base.ApertureValue,
    "focalLength": ExifTags.Base.FocalLength,
    "isoSpeedRatings": ExifTags.Base.ISOSpeedRatings,
    "flash": ExifTags.Base.Flash,
    "whiteBalance": ExifTags.Base.WhiteBalance,
    "meteringMode": ExifTags.Base.MeteringMode,
    "exposureProgram": ExifTags.Base.ExposureProgram,
    "exposureMode": ExifTags.Base.ExposureMode,
    "sensingMethod": ExifTags.Base.SensingMethod,
    "sharpness": ExifTags.Base.Sharpness,
    "captureMode": ExifTags.Base.SceneCaptureType,
    "colorSpace": ExifTags.Base.ColorSpace,
    "software": ExifTags.Base.Software,
    "orientation": ExifTags.Base.Orientation,
    "xResolution": ExifTags.Base.XResolution,
    "yResolution": ExifTags.Base.YResolution,
    "resolutionUnit": ExifTags.Base.ResolutionUnit,
    "subSecTime": ExifTags.Base.SubsecTime,
    "subSecTimeOriginal": ExifTags.Base.SubsecTimeOriginal,
    "subSecTimeDigitized": ExifTags.Base.SubsecTimeDigitized,
}
_WINDOWS_KEYWORDS: Final = 0x9C9E
_IPTC_KEYWORDS: Final = (2, 25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What a picture says about itself; ``position`` is latitude and longitude in degrees.

    The last four are told by :class:`ap_remote_emulator.derive.Derived`.
    """

    content_type: str
    image: Mapping[str, Any]
    taken: int | None
    position: tuple[float, float] | None
    keywords: tuple[str, ...]
    people: tuple[str, ...]
    unnamed_faces: int
    favorite: bool
    description: str | None


@contextmanager
def opened(path: Path) -> Iterator[ImageFile.ImageFile]:
    """Open a picture lazily.

    Raises:
        OSError: it is none, or one of :data:`UNREADABLE`.
    """
    if heifs.claims(path):
        with heifs.opened(path) as heif:
            yield heif
        return
    if _is_jpeg(path):
        # Not by Image.open, whose limit is below what telephones make, and which does not know of draft().
        with path.open("rb") as file, JpegImagePlugin.jpeg_factory(file) as jpeg:
            check_pixels(*jpeg.size, most=JPEG_PIXELS)
            yield jpeg
        return
    Image.init()  # registers the formats, once; those that Pillow has not used before would be a KeyError
    with Image.open(path, formats=FORMATS) as image:
        yield image


def _is_jpeg(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(3) == b"\xff\xd8\xff"


def read(path: Path) -> Picture | None:
    """Return what the picture at *path* says, or ``None`` if it cannot be opened as one."""
    told = _read(path)
    return None if told is None else understood(told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a library read, not yet understood; ``size`` is width and height, where they are known."""

    content_type: str
    size: tuple[int, int] | None
    exif: Mapping[int, Any]
    gps: Mapping[int, Any]
    xmp: Any
    iptc: Any


def understood(told: Told) -> Picture:
    """Return what is meant by what a file tells."""
    position = _position(told.gps)
    image: dict[str, Any] = {**_fields(told.exif), **_gps_time(told.gps)}
    if told.size:
        image["width"], image["height"] = told.size
    if position:
        image["location"] = f"{position[0]:.6f},{position[1]:.6f}"
    taken = image.get("dateTimeOriginal") or image.get("dateTimeDigitized")
    words = xmp.read(told.xmp)
    return Picture(
        content_type=told.content_type,
        image=image,
        taken=_milliseconds(taken) if taken else None,
        position=position,
        keywords=_keywords(told, words),
        people=_each_once(words.people)[:_MAX_PEOPLE],
        unnamed_faces=min(words.unnamed_faces, _MAX_PEOPLE),
        favorite=words.favorite,
        description=_clean(words.description)[:_MAX_DESCRIPTION] or None,
    )


def _read(path: Path) -> Told | None:
    # Only Pillow's work stands under UNREADABLE: an error of our own must not look like a damaged file.
    try:
        with opened(path) as image:
            exif, gps = exif_in(image.getexif)
            iptc: Any = None
            with suppress(*UNREADABLE):
                iptc = (IptcImagePlugin.getiptcinfo(image) or {}).get(_IPTC_KEYWORDS)
            kind = image.format or ""
            told = image.get_format_mimetype() if kind == "HEIF" else _MIME.get(kind) or Image.MIME.get(kind)
            return Told(
                content_type=told or "application/octet-stream",
                size=image.size,
                exif=exif,
                gps=gps,
                xmp=image.info.get("xmp"),
                iptc=iptc,
            )
    except UNREADABLE:
        return None


def exif_in(load: Callable[[], Image.Exif]) -> tuple[dict[int, Any], dict[int, Any]]:
    """Return the tags of a block of EXIF and those of its GPS, as far as they can be read."""
    exif: dict[int, Any] = {}
    gps: dict[int, Any] = {}
    with suppress(*UNREADABLE):
        block = load()
        exif = dict(block)
        exif = {**exif, **block.get_ifd(ExifTags.IFD.Exif)}
        gps = dict(block.get_ifd(ExifTags.IFD.GPSInfo))
    return exif, gps


def exif_date(text: Any, fraction: Any = None) -> str | None:
    """Return an EXIF date as Amazon writes it, ISO with milliseconds and ``Z``, or ``None`` if it is none."""
    match = _DATE.match(text) if isinstance(text, str) else None
    if match is None:
        return None
    digits = str(fraction).strip(" \0") if fraction is not None else ""
    micro = int((digits[:6] if digits.isascii() and digits.isdigit() else "0").ljust(6, "0"))
    try:
        when = datetime.strptime(" ".join(match.groups()), "%Y %m %d %H %M %S").replace(microsecond=micro, tzinfo=UTC)
    except ValueError:
        return None
    return when.isoformat(timespec="milliseconds")[:-6] + "Z"


def _milliseconds(iso: str) -> int:
    return (datetime.fromisoformat(iso) - _EPOCH) // timedelta(milliseconds=1)


def _fields(exif: Mapping[int, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, tag in _FIELDS.items():
        text = _text(exif.get(tag))
        if text:
            found[name] = text
    for name, (tag, fraction) in _DATES.items():
        date = exif_date(exif.get(tag), exif.get(fraction))
        if date:
            found[name] = date
    return found


def _text(value: Any) -> str:
    """Return a value as text: rationals as ``1/1780``, the first of several."""
    if isinstance(value, tuple | list):
        return _text(value[0]) if value else ""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str):
        text = "".join(char for char in value if char.isprintable()).strip()
        return text[:_MAX_TEXT]
    numerator, denominator = getattr(value, "numerator", None), getattr(value, "denominator", None)
    if isinstance(numerator, int) and isinstance(denominator, int):
        if not denominator:
            return ""
        return str(numerator) if denominator == 1 else f"{numerator}/{denominator}"
    return ""


def _position(gps: Mapping[int, Any]) -> tuple[float, float] | None:
    latitude = _degrees(gps.get(ExifTags.GPS.GPSLatitude), gps.get(ExifTags.GPS.GPSLatitudeRef), "S", 90)
    longitude = _degrees(gps.get(ExifTags.GPS.GPSLongitude), gps.get(ExifTags.GPS.GPSLongitudeRef), "W", 180)
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return None  # cameras without a fix write zeros
    return latitude, longitude


def _degrees(value: Any, reference: Any, negative: str, most: float) -> float | None:
    try:
        parts = [float(part) for part in value]
        degrees: float = sum(part / 60**index for index, part in enumerate(parts[:3]))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if not parts or not math.isfinite(degrees) or abs(degrees) > most:
        return None
    return -degrees if isinstance(reference, str) and reference.strip("\0 ").upper() == negative else degrees


def _gps_time(gps: Mapping[int, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    if date := _text(gps.get(ExifTags.GPS.GPSDateStamp)):
        found["gpsDateStamp"] = date
    with suppress(TypeError, ValueError, ZeroDivisionError, OverflowError):
        hours, minutes, seconds = (int(float(part)) for part in gps.get(ExifTags.GPS.GPSTimeStamp, ()))
        found["gpsTimeStamp"] = f"{hours:02d}:{minutes:02d}:{seconds:02d}"
    return found


def _keywords(told: Told, words: xmp.Words) -> tuple[str, ...]:
    """Return the words in the file, lower case, in order, each once: XMP subjects, IPTC keywords, Windows' own."""
    found = list(words.subjects)
    iptc = told.iptc if isinstance(told.iptc, list) else [told.iptc]
    found += [_decoded(item) for item in iptc if isinstance(item, bytes)]
    windows = told.exif.get(_WINDOWS_KEYWORDS)
    if isinstance(windows, bytes):
        found += windows.decode("utf-16-le", "replace").split(";")
    return _each_once(word.lower() for word in found)[:_MAX_KEYWORDS]


def _decoded(text: bytes) -> str:
    """Return an IPTC text: programs write UTF-8 or Latin-1, and seldom say which."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _each_once(texts: Iterable[str]) -> tuple[str, ...]:
    """Return texts cleaned and without repetitions; two that differ only in case are one."""
    found: dict[str, str] = {}
    for text in texts:
        if clean := _clean(text)[:_MAX_TEXT]:
            found.setdefault(clean.casefold(), clean)
    return tuple(found.values())


def _clean(text: str) -> str:
    """Return a text on one line, composed, without what cannot be seen."""
    visible = "".join(char if char.isprintable() else " " for char in text)
    return unicodedata.normalize("NFC", " ".join(visible.split()))
