"""rclone's array, and our own objects beside it."""

from __future__ import annotations

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
    plant({"Documents/a.txt": "x", "Documents/sub/<b>&.csv": "yy"})
    return run


def test_the_array_has_a_line_per_object(ap: Ap) -> None:
    first, *rows, last = ap("lsjson", "local:Documents", "-R").stdout.splitlines()
    assert (first, last) == ("[", "]")
    assert [json.loads(row.rstrip(","))["Path"] for row in rows] == ["a.txt", "sub", "sub/<b>&.csv"]
    assert "\\u003cb\\u003e\\u0026" in rows[-1]


def test_an_object_has_rclones_keys_in_its_order(ap: Ap) -> None:
    file, folder = json.loads(ap("lsjson", "local:Documents", "--hash", "--original").stdout)
    assert list(file) == ["Path", "Name", "Size", "MimeType", "ModTime", "IsDir", "Hashes", "ID", "OrigID"]
    assert list(folder) == ["Path", "Name", "Size", "MimeType", "ModTime", "IsDir", "ID"]
    assert (file["Size"], folder["Size"], folder["MimeType"]) == (1, -1, "inode/directory")
    assert file["Hashes"] == {"md5": "9dd4e461268c8034f5c8564e155c67a6"}


def test_what_is_not_wanted_is_left_out(ap: Ap) -> None:
    (row,) = json.loads(ap("lsjson", "local:Documents", "--no-modtime", "--no-mimetype", "--files-only").stdout)
    assert row["ModTime"] == ""
    assert "MimeType" not in row
    (row,) = json.loads(ap("lsjson", "local:Documents", "--dirs-only").stdout)
    assert row["Path"] == "sub"


def test_an_empty_folder_is_an_empty_array(ap: Ap) -> None:
    assert ap("lsjson", "local:Videos").stdout == "[\n]\n"


def test_stat_gives_one_object_about_the_path(ap: Ap) -> None:
    told = ap("lsjson", "local:Documents/a.txt", "--stat").stdout
    assert told.startswith('{\n\t"Path": "a.txt",\n')
    folder = json.loads(ap("lsjson", "local:Documents/sub", "--stat").stdout)
    assert (folder["Path"], folder["IsDir"]) == ("", True)
    ap("lsjson", "local:Documents/no.txt", "--stat", code=3)


def test_json_gives_our_own_objects(ap: Ap) -> None:
    rows = [json.loads(row) for row in ap("lsjson", "local:Documents", "-R", "--json").stdout.splitlines()]
    assert [row["path"] for row in rows] == ["Documents/a.txt", "Documents/sub", "Documents/sub/<b>&.csv"]
    (row,) = ap("lsjson", "local:Documents/sub", "--stat", "--json").stdout.splitlines()
    assert json.loads(row)["kind"] == "folder"


def test_a_hash_that_nobody_keeps_is_refused(ap: Ap) -> None:
    assert "sha1" in ap("lsjson", "local:Documents", "--hash-type", "sha1", code=2).stderr
