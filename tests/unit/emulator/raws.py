"""Small raw files: DNG as Adobe's specification 1.4 wants it, uncompressed, with and without a preview."""

from __future__ import annotations

import io
import struct

from PIL import Image

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _UNDEFINED, _SRATIONAL = 1, 2, 3, 4, 5, 7, 10
_SIZES = {_BYTE: 1, _ASCII: 1, _SHORT: 2, _LONG: 4, _RATIONAL: 8, _UNDEFINED: 1, _SRATIONAL: 8}
_D50 = (1, 0, 0, 0, 1, 0, 0, 0, 1)

TAKEN, POSITION = "2021:06:05 04:03:02", (46.0207, 7.7491)


def _field(tag, kind, values):
    if kind in (_RATIONAL, _SRATIONAL):
        numbers = [number for value in values for number in (round(value * 10_000), 10_000)]
        return tag, kind, len(values), struct.pack(f"<{len(numbers)}{'I' if kind == _RATIONAL else 'i'}", *numbers)
    if isinstance(values, bytes):
        return tag, kind, len(values), values
    return (
        tag,
        kind,
        len(values),
        struct.pack(f"<{len(values)}{ {_BYTE: 'B', _SHORT: 'H', _LONG: 'I'}[kind] }", *values),
    )


def _directory(fields, at):
    """Return the bytes of a directory that lies *at* this offset, with its values behind it."""
    fields = sorted(fields)
    behind = at + 2 + 12 * len(fields) + 4
    entries, values = struct.pack("<H", len(fields)), b""
    for tag, kind, count, value in fields:
        entries += struct.pack("<HHI", tag, kind, count)
        if len(value) <= 4:
            entries += value.ljust(4, b"\0")
        else:
            entries += struct.pack("<I", behind + len(values))
            values += value + b"\0" * (len(value) % 2)
    return entries + bytes(4) + values


def _mosaic(picture):
    """Return *picture* as a sensor with red, green, green and blue cells sees it, 16 bits, rows from the top."""
    samples = picture.convert("RGB").tobytes()
    width, height = picture.size
    cells = [
        (samples[3 * (y * width + x) + (y % 2 + x % 2)] / 255) ** 2.2 * 65_535
        for y in range(height)
        for x in range(width)
    ]
    return struct.pack(f"<{len(cells)}H", *(round(cell) for cell in cells))


def dng(picture, *, preview=None, orientation=1, claims=None, taken=TAKEN, position=POSITION):
    """Return a DNG of *picture*, as it lies in the sensor.

    Args:
        picture: what the sensor saw.
        preview: a JPEG of it is the first directory's picture, as cameras write it; ``None`` is a file without one.
        orientation: EXIF's.
        claims: the width and height that the file claims to have.
        taken: EXIF's date.
        position: latitude and longitude, degrees, both positive.
    """
    width, height = claims or picture.size
    shared = [
        _field(271, _ASCII, b"Leica\0"),
        _field(272, _ASCII, b"Leica Q3\0"),
        _field(274, _SHORT, (orientation,)),
        _field(50706, _BYTE, (1, 4, 0, 0)),  # DNGVersion
        _field(50708, _ASCII, b"Leica Q3\0"),  # UniqueCameraModel
        _field(50721, _SRATIONAL, _D50),  # ColorMatrix1
        _field(50728, _RATIONAL, (1, 1, 1)),  # AsShotNeutral
        _field(50778, _SHORT, (23,)),  # CalibrationIlluminant1: D50
    ]
    cells = _mosaic(picture)
    sensor = [
        _field(254, _LONG, (0,)),
        _field(256, _LONG, (width,)),
        _field(257, _LONG, (height,)),
        _field(258, _SHORT, (16,)),
        _field(259, _SHORT, (1,)),
        _field(262, _SHORT, (32803,)),  # a colour filter array
        _field(277, _SHORT, (1,)),
        _field(278, _LONG, (height,)),
        _field(279, _LONG, (len(cells),)),
        _field(33421, _SHORT, (2, 2)),
        _field(33422, _BYTE, (0, 1, 1, 2)),
        _field(50717, _SHORT, (65_535,)),  # WhiteLevel
    ]
    exif = [_field(36867, _ASCII, taken.encode() + b"\0"), _field(34855, _SHORT, (200,))]
    gps = [
        _field(1, _ASCII, b"N\0"),
        _field(2, _RATIONAL, (position[0], 0, 0)),
        _field(3, _ASCII, b"E\0"),
        _field(4, _RATIONAL, (position[1], 0, 0)),
    ]
    out = io.BytesIO()
    if preview is not None:
        preview.save(out, "JPEG", quality=90)
    size = preview.size if preview is not None else None
    return _laid_out(shared, sensor, exif, gps, cells=cells, jpeg=out.getvalue(), size=size)


def _laid_out(shared, sensor, exif, gps, *, cells, jpeg, size):
    def placed(tags, tag, offset):
        return [*tags, _field(tag, _LONG, (offset,))]

    pixels = 8
    small = pixels + len(cells)
    start = small + len(jpeg) + len(jpeg) % 2
    exif_bytes = _directory(exif, start)
    gps_at = start + len(exif_bytes)
    gps_bytes = _directory(gps, gps_at)
    sensor_at = gps_at + len(gps_bytes)
    sensor = placed(sensor, 273, pixels)
    shared = placed(placed(shared, 34665, start), 34853, gps_at)
    if jpeg:
        sensor_bytes = _directory(sensor, sensor_at)
        first_at = sensor_at + len(sensor_bytes)
        shared += [
            _field(254, _LONG, (1,)),
            _field(256, _LONG, (size[0],)),
            _field(257, _LONG, (size[1],)),
            _field(258, _SHORT, (8, 8, 8)),
            _field(259, _SHORT, (7,)),
            _field(262, _SHORT, (6,)),
            _field(273, _LONG, (small,)),
            _field(277, _SHORT, (3,)),
            _field(278, _LONG, (size[1],)),
            _field(279, _LONG, (len(jpeg),)),
            _field(330, _LONG, (sensor_at,)),
        ]
    else:
        sensor_bytes, first_at = b"", sensor_at
        shared += sensor
    first = _directory(shared, first_at)
    head = b"II*\0" + struct.pack("<I", first_at)
    return head + cells + jpeg + b"\0" * (len(jpeg) % 2) + exif_bytes + gps_bytes + sensor_bytes + first


def quarters(size, *, sideways=False):
    """Return a picture of *size*: red above green, white in its top left corner; *sideways* as orientation 6 lies."""
    width, height = size
    image = Image.new("RGB", size, (30, 160, 60))
    image.paste((200, 30, 30), (0, 0, width, height // 2))
    image.paste((250, 250, 250), (0, 0, width // 4, height // 4))
    return image.transpose(Image.Transpose.ROTATE_90) if sideways else image
