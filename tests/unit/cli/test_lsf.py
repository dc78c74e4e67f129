"""The forms of lsf."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.cli.typed import at_home, plant

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.typed import Ap


@pytest.fixture
def ap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ap:
    """Return what runs ``ap`` over a small tree."""
    run = at_home(tmp_path / "home", monkeypatch)
    plant({"Documents/a, b.txt": "x", 'Documents/c "d".csv': "yy", "Documents/sub/": ""})
    return run


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), ["a, b.txt", 'c "d".csv', "sub/"]),
        (("--format", "sp"), ["1;a, b.txt", '2;c "d".csv', "-1;sub/"]),
        (("--format", "ps", "--separator", " | "), ["a, b.txt | 1", 'c "d".csv | 2', "sub/ | -1"]),
        (("--csv", "--format", "ps"), ['"a, b.txt",1', '"c ""d"".csv",2', "sub/,-1"]),
        (("--csv", "-s", ";", "-F", "ps"), ["a, b.txt;1", '"c ""d"".csv";2', "sub/;-1"]),
        (("--absolute", "--no-dir-slash"), ["/a, b.txt", '/c "d".csv', "/sub"]),
        (("--format", "mTp", "--files-only"), ["text/plain;;a, b.txt", 'text/csv;;c "d".csv']),
    ],
)
def test_a_format_says_which_columns(ap: Ap, words: tuple[str, ...], told: list[str]) -> None:
    assert ap("lsf", "local:Documents", *words).stdout.splitlines() == told


def test_ids_hashes_times_and_metadata_are_those_of_stat(ap: Ap) -> None:
    entry = json.loads(ap("stat", "local:Documents/a, b.txt", "--json").stdout)
    told = ap("lsf", "local:Documents/a, b.txt", "--format", "iohM").stdout
    node, original, md5, metadata = told.rstrip("\n").split(";")
    assert (node, original, md5) == (entry["id"], entry["id"], entry["md5"])
    assert json.loads(metadata)["content-type"] == "text/plain"


def test_csv_is_read_by_those_who_read_csv(ap: Ap) -> None:
    told = ap("lsf", "local:Documents", "--csv", "--format", "psm").stdout
    assert [row[0] for row in csv.reader(io.StringIO(told))] == ["a, b.txt", 'c "d".csv', "sub/"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--format", "pq"), "'q'"),
        (("--format", "e"), "encrypted"),
        (("--hash", "sha1", "--format", "h"), "sha1"),
        (("--files-only", "--dirs-only"), "leave nothing"),
    ],
)
def test_what_cannot_be_shown_is_refused(ap: Ap, words: tuple[str, ...], told: str) -> None:
    assert told in ap("lsf", "local:Documents", *words, code=2).stderr
