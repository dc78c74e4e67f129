"""pandas by URL: every format that it reads and writes through fsspec, and what it cannot do."""

from __future__ import annotations

from functools import cache

import fsspec
import pytest

from ap_remote.errors import ConfigError, UnsupportedError
from tests.lazily import Lazily

pd = Lazily("pandas")


@cache
def _frame():
    return pd.DataFrame({"city": ["Vancouver", "Zürich", "São Paulo"], "photos": [3, 1, 2]})


_FASTPARQUET = pytest.mark.filterwarnings(
    "ignore:The 'fastparquet' engine is deprecated:pandas.errors.Pandas4Warning",  # pandas 3.1 says so of its own part
)

pytestmark = pytest.mark.usefixtures("library")

FORMATS = {
    "csv": (lambda f, url: f.to_csv(url, index=False), "read_csv"),
    "csv.gz": (lambda f, url: f.to_csv(url, index=False), "read_csv"),
    "csv.bz2": (lambda f, url: f.to_csv(url, index=False), "read_csv"),
    "csv.xz": (lambda f, url: f.to_csv(url, index=False), "read_csv"),
    "csv.zip": (lambda f, url: f.to_csv(url, index=False), "read_csv"),
    "csv.tar.gz": (lambda f, url: f.to_csv(url, index=False), "read_csv"),
    "parquet": (lambda f, url: f.to_parquet(url), "read_parquet"),
    "feather": (lambda f, url: f.to_feather(url), "read_feather"),
    "orc": (lambda f, url: f.to_orc(url), "read_orc"),
    "json": (lambda f, url: f.to_json(url), "read_json"),
    "jsonl.gz": (
        lambda f, url: f.to_json(url, orient="records", lines=True),
        lambda url: pd.read_json(url, orient="records", lines=True),
    ),
    "xlsx": (lambda f, url: f.to_excel(url, index=False), "read_excel"),
    "pkl": (lambda f, url: f.to_pickle(url), "read_pickle"),
    "dta": (lambda f, url: f.to_stata(url, write_index=False, version=118), "read_stata"),
}


@pytest.mark.parametrize("suffix", FORMATS)
def test_pandas_reads_by_url_what_it_wrote_by_url(suffix):
    write, read = FORMATS[suffix]
    read = getattr(pd, read) if isinstance(read, str) else read
    write(_frame(), f"ap://formats/trips.{suffix}")

    back = read(f"ap:///formats/trips.{suffix}")
    pd.testing.assert_frame_equal(back, _frame(), check_dtype=suffix != "dta")  # Stata has no 64-bit integers


@pytest.mark.parametrize("engine", ["pyarrow", pytest.param("fastparquet", marks=_FASTPARQUET)])
def test_pandas_reads_and_writes_a_partitioned_parquet_folder(library, engine):
    url = f"ap://partitioned/{engine}"
    _frame().to_parquet(url, engine=engine, partition_cols=["city"])

    back = pd.read_parquet(url, engine=engine)
    assert dict(zip(back["city"].astype(str), back["photos"], strict=True)) == dict(
        zip(_frame()["city"], _frame()["photos"], strict=True)
    )
    assert len([each for each in library.find(f"/partitioned/{engine}") if each.endswith(".parquet")]) == 3
    only = pd.read_parquet(url, engine="pyarrow", filters=[("city", "==", "Zürich")])
    assert only["photos"].tolist() == [1]


@_FASTPARQUET
def test_pandas_reads_and_writes_a_parquet_file_by_fastparquet():
    _frame().to_parquet("ap://fast/trips.parquet", engine="fastparquet")

    back = pd.read_parquet("ap://fast/trips.parquet", engine="fastparquet")
    pd.testing.assert_frame_equal(back, _frame(), check_dtype=False)  # its texts are objects
    pd.testing.assert_frame_equal(pd.read_parquet("ap://fast/trips.parquet", engine="pyarrow"), _frame())


def test_pandas_reads_in_chunks_and_writes_several_sheets():
    _frame().to_csv("ap://parts/chunks.csv", index=False)
    with pd.ExcelWriter("ap://parts/two.xlsx") as book:
        _frame().to_excel(book, sheet_name="one", index=False)
        _frame().to_excel(book, sheet_name="two", index=False)

    with pd.read_csv("ap://parts/chunks.csv", chunksize=2) as chunks:
        assert [len(each) for each in chunks] == [2, 1]
    assert list(pd.read_excel("ap://parts/two.xlsx", sheet_name=None)) == ["one", "two"]


def test_the_account_stands_in_the_url_or_in_the_storage_options():
    _frame().to_csv("ap://local@/account/trips.csv", index=False)

    for url, options in (
        ("ap://account/trips.csv", None),
        ("ap://account/trips.csv", {"remote": "local:", "fresh": True}),
        ("amazonphotos://local@/account/trips.csv", None),
        ("ap://local@/account/trips.csv", {"remote": "local:"}),
    ):
        pd.testing.assert_frame_equal(pd.read_csv(url, storage_options=options), _frame())
    with pytest.raises(ConfigError, match="no account named 'nobody'"):
        pd.read_csv("ap://nobody@/account/trips.csv")
    with pytest.raises(ConfigError, match="'cookies' is no option here"):
        pd.read_csv("ap://account/trips.csv", storage_options={"cookies": {"session-id": "1"}})


def test_a_url_and_an_option_that_name_two_accounts_are_refused():
    with pytest.raises(TypeError, match="multiple values for keyword argument 'remote'"):
        pd.read_csv("ap://local@/account/trips.csv", storage_options={"remote": "memory:"})


@pytest.mark.parametrize("cache", ["filecache", "simplecache"])
def test_pandas_reads_through_a_cache_in_the_url(tmp_path, cache):
    _frame().to_csv("ap://cached/trips.csv", index=False)
    options = {cache: {"cache_storage": str(tmp_path)}, "ap": {"remote": "local:"}}

    back = pd.read_csv(f"{cache}::ap://cached/trips.csv", storage_options=options)
    pd.testing.assert_frame_equal(back, _frame())
    assert any(each.stat().st_size for each in tmp_path.iterdir())


def test_pandas_writes_through_simplecache():
    _frame().to_csv("simplecache::ap://cached/written.csv", index=False)

    pd.testing.assert_frame_equal(pd.read_csv("ap://cached/written.csv"), _frame())


def test_pandas_reads_a_member_of_an_archive_by_a_chained_url(library):
    import zipfile

    with library.open("/archives/trips.zip", "wb") as file, zipfile.ZipFile(file, "w") as packed:
        packed.writestr("in/trips.csv", _frame().to_csv(index=False))

    pd.testing.assert_frame_equal(pd.read_csv("zip://in/trips.csv::ap://archives/trips.zip"), _frame())


def test_pandas_that_fails_half_way_publishes_nothing(library):
    class Bad:
        def __str__(self):
            raise RuntimeError("cannot be written")

    frame = pd.DataFrame({"a": ["x" * 100_000, Bad()]})
    with pytest.raises(RuntimeError, match="cannot be written"):
        frame.to_csv("ap://broken.csv", chunksize=1)

    assert not library.exists("/broken.csv")


@_FASTPARQUET
def test_what_pandas_cannot_do_by_url_it_says():
    _frame().to_csv("ap://refused/a.csv", index=False)

    with pytest.raises(FileNotFoundError, match="The URL contains glob characters"):
        pd.read_csv("ap://refused/*.csv")
    with pytest.raises(UnsupportedError, match="there is no appending"):
        _frame().to_csv("ap://refused/a.csv", mode="a")
    _frame().to_parquet("ap://refused/a.parquet", engine="fastparquet")
    with pytest.raises(UnsupportedError, match="there is no appending"):
        _frame().to_parquet("ap://refused/a.parquet", engine="fastparquet", append=True)
    with pytest.raises(OSError, match="non-existent directory: 'ap:/refused'"):
        _frame().to_html("ap://refused/a.html")
    with fsspec.open("ap://refused/a.html", "w") as file:  # what to do instead
        _frame().to_html(file)
    with fsspec.open("ap://refused/a.html", "r") as file:
        assert "Zürich" in file.read()


def test_several_files_are_read_by_opening_them():
    for month in range(3):
        _frame().to_csv(f"ap://many/{month}.csv", index=False)

    with fsspec.open_files("ap://many/*.csv") as files:
        assert len(pd.concat(map(pd.read_csv, files))) == 9
