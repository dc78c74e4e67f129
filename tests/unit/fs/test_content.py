from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from fsspec.callbacks import Callback
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import IntegrityError, IsFolderError
from ap_remote.fs import RemoteFileSystem
from ap_remote.model import ByteRange

_DATA = bytes(range(256))
_TAKEN = datetime(2019, 7, 6, 18, 22, tzinfo=UTC)


@pytest.fixture
def data(remote):
    remote.seed("data", _DATA)
    return "/data"


# Ranges

_limits = st.none() | st.integers(-300, 300)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(_limits, _limits), min_size=1, max_size=6), st.integers(0, 50))
def test_ranges_are_slices_however_they_are_put_together(slices, gap):
    remote = MemoryRemote()
    remote.seed("data", _DATA)
    fs = RemoteFileSystem(lambda: remote, skip_instance_cache=True)
    starts, ends = (list(each) for each in zip(*slices, strict=True))
    expected = [_DATA[slice(*each)] for each in slices]

    assert [fs.cat_file("/data", *each) for each in slices] == expected
    assert fs.cat_ranges(["/data"] * len(slices), starts, ends, max_gap=gap) == expected


def test_near_ranges_of_one_file_are_read_together(fs, remote, data):
    remote.seed("other", b"0123456789")
    out = fs.cat_ranges([data, "/other", data, data], [0, 2, 20, 200], [10, 4, 30, 210], max_gap=16)

    assert out == [_DATA[:10], b"23", _DATA[20:30], _DATA[200:210]]
    assert sorted(remote.named("get"), key=str) == [
        ("data", ByteRange(0, 30)),
        ("data", ByteRange(200, 210)),
        ("other", ByteRange(2, 4)),
    ]


def test_a_range_that_fails_stands_in_its_place_or_is_raised(fs, data):
    out = fs.cat_ranges([data, "/none", "/none"], [0, 0, -3], [4, 4, None])

    assert out[0] == _DATA[:4]
    assert all(isinstance(each, FileNotFoundError) for each in out[1:])
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges([data, "/none"], 0, 4, on_error="raise")


def test_ranges_want_lists_of_one_length(fs, data):
    assert fs.cat_ranges([data, data], 0, 2) == [_DATA[:2]] * 2
    assert fs.cat_ranges([], [], []) == []
    with pytest.raises(TypeError):
        fs.cat_ranges(data, 0, 4)
    with pytest.raises(ValueError, match="length"):
        fs.cat_ranges([data], [0, 1], [4, 5])


def test_a_whole_file_is_asked_for_as_a_whole_so_that_its_md5_is_checked(fs, remote, data):
    assert fs.cat_file(data) == _DATA
    assert fs.head(data, 3) == _DATA[:3]
    assert fs.tail(data, 3) == _DATA[-3:]

    assert remote.named("get")[0] == ("data", None)


def test_cat_of_a_folder_says_so(fs, remote):
    remote.seed("r/a", b"a")

    with pytest.raises(IsADirectoryError):
        fs.cat_file("/r")
    assert fs.cat("/r/*") == {"/r/a": b"a"}


# Storing


@pytest.mark.parametrize("value", [b"abc", bytearray(b"abc"), memoryview(b"abc")])
def test_pipe_takes_whatever_has_bytes(fs, remote, value):
    fs.pipe_file("/a", value)

    assert remote.raw("a") == b"abc"


@pytest.mark.parametrize("value", [3, "text"])
def test_pipe_refuses_what_has_none(fs, value):
    with pytest.raises(TypeError):
        fs.pipe_file("/a", value)
    with pytest.raises(ValueError, match="mode"):
        fs.pipe_file("/a", b"", mode="append")


def test_put_streams_the_local_file_and_reports_its_bytes(fs, remote, tmp_path):
    local = tmp_path / "a.bin"
    local.write_bytes(_DATA)
    callback = Callback()
    fs.put_file(local, "/x/a.bin", callback=callback)

    assert (callback.size, callback.value) == (256, 256)
    assert [source for _, source, _ in remote.named("put")] == [local]
    with pytest.raises(FileExistsError):
        fs.put_file(local, "/x/a.bin", mode="create")


def test_a_copy_keeps_the_date_and_takes_nothing_for_itself(fs, remote):
    remote.seed("a.jpg", _DATA, taken=_TAKEN)
    fs.cp_file("/a.jpg", "/b.jpg")
    fs.cp_file("/a.jpg", "/a.jpg")

    assert fs.info("/b.jpg")["taken"] == _TAKEN
    assert fs.cat_file("/b.jpg") == _DATA
    assert len(remote.named("put")) == 1


# Fetching


def test_a_download_has_the_date_of_the_photograph(fs, remote, tmp_path):
    remote.seed("a.jpg", _DATA, taken=_TAKEN)
    remote.seed("b.bin", _DATA)
    fs.get(["/a.jpg", "/b.bin"], [str(tmp_path / "a.jpg"), str(tmp_path / "b.bin")])

    assert (tmp_path / "a.jpg").stat().st_mtime == _TAKEN.timestamp()
    assert (tmp_path / "b.bin").stat().st_mtime == pytest.approx(fs.modified("/b.bin").timestamp(), abs=1e-3)


def test_a_download_is_there_whole_or_not_at_all(fs, remote, tmp_path, monkeypatch):
    target = tmp_path / "down" / "a"
    remote.seed("a", _DATA)

    async def broken(path, *, span=None):
        yield b"half"
        assert not target.exists()
        raise IntegrityError("md5 differs")

    monkeypatch.setattr(remote, "get", broken)
    with pytest.raises(IntegrityError):
        fs.get_file("/a", str(target))
    assert list(target.parent.iterdir()) == []

    target.write_bytes(b"older")
    with pytest.raises(AssertionError):
        fs.get_file("/a", str(target))
    assert target.read_bytes() == b"older"
    assert [each.name for each in target.parent.iterdir()] == ["a"]


def test_a_download_has_the_permissions_of_any_new_file(fs, remote, tmp_path):
    remote.seed("a", _DATA)
    fs.get_file("/a", str(tmp_path / "a"))
    (tmp_path / "plain").write_bytes(b"")

    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_download_may_go_into_a_file_object_and_reports_its_bytes(fs, data):
    sink, callback = io.BytesIO(), Callback()
    fs.get_file(data, sink, callback=callback)

    assert sink.getvalue() == _DATA
    assert (callback.size, callback.value) == (256, 256)


def test_a_folder_is_made_and_cannot_go_into_a_file_object(fs, remote, tmp_path):
    remote.seed("r/e", None)
    fs.get("/r", str(tmp_path / "out"), recursive=True)

    assert (tmp_path / "out" / "e").is_dir()
    with pytest.raises(IsFolderError):
        fs.get_file("/r", io.BytesIO())


# Names that look like patterns


@pytest.fixture
def bracketed(remote):
    remote.seed("p/IMG[1].jpg", b"bracketed")
    remote.seed("p/IMG1.jpg", b"other")
    remote.seed("p/set[1]/x.txt", b"inside")
    remote.seed("p/set1/y.txt", b"other inside")


@pytest.mark.usefixtures("bracketed")
def test_a_name_with_brackets_is_read_and_removed_itself(fs):
    assert fs.cat("/p/IMG[1].jpg") == b"bracketed"
    fs.rm("/p/IMG[1].jpg")
    fs.rm("/p/set[1]", recursive=True)

    assert fs.find("/p") == ["/p/IMG1.jpg", "/p/set1/y.txt"]
    assert fs.cat("/p/IMG[1].jpg") == {"/p/IMG1.jpg": b"other"}  # a pattern again, now that the name is gone


@pytest.mark.usefixtures("bracketed")
@pytest.mark.parametrize(("target", "landed"), [("x.jpg", "x.jpg"), ("new/", "new/IMG[1].jpg"), ("", "IMG[1].jpg")])
def test_a_name_with_brackets_is_fetched_itself(fs, tmp_path, target, landed):
    fs.get("/p/IMG[1].jpg", f"{tmp_path}/{target}")

    assert (tmp_path / landed).read_bytes() == b"bracketed"
    assert len([each for each in tmp_path.rglob("*") if each.is_file()]) == 1


@pytest.mark.usefixtures("bracketed")
@pytest.mark.parametrize(
    ("target", "landed"),
    [("/q.jpg", "/q.jpg"), ("/new/", "/new/IMG[1].jpg"), ("/p/set1", "/p/set1/IMG[1].jpg")],
)
def test_a_name_with_brackets_is_copied_and_moved_itself(fs, target, landed):
    fs.copy("/p/IMG[1].jpg", target)
    assert fs.cat_file(landed) == b"bracketed"
    fs.rm_file(landed)
    fs.mv("/p/IMG[1].jpg", target)

    assert fs.cat_file(landed) == b"bracketed"
    assert fs.cat_file("/p/IMG1.jpg") == b"other"


@pytest.mark.usefixtures("bracketed")
def test_a_folder_with_brackets_is_fetched_and_copied_whole(fs, tmp_path):
    fs.get("/p/set[1]", str(tmp_path / "out"), recursive=True)
    fs.copy("/p/set[1]", "/copy", recursive=True)

    assert [each.name for each in (tmp_path / "out").iterdir()] == ["x.txt"]
    assert fs.find("/copy") == ["/copy/x.txt"]
    fs.get("/p/set[1]", str(tmp_path / "alone"))
    assert not (tmp_path / "alone").exists()


@pytest.mark.parametrize(("target", "landed"), [("/x.jpg", "/x.jpg"), ("/new/", "/new/a[1].jpg")])
def test_a_local_name_with_brackets_is_uploaded_itself(fs, tmp_path, target, landed):
    (tmp_path / "a[1].jpg").write_bytes(b"bracketed")
    (tmp_path / "a1.jpg").write_bytes(b"other")
    fs.put(str(tmp_path / "a[1].jpg"), target)

    assert fs.find("/") == [landed]
    assert fs.cat_file(landed) == b"bracketed"


def test_local_names_with_brackets_in_a_list_and_in_a_tree_are_uploaded_themselves(fs, tmp_path):
    (tmp_path / "d[1]").mkdir()
    (tmp_path / "d[1]" / "a[1].jpg").write_bytes(b"bracketed")
    (tmp_path / "a1.jpg").write_bytes(b"other")
    fs.put([str(tmp_path / "d[1]" / "a[1].jpg"), str(tmp_path / "a1.jpg")], "/list")
    fs.put(str(tmp_path / "d[1]"), "/tree", recursive=True)

    assert fs.find("/") == ["/list/a1.jpg", "/list/a[1].jpg", "/tree/a[1].jpg"]
