from __future__ import annotations

import contextlib
import gc
import gzip
import io
import pickle

import pytest
from fsspec.core import OpenFile

from ap_remote.errors import (
    AlreadyExistsError,
    IntegrityError,
    InvalidNameError,
    IsFolderError,
    PreconditionFailedError,
    UnsupportedError,
)
from ap_remote.fs import files, spool


class BrokenError(Exception):
    pass


def _half(file, *, text=False):
    file.write("half" if text else b"half")
    raise BrokenError


@contextlib.contextmanager
def _managed(file):
    try:
        yield file
    finally:
        file.close()


class _LikePandas:
    """Closes its handle in ``__exit__`` without passing the exception on, as pandas' IOHandles does."""

    def __init__(self, handle):
        self.handle = handle

    def __enter__(self):
        return self.handle

    def __exit__(self, exc_type, exc_value, traceback):
        self.handle.close()


_WRITERS = {
    "binary": (lambda fs: fs.open("/a", "wb"), False),
    "exclusive": (lambda fs: fs.open("/a", "xb"), False),
    "text": (lambda fs: fs.open("/a", "w"), True),
    "gzip": (lambda fs: fs.open("/a", "wb", compression="gzip"), False),
    "gzip-text": (lambda fs: fs.open("/a", "wt", compression="gzip"), True),
    "bz2": (lambda fs: fs.open("/a", "wb", compression="bz2"), False),
    "OpenFile": (lambda fs: OpenFile(fs, "/a", "wb"), False),
    "OpenFile-text": (lambda fs: OpenFile(fs, "/a", "w"), True),
    "OpenFile-gzip": (lambda fs: OpenFile(fs, "/a", "w", compression="gzip"), True),
    "closing": (lambda fs: contextlib.closing(fs.open("/a", "wb")), False),
    "closing-gzip": (lambda fs: contextlib.closing(fs.open("/a", "wb", compression="gzip")), False),
    "contextmanager": (lambda fs: _managed(fs.open("/a", "wb")), False),
    "pandas": (lambda fs: _LikePandas(OpenFile(fs, "/a", "wb").open()), False),
}
_writers = pytest.mark.parametrize(("opened", "text"), _WRITERS.values(), ids=_WRITERS.keys())


@_writers
def test_an_exception_inside_a_with_block_publishes_nothing(fs, remote, opened, text):
    with pytest.raises(BrokenError), opened(fs) as file:
        _half(file, text=text)

    assert remote.named("put") == []
    assert not fs.exists("/a")


@_writers
def test_an_exception_leaves_what_was_there_untouched(fs, opened, text, request):
    if "exclusive" in request.node.callspec.id:
        return
    fs.pipe_file("/a", b"whole")
    with pytest.raises(BrokenError), opened(fs) as file:
        _half(file, text=text)

    assert fs.cat_file("/a") == b"whole"


@_writers
def test_a_with_block_that_ends_well_publishes_once(fs, remote, opened, text):
    with opened(fs) as file:
        file.write("one " if text else b"one ")
        file.flush()
        file.write("two" if text else b"two")
        assert remote.named("put") == []

    assert len(remote.named("put")) == 1
    assert remote.raw("a")


def test_a_file_that_is_written_while_an_exception_is_handled_is_published(fs):
    class Reporter:
        def __enter__(self):
            return self

        def __exit__(self, exc_type, exc, traceback):
            with fs.open("/report", "wb") as file:
                file.write(repr(exc).encode())

    with pytest.raises(BrokenError), Reporter():
        raise BrokenError

    assert fs.cat_file("/report") == b"BrokenError()"


def test_an_explicit_close_in_an_exception_handler_publishes(fs):
    file = fs.open("/a", "wb")
    try:
        _half(file)
    except BrokenError:
        file.write(b" and the rest")
        file.close()

    assert fs.cat_file("/a") == b"half and the rest"


@pytest.mark.parametrize(
    ("opened", "data"),
    [
        (lambda fs: fs.open("/a", "wb"), b"x"),
        (lambda fs: fs.open("/a", "w"), "x"),
        (lambda fs: fs.open("/a", "wb", compression="gzip"), b"x"),
        (lambda fs: fs.open("/a", "w", compression="gzip"), "x"),
        (lambda fs: io.TextIOWrapper(fs.open("/a", "wb")), "x"),
    ],
    ids=["binary", "text", "gzip", "gzip-text", "foreign-text"],
)
def test_the_garbage_collector_publishes_nothing_and_says_so(fs, remote, opened, data):
    file = opened(fs)
    file.write(data)
    held = [file]
    del file
    with pytest.warns(ResourceWarning, match="was not uploaded"):
        held.clear() or gc.collect()

    assert remote.named("put") == []


@pytest.mark.parametrize("mode", ["ab", "a", "r+b", "w+b", "a+b"])
def test_what_cannot_be_done_to_a_stored_file_is_refused_with_the_reason(fs, remote, mode):
    fs.pipe_file("/a", b"one")

    with pytest.raises(UnsupportedError, match="stored whole"):
        fs.open("/a", mode)
    assert remote.raw("a") == b"one"


def test_exclusive_creation_is_refused_at_open_and_again_at_close(fs, remote):
    fs.pipe_file("/a", b"one")
    with pytest.raises(FileExistsError):
        fs.open("/a", "xb")

    file = fs.open("/b", "xb")
    file.write(b"mine")
    remote.seed("b", b"theirs")
    with pytest.raises(AlreadyExistsError):
        file.close()
    assert remote.raw("b") == b"theirs"
    assert file.closed


def test_what_cannot_be_a_file_is_refused_at_open(fs):
    fs.mkdir("/dir")

    for mode in ("rb", "wb", "xb"):
        with pytest.raises(IsFolderError):
            fs.open("/dir", mode)
    with pytest.raises(IsFolderError):
        fs.open("/", "wb")
    with pytest.raises(InvalidNameError):
        fs.open("/" + "x" * 300, "wb")
    with pytest.raises(FileNotFoundError):
        fs.open("/none", "rb")


def test_an_empty_file_can_be_written_and_read(fs):
    with fs.open("/a", "wb"):
        pass

    assert fs.size("/a") == 0
    with fs.open("/a") as file:
        assert file.read() == b""


def test_parents_are_made_for_a_new_file(fs):
    with fs.open("/deep/down/a.txt", "w") as file:
        file.write("x")

    assert fs.isdir("/deep/down")


def test_text_round_trips_with_its_encoding_and_newlines(fs):
    with fs.open("/a.txt", "w", encoding="utf-16", newline="\r\n") as file:
        file.write("ä\nö")

    assert fs.cat_file("/a.txt").decode("utf-16") == "ä\r\nö"
    assert fs.read_text("/a.txt", encoding="utf-16") == "ä\nö"
    fs.write_text("/b.txt", "ß", encoding="latin-1")
    assert fs.cat_file("/b.txt") == b"\xdf"


def test_compression_is_inferred_and_finished(fs):
    with fs.open("/a.txt.gz", "wt", compression="infer") as file:
        file.write("packed")

    assert gzip.decompress(fs.cat_file("/a.txt.gz")) == b"packed"
    with fs.open("/a.txt.gz", "rt", compression="infer") as file:
        assert file.read() == "packed"


@pytest.mark.parametrize("size", [10, 100, 101, 1000])
def test_a_large_file_goes_through_the_disk_and_leaves_nothing_there(fs, remote, tmp_path, monkeypatch, size):
    monkeypatch.setattr(files, "Spool", lambda: spool.Spool(limit=100))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data = bytes(range(256)) * 4

    with fs.open("/a", "wb") as file:
        for start in range(0, size, 7):
            file.write(data[start : min(size, start + 7)])
        assert file.tell() == size

    assert remote.raw("a") == data[:size]
    (_, body, _), *_ = remote.named("put")
    assert isinstance(body, bytes) is (size <= 100)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_upload_is_an_error_and_leaves_nothing(fs, remote):
    remote.fail("put", "a", IntegrityError("stored something else"))
    file = fs.open("/a", "wb")
    file.write(b"x")

    with pytest.raises(IntegrityError):
        file.close()
    assert file.closed
    file.close()
    assert len(remote.named("put")) == 1


def test_writing_to_a_closed_or_a_read_file_is_refused(fs):
    file = fs.open("/a", "wb")
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.write(b"x")
    with pytest.raises(ValueError, match="closed"):
        file.flush()
    with fs.open("/a") as reader, pytest.raises(ValueError, match="not in write mode"):
        reader.write(b"x")


def test_a_transaction_publishes_all_files_at_its_end(fs, remote):
    with fs.transaction:
        for name in ("a", "b"):
            with fs.open(f"/{name}", "wb") as file:
                file.write(name.encode())
        assert remote.named("put") == []

    assert fs.cat(["/a", "/b"]) == {"/a": b"a", "/b": b"b"}


def test_a_transaction_that_fails_publishes_nothing(fs, remote):
    def fill_and_fail():
        with fs.transaction:
            with fs.open("/a", "wb") as file:
                file.write(b"a")
            raise BrokenError

    with pytest.raises(BrokenError):
        fill_and_fail()
    assert remote.named("put") == []
    fs.pipe_file("/later", b"x")
    assert fs.exists("/later")


def test_a_file_that_failed_inside_a_transaction_stays_out_of_it(fs, remote):
    with fs.transaction:
        with contextlib.suppress(BrokenError), fs.open("/bad", "wb") as file:
            _half(file)
        with fs.open("/good", "wb") as file:
            file.write(b"g")

    assert fs.ls("/", detail=False) == ["/good"]


def test_a_file_that_is_still_open_when_its_transaction_ends_is_not_published(fs, remote):
    def leave_one_open():
        with fs.transaction:
            fs.open("/a", "wb").write(b"half")

    with pytest.raises(ValueError, match="still open"):
        leave_one_open()

    assert remote.named("put") == []


def test_a_small_file_is_read_once_and_whole(fs, remote):
    fs.pipe_file("/a", b"0123456789")
    with fs.open("/a") as file:
        assert file.read(3) == b"012"
        file.seek(-2, 2)
        assert file.read() == b"89"
        file.seek(4)
        assert file.read(1) == b"4"
        assert file.info()["size"] == 10

    assert remote.named("get") == [("a", None)]


def test_a_large_file_is_read_ahead_by_ranges(fs, remote, monkeypatch):
    monkeypatch.setattr(files, "WHOLE", 10)
    fs.pipe_file("/a", bytes(range(100)))
    with fs.open("/a", block_size=16) as file:
        file.seek(50)
        assert file.read(4) == bytes(range(50, 54))
        assert file.read(4) == bytes(range(54, 58))
        file.seek(98)
        assert file.read(10) == bytes((98, 99))
        assert file.read() == b""

    spans = [(span.start, span.stop) for _, span in remote.named("get")]
    assert spans == [(50, 70), (98, 100)]


def test_a_file_that_changes_under_its_reader_is_an_error(fs, remote, monkeypatch):
    monkeypatch.setattr(files, "WHOLE", 0)
    fs.pipe_file("/a", b"0123456789")
    with fs.open("/a", block_size=1) as file:
        fs.pipe_file("/a", b"01")
        with pytest.raises(PreconditionFailedError, match="open it again"):
            file.read(5)


def test_a_reader_pickles_at_its_position_and_a_writer_refuses(fs, monkeypatch):
    fs.pipe_file("/a", b"0123456789")
    monkeypatch.setattr(type(fs), "__reduce__", lambda self: (_the_same, (id(self),)))
    _ALIVE[id(fs)] = fs
    with fs.open("/a") as file:
        file.seek(4)
        with pickle.loads(pickle.dumps(file)) as copy:
            assert copy.read() == b"456789"
    with fs.open("/b", "wb") as writer, pytest.raises(RuntimeError, match="not supported"):
        pickle.dumps(writer)
    _ALIVE.clear()


_ALIVE: dict = {}


def _the_same(number):
    return _ALIVE[number]


def test_two_readers_of_one_content_are_equal_and_writers_are_not(fs):
    fs.pipe_file("/a", b"x")
    with fs.open("/a") as one, fs.open("/a") as two:
        assert one == two
        assert hash(one) == hash(two)
    with fs.open("/b", "wb") as one, fs.open("/c", "wb") as two:
        assert one != two
        assert len({one, two}) == 2


def test_lines_are_read_as_from_any_file(fs):
    fs.pipe_file("/a", b"one\ntwo\nthree")

    with fs.open("/a") as file:
        assert list(file) == [b"one\n", b"two\n", b"three"]
    with fs.open("/a", "r") as file:
        assert file.readlines() == ["one\n", "two\n", "three"]
