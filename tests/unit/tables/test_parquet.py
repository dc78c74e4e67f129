from __future__ import annotations

from datetime import timedelta

import msgspec
import pyarrow.parquet as pq
import pytest

from ap_remote import tables
from ap_remote.backends.memory import MemoryRemote
from tests.unit.tables.samples import DAY, FILM, FOLDER, PHOTO, TOLD

_OLD = msgspec.structs.replace(PHOTO, id="n5", taken=DAY - timedelta(days=3650))


@pytest.mark.parametrize("columns", ["own", "amazon"])
def test_a_parquet_file_gives_the_same_table_back(tmp_path, columns):
    entries = [PHOTO, FILM, FOLDER, TOLD] * 50
    target = tmp_path / "library.parquet"

    assert tables.to_parquet(entries, target, columns=columns, batch=64) == 200
    assert pq.read_table(target).equals(tables.to_arrow(entries, columns=columns))
    assert [each.name for each in tmp_path.iterdir()] == ["library.parquet"]


def test_batches_share_a_row_group_and_are_compressed(tmp_path):
    target = tmp_path / "library.parquet"
    tables.to_parquet([PHOTO] * 100, target, batch=10)

    about = pq.read_metadata(target)

    assert about.num_row_groups == 1
    assert about.row_group(0).column(0).compression == "ZSTD"


def test_no_entries_make_a_file_of_no_rows(tmp_path):
    target = tmp_path / "library.parquet"

    assert tables.to_parquet([], target) == 0
    assert pq.read_table(target).equals(tables.to_arrow([]))


def test_a_parquet_file_that_was_there_survives_a_failure(tmp_path):
    target = tmp_path / "library.parquet"
    tables.to_parquet([PHOTO], target)

    def broken():
        yield FILM
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        tables.to_parquet(broken(), target, batch=1)

    assert pq.read_table(target)["id"].to_pylist() == ["n1"]
    assert [each.name for each in tmp_path.iterdir()] == ["library.parquet"]


async def test_a_listing_is_written_as_it_comes(tmp_path):
    remote = MemoryRemote()
    for number in range(5):
        remote.seed(f"notes/{number}.txt", b"x" * number)
    target = tmp_path / "notes.parquet"

    rows = await tables.parquet_of(remote.list("notes"), target, select=["name", "size"])

    assert rows == 5
    assert pq.read_table(target)["size"].to_pylist() == [0, 1, 2, 3, 4]


def test_a_folder_by_year_holds_each_entry_under_the_year_it_was_taken(tmp_path):
    target = tmp_path / "library"

    rows = tables.to_parquet([PHOTO, _OLD, FOLDER, TOLD], target, partition="year", select=["id"], batch=2)

    assert rows == 4
    found = {each.parent.name: pq.ParquetFile(each).read()["id"].to_pylist() for each in target.glob("*/*.parquet")}
    assert found == {"year=2023": ["n1", "n4"], "year=2013": ["n5"], "year=__HIVE_DEFAULT_PARTITION__": ["n3"]}
    assert min(pq.read_table(target).to_pylist(), key=lambda row: row["id"]) == {"id": "n1", "year": 2023}


def test_a_folder_by_year_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "library"
    tables.to_parquet([PHOTO, _OLD], target, partition="year")
    tables.to_parquet([PHOTO], target, partition="year", columns="amazon")

    assert [each.name for each in target.iterdir()] == ["year=2023"]
    assert [each.name for each in tmp_path.iterdir()] == ["library"]


@pytest.mark.parametrize("foreign", ["photo.jpg", "year=2023/photo.jpg", "year=2023/part-0.parquet/x"])
def test_a_folder_of_other_things_is_never_replaced(tmp_path, foreign):
    file = tmp_path / "library" / foreign
    file.parent.mkdir(parents=True)
    file.write_bytes(b"mine")

    with pytest.raises(FileExistsError, match="name another folder"):
        tables.to_parquet([PHOTO], tmp_path / "library", partition="year")

    assert file.read_bytes() == b"mine"


def test_a_folder_by_year_that_was_there_survives_a_failure(tmp_path):
    target = tmp_path / "library"
    tables.to_parquet([PHOTO], target, partition="year")

    def broken():
        yield _OLD
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        tables.to_parquet(broken(), target, partition="year", batch=1)

    assert [each.name for each in target.iterdir()] == ["year=2023"]
    assert [each.name for each in tmp_path.iterdir()] == ["library"]


def test_a_partition_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ValueError, match="known is year"):
        tables.to_parquet([PHOTO], tmp_path / "x", partition="month")
