from __future__ import annotations

import builtins
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote import tables
from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import MissingExtraError
from tests.lazily import Lazily
from tests.unit.tables.samples import DAY, FILM, FOLDER, PHOTO, TOLD, entries

pd = Lazily("pandas")
pl = Lazily("polars")


@settings(max_examples=20, deadline=None)
@given(st.lists(entries, max_size=5))
def test_both_sets_of_columns_keep_every_row_in_a_frame(found):
    own = tables.to_frame(found)
    amazon = tables.to_frame(found, columns="amazon")

    assert list(own["id"]) == [each.id for each in found]
    assert sorted(amazon["id"]) == sorted(own["id"])


@settings(max_examples=20, deadline=None)
@given(st.lists(entries, max_size=5), st.sampled_from(["own", "amazon"]))
def test_pandas_and_polars_hold_the_same(found, columns):
    table = tables.to_frame(found, columns=columns, engine="polars")
    frame = tables.to_frame(found, columns=columns, dtype_backend="pyarrow")

    assert table.to_dict(as_series=False) == {name: pa.array(frame[name]).to_pylist() for name in frame.columns}


def test_frame_columns_have_the_types_that_a_person_reckons_with():
    frame = tables.to_frame([PHOTO, FOLDER])

    assert frame["modified"].dt.tz is not None
    assert frame["size"].sum() == 7
    assert frame["width"].dtype == pd.Int32Dtype()
    assert frame["width"].tolist() == [4032, pd.NA]
    assert frame["things"].tolist() == [["cat", "sofa"], []]


def test_the_dtypes_are_those_of_the_backend_that_was_named():
    nullable = tables.to_frame([TOLD]).dtypes
    arrow = tables.to_frame([TOLD], dtype_backend="pyarrow").dtypes

    assert [str(nullable[each]) for each in ("name", "size", "focal_length", "favorite", "taken", "things")] == [
        "string",
        "Int64",
        "Float64",
        "boolean",
        "datetime64[us, UTC]",
        "object",
    ]
    assert all(isinstance(each, pd.ArrowDtype) for each in arrow)
    assert arrow["taken"].pyarrow_dtype == pa.timestamp("us", "UTC")


def test_a_frame_goes_through_pandas_own_parquet_and_comes_back(tmp_path):
    frame = tables.to_frame([TOLD, FILM, FOLDER])
    frame.to_parquet(tmp_path / "x.parquet")

    back = pd.read_parquet(tmp_path / "x.parquet")

    assert back["id"].tolist() == frame["id"].tolist()
    assert [list(each) for each in back["things"]] == frame["things"].tolist()
    assert back["taken"].tolist() == frame["taken"].tolist()


def test_a_cell_of_a_list_column_is_a_list_of_its_own():
    frame = tables.to_frame([PHOTO, PHOTO])
    frame["labels"].iloc[0].append("y")

    assert frame["labels"].tolist() == [["x", "y"], ["x"]]


def test_columns_of_a_frame_are_chosen_by_name():
    frame = tables.to_frame([FOLDER, PHOTO, FILM], columns="amazon", select=["id", "size"])

    assert list(frame.columns) == ["id", "size"]
    assert frame["id"].tolist() == ["n2", "n1", "n3"]


def test_polars_gets_typed_columns():
    frame = tables.to_frame([TOLD, FILM], engine="polars", select=["id", "taken", "exposure_time", "things"])

    assert frame.schema == {
        "id": pl.String,
        "taken": pl.Datetime("us", "UTC"),
        "exposure_time": pl.Float64,
        "things": pl.List(pl.String),
    }
    assert frame["things"].to_list() == [["cat", "sofa"], []]


async def test_a_listing_becomes_a_frame_of_polars():
    remote = MemoryRemote()
    remote.seed("a.txt", b"abc")

    frame = await tables.frame_of(remote.list(""), engine="polars", select=["name", "size"])

    assert frame.rows() == [("a.txt", 3)]


@pytest.mark.parametrize("wish", [{"engine": "excel"}, {"dtype_backend": "numpy"}])
def test_what_no_frame_can_be_is_refused(wish):
    with pytest.raises(ValueError, match="known are"):
        tables.to_frame([PHOTO], **wish)


def test_amazon_columns_have_the_seed_clients_names_and_order():
    frame = tables.to_frame([PHOTO, FILM, FOLDER], columns="amazon")

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
    frame = tables.to_frame([FOLDER, PHOTO, FILM], columns="amazon")

    assert frame["id"].tolist() == ["n2", "n1", "n3"]
    film, photo, folder = (frame.iloc[row] for row in range(3))
    assert (film["video.width"], film["video.duration"], film["extension"]) == (1920, 2.5, "mov")
    assert film["image.width"] is pd.NA
    assert (photo["image.width"], photo["image.make"], photo["kind"]) == (4032, "Apple", "FILE")
    assert photo["image.dateTime"] == photo["contentDate"] == DAY - timedelta(days=2)
    assert photo["video.width"] is pd.NA
    assert (folder["kind"], folder["status"]) == ("FOLDER", "AVAILABLE")


def test_amazon_columns_say_what_exif_says():
    row = tables.to_frame([TOLD], columns="amazon").iloc[0]

    assert row["image.dateTime"] == datetime(2019, 7, 6, 18, 22, tzinfo=UTC)
    assert (row["image.apertureValue"], row["image.focalLength"]) == (54823 / 32325, 4.25)
    assert row["childAssetTypeInfo"] == [{"assetType": "LIVE_VIDEO"}]
    assert (row["address.city"], row["familyId"]) == ("Vancouver", "f1")


def test_rows_that_were_changed_at_once_keep_their_order():
    found = [msgspec.structs.replace(PHOTO, id=f"m{number}") for number in range(50)]

    frame = tables.to_frame([FILM, *found, FOLDER], columns="amazon")

    assert frame["id"].tolist() == ["n2", *(each.id for each in found), "n3"]


@pytest.mark.parametrize(
    ("missing", "engine", "extra"),
    [("pyarrow", "pandas", "tables"), ("pandas", "pandas", "tables"), ("polars", "polars", "polars")],
)
def test_a_missing_library_names_the_extra_to_install(monkeypatch, missing, engine, extra):
    imported = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.split(".")[0] == missing:
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=rf"ap-remote\[{extra}\]"):
        tables.to_frame([PHOTO], engine=engine)


def test_importing_the_module_imports_no_heavy_library():
    heavy = "{'pyarrow', 'pandas', 'polars', 'numpy'}"
    code = f"import sys, ap_remote.tables; raise SystemExit(bool({heavy} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
