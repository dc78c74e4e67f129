"""The demo's tree of photographs: what is promised of it, read back by Pillow and PyAV."""

from __future__ import annotations

import hashlib
import itertools
import unicodedata
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import av
import pytest
from PIL import ExifTags, Image, ImageChops, ImageOps, ImageStat

from fixtures.demo import catalogue
from fixtures.demo.photos import LONGEST, Tree, load_source, make_tree, read_tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Tree:
    return make_tree(tmp_path_factory.mktemp("tree"))


def exif_of(file: Path) -> tuple[Image.Exif, dict[int, object], dict[int, object]]:
    with Image.open(file) as picture:
        exif = picture.getexif()
        return exif, dict(exif.get_ifd(ExifTags.IFD.Exif)), dict(exif.get_ifd(ExifTags.IFD.GPSInfo))


def test_there_are_at_least_sixty_files_of_four_kinds_in_less_than_25_megabytes(tree):
    kinds = [item.kind for item in tree.items]
    assert len(kinds) >= 60
    assert (kinds.count("video"), kinds.count("table"), kinds.count("text")) == (1, 1, 1)
    assert kinds.count("photo") == len(kinds) - 3
    assert tree.size < 25_000_000


def test_the_manifest_is_what_lies_on_disk(tree):
    on_disk = {file.relative_to(tree.root).as_posix() for file in tree.root.rglob("*") if file.is_file()}
    assert {item.path for item in tree.items} == on_disk
    for item in tree.items:
        content = (tree.root / item.path).read_bytes()
        assert (item.md5, item.size) == (hashlib.md5(content).hexdigest(), len(content))


def test_the_same_call_makes_the_same_bytes(tree, tmp_path):
    again = make_tree(tmp_path)
    assert {item.path: item.md5 for item in again.items} == {item.path: item.md5 for item in tree.items}


def test_every_path_is_unique_even_for_a_service_that_ignores_case(tree):
    folded = {item.path.casefold() for item in tree.items}
    assert len(folded) == len(tree.items)


@pytest.mark.parametrize(
    "sign",
    ["'", '"', " ", "[", "(", "{", "%", "#", "?", "&", "+", "$", "é", "京", "😺", "🌋", "/.", "%20", ";", "~", "@"],
)
def test_names_try_the_system_with(tree, sign):
    assert any(sign in item.path for item in tree.items)


def test_one_name_has_its_accent_apart(tree):
    assert any(unicodedata.normalize("NFC", item.path) != item.path for item in tree.items)


def test_every_photograph_opens_and_is_no_larger_than_promised(tree):
    for item in tree.photos:
        with Image.open(tree.root / item.path) as picture:
            picture.load()
            assert picture.format == "JPEG"
            assert max(picture.size) <= LONGEST


def test_every_photograph_says_when_and_with_what_it_was_taken(tree):
    for item in tree.photos:
        exif, detail, _ = exif_of(tree.root / item.path)
        assert exif[ExifTags.Base.Make]
        assert exif[ExifTags.Base.Model]
        assert item.taken is not None
        assert detail[ExifTags.Base.DateTimeOriginal] == f"{item.taken:%Y:%m:%d %H:%M:%S}"


def test_positions_are_those_of_the_cities(tree):
    placed = [item for item in tree.photos if item.city]
    assert len({item.city for item in placed}) == len(catalogue.CITIES)
    for item in placed:
        city = catalogue.CITIES[item.city]
        _, detail, gps = exif_of(tree.root / item.path)
        for degrees, ref, wanted in (
            (gps[ExifTags.GPS.GPSLatitude], gps[ExifTags.GPS.GPSLatitudeRef], city.latitude),
            (gps[ExifTags.GPS.GPSLongitude], gps[ExifTags.GPS.GPSLongitudeRef], city.longitude),
        ):
            value = degrees[0] + degrees[1] / 60 + degrees[2] / 3600
            assert (-value if ref in "SW" else value) == pytest.approx(wanted, abs=1e-5)
        assert detail[ExifTags.Base.OffsetTimeOriginal] == city.offset


def test_some_photographs_have_no_place(tree):
    without = [item for item in tree.photos if item.city is None]
    assert without
    assert all(exif_of(tree.root / item.path)[2] == {} for item in without)


def test_capture_times_span_years_and_include_2023(tree):
    years = {item.taken.year for item in tree.photos}
    assert 2023 in years
    assert len(years) >= 4


def test_labels_are_in_amazons_form_and_vancouver_is_among_them(tree):
    labels = {item.label for item in tree.photos if item.label}
    assert "CAN#BC#Vancouver" in labels
    assert all(label.count("#") == 2 for label in labels)


def test_a_burst_is_taken_within_seconds_and_shows_nearly_the_same(tree):
    burst = [item for item in tree.photos if "Burst of the cat" in item.path]
    gaps = [later.taken - earlier.taken for earlier, later in itertools.pairwise(burst)]
    assert len(burst) >= 3
    assert all(timedelta(seconds=1) <= gap <= timedelta(seconds=2) for gap in gaps)
    assert len({item.md5 for item in burst}) == len(burst)
    first, second = (Image.open(tree.root / item.path) for item in burst[:2])
    with first, second:
        assert sum(ImageStat.Stat(ImageChops.difference(first, second)).mean) / 3 < 25


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_turned_photograph_is_upright_for_who_obeys_its_orientation(tree, orientation):
    turned = [
        item for item in tree.photos if exif_of(tree.root / item.path)[0][ExifTags.Base.Orientation] == orientation
    ]
    assert turned
    for item in turned:
        source = load_source(catalogue.SOURCES[item.source])
        with Image.open(tree.root / item.path) as picture:
            upright = ImageOps.exif_transpose(picture).resize((32, 32))
        assert sum(ImageStat.Stat(ImageChops.difference(upright, source.resize((32, 32)))).mean) < 12


def test_one_photograph_lies_there_twice_byte_for_byte(tree):
    for copy, original in catalogue.COPY_OF.items():
        assert tree[copy].md5 == tree[original].md5
        assert tree[copy].taken == tree[original].taken
    assert len({item.md5 for item in tree.items}) == len(tree.items) - len(catalogue.COPY_OF)


def test_the_film_runs_for_two_seconds_and_says_when_it_was_made(tree):
    (item,) = (item for item in tree.items if item.kind == "video")
    with av.open(str(tree.root / item.path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name in ("h264", "mpeg4")
        assert sum(1 for _ in container.decode(stream)) == 48
        assert float(stream.duration * stream.time_base) == pytest.approx(2, abs=0.1)
        assert container.metadata["creation_time"] == f"{item.taken.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000000Z"


def test_a_persons_own_folder_is_read_as_it_is(tmp_path):
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "x.JPG").write_bytes(b"one")
    (tmp_path / "notes.doc").write_bytes(b"two")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a b" / "x.JPG")
    found = read_tree(tmp_path)
    assert [(item.path, item.kind, item.size) for item in found.items] == [
        ("a b/x.JPG", "photo", 3),
        ("notes.doc", "other", 3),
    ]
    assert found["notes.doc"].md5 == hashlib.md5(b"two").hexdigest()


def test_a_tree_forgets_what_was_deleted(tree):
    first = tree.items[0].path
    rest = tree.without(first)
    assert first in tree
    assert first not in rest
    assert len(rest.items) == len(tree.items) - 1
    with pytest.raises(KeyError):
        rest[first]
