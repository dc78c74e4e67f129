from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import BusyStoreError, UnsupportedError
from ap_remote.model import Media
from ap_remote.semantic import thumbnails
from ap_remote.semantic.measures import distance
from ap_remote.semantic.store import EmbeddingStore
from tests.contracts.pictures import jpeg
from tests.unit.semantic.planted import picture, vector
from tests.unit.semantic.running import made
from tests.unit.semantic.test_measures import scene
from tests.unit.semantic.test_thumbnails import bomb


class Plain(MemoryRemote):
    """Makes no thumbnails, so that the photographs themselves are read."""

    async def thumbnail(self, target, *, size=512):
        raise UnsupportedError("no rendition")


def gif_bomb() -> bytes:
    return b"GIF89a" + struct.pack("<HH", 65_000, 65_000) + b"\xf0\x00\x00" + bytes(6) + b"," + bytes(9) + b"\x02\x00;"


def tiff_bomb() -> bytes:
    tags = [(256, 4, 1, 60_000), (257, 4, 1, 60_000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8)]
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + directory + bytes(4)


def saved(image, kind, **options):
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def animated(kind):
    first, *others = [Image.new("RGB", (24, 16), name) for name in ("lime", "red", "blue")]
    return saved(first, kind, save_all=True, append_images=others, duration=100, **_LOSSLESS.get(kind, {}))


_LOSSLESS = {"WEBP": {"lossless": True}}


@pytest.mark.parametrize("data", [bomb(), gif_bomb(), tiff_bomb()], ids=["PNG", "GIF", "TIFF"])
def test_a_bomb_is_not_unfolded(data):
    assert len(data) < 1000
    with pytest.raises(thumbnails.UnreadableError, match="unfolds") as caught:
        thumbnails.decode(data, size=64)
    assert caught.value.status == "too_large"


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_picture_counts(kind):
    data = animated(kind)
    assert Image.open(io.BytesIO(data)).n_frames == 3
    assert thumbnails.decode(data, size=64).getpixel((12, 8)) == (0, 255, 0)


@pytest.mark.parametrize(("ink", "seen"), [((0, 0, 0, 0), 255), ((0, 0, 0, 255), 0)], ids=["paper", "black"])
def test_printers_colours_become_light(ink, seen):
    data = saved(Image.new("CMYK", (24, 16), ink), "JPEG", quality=95)
    assert np.asarray(thumbnails.decode(data, size=64)).mean() == pytest.approx(seen, abs=3)


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "raw file"),
        (b"FUJIFILMCCD-RAW 0201FF", "raw file"),
    ],
)
async def test_what_only_the_service_can_render_says_so_in_one_sentence(start, what, tmp_path):
    remote = Plain()
    remote.seed("a.jpg", start + bytes(100))
    (failure,) = (await made(remote, tmp_path)).failed
    assert what in failure.reason
    assert failure.reason.endswith("read by its thumbnail only, and there is none")


async def test_a_raw_file_is_found_by_its_thumbnail(tmp_path):
    class Rendering(MemoryRemote):
        async def thumbnail(self, target, *, size=512):
            return picture("blue", kind="JPEG")

    remote = Rendering()
    remote.seed("a.cr3", b"\0\0\0\x18ftypcrx \0\0\0\1", content_type="image/x-canon-cr3")
    report = await made(remote, tmp_path)
    assert (report.total, report.encoded, report.failed) == (1, 1, ())


async def test_bad_pictures_are_told_one_by_one_and_nothing_else_is_lost(tmp_path):
    whole = saved(scene(), "JPEG", quality=90)
    bad = {
        "cut.jpg": (whole[: len(whole) // 3], "unreadable"),
        "empty.jpg": (b"", "unreadable"),
        "text.png": (b"no picture", "unreadable"),
        "bomb.png": (bomb(), "too_large"),
        "bomb.gif": (gif_bomb(), "too_large"),
        "bomb.tif": (tiff_bomb(), "too_large"),
    }
    good = {
        "whole.jpg": whole,
        "cmyk.jpg": saved(scene().convert("CMYK"), "JPEG"),
        "deep.png": saved(Image.fromarray(np.arange(384, dtype=np.uint16).reshape(16, 24) * 150), "PNG"),
        "moving.gif": animated("GIF"),
        "moving.webp": animated("WEBP"),
        "moving.png": animated("PNG"),
    }
    remote = Plain()
    for name, data in ({name: data for name, (data, _) in bad.items()} | good).items():
        remote.seed(name, data)
    report = await made(remote, tmp_path)
    assert {each.path: each.status for each in report.failed} == {name: status for name, (_, status) in bad.items()}
    assert all(each.reason and "\n" not in each.reason and "Traceback" not in each.reason for each in report.failed)
    assert (report.total, report.encoded, report.reused) == (12, 6, 0)
    with EmbeddingStore(tmp_path) as store:
        assert len(store.catalog.nodes(store.active().fingerprint)) == 6


async def measured(remote, folder):
    await made(remote, folder)
    with EmbeddingStore(folder) as store:
        one = store.active().fingerprint
        ((_, row),) = store.catalog.nodes(one)
        return store.catalog.contents_of(one, [row])[row].measures


async def test_a_photograph_taken_sideways_is_turned_once_whoever_turns_it(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = scene()
    sideways = saved(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)

    class Tagged(MemoryRemote):
        async def thumbnail(self, target, *, size=512):
            return saved(upright.resize((80, 60)), "JPEG", exif=exif, quality=95)  # upright, but its tag was left

    wanted = None
    for number, kind in enumerate((Plain, MemoryRemote, Tagged)):
        remote = kind()
        remote.seed("a.jpg", sideways)
        found = await measured(remote, tmp_path / f"{number}")
        wanted = wanted or found
        assert distance(found.phash, wanted.phash) <= 8, kind


class Lying(MemoryRemote):
    """Answers the thumbnail of another photograph."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer
        self.read = 0

    async def thumbnail(self, target, *, size=512):
        return self.answer

    async def get(self, target, *, span=None):
        self.read += 1
        async for piece in super().get(target, span=span):
            yield piece


async def stored(folder):
    with EmbeddingStore(folder) as store:
        return store.vectors(store.active())[1]


@pytest.mark.parametrize(
    "answer",
    [picture("red", kind="JPEG", size=(32, 12)), b"", b"<html>oops</html>", bomb()],
    ids=["another shape", "empty", "no picture", "bomb"],
)
async def test_where_the_service_renders_something_else_the_photograph_itself_is_read(tmp_path, answer):
    remote = Lying(answer)
    remote.seed("a.png", picture("blue", size=(48, 32)))
    report = await made(remote, tmp_path)
    assert (report.encoded, report.failed, remote.read) == (1, (), 1)
    (found,) = await stored(tmp_path)
    assert float(found @ vector((0, 0, 255))) > 0.99


async def test_where_neither_can_be_used_both_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(thumbnails, "BYTE_LIMIT", 10)
    remote = Lying(picture("red", kind="JPEG", size=(32, 12)))
    remote.seed("a.png", picture("blue", size=(48, 32)))
    (failure,) = (await made(remote, tmp_path)).failed
    assert failure.status == "too_large"
    assert "32 x 12" in failure.reason
    assert "48 x 32" in failure.reason


@pytest.mark.parametrize(
    ("shape", "size"),
    [((4000, 3000), (32, 24)), ((3000, 4000), (32, 24)), ((10_000, 300), (256, 7)), ((1, 1), (1, 1)), ((0, 0), (9, 3))],
)
def test_a_thumbnail_of_the_photograph_s_shape_is_taken_either_way_up(shape, size):
    assert thumbnails.decode(picture("red", size=size), size=256, upright=True, shape=shape).size == size


async def test_a_photograph_whose_shape_is_not_known_is_taken_as_it_comes(tmp_path):
    remote = Lying(picture("red", kind="JPEG", size=(32, 12)))
    remote.seed("a.png", picture("blue", size=(48, 32)), media=Media())
    assert (await made(remote, tmp_path)).encoded == 1
    assert remote.read == 0


async def test_a_photograph_deleted_between_listing_and_fetch_is_missing_and_then_forgotten(tmp_path):
    remote = Plain()
    remote.seed("a.jpg", jpeg())
    remote.seed("b.jpg", jpeg(color="red"))
    inner, gone = remote.get, []

    async def get(target, *, span=None):
        if not gone:
            gone.append((await remote.stat(target)).path)
            await remote.trash(target)
            await remote.delete(target)
        async for piece in inner(target, span=span):
            yield piece

    remote.get = get
    report = await made(remote, tmp_path)
    assert [(each.path, each.status) for each in report.failed] == [(gone[0], "missing")]
    report = await made(remote, tmp_path)
    assert (report.total, report.reused, report.failed) == (1, 1, ())


async def test_of_two_builders_the_second_is_told_to_wait(tmp_path):
    remote = MemoryRemote()
    remote.seed("a.jpg", jpeg())
    with EmbeddingStore(tmp_path, write=True), pytest.raises(BusyStoreError, match="wait for it to end"):
        await made(remote, tmp_path)
    assert (await made(remote, tmp_path)).encoded == 1
