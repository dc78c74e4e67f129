"""Three kinds of duplicates, on scikit-image's photographs: copies are found, frames of a burst are never copies."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import ConfigError, LimitError
from ap_remote.model import Entry, Kind, Media
from ap_remote.semantic import SemanticIndex, near
from ap_remote.semantic.looks import Looks
from ap_remote.semantic.measures import Measures
from ap_remote.semantic.near import ranked
from tests.unit.semantic.planted import PlantedEncoder, picture

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
DATA = Path(find_spec("skimage").submodule_search_locations[0]) / "data"
SCENES = (
    "astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "camera.png", "retina.jpg",
    "coins.png",
)  # fmt: skip


class Grid(PlantedEncoder):
    """Vectors of eight by eight brightnesses and a common part: different scenes are far, small changes near."""

    dim = 65
    thumbnail_size = 256

    def encode_images(self, images):
        rows = [np.asarray(image.convert("L").resize((8, 8)), dtype=np.float32).ravel() for image in images]
        grey = np.stack([(row - row.mean()) / max(row.std(), 1) for row in rows])
        vectors = np.concatenate([grey, np.full((len(rows), 1), 8, dtype=np.float32)], axis=1)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def encode_texts(self, texts):
        return np.tile(np.eye(1, 65, 64, dtype=np.float32), (len(texts), 1))


class Blind(Grid):
    """Sees no difference, as an encoder does that has no word for either."""

    def encode_images(self, images):
        return np.tile(np.eye(1, 65, 64, dtype=np.float32), (len(images), 1))


def jpeg(image, quality=90):
    target = io.BytesIO()
    image.save(target, "JPEG", quality=quality)
    return target.getvalue()


def cut(image, left, top, share):
    width, height = image.size
    return image.crop((int(left * width), int(top * height), int((left + share) * width), int((top + share) * height)))


def scene(file):
    """A photograph, what became of it by name, and the frames beside it in a burst."""
    whole = Image.open(DATA / file).convert("RGB")
    whole.thumbnail((420, 420))
    base = cut(whole, 0.05, 0.05, 0.9)
    return (
        base,
        {
            "half": jpeg(base.resize((base.width // 2, base.height // 2))),
            "q40": jpeg(base, 40),
            "bright": jpeg(ImageEnhance.Brightness(base).enhance(1.15)),
            "crop": jpeg(cut(base, 0.025, 0.025, 0.95)),
        },
        [cut(whole, 0.05 + step, 0.05 + step / 2, 0.9) for step in (0.02, 0.04)],
    )


def shoot(remote, path, data, **fields):
    """Put a photograph that tells its camera."""
    node = remote.seed(path, data, **fields)
    width, height = Image.open(io.BytesIO(data)).size
    remote.plant(node, media=Media(make="Canon", model="EOS", width=width, height=height))


@pytest.fixture(scope="module")
def album():
    """Eight scenes, each with four copies that have its moment and two frames a second and two later."""
    remote = MemoryRemote()
    for number, file in enumerate(SCENES):
        base, copies, frames = scene(file)
        taken = NOON + timedelta(days=number)
        stem = file.partition(".")[0]
        shoot(remote, f"{stem}/base.jpg", jpeg(base), taken=taken)
        for name, data in copies.items():
            shoot(remote, f"{stem}/{name}.jpg", data, taken=taken)
        for later, frame in enumerate(frames, start=1):
            shoot(remote, f"{stem}/frame{later}.jpg", jpeg(frame), taken=taken + timedelta(seconds=later))
    return remote


@pytest.fixture(scope="module")
def found(album, tmp_path_factory):
    async def look():
        index = SemanticIndex(tmp_path_factory.mktemp("index"), Grid())
        await index.build(album)
        return await index.duplicates(album)

    return asyncio.run(look())


def pairs(groups):
    return {
        frozenset(pair)
        for group in groups
        for pair in combinations([each.path for each in (group.keep, *group.others)], 2)
    }


async def test_copies_are_found_and_frames_of_a_burst_are_none_of_them(found):
    told = pairs(group for group in found.groups if group.kind == "re-encoded")
    stems = [file.partition(".")[0] for file in SCENES]
    names = ("base", "half", "q40", "bright", "crop")
    true = {frozenset((f"{s}/{a}.jpg", f"{s}/{b}.jpg")) for s in stems for a, b in combinations(names, 2)}
    assert len(told & true) / len(told) >= 0.99
    plain = {pair for pair in true if not any("crop" in path for path in pair)}
    assert len(told & plain) / len(plain) >= 0.95
    assert all(group.bits <= 12 and group.least >= 0.98 for group in found.groups if group.kind == "re-encoded")


async def test_the_frames_of_a_burst_are_one_group_with_the_picture_they_follow(found):
    told = pairs(group for group in found.groups if group.kind == "burst")
    for file in SCENES:
        stem = file.partition(".")[0]
        assert frozenset((f"{stem}/frame1.jpg", f"{stem}/frame2.jpg")) in told
    assert all(len({path.partition("/")[0] for path in pair}) == 1 for pair in told), "no burst joins two scenes"


async def test_the_three_kinds_are_three_answers(tmp_path):
    remote = MemoryRemote()
    base, copies, [frame, _] = scene("coffee.png")
    shoot(remote, "one.jpg", jpeg(base), taken=NOON)
    shoot(remote, "Copies/one.jpg", jpeg(base), taken=NOON)
    shoot(remote, "small.jpg", copies["half"], taken=NOON)
    shoot(remote, "next.jpg", jpeg(frame), taken=NOON + timedelta(seconds=1), favorite=True)
    index = SemanticIndex(tmp_path, Grid())
    await index.build(remote)
    found = await index.duplicates(remote)
    assert [group.kind for group in found.groups] == ["exact", "re-encoded", "burst"]
    exact, anew, burst = found.groups
    assert {exact.keep.path, *(each.path for each in exact.others)} == {"one.jpg", "Copies/one.jpg"}
    assert "small.jpg" in {each.path for each in anew.others}
    assert (burst.keep.path, burst.why) == ("next.jpg", "it is a favourite")
    assert found.looked_at == 4
    for kind in ("exact", "re-encoded", "burst"):
        only = await index.duplicates(remote, kinds=[kind])
        assert only.groups == tuple(group for group in found.groups if group.kind == kind)
    assert (await index.duplicates(remote, query="favorite:(true)")).groups == ()
    with pytest.raises(ConfigError, match="re-encoded"):
        await index.duplicates(remote, kinds=["near"])


async def test_pictures_that_were_only_saved_together_are_no_burst(tmp_path):
    remote = MemoryRemote()
    for name in ("coffee.png", "rocket.jpg"):
        base, _, _ = scene(name)
        remote.seed(name, jpeg(base.resize((96, 96))), taken=NOON)
    index = SemanticIndex(tmp_path, Blind())
    await index.build(remote)
    assert (await index.duplicates(remote)).groups == ()
    for name in ("coffee.png", "rocket.jpg"):  # with a camera that took both in one second they may be one
        entry = await remote.stat(name)
        remote.plant(entry.id, media=Media(make="Canon", model="EOS", width=96, height=96))
    assert [group.kind for group in (await index.duplicates(remote)).groups] == ["burst"]


async def test_flat_pictures_have_no_hash_that_could_make_them_one(tmp_path):
    remote = MemoryRemote()
    for number in range(4):
        shoot(remote, f"{number}.png", picture((200 + number, 10, 10)), taken=NOON + timedelta(seconds=number))
    index = SemanticIndex(tmp_path, PlantedEncoder())
    await index.build(remote)
    assert (await index.duplicates(remote)).groups == ()


async def test_what_is_not_in_the_index_is_counted_and_too_many_pairs_are_refused(tmp_path, monkeypatch):
    remote = MemoryRemote()
    base, copies, _ = scene("coffee.png")
    remote.seed("a.jpg", jpeg(base), taken=NOON)
    remote.seed("b.jpg", copies["half"], taken=NOON)
    index = SemanticIndex(tmp_path, Grid())
    await index.build(remote)
    remote.seed("late.jpg", copies["q40"])
    found = await index.duplicates(remote)
    assert "1 pictures are not in the index" in found.note
    assert len(found.groups) == 1
    monkeypatch.setattr(near, "PAIRS", 0)
    with pytest.raises(LimitError, match="narrow it"):
        await index.duplicates(remote)


def looks(*facts):
    entries, measures = [], []
    for number, (seconds, size, phash, dhash) in enumerate(facts):
        taken = None if seconds is None else NOON + timedelta(seconds=seconds)
        media = Media(width=size[0], height=size[1], make="X", model="1")
        entries.append(Entry(path=f"{number}", name="", id=f"{number}", kind=Kind.FILE, taken=taken, media=media))
        measures.append(Measures(phash=phash, dhash=dhash, sharpness=100.0, luma=99.0))
    return Looks.of(entries, measures)


BIG, SMALL = (4000, 3000), (400, 300)


@pytest.mark.parametrize(
    ("other", "re_encoded", "burst"),
    [
        ((0, BIG, 0b1, 0), True, True),
        ((0, BIG, 0b1111, 0), False, True),
        ((0, BIG, 0b1, 0b11111), False, True),
        ((0, SMALL, 0xFF, 0), True, True),
        ((0, SMALL, 0xFFFF, 0), False, True),
        ((2, BIG, 0, 0), False, True),
        ((2, SMALL, 0, 0), False, True),
        ((4, BIG, 0, 0), False, False),
        ((90_000, BIG, 0b1111, 0), True, False),
        ((None, BIG, 0b1111, 0), True, False),
        ((None, BIG, 0b11111, 0), False, False),
    ],
)
def test_what_two_pictures_are_to_each_other(other, re_encoded, burst):
    pair = looks((0, BIG, 0, 0), other)
    left, right = np.asarray([0]), np.asarray([1])
    assert (bool(pair.re_encoded(left, right)[0]), bool(pair.burst(left, right)[0])) == (re_encoded, burst)


def test_the_sharpest_is_kept_among_those_of_one_size_and_noise_decides_nothing():
    def entry(name, size):
        return Entry(path=name, name=name, id=name, kind=Kind.FILE, md5=name, size=size, media=Media(width=9, height=9))

    blurred, sharp = entry("blurred", 900), entry("sharp", 100)
    order, why = ranked([blurred, sharp], {"blurred": 50.0, "sharp": 400.0})
    assert ([each.name for each in order], why) == (["sharp", "blurred"], "it is the sharpest")
    assert ranked([blurred, sharp], {"blurred": 100.0, "sharp": 101.0})[1] == "it has the most bytes"
