from __future__ import annotations

import io
import random
import tracemalloc
import warnings
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from ap_remote_emulator.derive import derive, places, thumbnails, xmp
from ap_remote_emulator.derive import pictures as derive_pictures
from ap_remote_emulator.derive.kinds import content_type_of, extension_of, media_of
from ap_remote_emulator.derive.pictures import exif_date
from tests.contracts.pictures import vast
from tests.unit.emulator import pictures


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


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_a_picture_of_any_format_tells_who_and_what_is_on_it(tmp_path, kind):
    body = pictures.faces("Ada", None, "Grace") + pictures.bag("dc:subject", "Beach", "Two Words")
    body += pictures.bag("lr:hierarchicalSubject", "Nature|Coast|Cliff", "Beach") + "<xmp:Rating>5</xmp:Rating>"
    body += '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">By the sea</rdf:li></rdf:Alt></dc:description>'
    found = _derived(tmp_path, pictures.picture(pictures.packet(body), kind=kind))
    assert found.people == ("Ada", "Grace")
    assert found.unnamed_faces == 1
    assert found.keywords == ("beach", "two words", "cliff")
    assert found.favorite
    assert found.description == "By the sea"


def test_the_same_face_in_two_vocabularies_is_one(tmp_path):
    body = pictures.faces("Ada", None) + pictures.microsoft_faces("ada", None, "Hedy")
    found = _derived(tmp_path, pictures.picture(pictures.packet(body)))
    assert found.people == ("Ada", "Hedy")
    assert found.unnamed_faces == 1


def test_microsoft_alone_tells_people_too(tmp_path):
    found = _derived(tmp_path, pictures.picture(pictures.packet(pictures.microsoft_faces("Ada", None, None))))
    assert (found.people, found.unnamed_faces) == (("Ada",), 2)


def test_only_faces_are_people(tmp_path):
    body = pictures.faces("Rex", None, kind="Pet") + pictures.bag("Iptc4xmpExt:PersonInImage", "Barbara", "barbara")
    found = _derived(tmp_path, pictures.picture(pictures.packet(body)))
    assert (found.people, found.unnamed_faces) == (("Barbara",), 0)


@pytest.mark.parametrize(
    ("body", "attributes", "favorite"),
    [
        ("", 'xmp:Rating="5"', True),
        ("<xmp:Rating>5.0</xmp:Rating>", "", True),
        ("<xmp:Rating>4</xmp:Rating>", "", False),
        ("<xmp:Rating>-1</xmp:Rating>", "", False),
        ("<xmp:Rating>many</xmp:Rating>", "", False),
        ("<xmp:Rating/>", "", False),
        ("", "", False),
    ],
)
def test_five_stars_make_a_favourite(tmp_path, body, attributes, favorite):
    assert _derived(tmp_path, pictures.picture(pictures.packet(body, attributes))).favorite is favorite


@pytest.mark.parametrize(
    ("body", "attributes", "expected"),
    [
        ('<dc:description><rdf:Alt><rdf:li xml:lang="de">Meer</rdf:li></rdf:Alt></dc:description>', "", "Meer"),
        ("<dc:description>plain</dc:description>", "", "plain"),
        ("", 'dc:description="short"', "short"),
        ("<dc:description/>", "", None),
        (f"<dc:description>{'x' * 600}</dc:description>", "", "x" * 500),
    ],
)
def test_a_description_is_taken_in_every_form(tmp_path, body, attributes, expected):
    assert _derived(tmp_path, pictures.picture(pictures.packet(body, attributes))).description == expected


def test_iptc_keywords_are_read_in_both_encodings(tmp_path):
    found = _derived(tmp_path, pictures.with_iptc("Café".encode(), "Été".encode("latin-1"), b"plain"))
    assert found.keywords == ("café", "été", "plain")


_LOL = '<!DOCTYPE x [<!ENTITY a "{}">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcde", "bcdef", strict=True)
)


@pytest.mark.parametrize(
    "hostile",
    [
        (_LOL.format("ha") + "]><x>&f;</x>").encode(),
        (_LOL.format("ha") + "]><x>&f;</x>").encode("utf-16"),
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
        b"<a>" * 60_000 + b"</a>" * 20_000,
        b"<a>" * 20_000 + b"</a>" * 20_000,
        b"<x " + b" ".join(b'a%d="1"' % number for number in range(20_000)) + b"/>",
        b'<?xml version="1.0" encoding="no-such"?><x/>',
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf",
        b"x" * (xmp.MAX_PACKET + 1),
        b"<x>\x00</x>",
        b"",
    ],
)
def test_a_hostile_packet_says_nothing_and_takes_nothing(hostile):
    tracemalloc.start()
    try:
        assert xmp.read(hostile) == xmp.NOTHING
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


async def test_a_bomb_in_a_photograph_does_not_fail_its_upload(client):
    bomb = pictures.picture((_LOL.format("ha") + "]><x>&f;</x>").encode())
    node = await client.upload("bomb.jpg", bomb)
    assert node["contentProperties"]["image"]["width"] == 16
    assert node["keywords"] == []


def test_a_photograph_of_two_hundred_million_pixels_has_a_thumbnail_and_nobody_is_warned(tmp_path, monkeypatch):
    path = tmp_path / "IMG_200.jpg"
    path.write_bytes(vast())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = derive(path, path.name)
        small = Image.open(io.BytesIO(thumbnails.make(path, 64, 64)))
    assert (found.image["width"], found.image["height"]) == (16_320, 12_240)
    assert small.size == (64, 48)
    monkeypatch.setattr(derive_pictures, "JPEG_PIXELS", 1_000_000)
    assert thumbnails.make(path, 64, 64) is None


def test_even_a_huge_crowd_stays_a_crowd(tmp_path):
    body = pictures.faces(*(f"person {number}" for number in range(300)), *[None] * 300)
    found = xmp.read(pictures.packet(body))
    assert (len(found.people), found.unnamed_faces) == (xmp.MAX_ITEMS, xmp.MAX_ITEMS)


@settings(max_examples=80, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_no_packet_is_an_error(content):
    assert isinstance(xmp.read(content), xmp.Words)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_damage_to_a_packet_is_an_error(seed):
    dice = random.Random(seed)
    content = bytearray(
        pictures.packet(pictures.faces("Ada", None) + pictures.microsoft_faces("B") + pictures.bag("dc:subject", "x"))
    )
    for _ in range(dice.randint(1, 12)):
        content[dice.randrange(len(content))] = dice.choice(b"<>/&\"'= \0\xff:ar")
    assert isinstance(xmp.read(bytes(content)), xmp.Words)


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(
        st.one_of(st.none(), st.text(st.characters(codec="utf-8", categories=["L", "N", "Zs"]), min_size=1)), max_size=5
    )
)
def test_names_come_back_as_they_were_written(names):
    found = xmp.read(pictures.packet(pictures.faces(*names)))
    assert found.people == tuple(name.strip() for name in names if name and name.strip())
    assert found.unnamed_faces == sum(not name or not name.strip() for name in names)


async def test_what_a_file_says_shows_on_its_node(client):
    body = "<xmp:Rating>5</xmp:Rating><dc:description>By the sea</dc:description>" + pictures.bag("dc:subject", "Beach")
    node = await client.upload("a.jpg", pictures.picture(pictures.packet(body)))
    assert node["settings"] == {"favorite": True, "hidden": False}
    assert node["description"] == "By the sea"
    assert node["keywords"] == ["beach"]
    assert await client.names("search", filters="favorite:(true) AND things:(beach)") == ["a.jpg"]


@pytest.mark.parametrize(
    ("brightest", "white"),
    [(65535, 65535), (1 << 14, 65535), (16383, 16383), (4095, 4095), (1023, 1023), (255, 255)],
)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_deep_greys_are_as_bright_as_they_were(tmp_path, kind, brightest, white):
    ramp = np.linspace(0, brightest, 64).astype(np.uint16).reshape(1, -1).repeat(64, axis=0)
    path = tmp_path / "x"
    Image.fromarray(ramp).save(path, kind)
    shown = np.asarray(Image.open(io.BytesIO(thumbnails.make(path, 64, 64, video=False))).convert("L"))
    expected = ramp[32].astype(float) * 255 / white
    assert np.abs(shown[32] - expected).max() <= 4


def test_deep_greys_with_a_transparent_one_and_greys_with_fractions_have_thumbnails(tmp_path):
    path = tmp_path / "x"
    ramp = np.linspace(0, 65535, 32).astype(np.uint16).reshape(1, -1).repeat(32, axis=0)
    Image.fromarray(ramp).save(path, "PNG", transparency=0)
    shown = np.asarray(Image.open(io.BytesIO(thumbnails.make(path, 32, 32, video=False))).convert("L"))
    assert abs(int(shown[16, 16]) - 132) <= 4
    Image.fromarray(np.linspace(0, 1, 1024).astype(np.float32).reshape(32, 32)).save(path, "TIFF")
    shown = np.asarray(Image.open(io.BytesIO(thumbnails.make(path, 32, 32, video=False))).convert("L"))
    assert shown[0].mean() < 20
    assert shown[-1].mean() > 235


def _derived(tmp_path, content):
    path = tmp_path / "x"
    path.write_bytes(content)
    return derive(path, "x.jpg")
