"""Folders that hold what is private: those above them that we make are private too."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ap_remote.cli import mounting
from ap_remote.fs.mount.drafts import Drafts
from ap_remote.transport.recording import Recorder


@pytest.fixture
def place(tmp_path):
    """A folder that is there, under a umask that would leave whatever is made in it open to everybody."""
    before = os.umask(0)
    yield tmp_path
    os.umask(before)


def recorded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    Recorder(folder)


def drafted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    Drafts(None, folder).open("/Pictures/new.jpg", new=True, truncate=False)


def mounted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as to the process that serves the mount, which is not started here."""

    def refuse(*words: object, **options: object) -> None:
        raise InterruptedError

    monkeypatch.setattr(mounting.subprocess, "Popen", refuse)
    with pytest.raises(InterruptedError):
        mounting._behind(folder, folder / "mount.log")


@pytest.mark.parametrize("made", [recorded, drafted, mounted])
def test_folders_that_are_made_on_the_way_are_their_owners_alone(place, monkeypatch, made):
    made(place / "above" / "between" / "last", monkeypatch)
    folders = [place / "above", place / "above" / "between", place / "above" / "between" / "last"]
    assert [stat.S_IMODE(each.stat().st_mode) for each in folders] == [0o700] * 3


@pytest.mark.parametrize("made", [recorded, drafted, mounted])
def test_a_folder_that_is_there_already_stays_as_open_as_it_is(place, monkeypatch, made):
    place.chmod(0o750)
    made(place / "last", monkeypatch)
    assert stat.S_IMODE(place.stat().st_mode) == 0o750
