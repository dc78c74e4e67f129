"""A home in which nothing can be written: one sentence that names the folder, whoever asks."""

from __future__ import annotations

import os
import sqlite3

import pytest
from filelock import FileLock

from ap_remote.backends.memory import MemoryRemote
from ap_remote.connect import semantic_index
from ap_remote.errors import StoreError
from ap_remote.semantic.catalog import Catalog
from ap_remote.semantic.database import Database
from ap_remote.semantic.store import EmbeddingStore
from tests.unit.cli.typed import at_home
from tests.unit.semantic.planted import picture
from tests.unit.semantic.running import made


@pytest.fixture
async def folder(tmp_path, monkeypatch):
    """Return the index of ``memory:``, which has one photograph."""
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    remote = MemoryRemote()
    remote.seed("red.png", picture("red"))
    folder = semantic_index("memory:").folder
    await made(remote, folder)
    return folder


def refusing(code):
    def refuse(self):
        exc = sqlite3.OperationalError("attempt to write a readonly database")
        exc.sqlite_errorcode = code
        raise exc

    return refuse


def says(folder):
    return f"cannot write to {folder}, and an index is not even read without: let this user write there"


@pytest.mark.parametrize(
    "command",
    [("build", "memory:"), ("search", "memory:", "red"), ("status", "memory:"), ("gc", "memory:")],
    ids=lambda command: command[0],
)
def test_commands_end_in_one_sentence_that_names_the_folder(folder, tmp_path, monkeypatch, command):
    ap = at_home(tmp_path / "home", monkeypatch)
    monkeypatch.setattr(Database, "_prepare", refusing(sqlite3.SQLITE_READONLY))
    said = " ".join(ap("index", *command, code=12).output.split())
    assert said == f"ap: {says(folder)}, or use a copy of it (AP_HOME)"


def test_so_does_what_is_not_even_opened(folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    for code in (sqlite3.SQLITE_READONLY_DIRECTORY, sqlite3.SQLITE_CANTOPEN):
        monkeypatch.setattr(Database, "_prepare", refusing(code))
        with pytest.raises(StoreError, match=says(folder)):
            EmbeddingStore(folder)


def test_a_catalogue_that_cannot_be_opened_for_another_reason_says_that(folder, monkeypatch):
    monkeypatch.setattr(Database, "_prepare", refusing(sqlite3.SQLITE_CANTOPEN))
    with pytest.raises(StoreError, match=r"cannot use .*attempt to write"):
        EmbeddingStore(folder)


def test_a_lock_that_cannot_be_taken_names_the_folder(folder, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(StoreError, match=f"cannot write to {folder}: Permission denied"):
        EmbeddingStore(folder, write=True)


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="nothing is forbidden to this user")
def test_a_folder_with_mode_555_is_named_by_readers_and_writers(folder):
    folder.chmod(0o555)
    try:
        for write in (False, True):
            with pytest.raises(StoreError, match=f"cannot write to {folder}"):
                EmbeddingStore(folder, write=write)
        with pytest.raises(StoreError, match=f"cannot write to {folder}"):
            Catalog(folder / "catalog.sqlite")
    finally:
        folder.chmod(0o755)
