from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ap_remote.atomic import write_atomically


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_atomically(file, b"a longer first one")
    write_atomically(file, b"second")
    assert file.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [file]


def test_a_private_file_is_its_owners_alone_whatever_was_there(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.touch(0o644)
    write_atomically(file, b"where I was", private=True)
    assert mode(file) == 0o600


def test_other_files_get_the_mode_that_the_system_gives_new_ones(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    write_atomically(tmp_path / "ours", b"")
    assert mode(tmp_path / "ours") == mode(plain)


def test_the_longest_name_that_a_disk_holds_is_written(tmp_path: Path) -> None:
    file = tmp_path / ("日" * 85)
    write_atomically(file, b"x")
    assert file.read_bytes() == b"x"


@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    file = tmp_path / "a.json"
    write_atomically(file, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    else:
        monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(file, b"new")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]
