"""``ap://`` with no account and no configuration, and what the standard library does with its files."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import fsspec
import pytest


@pytest.fixture
def fs(library):
    yield library
    library.rm(library.ls("/", detail=False), recursive=True)


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


def test_the_standard_library_reads_and_writes_through_open_files(fs):
    with fsspec.open("ap://std/a.py", "wb") as target, Path(__file__).open("rb") as source:
        shutil.copyfileobj(source, target)
    with fsspec.open("ap://std/a.csv", "w", newline="") as file:
        csv.writer(file).writerows([["city", "note"], ["Zürich", "two\nlines"]])

    assert fs.size("/std/a.py") == Path(__file__).stat().st_size
    with fsspec.open("ap://std/a.csv", "r", newline="") as file:
        assert list(csv.reader(file)) == [["city", "note"], ["Zürich", "two\nlines"]]


@pytest.mark.parametrize("compression", ["gzip", "bz2", "xz", "infer"])
def test_fsspec_packs_and_unpacks_on_the_way(fs, compression):
    with fsspec.open("ap://std/a.json.gz", "wt", compression=compression) as file:
        json.dump({"city": "Zürich"}, file)

    with fsspec.open("ap://std/a.json.gz", "rt", compression=compression) as file:
        assert json.load(file) == {"city": "Zürich"}
    assert fs.cat("/std/a.json.gz")[:1] != b"{"


def test_archives_are_written_into_open_files_and_read_by_member(fs):
    with fs.open("/std/a.zip", "wb") as file, zipfile.ZipFile(file, "w") as packed:
        packed.writestr("in/a.txt", "packed")
    with fs.open("/std/a.tar.gz", "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as packed:
        packed.add(__file__, "in/a.py")

    with fs.open("/std/a.zip") as file, zipfile.ZipFile(file) as packed:
        assert packed.read("in/a.txt") == b"packed"
    with fsspec.open("zip://in/a.txt::ap://std/a.zip") as file:
        assert file.read() == b"packed"
    with fs.open("/std/a.tar.gz") as file, tarfile.open(fileobj=file) as packed:
        assert packed.getnames() == ["in/a.py"]


def test_a_writer_goes_back_to_what_it_wrote_and_text_keeps_one_mark(fs):
    with fs.open("/std/header.bin", "wb") as file:
        file.write(b"????body")
        assert file.seek(0) == 0
        file.write(b"SIZE")
        assert (file.tell(), file.seek(0, 2), file.seek(2, 1)) == (4, 8, 10)
        file.write(b"end")
    with fs.open("/std/big.bin", "wb") as file:
        file.write(bytes(9 * 2**20))  # more than is kept in memory
        file.seek(2**20)
        file.write(b"here")
    for name in ("a.txt", "a.txt.gz"):
        with fsspec.open(f"ap://std/{name}", "w", encoding="utf-16", compression="infer") as file:
            file.write("ü")

    assert fs.cat("/std/header.bin") == b"SIZEbody\0\0end"
    assert fs.size("/std/big.bin") == 9 * 2**20
    assert fs.cat_file("/std/big.bin", start=2**20, end=2**20 + 5) == b"here\0"
    assert len(fs.cat("/std/a.txt")) == 4
    with fsspec.open("ap://std/a.txt.gz", compression="gzip") as file:
        assert file.read() == "ü".encode("utf-16")


def test_a_position_that_cannot_be_is_refused(fs):
    with fs.open("/std/a.bin", "wb") as file:
        file.write(b"abc")
        with pytest.raises(ValueError, match="invalid position"):
            file.seek(-1)
        with pytest.raises(ValueError, match="invalid position"):
            file.seek(0, 3)
    with pytest.raises(ValueError, match="closed file"):
        file.seek(0)

    assert fs.cat("/std/a.bin") == b"abc"
