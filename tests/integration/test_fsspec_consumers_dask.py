"""dask's frames, bags and bytes by URL, under the schedulers of one machine. `distributed` has tests of its own."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import pyarrow as pa
import pytest

from ap_remote.errors import UnsupportedError
from tests.lazily import Lazily

pd = Lazily("pandas")
dask = Lazily("dask")
dd = Lazily("dask.dataframe")
bag = Lazily("dask.bag")
dask_bytes = Lazily("dask.bytes")


@cache
def _frame():
    return pd.DataFrame({"city": ["Vancouver", "Zürich", "São Paulo"], "photos": [3, 1, 2]})


pytestmark = pytest.mark.filterwarnings(
    "ignore:The inplace keyword:pandas.errors.Pandas4Warning",  # dask's own use of pandas
)


@pytest.fixture(scope="module")
def inputs(library):
    for part in range(3):
        _frame().to_csv(f"ap://in/{part}.csv", index=False)
    library.pipe({"/texts/a.txt": b"one\ntwo\n", "/texts/b.txt": b"three\n"})


@pytest.fixture(params=["synchronous", "threads"])
def scheduler(request):
    with dask.config.set(scheduler=request.param):
        yield request.param


def test_dask_reads_and_writes_csv(library, inputs, scheduler):
    frame = dd.read_csv("ap://in/*.csv")
    assert len(frame.compute()) == 9
    frame.to_csv(f"ap://{scheduler}/csv/*.csv", index=False)

    back = dd.read_csv(f"ap://local@/{scheduler}/csv/*.csv", storage_options={"remote": "local:"}).compute()
    assert back["photos"].sum() == 18
    assert len(library.find(f"/{scheduler}/csv")) == 3


def test_dask_reads_and_writes_parquet_whole_and_partitioned(library, inputs, scheduler):
    frame = dd.from_pandas(_frame(), npartitions=2)
    frame.to_parquet(f"ap://{scheduler}/plain")
    frame.to_parquet(f"ap://{scheduler}/partitioned", partition_on=["city"])
    frame.to_parquet(f"ap://{scheduler}/plain", overwrite=True)

    back = dd.read_parquet(f"ap://{scheduler}/plain").compute()
    pd.testing.assert_frame_equal(back, _frame(), check_dtype=False, check_names=False)
    only = dd.read_parquet(f"ap://{scheduler}/partitioned", filesystem=library, filters=[("city", "==", "Zürich")])
    assert only["photos"].compute().tolist() == [1]


def test_dask_reads_and_writes_lines(library, inputs, scheduler):
    lines = bag.read_text("ap://texts/*.txt").map(str.strip)
    assert lines.compute() == ["one", "two", "three"]
    lines.map(str.upper).to_textfiles(f"ap://{scheduler}/upper/*.txt.gz")

    assert bag.read_text(f"ap://{scheduler}/upper/*.txt.gz").map(str.strip).compute() == ["ONE", "TWO", "THREE"]


def test_dask_reads_bytes_in_blocks(inputs, scheduler):
    sample, blocks = dask_bytes.read_bytes("ap://texts/*.txt", blocksize=4, sample=3)

    assert (sample, dask.compute(*blocks)) == (b"one", ([b"one\n", b"two\n"], [b"three\n"]))


def test_processes_read_and_write_everything(library, inputs):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool, dask.config.set(scheduler="processes", pool=pool):
        frame = dd.read_csv("ap://in/*.csv")
        frame.to_csv("ap://processes/csv/*.csv", index=False)
        frame.to_parquet("ap://processes/parquet")
        lines = bag.read_text("ap://texts/*.txt").map(str.strip)
        lines.to_textfiles("ap://processes/lines/*.txt")

        assert dd.read_parquet("ap://processes/parquet")["photos"].sum().compute() == 18
        assert lines.compute() == ["one", "two", "three"]

    assert len(library.find("/processes/csv")) == 3
    assert library.cat("/processes/lines/0.txt") + b"\n" + library.cat("/processes/lines/1.txt") == b"one\ntwo\nthree"


def test_what_dask_cannot_do_here_it_says(inputs):
    with dask.config.set(scheduler="synchronous"):
        with pytest.raises(UnsupportedError, match="there is no appending"):
            dd.read_csv("ap://in/*.csv").to_csv("ap://single.csv", single_file=True)
        with pytest.raises(pa.ArrowInvalid, match="Unrecognized filesystem type in URI"):
            dd.read_parquet("ap://in", filesystem="arrow").compute()
