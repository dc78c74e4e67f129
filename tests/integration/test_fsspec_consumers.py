"""What stands on fsspec, over ``ap://`` with no account and no configuration."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import dask
import dask.bag
import dask.dataframe as dd
import fsspec
import fsspec.generic
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pyarrow.fs import FSSpecHandler, PyFileSystem

from ap_remote.fsspec import AmazonPhotosFileSystem

_FRAME = pd.DataFrame({"city": ["Vancouver", "Zürich", "São Paulo"], "photos": [3, 1, 2]})


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in ("AP_CONFIG", "AP_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    AmazonPhotosFileSystem.clear_instance_cache()
    yield tmp_path / "home"
    for fs in list(AmazonPhotosFileSystem._cache.values()):
        fs.close()
    AmazonPhotosFileSystem.clear_instance_cache()


@pytest.fixture
def fs(home):
    return fsspec.filesystem("ap")


def test_open_ls_cat_pipe_find_and_rm_work_by_the_entry_point(fs):
    with fsspec.open("ap://notes/a.txt", "w") as file:
        file.write("hello")
    fs.pipe("/notes/deep/b [1] 'ü' 🌊.bin", b"\x00\x01")

    assert fs.ls("/notes", detail=False) == ["/notes/a.txt", "/notes/deep"]
    assert fs.find("/") == ["/notes/a.txt", "/notes/deep/b [1] 'ü' 🌊.bin"]
    assert fs.cat("ap://notes/deep/b [1] 'ü' 🌊.bin") == b"\x00\x01"
    assert fs.du("/notes") == 7
    with fsspec.open("ap:///notes/a.txt") as file:
        assert file.read() == b"hello"
    fs.rm("ap://notes", recursive=True)
    assert fs.find("/") == []


def test_what_was_written_is_there_for_another_process(fs):
    fs.pipe("/a.txt", b"kept")
    code = "import fsspec; print(fsspec.open('ap://a.txt', 'r').open().read())"

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "kept\n"


def test_an_info_of_the_service_carries_identity_and_dates(fs):
    fs.pipe("/a.txt", b"x")
    info = fs.info("/a.txt")

    assert info["md5"] == "9dd4e461268c8034f5c8564e155c67a6"
    assert (info["size"], info["kind"], info["type"]) == (1, "file", "file")
    assert info["mtime"].tzinfo is not None
    assert info["created"].tzinfo is not None


def test_mv_keeps_the_id_and_an_overwrite_raises_the_version(fs):
    fs.pipe("/a.txt", b"x")
    before = fs.info("/a.txt")
    fs.mv("/a.txt", "/moved/b.txt")
    fs.pipe("/moved/b.txt", b"y")
    after = fs.info("/moved/b.txt")

    assert after["id"] == before["id"]
    assert after["version"] > before["version"]
    assert fs.cat("/moved/b.txt") == b"y"


def test_pandas_reads_and_writes_csv_by_url(fs):
    _FRAME.to_csv("ap://tables/trips.csv", index=False)
    _FRAME.to_csv("ap://tables/trips.csv.gz", index=False)

    pd.testing.assert_frame_equal(pd.read_csv("ap://tables/trips.csv"), _FRAME)
    pd.testing.assert_frame_equal(pd.read_csv("amazonphotos:///tables/trips.csv.gz"), _FRAME)
    pd.testing.assert_frame_equal(
        pd.read_csv("ap://tables/trips.csv", storage_options={"remote": "local:", "fresh": True}),
        _FRAME,
    )
    pd.testing.assert_frame_equal(pd.read_csv("ap://local@/tables/trips.csv"), _FRAME)


def test_pandas_that_fails_half_way_publishes_nothing(fs, monkeypatch):
    class Bad:
        def __str__(self):
            raise RuntimeError("cannot be written")

    frame = pd.DataFrame({"a": ["x" * 100_000, Bad()]})
    with pytest.raises(RuntimeError, match="cannot be written"):
        frame.to_csv("ap://broken.csv", chunksize=1)

    assert not fs.exists("/broken.csv")


def test_pandas_reads_and_writes_parquet_json_and_pickle_by_url():
    _FRAME.to_parquet("ap://t.parquet")
    _FRAME.to_json("ap://t.jsonl", orient="records", lines=True)
    _FRAME.to_pickle("ap://t.pkl")

    pd.testing.assert_frame_equal(pd.read_parquet("ap://t.parquet"), _FRAME)
    pd.testing.assert_frame_equal(pd.read_json("ap://t.jsonl", orient="records", lines=True), _FRAME)
    pd.testing.assert_frame_equal(pd.read_pickle("ap://t.pkl"), _FRAME)


def test_pyarrow_reads_and_writes_when_it_is_handed_the_filesystem(fs):
    table = pa.Table.from_pandas(_FRAME)
    pq.write_table(table, "/t/one.parquet", filesystem=fs)
    ds.write_dataset(table, "/t/set", format="parquet", partitioning=["city"], filesystem=fs)

    assert pq.read_table("/t/one.parquet", filesystem=fs).equals(table)
    assert sorted(ds.dataset("/t/set", filesystem=fs).to_table()["photos"].to_pylist()) == [1, 2, 3]
    arrow = PyFileSystem(FSSpecHandler(fs))
    assert arrow.get_file_info("/t/one.parquet").mtime == fs.modified("/t/one.parquet")
    arrow.move("/t/one.parquet", "/t/two.parquet")
    arrow.delete_dir("/t/set")
    assert fs.ls("/t", detail=False) == ["/t/two.parquet"]


@pytest.mark.filterwarnings("ignore:The inplace keyword:pandas.errors.Pandas4Warning")  # dask's own use of pandas
def test_dask_reads_tables_and_texts(fs):
    with dask.config.set(scheduler="synchronous"):
        for part in range(3):
            _FRAME.to_csv(f"ap://parts/{part}.csv", index=False)
        fs.pipe("/texts/a.txt", b"one\ntwo\n")
        frame = dd.read_csv("ap://parts/*.csv").compute()
        dd.from_pandas(_FRAME, npartitions=2).to_parquet("ap://written")
        lines = dask.bag.read_text("ap://texts/*.txt").map(str.strip).compute()
        back = dd.read_parquet("ap://written").compute()

    assert len(frame) == 9
    assert lines == ["one", "two"]
    assert sorted(back["photos"]) == [1, 2, 3]


def test_caching_filesystems_notice_a_new_version(fs, tmp_path):
    fs.pipe("/a.txt", b"old")
    options = {"cache_storage": str(tmp_path / "cache"), "check_files": True}
    url = "filecache::ap://a.txt"
    with fsspec.open(url, filecache=options) as file:
        assert file.read() == b"old"
    fs.pipe("/a.txt", b"new!")
    with fsspec.open(url, filecache=options) as file:
        assert file.read() == b"new!"


def test_pillow_and_zipfile_read_and_write_through_open_files(fs):
    with fs.open("/p.png", "wb") as file:
        Image.new("RGB", (8, 6), "red").save(file, "PNG")
    with fs.open("/z.zip", "wb") as file, zipfile.ZipFile(file, "w") as packed:
        packed.writestr("inside.txt", "packed")

    with fs.open("/p.png") as file:
        assert Image.open(file).size == (8, 6)
    with fs.open("/z.zip") as file, zipfile.ZipFile(file) as packed:
        assert packed.read("inside.txt") == b"packed"


def test_a_mapper_is_a_dictionary_of_files(fs):
    store = fs.get_mapper("/store", create=True)
    store["a/b"] = b"value"

    assert dict(store) == {"a/b": b"value"}
    del store["a/b"]
    assert list(store) == []


def test_rsync_brings_a_local_tree_here(fs, tmp_path):
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "src" / "deep" / "a.txt").write_bytes(b"a")
    fsspec.generic.rsync(f"file://{tmp_path}/src", "ap://dst")

    assert fs.cat("/dst/deep/a.txt") == b"a"
