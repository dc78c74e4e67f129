"""Films made here, of plain colours whose moments are known."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image

RATE = 10
SIZE = (64, 48)


def film(*colours, seconds: int = 1, faststart: bool = True, grain: float = 0) -> bytes:
    """Return an MP4 that shows each colour for so many seconds; *grain* makes it large."""
    options = {"movflags": "faststart"} if faststart else {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "film.mp4"
        with av.open(str(file), "w", options=options) as container:
            stream = container.add_stream("mpeg4", rate=RATE, options={"threads": "1", "g": "5"})
            stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
            stream.time_base = Fraction(1, RATE)
            for number in range(len(colours) * seconds * RATE):
                image = Image.new("RGB", SIZE, colours[number // (seconds * RATE)])
                if grain:
                    image = Image.blend(image, Image.effect_noise(SIZE, 200).convert("RGB"), grain)
                frame = av.VideoFrame.from_image(image)
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return file.read_bytes()
