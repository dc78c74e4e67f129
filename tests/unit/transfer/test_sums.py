"""Files of checksums."""

from __future__ import annotations

import shutil
import subprocess
from hashlib import md5

import pytest

from ap_remote.errors import ConfigError
from ap_remote.transfer.sums import parse_sums, read_sums

ONE = md5(b"one").hexdigest()
TWO = md5(b"two").hexdigest()


def test_both_forms_of_md5sum_are_read() -> None:
    text = f"# remark\n{ONE}  a b.jpg\n\n{TWO.upper()} *./c/d.jpg\r\n"
    assert parse_sums(text) == {"a b.jpg": ONE, "c/d.jpg": TWO}


def test_names_with_line_breaks_and_backslashes_come_back() -> None:
    assert parse_sums(f"\\{ONE}  a\\\\b\\nc\\r") == {"a\\b\nc\r": ONE}
    assert parse_sums(f"{ONE}  a\\nb") == {"a\\nb": ONE}


@pytest.mark.skipif(shutil.which("md5sum") is None, reason="this system has no md5sum")
def test_what_md5sum_itself_writes_is_read(tmp_path) -> None:
    for name in ("plain.txt", "two  blanks", "back\\slash", "line\nbreak", "*star"):
        (tmp_path / name).write_bytes(name.encode())
    names = sorted(file.name for file in tmp_path.iterdir())
    theirs = subprocess.run(["md5sum", "--", *names], cwd=tmp_path, capture_output=True, check=True).stdout
    expected = {name: md5(name.encode()).hexdigest() for name in names}
    (tmp_path / "sums").write_bytes(theirs)
    assert read_sums(tmp_path / "sums") == expected


def test_sums_of_other_kinds_are_read_as_they_are_told() -> None:
    assert parse_sums(f"{'AB' * 20}  a", digits=40) == {"a": "ab" * 20}
    assert parse_sums("PyC-_w==  a", digits=None) == {"a": "PyC-_w=="}
    with pytest.raises(ConfigError, match="40 hexadecimal digits"):
        parse_sums(f"{ONE}  a", digits=40)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no checksum in it"),
        ("# remark\n", "no checksum in it"),
        (f"{ONE} a", "line 1"),
        (f"{ONE}  a\n{ONE[:-1]}  b", "line 2"),
        (f"{ONE}  a\n{TWO}  a", "line 2: 'a' has two"),
        (f"\\{ONE}  a\\x", "no escaped character"),
    ],
)
def test_what_is_no_checksum_is_refused_with_its_line(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse_sums(text)


def test_a_file_that_is_no_text_is_refused(tmp_path) -> None:
    (tmp_path / "sums").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="no text"):
        read_sums(tmp_path / "sums")
