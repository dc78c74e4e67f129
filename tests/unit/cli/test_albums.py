"""Albums as places that a person types: put, mkdir, trash, restore, moveto, and transfers with their undo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROME = "local:.views/albums/Rome"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.txt").write_text(name)
    return folder


def listed(ap, spec: str) -> list[str]:
    return ap("lsf", spec).stdout.splitlines()


def test_files_are_put_into_an_album_that_is_made(ap, photos: Path) -> None:
    ap("put", str(photos / "a.txt"), str(photos / "b.txt"), ROME)
    assert listed(ap, ROME) == ["a.txt", "b.txt"]
    assert listed(ap, "local:Pictures/Rome") == ["a.txt", "b.txt"]
    assert "2 skipped" in ap("put", str(photos / "a.txt"), str(photos / "b.txt"), ROME).stdout
    assert ap("cat", f"{ROME}/a.txt").stdout == "a"


def test_what_the_account_has_is_added_by_put(ap, plant, photos: Path) -> None:
    plant({"box/a.txt": "a"})
    ap("put", str(photos / "a.txt"), ROME)
    assert listed(ap, ROME) == ["a.txt"]
    ap("lsf", "local:Pictures/Rome", code=3)


def test_an_album_is_made_trashed_and_restored_by_its_path(ap, plant) -> None:
    ap("mkdir", ROME)
    ap("mkdir", ROME)
    assert listed(ap, "local:.views/albums") == ["Rome/"]
    assert ap("trash", ROME).stdout == "trashed .views/albums/Rome\n"
    assert listed(ap, "local:.views/albums") == []
    ap("restore", "local:.views/trash/Rome")
    ap("moveto", ROME, "local:.views/albums/Roma")
    assert listed(ap, "local:.views/albums") == ["Roma/"]
    assert "cannot be made" in ap("mkdir", f"{ROME}/sub", code=2).stderr


def test_trashing_a_member_says_that_it_only_left_the_album(ap, plant, photos: Path) -> None:
    plant({"box/a.txt": "a"})
    ap("put", str(photos / "a.txt"), ROME)
    told = ap("trash", f"{ROME}/a.txt").stdout
    assert told == "taken out of the album .views/albums/Rome/a.txt, it stays at box/a.txt\n"
    assert listed(ap, ROME) == []
    assert listed(ap, "local:box") == ["a.txt"]
    assert listed(ap, "local:.views/trash") == []


def test_the_machines_answer_names_the_action(ap, plant, photos: Path) -> None:
    ap("put", str(photos / "a.txt"), ROME)
    assert json.loads(ap("trash", f"{ROME}/a.txt", "--json").stdout)["action"] == "remove"


def test_what_is_moved_out_of_the_trash_is_restored(ap, plant) -> None:
    plant({"box/a.txt": "a"})
    ap("trash", "local:box/a.txt")
    ap("moveto", "local:.views/trash/a.txt", "local:new/b.txt")
    assert ap("cat", "local:new/b.txt").stdout == "a"
    assert listed(ap, "local:.views/trash") == []


def test_a_member_changes_albums_and_a_file_is_not_moved_into_one(ap, plant, photos: Path) -> None:
    plant({"box/c.txt": "c"})
    ap("put", str(photos / "a.txt"), ROME)
    ap("moveto", f"{ROME}/a.txt", "local:.views/albums/Oslo/a.txt")
    assert (listed(ap, ROME), listed(ap, "local:.views/albums/Oslo")) == ([], ["a.txt"])
    assert "copy it" in ap("moveto", "local:box/c.txt", f"{ROME}/c.txt", code=2).stderr


def test_a_sync_makes_an_album_like_a_folder_and_is_taken_back(ap, plant, photos: Path) -> None:
    plant({"box/a.txt": "a", "box/old.txt": "old", "other/b.txt": "another b"})
    ap("copy", "local:box", ROME)
    ap("copy", "local:other", ROME)
    assert listed(ap, ROME) == ["a.txt", "b.txt", "old.txt"]
    preview = ap("sync", str(photos), ROME, "--dry-run").stdout
    assert "1 to replace, 1 to take out of the album" in preview
    assert "- old.txt  (the source has no such file: it leaves the album, and stays in its folder)" in preview
    told = ap("sync", str(photos), ROME).stdout
    assert "1 replaced, 1 taken out of the album" in told
    assert listed(ap, ROME) == ["a.txt", "b.txt"]
    assert ap("cat", f"{ROME}/b.txt").stdout == "b"
    assert listed(ap, "local:.views/trash") == []
    assert ap("cat", "local:other/b.txt").stdout == "another b"

    undone = ap("transfer", "undo", "--yes").stdout
    assert "taken out of the album" in undone
    assert "brought back" in undone
    assert listed(ap, ROME) == ["a.txt", "b.txt", "old.txt"]
    assert ap("cat", f"{ROME}/b.txt").stdout == "another b"
    assert listed(ap, "local:.views/trash") == []


def test_an_album_comes_down_to_a_folder(ap, plant, photos: Path, tmp_path: Path) -> None:
    ap("put", str(photos / "a.txt"), ROME)
    ap("sync", ROME, str(tmp_path / "down"))
    assert (tmp_path / "down" / "a.txt").read_text() == "a"
    assert "moved out of the album" in ap("move", ROME, str(tmp_path / "other"), code=2).stderr


@pytest.mark.parametrize("command", ["rmdirs", "rmdir"])
def test_removing_empty_folders_spares_albums_with_photographs(ap, photos: Path, command) -> None:
    ap("put", str(photos / "a.txt"), ROME)
    for place in ("local:.views/albums", ROME):
        ap(command, place, code=2)
    assert listed(ap, ROME) == ["a.txt"]
