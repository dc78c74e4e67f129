"""pyarrow, duckdb and polars: each is handed the filesystem, or files of it, in its own way."""

from __future__ import annotations

import pickle
from datetime import UTC

import pyarrow as pa
import pyarrow.csv
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import FSSpecHandler, PyFileSystem

from ap_remote.errors import UnsupportedError
from tests.lazily import Lazily

pl = Lazily("polars")
duckdb = Lazily("duckdb")
ds = Lazily("pyarrow.dataset")

_TABLE = pa.table({"city": ["Vancouver", "Zürich", "São Paulo"], "photos": [3, 1, 2]})
_CSV = b"city,photos\nVancouver,3\nZ\xc3\xbcrich,1\nS\xc3\xa3o Paulo,2\n"
_ROWS = [("Vancouver", 3), ("Zürich", 1), ("São Paulo", 2)]


@pytest.fixture(scope="module")
def trips(library):
    """Two tables in two formats, under ``/trips``."""
    library.pipe({"/trips/a.csv": _CSV, "/trips/b.csv": _CSV})
    for name in ("a", "b"):
        pq.write_table(_TABLE, f"/trips/{name}.parquet", filesystem=library)
    return "/trips"


@pytest.fixture
def arrow(library):
    return PyFileSystem(FSSpecHandler(library))


@pytest.fixture
def connection(library, trips):
    with duckdb.connect() as connection:
        connection.register_filesystem(library)
        yield connection


# pyarrow


def test_pyarrow_reads_and_writes_tables_with_the_filesystem(library, trips):
    assert pq.read_table("/trips/a.parquet", filesystem=library).equals(_TABLE)
    assert pq.read_table("ap://trips/a.parquet", filesystem=library, columns=["photos"]).num_rows == 3


def test_pyarrow_reads_by_a_url_that_says_fsspec(trips):
    assert pq.read_table("fsspec+ap://trips/a.parquet").equals(_TABLE)
    assert ds.dataset("fsspec+ap://local@/trips/a.parquet").count_rows() == 3


def test_pyarrow_says_that_it_does_not_know_the_bare_url(trips):
    with pytest.raises(pa.ArrowInvalid, match="Unrecognized filesystem type in URI: ap://trips"):
        pq.read_table("ap://trips/a.parquet")


def test_pyarrow_writes_a_partitioned_dataset_over_an_older_one(library, arrow):
    for filesystem in (library, arrow):
        ds.write_dataset(
            _TABLE,
            "/arrow/set",
            format="parquet",
            partitioning=["city"],
            partitioning_flavor="hive",
            existing_data_behavior="delete_matching",
            filesystem=filesystem,
        )

    dataset = ds.dataset("/arrow/set", filesystem=library, partitioning="hive")
    assert dataset.to_table(filter=ds.field("city") == "Zürich")["photos"].to_pylist() == [1]
    assert len(library.find("/arrow/set")) == 3


def test_pyarrows_streams_read_write_and_compress(library, arrow):
    with arrow.open_output_stream("/arrow/x.bin") as stream:
        stream.write(b"abc")
    with arrow.open_output_stream("/arrow/x.bin.gz") as stream:
        stream.write(b"abc")

    with arrow.open_input_file("/arrow/x.bin") as file:
        file.seek(1)
        assert file.read() == b"bc"
    with arrow.open_input_stream("/arrow/x.bin.gz") as stream:
        assert stream.read() == b"abc"
    assert library.cat("/arrow/x.bin.gz")[:2] == b"\x1f\x8b"
    assert pyarrow.csv.read_csv(pa.BufferReader(_CSV)).equals(_TABLE)


def test_pyarrow_appends_to_nothing_and_says_why(arrow, trips):
    with pytest.raises(UnsupportedError, match="there is no appending"):
        arrow.open_append_stream("/trips/a.csv")


def test_pyarrow_copies_moves_lists_and_deletes(library, arrow):
    library.pipe("/arrow/tree/a.bin", b"abc")
    arrow.copy_file("/arrow/tree/a.bin", "/arrow/tree/b.bin")
    before = library.info("/arrow/tree/b.bin")["id"]
    arrow.move("/arrow/tree/b.bin", "/arrow/tree/c.bin")
    pyarrow.fs.copy_files("/arrow/tree", "/arrow/copy", source_filesystem=arrow, destination_filesystem=arrow)

    assert library.info("/arrow/tree/c.bin")["id"] == before
    found = arrow.get_file_info(pyarrow.fs.FileSelector("/arrow/copy", recursive=True))
    assert {each.path: each.size for each in found} == {"/arrow/copy/a.bin": 3, "/arrow/copy/c.bin": 3}
    arrow.delete_file("/arrow/tree/c.bin")
    arrow.create_dir("/arrow/tree/d/e")
    arrow.delete_dir_contents("/arrow/copy")
    arrow.delete_dir("/arrow/tree/d")
    assert library.find("/arrow/tree") == ["/arrow/tree/a.bin"]
    assert library.ls("/arrow/copy") == []
    assert arrow.get_file_info("/arrow/tree/c.bin").type == pyarrow.fs.FileType.NotFound


def test_pyarrow_knows_the_date_and_pickles_the_filesystem(library, arrow, trips):
    again = pickle.loads(pickle.dumps(arrow))

    assert again == arrow
    assert again.get_file_info("/trips/a.csv").mtime == library.modified("/trips/a.csv").astimezone(UTC)


# duckdb


@pytest.mark.parametrize(
    "url",
    ["ap:///trips/a.csv", "ap://trips/a.csv", "amazonphotos:///trips/a.csv", "ap://local@/trips/a.csv"],
)
def test_duckdb_reads_csv_by_every_spelling_of_a_url(connection, url):
    assert connection.sql(f"select * from read_csv('{url}')").fetchall() == _ROWS
    assert connection.sql(f"select count(*) from '{url}'").fetchall() == [(3,)]


def test_duckdb_reads_parquet_files_one_many_and_by_pattern(connection):
    def count(files):
        return connection.sql(f"select count(*), count(distinct filename) from read_parquet({files}, filename = true)")

    assert connection.sql("select * from read_parquet('ap:///trips/a.parquet')").fetchall() == _ROWS
    assert count("['ap:///trips/a.parquet', 'ap:///trips/b.parquet']").fetchall() == [(6, 2)]
    assert count("'ap:///trips/*.parquet'").fetchall() == [(6, 2)]
    assert connection.sql("select sum(photos) from 'ap:///**/a.parquet' where photos > 1").fetchall() == [(5,)]


def test_duckdb_lists_files_and_reads_them_whole(connection, library):
    assert connection.sql("select * from glob('ap://trips/*.csv')").fetchall() == [
        ("ap:///trips/a.csv",),
        ("ap:///trips/b.csv",),
    ]
    ((content, size, modified),) = connection.sql(
        "select content, size, last_modified from read_blob('ap:///trips/a.csv')",
    ).fetchall()
    assert (content, size) == (_CSV, len(_CSV))
    assert modified == library.modified("/trips/a.csv").replace(microsecond=0)
    assert connection.sql("select content from read_text('ap:///trips/a.csv')").fetchall() == [(_CSV.decode(),)]


def test_duckdb_writes_csv_json_and_parquet(connection, library):
    connection.sql("copy (from range(3)) to 'ap:///duck/a.csv'")
    connection.sql("copy (from range(4)) to 'ap://duck/new/a.parquet' (format parquet)")
    connection.sql("copy (from range(5)) to 'ap://duck/new/a.parquet' (format parquet)")
    connection.sql("copy (select 1 as a) to 'ap:///duck/a.json'")
    connection.sql("copy (select range a, range % 2 b from range(6)) to 'ap:///duck/parts' (partition_by (b))")

    assert library.cat("/duck/a.csv") == b"range\n0\n1\n2\n"
    assert pq.read_table("/duck/new/a.parquet", filesystem=library).num_rows == 5
    assert library.cat("/duck/a.json") == b'{"a":1}\n'
    assert library.glob("/duck/parts/**/*.csv") == ["/duck/parts/b=0/data_0.csv", "/duck/parts/b=1/data_0.csv"]


def test_a_duckdb_query_that_fails_half_way_publishes_nothing(connection, library):
    with pytest.raises(duckdb.Error, match="boom"):
        connection.sql(
            "copy (select case when range = 100000 then error('boom') else 'x' end from range(200000)) "
            "to 'ap:///duck/bad.csv'",
        )

    assert not library.exists("/duck/bad.csv")


def test_duckdb_knows_one_name_for_both_protocols_and_nothing_before_it_is_told(library, trips):
    with duckdb.connect() as connection:
        with pytest.raises(duckdb.IOException, match=r'No files found that match the pattern "ap:///trips/a\.csv"'):
            connection.sql("from 'ap:///trips/a.csv'").fetchall()
        connection.register_filesystem(library)
        assert connection.list_filesystems() == ["ap"]
        connection.unregister_filesystem("ap")
        with pytest.raises(duckdb.IOException, match="No files found"):
            connection.sql("from 'amazonphotos:///trips/a.csv'").fetchall()


def test_duckdb_cannot_keep_its_own_database_here_and_says_why(connection, library):
    with pytest.raises(duckdb.Error, match="no appending and no changing in place"):
        connection.sql("attach 'ap:///duck/own.db' as own")

    assert not library.exists("/duck/own.db")


# polars


def test_polars_reads_open_files_and_datasets(library, trips):
    with library.open("/trips/a.parquet") as file:
        assert pl.read_parquet(file).rows() == _ROWS
    with library.open("/trips/a.csv") as file:
        assert pl.read_csv(file).rows() == _ROWS
    lazy = pl.scan_pyarrow_dataset(ds.dataset(["/trips/a.parquet", "/trips/b.parquet"], filesystem=library))
    assert lazy.filter(pl.col("photos") > 1).select(pl.len()).collect().item() == 4


@pytest.mark.parametrize("kind", ["parquet", "csv", "ndjson", "ipc"])
def test_polars_writes_into_open_files_and_reads_them_back(library, kind):
    frame = pl.DataFrame({"a": [1, 2, 3], "b": ["x", "ü", "z"]})
    with library.open(f"/polars/a.{kind}", "wb") as file:
        getattr(frame, f"write_{kind}")(file)

    with library.open(f"/polars/a.{kind}") as file:
        assert getattr(pl, f"read_{kind}")(file).equals(frame)


def test_polars_sinks_a_lazy_frame_into_an_open_file(library, trips):
    with library.open("/trips/a.csv") as source, library.open("/polars/sunk.parquet", "wb") as file:
        pl.scan_csv(source).filter(pl.col("photos") > 1).sink_parquet(file)

    assert pq.read_table("/polars/sunk.parquet", filesystem=library)["photos"].to_pylist() == [3, 2]


@pytest.mark.parametrize("read", ["read_csv", "read_parquet", "scan_parquet"])
def test_polars_takes_the_url_for_a_local_path_and_says_so(trips, read):
    with pytest.raises(FileNotFoundError, match=r"ap://trips/a\.parquet"):
        getattr(pl, read)("ap://trips/a.parquet").lazy().collect()


def test_polars_writes_a_url_by_pyarrow(library):
    pl.DataFrame({"a": [1, 2]}).write_parquet(
        "/polars/arrow.parquet", use_pyarrow=True, pyarrow_options={"filesystem": library}
    )

    assert pq.read_table("/polars/arrow.parquet", filesystem=library)["a"].to_pylist() == [1, 2]
