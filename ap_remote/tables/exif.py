"""The fields of EXIF and of films that an entry may hold, with their types, and how their texts are read.

Amazon sends texts [amazon-photos-api.md 6.4, 6.5]. A field has a type where its unit is known, from EXIF 2.3 or from
the recorded form; the others (``flash``, ``meteringMode`` …) stay texts, as nobody recorded whether they are codes or
words. A text that is no number or no date where one belongs gives null.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec


class Field(msgspec.Struct, frozen=True):
    """One field under Amazon's name."""

    name: str
    type: Literal["string", "int32", "float64", "timestamp"]
    about: str


IMAGE: Final = (
    Field("dateTime", "timestamp", "when the file was last changed, by the camera's clock read as UTC"),
    Field("dateTimeOriginal", "timestamp", "when it was taken, by the camera's clock read as UTC"),
    Field("dateTimeDigitized", "timestamp", "when it was digitized, by the camera's clock read as UTC"),
    Field("subSecTime", "string", "digits of a second's fraction"),
    Field("subSecTimeOriginal", "string", "digits of a second's fraction"),
    Field("subSecTimeDigitized", "string", "digits of a second's fraction"),
    Field("gpsDateStamp", "string", "date by satellite, UTC"),
    Field("gpsTimeStamp", "string", "time by satellite, UTC"),
    Field("apertureValue", "float64", "APEX; the f-number is 2 ** (x / 2)"),
    Field("captureMode", "string", "as Amazon says it"),
    Field("colorSpace", "string", "as Amazon says it"),
    Field("exposureMode", "string", "as Amazon says it"),
    Field("exposureProgram", "string", "as Amazon says it"),
    Field("exposureTime", "float64", "seconds"),
    Field("flash", "string", "as Amazon says it"),
    Field("focalLength", "float64", "millimetres"),
    Field("isoSpeedRatings", "int32", "ISO"),
    Field("meteringMode", "string", "as Amazon says it"),
    Field("orientation", "int32", "1 to 8; 1 is upright"),
    Field("resolutionUnit", "string", "as Amazon says it"),
    Field("sensingMethod", "string", "as Amazon says it"),
    Field("sharpness", "string", "as Amazon says it"),
    Field("software", "string", "what wrote the file"),
    Field("whiteBalance", "string", "as Amazon says it"),
    Field("xResolution", "float64", "pixels per resolution unit"),
    Field("yResolution", "float64", "pixels per resolution unit"),
)
VIDEO: Final = (
    Field("creationDate", "timestamp", "when it was filmed, read as UTC where it names no zone"),
    Field("bitrate", "float64", "bits per second (inferred)"),
    Field("videoBitrate", "float64", "bits per second (inferred)"),
    Field("videoCodec", "string", "e.g. `h264`"),
    Field("videoFrameRate", "float64", "frames per second"),
    Field("audioBitrate", "float64", "bits per second (inferred)"),
    Field("audioChannelLayout", "string", "e.g. `stereo`"),
    Field("audioChannels", "int32", "number of channels"),
    Field("audioCodec", "string", "e.g. `aac`"),
    Field("audioSampleRate", "float64", "hertz (inferred)"),
    Field("encoder", "string", "what wrote the film"),
    Field("rotate", "int32", "degrees"),
    Field("title", "string", "its title"),
)

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_INT32: Final = 1 << 31


def number(text: str) -> float | None:
    """Read ``54823/32325``, ``17/4`` or ``2.8``."""
    above, stroke, below = text.partition("/")
    try:
        found = float(above) / float(below) if stroke else float(above)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(text: str) -> int | None:
    """Read a whole number that an int32 holds, also as ``400.0`` or ``400/1``."""
    found = number(text)
    return int(found) if found is not None and found.is_integer() and -_INT32 <= found < _INT32 else None


def microseconds(text: str) -> int | None:
    """Read a time as microseconds since 1970, UTC where it names no zone.

    It is written as ISO 8601 has it, or as EXIF does: ``2019:07:06 18:22:00``.
    """
    for form in (datetime.fromisoformat, _of_camera):
        try:
            found = form(text.strip())
            return ((found if found.tzinfo else found.replace(tzinfo=UTC)) - EPOCH) // _MICROSECOND
        except (ValueError, OverflowError):
            continue
    return None


def _of_camera(text: str) -> datetime:
    return datetime.strptime(text, "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
