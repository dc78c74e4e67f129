from __future__ import annotations

import io
import random
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ap_remote_emulator.derive import derive, places, thumbnails
from ap_remote_emulator.derive.kinds import content_type_of, extension_of, media_of
from ap_remote_emulator.derive.pictures import exif_date


def _film(path: Path, *, rotation: int = 0) -> None:
    with av.open(str(path), "w") as container:
        container.metadata["creation_time"] = "2020-05-06T07:08:09.000000Z"
        container.metadata["location"] = "+48.8584+002.2945/"
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((32, 64, 3), (250, 10, 10), dtype=np.uint8), format="rgb24")
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def test_a_photograph_tells_where_and_when(tmp_path, jpeg):
    path = tmp_path / "x"
    path.write_bytes(jpeg(taken="2023:08:15 10:11:12", position=(49.2827, -123.1207), make="Apple\0 ", orientation=3))
    found = derive(path, "holiday.JPEG")
    assert found.content_type == "image/jpeg"
    assert (found.extension, found.media) == ("jpeg", "PHOTOS")
    assert found.content_date == 1_692_094_272_000
    assert found.image["make"] == "Apple"
    assert found.image["orientation"] == "3"
    assert found.image["location"] == "49.282700,-123.120700"
    assert found.place.location == "CAN#BC#Vancouver"
    assert found.place.address["countryCode"] == "CA"
    assert found.place.address["latitude"] == 49.2827


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ((48.8584, 2.2945), "FRA#IDF#Paris"),
        ((39.96, -83.0), "USA#OH#Columbus"),
        ((35.6586, 139.7454), "JPN#13#Tokyo"),
        ((41.8902, 12.4922), "ITA#62#Rome"),
        ((1.2834, 103.8607), "SGP#Singapore"),
        ((-33.8568, 151.2153), "AUS#NSW#Sydney"),
        ((46.0207, 7.7491), "CHE#VS#Zermatt"),
    ],
)
def test_places_have_the_names_that_people_use(position, expected):
    assert places.find(*position).location == expected


def test_the_open_sea_is_no_place():
    assert places.find(-48.9, -123.4) is None


@pytest.mark.parametrize(
    ("text", "fraction", "expected"),
    [
        ("2023:08:15 10:11:12", None, "2023-08-15T10:11:12.000Z"),
        ("2023:08:15 10:11:12", "5", "2023-08-15T10:11:12.500Z"),
        ("2023:08:15 10:11:12", "123456789", "2023-08-15T10:11:12.123Z"),
        ("2023:08:15 10:11:12\0", " x", "2023-08-15T10:11:12.000Z"),
        ("0000:00:00 00:00:00", None, None),
        ("2023:13:45 99:99:99", None, None),
        ("yesterday", None, None),
        ("    :  :     :  :  ", None, None),
        (None, None, None),
        (b"2023:08:15 10:11:12", None, None),
    ],
)
def test_exif_dates(text, fraction, expected):
    assert exif_date(text, fraction) == expected


@pytest.mark.parametrize(
    ("name", "content_type", "media"),
    [
        ("a.HEIC", "image/heic", "PHOTOS"),
        ("a.mov", "video/quicktime", "VIDEOS"),
        ("a.mkv", "video/x-matroska", "VIDEOS"),
        ("a.csv", "text/csv", None),
        ("a.tar.gz", "application/gzip", None),
        ("a", "application/octet-stream", None),
        (".jpg", "application/octet-stream", None),
        ("a.???", "application/octet-stream", None),
        ("a.", "application/octet-stream", None),
    ],
)
def test_content_types_by_name(name, content_type, media):
    assert content_type_of(name) == content_type
    assert media_of(content_type) == media


def test_the_extension_is_lower_case_and_has_no_dot():
    assert [extension_of(name) for name in ("a.JPG", "a.b.c", "a", ".x", "a.")] == ["jpg", "c", "", "", ""]


def test_content_wins_over_the_name(tmp_path):
    path = tmp_path / "x"
    Image.new("RGB", (3, 2)).save(path, "PNG")
    found = derive(path, "wrong.txt")
    assert (found.content_type, found.media, found.extension) == ("image/png", "PHOTOS", "txt")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "MPO", "JPEG2000"])
def test_formats(tmp_path, kind):
    path = tmp_path / "x"
    Image.new("RGB", (30, 20), (1, 2, 3)).save(path, kind)
    found = derive(path, "x")
    assert found.media == "PHOTOS"
    assert (found.image["width"], found.image["height"]) == (30, 20)
    assert found.content_type.startswith("image/")
    assert found.content_type != "image/mpo"


def test_a_film_tells_its_streams_its_date_and_its_place(tmp_path):
    path = tmp_path / "x.mp4"
    _film(path)
    found = derive(path, "x.mp4")
    assert (found.content_type, found.media) == ("video/mp4", "VIDEOS")
    assert (found.video["width"], found.video["height"], found.video["videoCodec"]) == (64, 32, "mpeg4")
    assert found.video["duration"] == pytest.approx(1.0)
    assert found.video["creationDate"] == "2020-05-06T07:08:09.000Z"
    assert found.content_date == 1_588_748_889_000
    assert found.place.location == "FRA#IDF#Paris"
    picture = Image.open(io.BytesIO(thumbnails.make(path, 32, 32, video=True)))
    assert picture.size == (32, 16)
    assert picture.getpixel((5, 5))[0] > 200


def test_a_playlist_in_disguise_is_not_followed(tmp_path):
    film = tmp_path / "film.mp4"
    _film(film)
    path = tmp_path / "x.mp4"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n")
    assert derive(path, "x.mp4").video is None
    assert thumbnails.make(path, 10, 10, video=True) is None


def test_hostile_words_are_cleaned_and_entities_refused(tmp_path):
    path = tmp_path / "x"
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&a;</x:xmpmeta>'
    Image.new("RGB", (8, 8)).save(path, "JPEG", xmp=bomb)
    assert derive(path, "x.jpg").keywords == ()
    Image.new("RGB", (8, 8)).save(path, "JPEG", xmp=b"<not xml")
    assert derive(path, "x.jpg").keywords == ()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_damaged_photograph_is_still_a_file(tmp_path, jpeg, seed):
    dice = random.Random(seed)
    content = bytearray(jpeg(taken="2023:08:15 10:11:12", position=(48.8584, 2.2945), orientation=6, make="Apple"))
    for _ in range(dice.randint(1, 30)):
        content[dice.randrange(2, len(content))] = dice.randrange(256)
    path = tmp_path / "x"
    path.write_bytes(content[: dice.randint(0, len(content))])
    found = derive(path, "x.jpg")
    assert found.media == "PHOTOS"
    assert found.content_type.startswith("image/")
    thumbnails.make(path, 20, 20, video=False)
