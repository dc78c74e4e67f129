from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ap_remote import tables
from ap_remote.backends.memory import MemoryRemote
from ap_remote.model import Media, Place
from ap_remote.tables import exif
from tests.unit.tables.samples import DAY, FILM, FOLDER, PHOTO, TOLD, entries

_SILENT = {
    "description": None,
    "family_id": None,
    "city": None,
    "region": None,
    "country": None,
    "properties": None,
    **{re.sub("([A-Z])", r"_\1", each.name).lower(): None for each in (*exif.IMAGE, *exif.VIDEO)},
}


def test_a_row_says_what_the_entry_says():
    row = tables.to_arrow([PHOTO]).to_pylist()[0]

    assert (
        row
        == {
            "path": "Pictures/a.jpg",
            "name": "a.jpg",
            "id": "n1",
            "kind": "file",
            "size": 7,
            "md5": "0" * 32,
            "modified": DAY,
            "created": DAY - timedelta(days=1),
            "taken": DAY - timedelta(days=2),
            "content_type": "image/jpeg",
            "width": 4032,
            "height": 3024,
            "duration": None,
            "make": "Apple",
            "model": "iPhone XS",
            "latitude": 49.25,
            "longitude": -123.1,
            "place": "CAN#BC#Vancouver",
            "favorite": True,
            "hidden": False,
            "version": 3,
            "owner_id": "me",
            "parents": ["root", "other"],
            "labels": ["x"],
            "things": ["cat", "sofa"],
            "people": ["Ada"],
            "status": "available",
            "extension": "jpg",
            "assets": [],
        }
        | _SILENT
    )


def test_what_a_photograph_says_by_exif_is_typed():
    row = tables.to_arrow([TOLD]).to_pylist()[0]

    assert (row["exposure_time"], row["focal_length"]) == (1 / 1780, 4.25)
    assert row["aperture_value"] == 54823 / 32325
    assert (row["iso_speed_ratings"], row["orientation"]) == (400, 6)
    assert row["date_time"] == datetime(2019, 7, 6, 18, 22, tzinfo=UTC)
    assert row["date_time_original"] == datetime(2019, 7, 6, 18, 21, 59, tzinfo=UTC)
    assert (row["date_time_digitized"], row["x_resolution"]) == (None, None)
    assert (row["sub_sec_time_original"], row["flash"], row["software"]) == ("012", "16", "15.1")
    assert (row["city"], row["region"], row["country"]) == ("Vancouver", "British Columbia", "Canada")
    assert (row["description"], row["assets"], row["family_id"]) == ("the pier", ["LIVE_VIDEO"], "f1")
    assert json.loads(row["properties"]) == {"app": {"rating": "5"}}


def test_what_a_film_says_is_typed():
    row = tables.to_arrow([FILM]).to_pylist()[0]

    assert (row["video_frame_rate"], row["audio_channels"], row["rotate"]) == (29.97, 2, 90)
    assert row["creation_date"] == datetime(2023, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("17/4", 4.25),
        ("2.8", 2.8),
        ("-1/2", -0.5),
        ("1/0", None),
        ("0/0", None),
        ("", None),
        ("f", None),
        ("inf", None),
    ],
)
def test_a_figure_of_exif_is_read_as_a_fraction_or_as_a_decimal(text, expected):
    assert exif.number(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("400", 400), ("400.0", 400), ("800/2", 400), ("1/3", None), ("9" * 12, None), ("auto", None)],
)
def test_a_whole_figure_of_exif_is_whole_or_nothing(text, expected):
    assert exif.whole(text) == expected


@given(st.text(max_size=12) | st.from_regex(r"-?\d{1,8}(/-?\d{0,4})?", fullmatch=True))
@example("1e999")
@example("9" * 400 + "/1")
def test_any_text_is_a_figure_a_time_or_nothing(text):
    assert exif.number(text) is None or isinstance(exif.number(text), float)
    assert exif.whole(text) is None or abs(exif.whole(text)) <= 1 << 31
    assert exif.microseconds(text) is None or isinstance(exif.microseconds(text), int)


@settings(max_examples=40, deadline=None)
@given(st.lists(entries, max_size=5), st.integers(1, 4))
def test_every_entry_survives_the_way_through_arrow(found, batch):
    rows = tables.to_arrow(found, batch=batch).to_pylist()

    assert [row["path"] for row in rows] == [each.path for each in found]
    for row, entry in zip(rows, found, strict=True):
        media = entry.media or Media()
        place = media.place or Place()
        assert (row["modified"], row["created"], row["taken"]) == (entry.modified, entry.created, entry.taken)
        assert (row["size"], row["version"], row["md5"]) == (entry.size, entry.version, entry.md5)
        assert (row["width"], row["height"], row["duration"]) == (media.width, media.height, media.duration)
        assert (row["latitude"], row["longitude"], row["place"]) == (place.latitude, place.longitude, place.label)
        assert (row["status"], row["description"]) == (entry.status, entry.description)
        assert row["software"] == media.exif.get("software")
        assert row["focal_length"] == exif.number(media.exif.get("focalLength", ""))
        assert row["iso_speed_ratings"] == exif.whole(media.exif.get("isoSpeedRatings", ""))
        assert json.loads(row["properties"] or "{}") == entry.properties
        for name in ("parents", "labels", "things", "people", "assets"):
            assert tuple(row[name]) == getattr(entry, name)


@settings(max_examples=30, deadline=None)
@given(st.lists(entries, max_size=6), st.sampled_from(["own", "amazon"]))
def test_a_row_does_not_depend_on_its_neighbours(found, columns):
    together = tables.to_arrow(found, columns=columns)
    apart = tables.to_arrow(found, columns=columns, batch=1)

    assert together.equals(apart)


@pytest.mark.parametrize("columns", ["own", "amazon"])
def test_no_entries_give_the_same_columns_and_no_rows(columns):
    empty = tables.to_arrow([], columns=columns)
    full = tables.to_arrow([PHOTO], columns=columns)

    assert empty.schema == full.schema
    assert empty.num_rows == 0
    assert list(tables.to_frame([], columns=columns).columns) == full.schema.names


def test_entries_are_taken_a_batch_at_a_time():
    taken = 0

    def source():
        nonlocal taken
        for _ in range(10):
            taken += 1
            yield PHOTO

    seen = [(batch.num_rows, taken) for batch in tables.to_reader(source(), batch=4)]

    assert seen == [(4, 4), (4, 8), (2, 10)]


def test_a_reader_tells_its_columns_before_it_reads():
    reader = tables.to_reader(iter([PHOTO]), columns="amazon", select=["id", "size"])

    assert reader.schema.names == ["id", "size"]
    assert reader.read_all().to_pylist() == [{"id": "n1", "size": 7}]


def test_an_error_of_the_listing_comes_out_of_the_reader():
    def broken():
        yield PHOTO
        raise ConnectionResetError

    reader = tables.to_reader(broken(), batch=1)
    assert reader.read_next_batch().num_rows == 1
    with pytest.raises(ConnectionResetError):
        reader.read_next_batch()


def test_the_table_is_chunked_by_batches():
    table = tables.to_arrow((PHOTO for _ in range(1000)), batch=256)

    assert table.num_rows == 1000
    assert table["path"].num_chunks == 4


def test_a_batch_of_no_rows_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        tables.to_arrow([PHOTO], batch=0)


def test_columns_are_chosen_by_name_and_in_order():
    table = tables.to_arrow([TOLD, FOLDER], select=["size", "exposure_time", "id"])

    assert table.to_pylist() == [
        {"size": 7, "exposure_time": 1 / 1780, "id": "n4"},
        {"size": 0, "exposure_time": None, "id": "n3"},
    ]


@pytest.mark.parametrize(
    ("select", "match"),
    [(["sice"], "did you mean size"), (["id", "id"], "once"), ([], "at least one"), ("id", r"\['id'\]")],
)
def test_a_choice_that_makes_no_sense_is_refused(select, match):
    with pytest.raises(ValueError, match=match):
        tables.to_arrow([PHOTO], select=select)


def test_a_set_of_columns_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="known are own, amazon"):
        tables.to_arrow([PHOTO], columns="google")


def test_one_absurd_figure_does_not_cost_the_table():
    absurd = msgspec.structs.replace(PHOTO, media=Media(width=1 << 40, height=3024))

    rows = tables.to_arrow([absurd, PHOTO], select=["width", "height"]).to_pylist()

    assert rows == [{"width": None, "height": 3024}, {"width": 4032, "height": 3024}]


def test_half_a_surrogate_pair_does_not_cost_the_table():
    odd = msgspec.structs.replace(
        TOLD, name="a\udc80.jpg", labels=("b\udc80",), media=Media(exif={"software": "c\udc80", "flash": "1"})
    )

    row = tables.to_arrow([odd], select=["name", "labels", "software", "flash"]).to_pylist()[0]

    assert row == {"name": "a?.jpg", "labels": ["b?"], "software": "c?", "flash": "1"}


def test_a_time_without_a_zone_is_taken_for_utc():
    bare = msgspec.structs.replace(PHOTO, taken=datetime(2023, 6, 1, 12))  # noqa: DTZ001 - that is the case

    assert tables.to_arrow([bare, FOLDER], select=["taken"]).to_pylist() == [{"taken": DAY}, {"taken": None}]


@pytest.mark.parametrize(
    ("name", "extension"),
    [("a.JPG", "jpg"), ("archive.tar.gz", "gz"), (".hidden", None), ("none", None), ("dot.", None)],
)
def test_an_extension_is_what_follows_the_last_dot(name, extension):
    entry = msgspec.structs.replace(PHOTO, name=name)

    assert tables.to_arrow([entry], select=["extension"]).to_pylist() == [{"extension": extension}]


async def test_a_listing_of_a_remote_becomes_a_table_and_a_frame():
    remote = MemoryRemote()
    for number in range(5):
        remote.seed(f"notes/{number}.txt", b"x" * number)

    table = await tables.arrow_of(remote.list("notes"), batch=2)
    frame = await tables.frame_of(remote.list("notes"))

    assert table["name"].to_pylist() == [f"{number}.txt" for number in range(5)]
    assert table["name"].num_chunks == 3
    assert frame["size"].tolist() == [0, 1, 2, 3, 4]


async def test_a_listing_comes_in_batches_as_it_goes():
    remote = MemoryRemote()
    for number in range(3):
        remote.seed(f"notes/{number}.txt", b"")

    found = [each.num_rows async for each in tables.batches_of(remote.list("notes"), select=["name"], batch=2)]

    assert found == [2, 1]


async def test_a_listing_that_breaks_off_gives_no_table():
    async def broken():
        yield PHOTO
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await tables.arrow_of(broken())


def test_the_documented_schema_is_the_schema():
    documented = tables.schema()

    assert documented.field("modified").type == pa.timestamp("us", tz="UTC")
    assert documented.field("size").type == pa.int64()
    assert documented.field("parents").type == pa.list_(pa.string())
    for name in documented.names:
        assert name in tables.__doc__
