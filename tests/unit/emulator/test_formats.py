"""HEIC and cameras' raw files: what they tell, which way up they are shown, and what damage and absence do."""

from __future__ import annotations

import io
import random
import struct
import sys
from pathlib import Path

import pytest
from PIL import ExifTags, Image, ImageOps

from ap_remote_emulator.derive import derive, heifs, places, raws, thumbnails
from tests.unit.emulator.raws import dng, quarters

HEIC = Path(__file__).parents[3] / "fixtures" / "formats" / "drawn.heic"
"""48 x 64 pixels, upright by a rotation of its own and, a second time, by EXIF; `fixtures/README.md` tells more."""
RED, GREEN, BLUE, WHITE = (200, 30, 30), (30, 160, 60), (20, 40, 220), (250, 250, 250)
FULL, SMALL = (192, 256), (24, 32)


def changed_extent(width, height):
    """Return the HEIC with another size of its coded picture; the crop within, and so the size told, stay."""
    data = HEIC.read_bytes()
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def shown(path, content_type="image/x-adobe-dng", size=64):
    made = thumbnails.make(path, size, size, content_type=content_type)
    return None if made is None else Image.open(io.BytesIO(made))


def corners(image):
    """Return the colours of the four corners, by the nearest of those that are drawn."""
    names = {RED: "red", GREEN: "green", BLUE: "blue", WHITE: "white"}
    right, bottom = image.width - 4, image.height - 4
    found = [image.getpixel(at) for at in ((3, 3), (right, 3), (3, bottom), (right, bottom))]
    return [
        names[min(names, key=lambda one: sum(abs(a - b) for a, b in zip(one, each, strict=True)))] for each in found
    ]


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch):
    """No town is looked up: the table of them takes seconds to load."""
    monkeypatch.setattr(places, "find", lambda *_: None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x"


def test_a_heic_tells_when_where_and_with_what_it_was_taken(path):
    path.write_bytes(HEIC.read_bytes())
    found = derive(path, "IMG_0042.HEIC")
    assert (found.content_type, found.extension, found.media) == ("image/heic", "heic", "PHOTOS")
    assert found.content_date == 1_692_094_272_250
    assert (found.image["make"], found.image["model"]) == ("Apple", "iPhone 12")
    assert found.image["location"] == "48.858400,2.294500"
    assert found.keywords == ("beach",)


def test_a_heic_is_turned_once_though_it_says_twice_that_it_lies_on_its_side(path):
    path.write_bytes(HEIC.read_bytes())
    image = derive(path, "a.heic").image
    assert (image["width"], image["height"], image["orientation"]) == (48, 64, "1")
    made = shown(path, "image/heic")
    assert made.size == (48, 64)
    assert corners(made) == ["white", "red", "green", "green"]


def test_the_orientation_in_a_heics_exif_turns_nothing_by_itself(path):
    data = HEIC.read_bytes()
    path.write_bytes(data.replace(b"irot\x03", b"irot\x00"))
    image = derive(path, "a.heic").image
    assert (image["width"], image["height"], image["orientation"]) == (64, 48, "1")
    assert shown(path, "image/heic").size == (64, 48)


def test_a_heic_is_known_by_its_content_and_nothing_is_registered_with_pillow(path):
    path.write_bytes(HEIC.read_bytes())
    assert derive(path, "wrong.jpg").content_type == "image/heic"
    assert "HEIF" not in Image.OPEN


@pytest.mark.parametrize(
    ("brands", "claimed"),
    [
        ((b"heic", b"mif1"), True),
        ((b"mif1", b"heic"), True),
        ((b"msf1", b"hevc"), True),
        ((b"mif1", b"avif"), False),
        ((b"avif", b"mif1"), False),
        ((b"crx ", b"isom"), False),
    ],
)
def test_avif_and_other_boxes_are_no_heif(path, brands, claimed):
    path.write_bytes(struct.pack(">I", 20) + b"ftyp" + brands[0] + bytes(4) + brands[1] + b"avif" * 2)
    assert heifs.claims(path) is claimed


@pytest.mark.parametrize("preview", [None, quarters(FULL, sideways=True)], ids=["developed", "preview"])
def test_a_raw_file_tells_and_shows_itself_upright(path, preview):
    path.write_bytes(dng(quarters(FULL, sideways=True), preview=preview, orientation=6))
    found = derive(path, "L1000042.DNG")
    assert (found.content_type, found.media) == ("image/x-adobe-dng", "PHOTOS")
    assert found.content_date == 1_622_865_782_000
    assert (found.image["make"], found.image["model"]) == ("Leica", "Leica Q3")
    assert (found.image["width"], found.image["height"], found.image["orientation"]) == (*FULL, "1")
    assert found.image["location"] == "46.020700,7.749100"
    made = shown(path)
    assert made.size == (48, 64)
    assert corners(made) == ["white", "red", "green", "green"]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("with_preview", [False, True])
def test_every_orientation_of_a_raw_file_is_undone(path, orientation, with_preview):
    lying = quarters(FULL)
    path.write_bytes(dng(lying, preview=lying if with_preview else None, orientation=orientation))
    exif = lying.getexif()
    exif[ExifTags.Base.Orientation] = orientation
    upright = ImageOps.exif_transpose(lying)
    image = derive(path, "a.dng").image
    assert (image["width"], image["height"]) == upright.size
    upright.thumbnail((64, 64))
    made = shown(path)
    assert made.size == upright.size
    assert corners(made) == corners(upright)


def test_a_preview_that_lies_right_already_is_not_turned_again(path):
    path.write_bytes(dng(quarters(FULL, sideways=True), preview=quarters(FULL), orientation=6))
    assert corners(shown(path)) == ["white", "red", "green", "green"]


def test_a_preview_is_shown_where_it_is_large_enough_and_otherwise_the_file_is_developed(path):
    path.write_bytes(dng(quarters(FULL), preview=Image.new("RGB", SMALL, BLUE)))
    assert corners(shown(path, size=32)) == ["blue"] * 4
    made = shown(path, size=64)
    assert made.size == (48, 64)
    assert corners(made) == ["white", "red", "green", "green"]


def test_a_preview_is_shown_where_the_file_cannot_be_developed(path):
    path.write_bytes(dng(quarters(FULL), preview=Image.new("RGB", SMALL, BLUE), claims=(50_000, 50_000)))
    made = shown(path)
    assert made.size == SMALL
    assert corners(made) == ["blue"] * 4


def test_a_name_that_promises_a_raw_file_does_not_make_one(path, jpeg):
    path.write_bytes(jpeg(size=(30, 20)))
    found = derive(path, "a.nef")
    assert (found.content_type, found.image["width"]) == ("image/jpeg", 30)
    assert shown(path, "image/x-nikon-nef").size == (30, 20)


@pytest.mark.parametrize("size", [(60_000, 60_000), (20_000, 20_000), (8, 8)])
def test_a_heic_whose_coded_picture_is_not_what_it_says_is_not_decoded(path, size):
    path.write_bytes(changed_extent(*size))
    assert derive(path, "a.heic").media == "PHOTOS"
    assert shown(path, "image/heic") is None


def test_a_raw_file_that_would_unfold_to_too_much_is_not_developed(path):
    path.write_bytes(dng(quarters(FULL), claims=(60_000, 60_000)))
    assert derive(path, "a.dng").content_type == "image/x-adobe-dng"
    assert shown(path) is None


@pytest.mark.parametrize("kind", [b"\xc3xif", b"\xff\xff\xff\xff"])
def test_a_heic_whose_items_are_of_no_kind_does_not_end_the_process(path, kind):
    data = HEIC.read_bytes()
    at = data.index(b"Exif")
    path.write_bytes(data[:at] + kind + data[at + 4 :])
    assert derive(path, "a.heic").image is None
    at = data.index(b"application/rdf+xml")
    path.write_bytes(data[:at] + kind + data[at + 4 :])
    assert derive(path, "a.heic").image is None
    assert shown(path, "image/heic") is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.heic", HEIC.read_bytes()),
        ("a.dng", dng(quarters((32, 24)))),
        ("b.dng", dng(quarters((32, 24)), preview=quarters((32, 24)), orientation=8)),
    ],
)
def test_a_damaged_file_is_still_a_file(path, name, content):
    for seed in range(40):
        dice = random.Random(seed)
        damaged = bytearray(content)
        for _ in range(dice.randint(1, 30)):
            damaged[dice.randrange(12, len(damaged))] = dice.randrange(256)
        path.write_bytes(damaged[: dice.randint(0, len(damaged)) if seed % 2 else None])
        found = derive(path, name)
        assert found.media == "PHOTOS"
        thumbnails.make(path, 20, 20, content_type=found.content_type)


def test_olympus_and_panasonic_mark_their_tiff_and_it_is_read_all_the_same(path):
    plain = dng(quarters((8, 8)))
    for mark in (b"IIRO", b"IIRS", b"IIU\0"):
        path.write_bytes(mark + plain[4:])
        exif, gps, _ = raws._of_file(path)
        assert exif[ExifTags.Base.DateTimeOriginal] == "2021:06:05 04:03:02"
        assert gps[ExifTags.GPS.GPSLatitudeRef] == "N"


def test_canons_boxes_are_read_one_by_one(path):
    def box(name, tags):
        block = Image.Exif()
        block.update(tags)
        body = block.tobytes()[6:]
        return struct.pack(">I", len(body) + 8) + name + body

    tags = {
        b"CMT1": {ExifTags.Base.Make: "Canon", ExifTags.Base.Model: "Canon EOS R6"},
        b"CMT2": {ExifTags.Base.DateTimeOriginal: "2022:02:03 04:05:06"},
        b"CMT4": {ExifTags.GPS.GPSLatitudeRef: "S", ExifTags.GPS.GPSLatitude: (33.0, 51.0, 0.0)},
    }
    body = struct.pack(">I", 24) + b"ftypcrx " + bytes(12) + b"".join(box(*each) for each in tags.items())
    path.write_bytes(body)
    exif, gps, _ = raws._of_file(path)
    assert exif == tags[b"CMT1"] | tags[b"CMT2"]
    assert gps == tags[b"CMT4"]
    path.write_bytes(body[:60])
    assert raws._of_file(path)[1] == {}


def test_of_what_libraw_writes_into_a_preview_only_what_it_knows_is_taken():
    def preview(date, software="dcraw v9.26"):
        exif = Image.Exif()
        exif.update({ExifTags.Base.Make: "SIGMA", ExifTags.Base.Software: software, ExifTags.Base.DateTime: date})
        exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitude: (33.0, 51.0, 0.0)}
        out = io.BytesIO()
        Image.new("RGB", (8, 8)).save(out, "JPEG", exif=exif)
        return raws._of_preview(out.getvalue())

    exif, gps = preview("2020:01:02 03:04:05")
    assert (exif[ExifTags.Base.Make], exif[ExifTags.Base.DateTimeOriginal]) == ("SIGMA", "2020:01:02 03:04:05")
    assert ExifTags.Base.Software not in exif
    assert gps == {}
    assert ExifTags.Base.DateTimeOriginal not in preview("1970:01:01 00:00:00")[0]
    exif, gps = preview("2020:01:02 03:04:05", "Digital Camera X-T5 Ver1.02")
    assert ExifTags.Base.DateTimeOriginal not in exif
    assert ExifTags.GPS.GPSLatitude in gps


async def test_the_service_tells_and_shows_both(client):
    files = {"a.heic": HEIC.read_bytes(), "b.dng": dng(quarters(FULL))}
    nodes = {name: await client.upload(name, content) for name, content in files.items()}
    assert nodes["a.heic"]["contentProperties"]["contentType"] == "image/heic"
    assert nodes["a.heic"]["contentProperties"]["contentDate"] == "2023-08-15T10:11:12.250Z"
    assert nodes["b.dng"]["contentProperties"]["image"]["width"] == FULL[0]
    for node in nodes.values():
        answer = await client.http.get(f"/v1/thumbnail/{node['id']}", params={"viewBox": "32"})
        assert answer.status_code == 200
        assert Image.open(io.BytesIO(answer.content)).size == (24, 32)


async def test_without_the_libraries_both_are_kept_and_the_reason_is_told(client, monkeypatch):
    for name in ("pi_heif", "rawpy"):
        monkeypatch.setitem(sys.modules, name, None)
    files = {"a.heic": (HEIC.read_bytes(), "pi-heif"), "b.dng": (dng(quarters(FULL)), "rawpy")}
    for name, (content, library) in files.items():
        node = await client.upload(name, content)
        assert "width" not in node["contentProperties"].get("image", {})
        answer = await client.http.get(f"/v1/thumbnail/{node['id']}", params={"viewBox": "32"})
        assert answer.status_code == 404
        assert f"is read with {library}, which is not installed (ap-remote[formats])" in answer.text
        assert await client.content(node["id"]) == content
    assert node["contentProperties"]["contentDate"] == "2021-06-05T04:03:02.000Z"
    assert node["contentProperties"]["contentType"] == "image/x-adobe-dng"
