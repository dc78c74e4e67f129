from __future__ import annotations

import builtins
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote import tables
from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import MissingExtraError
from ap_remote.model import Entry, Kind, Media, Place

_DAY = datetime(2023, 6, 1, 12, tzinfo=UTC)
_PHOTO = Entry(
    path="Pictures/a.jpg",
    name="a.jpg",
    id="n1",
    kind=Kind.FILE,
    size=7,
    md5="0" * 32,
    modified=_DAY,
    created=_DAY - timedelta(days=1),
    taken=_DAY - timedelta(days=2),
    content_type="image/jpeg",
    version=3,
    parents=("root", "other"),
    owner_id="me",
    favorite=True,
    labels=("x",),
    things=("cat", "sofa"),
    people=("Ada",),
    media=Media(
        width=4032,
        height=3024,
        make="Apple",
        model="iPhone XS",
        place=Place(latitude=49.25, longitude=-123.1, label="CAN#BC#Vancouver"),
    ),
)
_FILM = Entry(
    path="film.MOV",
    name="film.MOV",
    id="n2",
    kind=Kind.FILE,
    modified=_DAY + timedelta(days=1),
    content_type="video/quicktime",
    media=Media(width=1920, height=1080, duration=2.5),
)
_FOLDER = Entry(path="Pictures", name="Pictures", id="n3", kind=Kind.FOLDER)

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_times = st.none() | st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis takes naive bounds and adds the zone
    datetime(2100, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)
_entries = st.builds(
    Entry,
    path=_texts,
    name=_texts,
    id=_texts,
    kind=st.sampled_from(Kind),
    size=st.integers(0, 2**62),
    md5=st.none() | _texts,
    modified=_times,
    created=_times,
    taken=_times,
    content_type=st.none() | st.sampled_from(["image/jpeg", "video/mp4", "text/plain"]),
    version=st.integers(0, 2**40),
    parents=st.lists(_texts, max_size=3).map(tuple),
    owner_id=st.none() | _texts,
    favorite=st.booleans(),
    hidden=st.booleans(),
    labels=st.lists(_texts, max_size=3).map(tuple),
    things=st.lists(_texts, max_size=3).map(tuple),
    people=st.lists(_texts, max_size=3).map(tuple),
    media=st.none()
    | st.builds(
        Media,
        width=st.none() | st.integers(0, 2**31 - 1),
        height=st.none() | st.integers(0, 2**31 - 1),
        duration=st.none() | st.floats(0, 1e6),
        make=st.none() | _texts,
        model=st.none() | _texts,
        place=st.none()
        | st.builds(
            Place,
            latitude=st.none() | st.floats(-90, 90),
            longitude=st.none() | st.floats(-180, 180),
            label=st.none() | _texts,
        ),
    ),
)


def test_a_row_says_what_the_entry_says():
    row = tables.to_arrow([_PHOTO]).to_pylist()[0]

    assert row == {
        "path": "Pictures/a.jpg",
        "name": "a.jpg",
        "id": "n1",
        "kind": "file",
        "size": 7,
        "md5": "0" * 32,
        "modified": _DAY,
        "created": _DAY - timedelta(days=1),
        "taken": _DAY - timedelta(days=2),
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
    }


@settings(max_examples=40, deadline=None)
@given(st.lists(_entries, max_size=5), st.integers(1, 4))
def test_every_entry_survives_the_way_through_arrow(entries, batch):
    rows = tables.to_arrow(entries, batch=batch).to_pylist()

    assert [row["path"] for row in rows] == [each.path for each in entries]
    for row, entry in zip(rows, entries, strict=True):
        media = entry.media or Media()
        place = media.place or Place()
        assert (row["modified"], row["created"], row["taken"]) == (entry.modified, entry.created, entry.taken)
        assert (row["size"], row["version"], row["md5"]) == (entry.size, entry.version, entry.md5)
        assert (row["width"], row["height"], row["duration"]) == (media.width, media.height, media.duration)
        assert (row["latitude"], row["longitude"], row["place"]) == (place.latitude, place.longitude, place.label)
        for name in ("parents", "labels", "things", "people"):
            assert tuple(row[name]) == getattr(entry, name)


@settings(max_examples=20, deadline=None)
@given(st.lists(_entries, max_size=5))
def test_both_sets_of_columns_keep_every_row_in_a_frame(entries):
    own = tables.to_frame(entries)
    amazon = tables.to_frame(entries, columns="amazon")

    assert list(own["id"]) == [each.id for each in entries]
    assert sorted(amazon["id"]) == sorted(own["id"])


@pytest.mark.parametrize("columns", ["own", "amazon"])
def test_no_entries_give_the_same_columns_and_no_rows(columns):
    empty = tables.to_arrow([], columns=columns)
    full = tables.to_arrow([_PHOTO], columns=columns)

    assert empty.schema == full.schema
    assert empty.num_rows == 0
    assert list(tables.to_frame([], columns=columns).columns) == full.schema.names


def test_entries_are_taken_a_batch_at_a_time():
    taken = 0

    def entries():
        nonlocal taken
        for _ in range(10):
            taken += 1
            yield _PHOTO

    seen = [(batch.num_rows, taken) for batch in tables._batches(entries(), "own", 4)]

    assert seen == [(4, 4), (4, 8), (2, 10)]


def test_the_table_is_chunked_by_batches():
    table = tables.to_arrow((_PHOTO for _ in range(1000)), batch=256)

    assert table.num_rows == 1000
    assert table["path"].num_chunks == 4


def test_a_batch_of_no_rows_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        tables.to_arrow([_PHOTO], batch=0)


def test_frame_columns_have_the_types_that_a_person_reckons_with():
    frame = tables.to_frame([_PHOTO, _FOLDER])

    assert frame["modified"].dt.tz is not None
    assert frame["size"].sum() == 7
    assert frame["width"].dtype == pd.Int32Dtype()
    assert frame["width"].tolist() == [4032, pd.NA]
    assert frame["things"].tolist() == [["cat", "sofa"], []]


def test_amazon_columns_have_the_seed_clients_names_and_order():
    frame = tables.to_frame([_PHOTO, _FILM, _FOLDER], columns="amazon")

    assert list(frame.columns)[:15] == [
        "createdDate",
        "modifiedDate",
        "id",
        "parents",
        "image.dateTime",
        "name",
        "image.width",
        "image.height",
        "video.width",
        "video.height",
        "size",
        "md5",
        "ownerId",
        "contentType",
        "extension",
    ]


def test_amazon_rows_come_last_modified_first_and_part_photographs_from_films():
    frame = tables.to_frame([_FOLDER, _PHOTO, _FILM], columns="amazon")

    assert frame["id"].tolist() == ["n2", "n1", "n3"]
    film, photo, folder = (frame.iloc[row] for row in range(3))
    assert (film["video.width"], film["video.duration"], film["extension"]) == (1920, 2.5, "mov")
    assert film["image.width"] is pd.NA
    assert (photo["image.width"], photo["image.make"], photo["kind"]) == (4032, "Apple", "FILE")
    assert photo["image.dateTime"] == photo["contentDate"] == _DAY - timedelta(days=2)
    assert photo["video.width"] is pd.NA
    assert (folder["kind"], folder["status"]) == ("FOLDER", "AVAILABLE")


async def test_a_listing_of_a_remote_becomes_a_table_and_a_frame():
    remote = MemoryRemote()
    for number in range(5):
        remote.seed(f"notes/{number}.txt", b"x" * number)

    table = await tables.arrow_of(remote.list("notes"), batch=2)
    frame = await tables.frame_of(remote.list("notes"))

    assert table["name"].to_pylist() == [f"{number}.txt" for number in range(5)]
    assert table["name"].num_chunks == 3
    assert frame["size"].tolist() == [0, 1, 2, 3, 4]


async def test_a_listing_that_breaks_off_gives_no_table():
    async def broken():
        yield _PHOTO
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await tables.arrow_of(broken())


@pytest.mark.parametrize("columns", ["own", "amazon"])
def test_a_parquet_file_gives_the_same_table_back(tmp_path, columns):
    entries = [_PHOTO, _FILM, _FOLDER] * 50
    target = tmp_path / "library.parquet"

    assert tables.to_parquet(entries, target, columns=columns, batch=64) == 150
    assert pq.read_table(target).equals(tables.to_arrow(entries, columns=columns))
    assert [each.name for each in tmp_path.iterdir()] == ["library.parquet"]


def test_a_parquet_file_that_was_there_survives_a_failure(tmp_path):
    target = tmp_path / "library.parquet"
    tables.to_parquet([_PHOTO], target)

    def broken():
        yield _FILM
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        tables.to_parquet(broken(), target, batch=1)

    assert pq.read_table(target)["id"].to_pylist() == ["n1"]
    assert [each.name for each in tmp_path.iterdir()] == ["library.parquet"]


@pytest.mark.parametrize("missing", ["pyarrow", "pandas"])
def test_a_missing_library_names_the_extra_to_install(monkeypatch, missing):
    imported = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.split(".")[0] == missing:
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=r"ap-remote\[tables\]"):
        tables.to_frame([_PHOTO])


def test_importing_the_module_imports_no_heavy_library():
    code = "import sys, ap_remote.tables; raise SystemExit('pyarrow' in sys.modules or 'pandas' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_documented_schema_is_the_schema():
    documented = tables.schema()

    assert documented.field("modified").type == pa.timestamp("us", tz="UTC")
    assert documented.field("size").type == pa.int64()
    assert documented.field("parents").type == pa.list_(pa.string())
    for name in documented.names:
        assert name in tables.__doc__
