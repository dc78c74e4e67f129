"""Commands that change the tree and send no photographs, and the one that empties the bin."""

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
    plant(
        {"Documents/a.txt": "a", "Documents/full/deep/b.txt": "b", "Documents/full/none/": "", "Documents/e/f/g/": ""}
    )
    return run


def below(ap: Ap, path: str = "local:Documents") -> list[str]:
    return ap("lsf", "-R", "--fresh", path).stdout.splitlines()


def test_an_empty_folder_is_removed_and_comes_back(ap: Ap) -> None:
    assert ap("rmdir", "local:Documents/full/none").stdout == ""
    assert "full/none/" not in below(ap)
    ap("restore", "local:Documents/full/none")
    assert "full/none/" in below(ap)


def test_a_folder_with_something_in_it_stays(ap: Ap) -> None:
    assert "not empty" in ap("rmdir", "local:Documents/full", code=2).stderr
    assert "is a file" in ap("rmdir", "local:Documents/a.txt", code=2).stderr
    assert "full/deep/b.txt" in below(ap)


def test_empty_folders_go_with_the_empty_folders_in_them(ap: Ap) -> None:
    told = ap("rmdirs", "local:Documents", "--dry-run").stdout
    assert told == "would remove Documents/e\nwould remove Documents/full/none\n"
    assert "e/f/g/" in below(ap)
    assert ap("rmdirs", "local:Documents").stdout == "removed Documents/e\nremoved Documents/full/none\n"
    assert below(ap) == ["a.txt", "full/", "full/deep/", "full/deep/b.txt"]


def test_the_folder_itself_is_kept_on_request(ap: Ap) -> None:
    rows = [
        json.loads(row)["path"]
        for row in ap("rmdirs", "local:Documents/e", "--leave-root", "--json").stdout.splitlines()
    ]
    assert rows == ["Documents/e/f"]
    assert ap("rmdirs", "local:Documents/e").stdout == "removed Documents/e\n"


def test_the_root_is_never_removed(ap: Ap) -> None:
    plant({"only/": ""})
    ap("trash", "local:Documents")
    told = ap("rmdirs", "local:").stdout
    assert "removed only\n" in told
    assert "removed \n" not in told


def test_mkdir_and_moveto_answer_in_json(ap: Ap) -> None:
    made = json.loads(ap("mkdir", "local:Videos/new", "--json").stdout)
    assert (made["path"], made["kind"]) == ("Videos/new", "folder")
    moved = json.loads(ap("moveto", "local:Documents/a.txt", "local:Videos/new/b.txt", "--json").stdout)
    assert (moved["path"], moved["size"]) == ("Videos/new/b.txt", 1)


def test_moveto_makes_the_folders_above_as_needed(ap: Ap) -> None:
    ap("moveto", "local:Documents/a.txt", "local:Videos/1/2/b.txt")
    assert ap("ls", "local:Videos/1").stdout.split() == ["1", "2/b.txt"]
    assert "no such entry: 'Documents/gone'" in ap("moveto", "local:Documents/gone", "local:Other/x", code=4).stderr
    ap("stat", "local:Other", code=4)


def test_touch_makes_an_empty_file_and_sets_no_time(ap: Ap) -> None:
    made = json.loads(ap("touch", "local:Documents/new.txt", "--json").stdout)
    assert (made["path"], made["size"]) == ("Documents/new.txt", 0)
    before = ap("stat", "local:Documents/a.txt", "--json").stdout
    assert "nobody set a file's time" in ap("touch", "local:Documents/a.txt", code=2).stderr
    assert ap("stat", "local:Documents/a.txt", "--json", "--fresh").stdout == before
    assert "was not made" in ap("touch", "--no-create", "local:Documents/other.txt").stderr
    assert "other.txt" not in below(ap)


def test_standard_input_becomes_a_file(ap: Ap) -> None:
    content = bytes(range(256)) * 5000
    made = json.loads(ap("rcat", "local:Documents/in.bin", "--json", stdin=content).stdout)
    assert made["size"] == len(content)
    assert ap("cat", "local:Documents/in.bin").stdout_bytes == content


def test_standard_input_replaces_a_file_only_on_request(ap: Ap) -> None:
    assert "already exists" in ap("rcat", "local:Documents/a.txt", stdin="new", code=6).stderr
    assert ap("cat", "local:Documents/a.txt").stdout == "a"
    ap("rcat", "local:Documents/a.txt", "--overwrite", stdin="new")
    assert ap("cat", "local:Documents/a.txt").stdout == "new"


def test_empty_input_changes_nothing(ap: Ap) -> None:
    assert "ap touch" in ap("rcat", "local:Documents/a.txt", "--overwrite", stdin="", code=2).stderr
    assert ap("cat", "local:Documents/a.txt").stdout == "a"


# -- the bin -----------------------------------------------------------------------------------------------------------


def test_the_bin_is_listed_and_left_alone(ap: Ap) -> None:
    assert "nothing" in ap("cleanup", "local:").stderr
    ap("trash", "local:Documents/a.txt", "local:Documents/full/none")
    told = ap("cleanup", "local:")
    assert {row.split()[-1] for row in told.stdout.splitlines()} == {"Documents/a.txt", "Documents/full/none"}
    assert "--yes --count 2" in told.stderr
    assert len(ap("lsf", "local:.views/trash").stdout.splitlines()) == 2
    rows = [json.loads(row)["path"] for row in ap("cleanup", "local:", "--json").stdout.splitlines()]
    assert sorted(rows) == ["Documents/a.txt", "Documents/full/none"]


@pytest.mark.parametrize("words", [("--yes",), ("--yes", "--count", "1"), ("--yes", "--count", "3")])
def test_the_bin_is_not_emptied_without_the_right_count(ap: Ap, words: tuple[str, ...]) -> None:
    ap("trash", "local:Documents/a.txt", "local:Documents/full/none")
    ap("cleanup", "local:", *words, code=2)
    assert len(ap("lsf", "local:.views/trash").stdout.splitlines()) == 2


def test_the_bin_is_emptied_with_both(ap: Ap) -> None:
    ap("trash", "local:Documents/a.txt", "local:Documents/full/none")
    assert ap("cleanup", "local:", "--yes", "--count", "2").stdout == "2 deleted for ever, 0 failed\n"
    assert ap("lsf", "local:.views/trash").stdout == ""
    assert below(ap) == ["e/", "full/", "e/f/", "full/deep/", "e/f/g/", "full/deep/b.txt"]


def test_a_part_of_the_bin_is_emptied(ap: Ap) -> None:
    plant({"Documents/c.tmp": "c"})
    ap("trash", "local:Documents/a.txt", "local:Documents/c.tmp")
    rows = ap("cleanup", "local:", "--include", "*.tmp", "--yes", "--count", "1", "--json").stdout.splitlines()
    assert [json.loads(row)["action"] for row in rows] == ["delete"]
    assert ap("lsf", "local:.views/trash").stdout == "a.txt\n"


def test_a_person_types_the_count(ap: Ap, monkeypatch: pytest.MonkeyPatch) -> None:
    from ap_remote.cli import console

    monkeypatch.setattr(console.ERR, "_force_terminal", True)
    ap("trash", "local:Documents/a.txt", "local:Documents/full/none")
    assert "not 1" in ap("cleanup", "local:", "--yes", stdin="1\n", code=2).stderr
    assert len(ap("lsf", "local:.views/trash").stdout.splitlines()) == 2
    ap("cleanup", "local:", "--yes", stdin="2\n")
    assert ap("lsf", "local:.views/trash").stdout == ""


def test_cleanup_takes_a_whole_remote(ap: Ap) -> None:
    assert "whole remote" in ap("cleanup", "local:Documents", "--yes", "--count", "1", code=2).stderr
