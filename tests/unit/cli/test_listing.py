"""What the commands that look print; that it is what rclone prints is shown in ``tests/interop``."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.cli.lines import count_suffix, csv_row, json_text, local_time, pictured, size_suffix
from tests.unit.cli.typed import at_home, newfoundland, plant

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.typed import Ap

TREE = {
    "Documents/b.txt": "bb",
    "Documents/Z.txt": "ZZZ",
    "Documents/sub/deep/x.csv": "1,2",
    "Documents/sub/note.txt": "note",
    "Documents/.hidden": "h",
    "Documents/empty/": "",
}


@pytest.fixture
def ap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ap:
    """Return what runs ``ap`` over a small tree."""
    run = at_home(tmp_path / "home", monkeypatch)
    plant(TREE)
    return run


def test_ls_and_lsl_descend_and_lsd_and_lsf_do_not(ap: Ap) -> None:
    assert ap("ls", "local:Documents").stdout == (
        "        1 .hidden\n        3 Z.txt\n        2 b.txt\n        4 sub/note.txt\n        3 sub/deep/x.csv\n"
    )
    assert len(ap("lsl", "local:Documents").stdout.splitlines()) == 5
    assert ap("lsf", "local:Documents").stdout == ".hidden\nZ.txt\nb.txt\nempty/\nsub/\n"
    rows = ap("lsd", "local:Documents").stdout.splitlines()
    assert [re.fullmatch(r" {10}-1 \S+ \S+ {8}-1 (\w+)", row)[1] for row in rows] == ["empty", "sub"]  # type: ignore[index] # a row that does not fit fails


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("ls", "--max-depth", "1"), [".hidden", "Z.txt", "b.txt"]),
        (("ls", "--max-depth", "2", "--include", "*.txt"), ["Z.txt", "b.txt", "sub/note.txt"]),
        (("lsf", "-R", "--files-only", "--exclude", "sub/**"), [".hidden", "Z.txt", "b.txt"]),
        (("lsf", "--dirs-only", "-R"), ["empty/", "sub/", "sub/deep/"]),
        (("lsf", "--max-depth", "2", "--dirs-only"), ["empty/", "sub/", "sub/deep/"]),
        (("ls", "--min-size", "3b"), ["Z.txt", "sub/note.txt", "sub/deep/x.csv"]),
        (("ls", "--max-age", "1h", "--include", "/b.*"), ["b.txt"]),
        (("ls", "--min-age", "1h"), []),
    ],
)
def test_depth_and_filters_narrow_a_listing(ap: Ap, words: tuple[str, ...], told: list[str]) -> None:
    rows = ap(words[0], "local:Documents", *words[1:]).stdout.splitlines()
    assert [re.sub(r"^ *\d+ ", "", row) for row in rows] == told


def test_a_single_file_is_listed_as_itself(ap: Ap) -> None:
    assert ap("ls", "local:Documents/b.txt").stdout == "        2 b.txt\n"
    assert ap("lsf", "local:Documents/b.txt", "--format", "sp").stdout == "2;b.txt\n"
    assert ap("lsd", "local:Documents/b.txt").stdout == ""


def test_times_are_local_and_have_nine_digits(ap: Ap, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = json.loads(ap("stat", "local:Documents/b.txt", "--json").stdout)
    with newfoundland(monkeypatch):
        when = datetime.fromisoformat(entry["modified"]).astimezone()
        told = ap("lsl", "local:Documents/b.txt").stdout
    assert when.utcoffset() in (timedelta(hours=-3.5), timedelta(hours=-2.5))
    assert told == f"        2 {when:%Y-%m-%d %H:%M:%S}.{when.microsecond:06d}000 b.txt\n"
    (row,) = json.loads(ap("lsjson", "local:Documents/b.txt").stdout)
    assert row["ModTime"] == f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("command", ["ls", "lsl", "lsf", "lsjson", "find"])
def test_json_prints_the_promised_keys_of_each_file(ap: Ap, command: str) -> None:
    words = () if command in ("ls", "lsl", "find") else ("-R",)
    rows = [json.loads(row) for row in ap(command, "local:Documents", *words, "--json").stdout.splitlines()]
    assert all({"path", "name", "id", "kind", "size", "md5", "modified"} <= set(row) for row in rows)
    assert {row["path"] for row in rows if row["kind"] == "file"} == {path for path in TREE if path[-1] != "/"}


def test_lsd_and_tree_print_json(ap: Ap) -> None:
    rows = [json.loads(row)["path"] for row in ap("lsd", "local:Documents", "--json").stdout.splitlines()]
    assert rows == ["Documents/empty", "Documents/sub"]
    rows = [json.loads(row)["name"] for row in ap("tree", "local:Documents", "--json").stdout.splitlines()]
    assert rows == ["Z.txt", "b.txt", "empty", "sub", "deep", "x.csv", "note.txt"]


def test_a_tree_is_drawn_and_counted(ap: Ap) -> None:
    assert ap("tree", "local:Documents").stdout == (
        "/\n├── Z.txt\n├── b.txt\n├── empty\n└── sub\n    ├── deep\n    │   └── x.csv\n    └── note.txt\n"
        "\n3 directories, 4 files\n"
    )
    assert ap("tree", "local:Documents", "-L", "1", "-a", "-s", "--noreport").stdout == (
        "[          6]  /\n├── [          1]  .hidden\n├── [          3]  Z.txt\n├── [          2]  b.txt\n"
        "├── [???????????]  empty\n└── [???????????]  sub\n"
    )
    assert ap("tree", "local:Documents", "-d").stdout.splitlines()[-1] == "3 directories"
    assert "unknown order" in ap("tree", "local:", "--sort", "colour", code=2).stderr


def test_size_counts_files_and_bytes(ap: Ap) -> None:
    assert ap("size", "local:Documents").stdout == "Total objects: 5\nTotal size: 13 B (13 Byte)\n"
    assert (
        ap("size", "local:Documents", "--json", "--include", "*.csv").stdout == '{"count":1,"bytes":3,"sizeless":0}\n'
    )


def test_find_prints_paths_that_other_commands_take(ap: Ap) -> None:
    found = ap("find", "local:Documents", "--include", "*.csv", "--files-only").stdout
    assert found == "local:Documents/sub/deep/x.csv\n"
    assert ap("cat", found.strip()).stdout == "1,2"
    assert ap("find", "Documents/sub", "--dirs-only", "-0").stdout == "local:Documents/sub/deep\0"


def test_find_names_no_folder_where_a_filter_speaks_of_files(ap: Ap) -> None:
    assert ap("find", "local:Documents", "--include", "*.csv").stdout == "local:Documents/sub/deep/x.csv\n"
    assert ap("find", "local:Documents", "--min-size", "1G").stdout == ""
    folders = ap("find", "local:Documents", "--exclude", "deep/**", "--dirs-only").stdout.splitlines()
    assert folders == ["local:Documents/empty", "local:Documents/sub"]
    assert "local:Documents/sub" in ap("find", "local:Documents").stdout.splitlines()


def test_names_are_found_whole_where_a_program_reads_them(ap: Ap) -> None:
    plant({"Videos/a\nb.txt": "x"})
    assert ap("find", "local:Videos").stdout == "local:Videos/a␊b.txt\n"
    assert ap("find", "local:Videos", "--print0").stdout == "local:Videos/a\nb.txt\0"


def test_checksums_are_listed_and_compared(ap: Ap, tmp_path: Path) -> None:
    digest = hashlib.md5(b"bb").hexdigest()
    assert ap("md5sum", "local:Documents/b.txt").stdout == f"{digest}  b.txt\n"
    sums = tmp_path / "sums"
    assert ap("hashsum", "MD5", "local:Documents", "--output-file", str(sums)).stdout == ""
    told = ap("md5sum", "local:Documents", "-C", str(sums))
    assert told.stdout == "= .hidden\n= Z.txt\n= b.txt\n= sub/note.txt\n= sub/deep/x.csv\n"
    sums.write_text(f"{'0' * 32}  b.txt\n{digest} *gone.txt\n", "utf-8")
    told = ap("md5sum", "local:Documents", "-C", str(sums), "--include", "*.txt", code=1)
    assert told.stdout == "- Z.txt\n* b.txt\n- sub/note.txt\n+ gone.txt\n"
    rows = [json.loads(row) for row in ap("md5sum", "local:Documents/b.txt", "--json").stdout.splitlines()]
    assert [(row["path"], row["hash"], row["algorithm"]) for row in rows] == [("Documents/b.txt", digest, "md5")]


def test_other_checksums_are_worked_out_from_the_bytes(ap: Ap) -> None:
    told = ap("hashsum", "sha256", "local:Documents/b.txt", "--download").stdout
    assert told == f"{hashlib.sha256(b'bb').hexdigest()}  b.txt\n"
    assert "--download" in ap("hashsum", "sha1", "local:Documents", code=2).stderr
    assert "unknown hash" in ap("hashsum", "crc7", "local:Documents", code=2).stderr
    assert ap("hashsum").stdout == "Supported hashes are:\n  * md5\n  * sha1\n  * sha256\n"


@pytest.mark.parametrize("text", ["", "no sum here", "\udcff"])
def test_a_file_that_is_no_list_of_checksums_is_refused(ap: Ap, tmp_path: Path, text: str) -> None:
    (tmp_path / "sums").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert str(tmp_path / "sums") in ap("md5sum", "local:Documents", "-C", str(tmp_path / "sums"), code=2).stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "note"),
        (("--offset", "1", "--count", "2"), "ot"),
        (("--offset", "-3"), "ote"),
        (("--head", "2"), "no"),
        (("--tail", "2"), "te"),
        (("--tail", "99"), "note"),
        (("--count", "0"), ""),
        (("--discard",), ""),
    ],
)
def test_cat_prints_the_part_that_was_asked_for(ap: Ap, words: tuple[str, ...], told: str) -> None:
    assert ap("cat", "local:Documents/sub/note.txt", *words).stdout == told


def test_cat_takes_a_folder_only_when_it_is_meant(ap: Ap) -> None:
    assert "is a folder" in ap("cat", "local:Documents", code=2).stderr
    assert ap("cat", "local:Documents", "-R", "--separator", "|").stdout == "h|ZZZ|bb|note|1,2|"
    assert ap("cat", "local:Documents", "--include", "*.csv").stdout == "1,2"
    assert "only one of" in ap("cat", "local:Documents/b.txt", "--head", "1", "--tail", "1", code=2).stderr


def test_about_tells_space_in_words_and_in_json(ap: Ap) -> None:
    told = ap("about", "local:").stdout
    assert "Used:    13 B\n" in told
    assert "Used:    13\n" in ap("about", "local:", "--full").stdout
    row = json.loads(ap("about", "local:", "--json").stdout)
    assert (row["used"], row["documents"] + row["others"]) == (13, 5)
    assert row["total"] == row["quota"]


def test_albums_and_trash_are_listed_where_they_are_asked_for(ap: Ap) -> None:
    ap("trash", "local:Documents/sub")
    assert ap("lsf", "local:.views/trash").stdout == "sub/\n"
    assert ap("lsf", "-R", "local:.views/trash").stdout == "sub/\nsub/deep/\nsub/note.txt\nsub/deep/x.csv\n"
    assert "sub" not in ap("lsf", "-R", "local:").stdout


@settings(max_examples=60)
@given(st.text(max_size=12))
def test_a_printed_name_moves_no_cursor_and_is_its_own(name: str) -> None:
    told = pictured(name)
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or char in "\u202e\u2066" for char in told)
    if name.isascii() and name.isprintable():
        assert told == name


@pytest.mark.parametrize(
    ("name", "told"),
    [("a\tb", "a␉b"), ("\x7f", "␡"), ("␉", "‛␉"), ("␀", "␀"), ("‛", "‛‛"), ("\u202e", "\\u202e"), ("\x85", "\\x85")],  # noqa: RUF001 - rclone's own marks
)
def test_control_characters_are_shown_as_rclone_shows_them(name: str, told: str) -> None:
    assert pictured(name) == told


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (2056395, "1.961 MiB"), (5 << 30, "5 GiB"), (1 << 62, "4 EiB")],
)
def test_sizes_have_rclones_suffixes(size: int, told: str) -> None:
    assert size_suffix(size) == told


def test_counts_have_rclones_suffixes() -> None:
    assert [count_suffix(each) for each in (0, 999, 1000, 12346, 2_000_000)] == ["0", "999", "1k", "12.346k", "2M"]


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=8), min_size=2, max_size=4))
def test_a_row_of_csv_is_read_back(fields: list[str]) -> None:
    import csv
    import io

    row = csv_row(fields, ",")
    assert next(csv.reader(io.StringIO(row + "\n", newline=""), strict=True)) == fields


def test_json_is_escaped_as_go_does() -> None:
    assert json_text({"a": "<&>\u2028é"}) == '{"a":"\\u003c\\u0026\\u003e\\u2028é"}'
    assert json_text({"a": 1}, indent="\t") == '{\n\t"a": 1\n}'


def test_an_unknown_time_is_rclones() -> None:
    assert datetime.fromisoformat(local_time(None)).astimezone() == datetime(2000, 1, 1, tzinfo=UTC)
