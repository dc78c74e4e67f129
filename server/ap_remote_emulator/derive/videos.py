"""Videos, where PyAV is installed (the extra ``video``); without it they are files with a content type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from PIL import Image

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_POSITION: Final = re.compile(r"([+-]\d{1,2}(?:\.\d{1,10})?)([+-]\d{1,3}(?:\.\d{1,10})?)")
_TEXT_TAGS: Final = {
    "encoder": ("encoder",),
    "title": ("title",),
    "make": ("com.apple.quicktime.make", "make"),
    "model": ("com.apple.quicktime.model", "model"),
}
_DATE_TAGS: Final = ("com.apple.quicktime.creationdate", "creation_time", "date")
_PLACE_TAGS: Final = ("com.apple.quicktime.location.ISO6709", "location", "location-eng")
_MAX_TEXT: Final = 256
_OPTIONS: Final = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,mxf,dv",
}
"""Containers that hold their own streams; playlists, which may name other files or hosts, are not opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """What a video says about itself; ``video`` is ``contentProperties.video``."""

    video: Mapping[str, Any]
    taken: int | None
    position: tuple[float, float] | None


def read(path: Path) -> Video | None:
    """Return what the video at *path* says, or ``None`` if it cannot be read as one."""
    raw = _read_raw(path)
    if raw is None:
        return None
    found, tags = raw
    for name, keys in _TEXT_TAGS.items():
        if text := _first(tags, keys):
            found[name] = text
    taken = _milliseconds(_first(tags, _DATE_TAGS))
    if taken is not None:
        found["creationDate"] = (_EPOCH + timedelta(milliseconds=taken)).isoformat(timespec="milliseconds")[:-6] + "Z"
    position = _position(_first(tags, _PLACE_TAGS))
    if position:
        found["location"] = f"{position[0]:.6f},{position[1]:.6f}"
    return Video(video=found, taken=taken, position=position)


def _read_raw(path: Path) -> tuple[dict[str, Any], dict[str, str]] | None:
    """Return the streams' properties and the container's tags."""
    try:
        import av
    except ImportError:
        return None
    try:
        with av.open(str(path), options=_OPTIONS, metadata_errors="replace") as container:
            if not container.streams.video:
                return None
            stream = container.streams.video[0]
            context = stream.codec_context
            found: dict[str, Any] = {"width": context.width, "height": context.height, "videoCodec": context.name}
            if container.duration:
                found["duration"] = container.duration / 1_000_000
            if container.bit_rate:
                found["bitrate"] = container.bit_rate
            if stream.average_rate:
                found["videoFrameRate"] = round(float(stream.average_rate), 3)
            if container.streams.audio:
                audio = container.streams.audio[0].codec_context
                found |= {
                    "audioCodec": audio.name,
                    "audioSampleRate": audio.sample_rate,
                    "audioChannels": audio.channels,
                }
            return found, {key.lower(): value for key, value in container.metadata.items()}
    except (av.FFmpegError, OSError, ValueError, IndexError):
        return None


def first_frame(path: Path) -> Image.Image | None:
    """Return the first frame of a video, upright, or ``None`` if there is none to be had."""
    try:
        import av
    except ImportError:
        return None
    try:
        with av.open(str(path), options=_OPTIONS, metadata_errors="replace") as container:
            if not container.streams.video:
                return None
            frame = next(container.decode(container.streams.video[0]), None)
            if frame is None:
                return None
            picture: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]  # PyAV types it half
            turn = int(getattr(frame, "rotation", 0) or 0)
            return picture.rotate(turn, expand=True) if turn else picture
    except (av.FFmpegError, OSError, ValueError, IndexError):
        return None


def _first(tags: Mapping[str, str], keys: tuple[str, ...]) -> str:
    text = next((tags[key.lower()] for key in keys if tags.get(key.lower())), "")
    return "".join(char for char in text if char.isprintable())[:_MAX_TEXT]


def _milliseconds(text: str) -> int | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    # As in EXIF, the camera's own clock counts; Apple writes it with its zone.
    return (when.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


def _position(text: str) -> tuple[float, float] | None:
    match = _POSITION.match(text)
    if match is None:
        return None
    latitude, longitude = float(match[1]), float(match[2])
    if abs(latitude) > 90 or abs(longitude) > 180 or (latitude == 0 and longitude == 0):  # noqa: PLR2004 - degrees
        return None
    return latitude, longitude
