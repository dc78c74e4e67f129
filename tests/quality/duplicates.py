"""Duplicates: what was made of a photograph is found, what only looks like it is not.

Of each scene there are copies (smaller, encoded anew, cropped, brighter, turned), which are one picture, and pictures
that must not be called one: the next frames of a burst, and the same scene again on another day from a step aside.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import ExifTags, Image, ImageEnhance

from ap_remote.backends.memory import MemoryRemote
from ap_remote.semantic import SemanticIndex, load_encoder
from fixtures.demo.catalogue import SOURCES, TRIPS
from fixtures.demo.photos import load_source
from tests.quality.measures import Rates, pairs, rates
from tests.quality.report import Figure, Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ap_remote.semantic.duplicates import Duplicates
    from tests.quality.library import Library

PRECISION = 0.99
"""Of the pairs that are called one picture [semantic-search.md 4.7]."""
SAME = ("exact", "re-encoded")
"""The answers that call pictures one."""
SIDE = 640
_NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
_BURST = "shot"
"""What is not a copy; bursts are looked for among these, as a copy has the moment of its original."""
_TURNED = {6: Image.Transpose.ROTATE_90, 3: Image.Transpose.ROTATE_180}


class Album(NamedTuple):
    """Photographs, and which of them are one."""

    remote: MemoryRemote
    copies: dict[str, list[str]]
    """Paths by scene, the original first."""
    frames: dict[str, list[str]]
    """Paths of the bursts by scene, the picture that they follow first."""


def album(sources: list[str]) -> Album:
    """Return an album of these scenes."""
    made = Album(MemoryRemote(), {}, {})
    for day, name in enumerate(sources):
        whole = load_source(SOURCES[name]).convert("RGB")
        whole.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        base = _cut(whole, 0.06, 0.06, 0.88)
        taken = _NOON + timedelta(days=day)
        original = _seed(made.remote, f"{name}/original.jpg", _jpeg(base), taken, _BURST)
        copies = [_seed(made.remote, f"{name}/{each}.jpg", data, taken) for each, data in _transforms(base)]
        made.copies[name] = [original, *copies]
        frames = [_cut(whole, 0.06 + step, 0.06 + step / 2, 0.88) for step in (0.015, 0.03, 0.045)]
        followers = [
            _seed(made.remote, f"{name}/frame {number}.jpg", _jpeg(frame), taken + timedelta(seconds=number), _BURST)
            for number, frame in enumerate(frames, start=1)
        ]
        made.frames[name] = [original, *followers]
        again = _cut(whole, 0.0, 0.03, 0.9).resize(base.size, Image.Resampling.LANCZOS)
        _seed(made.remote, f"{name}/again.jpg", _jpeg(again), taken + timedelta(days=100, minutes=7), _BURST)
    return made


def _transforms(base: Image.Image) -> Iterator[tuple[str, bytes]]:
    width, height = base.size
    yield "half the size", _jpeg(base.resize((width // 2, height // 2), Image.Resampling.LANCZOS))
    yield "a third of the size", _jpeg(base.resize((width // 3, height // 3), Image.Resampling.LANCZOS))
    for quality in (80, 60, 40, 20):
        yield f"JPEG {quality}", _jpeg(base, quality)
    yield "5 % cropped", _jpeg(_cut(base, 0.025, 0.025, 0.95))
    yield "15 % darker", _jpeg(ImageEnhance.Brightness(base).enhance(0.85))
    yield "15 % brighter", _jpeg(ImageEnhance.Brightness(base).enhance(1.15))
    for degrees in (1, 2):
        yield f"turned by {degrees}°", _jpeg(_turned(base, degrees))
    for orientation, turn in _TURNED.items():
        yield f"EXIF orientation {orientation}", _jpeg(base.transpose(turn), orientation=orientation)


def _turned(base: Image.Image, degrees: float) -> Image.Image:
    """Return the picture turned, less the corners that came in."""
    turned = base.rotate(degrees, Image.Resampling.BICUBIC)
    margin = 0.02 * degrees
    return _cut(turned, margin, margin, 1 - 2 * margin)


def _cut(image: Image.Image, left: float, top: float, share: float) -> Image.Image:
    """Return a part of a picture; parts of one share are of one size, as frames of one camera are."""
    width, height = image.size
    x, y = int(left * width), int(top * height)
    return image.crop((x, y, x + int(share * width), y + int(share * height)))


def _jpeg(image: Image.Image, quality: int = 90, *, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Canon", "EOS R6"  # without a camera there is no burst
    target = io.BytesIO()
    image.save(target, "JPEG", quality=quality, exif=exif)
    return target.getvalue()


def _seed(remote: MemoryRemote, path: str, data: bytes, taken: datetime, thing: str = "copy") -> str:
    remote.seed(path, data, taken=taken, things=(thing,))
    return path


class Judged(NamedTuple):
    """What is right of an answer."""

    rates: Rates
    wrong: tuple[str, ...]
    found: set[frozenset[str]]


def judged(
    found: Duplicates, kinds: tuple[str, ...], right: dict[str, list[str]], either: set[frozenset[str]] = frozenset()
) -> Judged:
    """Compare the pairs of an answer with those of groups; what may be *either* right or wrong does not count."""
    told = pairs([each.path for each in (one.keep, *one.others)] for one in found.groups if one.kind in kinds) - either
    true = pairs(right.values()) - either
    return Judged(rates(told, true), tuple(sorted(" = ".join(sorted(pair)) for pair in told - true)), told)


def recall_by_transform(one: Judged, made: Album) -> list[tuple[str, float]]:
    """Return how often each kind of copy was found to be its original."""
    names = [Path(path).stem for path in next(iter(made.copies.values()))[1:]]
    shares = []
    for place, name in enumerate(names, start=1):
        hits = [frozenset((copies[0], copies[place])) in one.found for copies in made.copies.values()]
        shares.append((name, sum(hits) / len(hits)))
    return shares


def of_demo(library: Library) -> Album:
    """Return what is known of the demo's photographs: edits of one source are one picture, but for bursts."""
    edits = {f"{trip.folder}/{shot.name}": shot.edit for trip in TRIPS for shot in trip.shots}
    copies: dict[str, list[str]] = {}
    frames: dict[str, list[str]] = {}
    for path, item in library.photographs.items():
        where = frames if edits[path] == "burst" else copies
        where.setdefault(item.source or "", []).append(path)
    return Album(library.remote, copies, {name: frames.get(name, []) for name in copies})


def either(made: Album) -> set[frozenset[str]]:
    """Return the pairs of the demo that are nobody's fault: a frame there is its source less six pixels."""
    return {
        frozenset(pair) for name, frames in made.frames.items() for pair in product(frames, made.copies.get(name, ()))
    }


def run() -> Iterator[Figure | Rows]:
    """Yield this family's figures."""
    made = album(list(SOURCES))
    with tempfile.TemporaryDirectory() as folder:
        found, among_shots = asyncio.run(_found(Path(folder), made))
    one = judged(found, SAME, made.copies)
    bursts = judged(among_shots, ("burst",), made.frames)
    lines = tuple((name, f"{share:.2f}") for name, share in recall_by_transform(one, made))
    yield Rows(quality="duplicates: found to be its original", columns=("copy", "share"), rows=lines)
    for name, wrong in (("duplicates", one.wrong), ("bursts", bursts.wrong)):
        if wrong:
            yield Rows(quality=f"{name}: wrong pairs", columns=("pair",), rows=tuple((each,) for each in wrong))
    detail = {"scenes": len(made.copies), "photographs": found.looked_at}
    yield Figure(quality="duplicates.precision", value=round(one.rates.precision, 4), gate=PRECISION, detail=detail)
    yield Figure(quality="duplicates.recall", value=round(one.rates.recall, 4))
    yield Figure(quality="duplicates.f1", value=round(one.rates.f1, 4))
    yield Figure(quality="bursts.precision", value=round(bursts.rates.precision, 4), gate=PRECISION)
    yield Figure(quality="bursts.recall", value=round(bursts.rates.recall, 4), gate=PRECISION)


async def _found(folder: Path, made: Album) -> tuple[Duplicates, Duplicates]:
    index = SemanticIndex(folder / "index", load_encoder("offline", cache=folder / "encoder"))
    await index.build(made.remote)
    among_shots = await index.duplicates(made.remote, query=f"things:({_BURST})", kinds=["burst"])
    return await index.duplicates(made.remote), among_shots
