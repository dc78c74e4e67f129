from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.errors import BusyStoreError, CorruptStoreError, StoreError
from ap_remote.ledger import GROUP, Ledger


class Word(msgspec.Struct, frozen=True):
    text: str


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The length of the file at each fsync."""
    lengths: list[int] = []
    sync = os.fsync

    def count(handle: int) -> None:
        sync(handle)
        lengths.append(os.fstat(handle).st_size)

    monkeypatch.setattr(os, "fsync", count)
    return lengths


def test_lines_come_back_in_order(tmp_path: Path):
    file = tmp_path / "deep" / "ledger"
    for text in ("one", "two\nthree", "é"):
        with Ledger(file, Word) as ledger:
            ledger.append(Word(text))
    with Ledger(file, Word) as ledger:
        assert ledger.lines == [Word("one"), Word("two\nthree"), Word("é")]


def test_a_line_is_on_the_disk_when_append_returns(tmp_path: Path, synced: list[int]):
    with Ledger(tmp_path / "ledger", Word) as ledger:
        ledger.append(Word("a"))
        assert synced == [(tmp_path / "ledger").stat().st_size]


def test_lazy_lines_outlive_the_process_at_once_and_reach_the_disk_in_groups(tmp_path: Path, synced: list[int]):
    file = tmp_path / "ledger"
    with Ledger(file, Word, clock=lambda: 0.0) as ledger:
        for number in range(GROUP - 1):
            ledger.append(Word(str(number)), lazy=True)
        assert len(file.read_bytes().splitlines()) == GROUP - 1
        assert synced == []
        ledger.append(Word("last"), lazy=True)
        assert len(synced) == 1


def test_a_lazy_line_after_a_while_takes_those_before_it_along(tmp_path: Path, synced: list[int]):
    now = 0.0
    with Ledger(tmp_path / "ledger", Word, clock=lambda: now) as ledger:
        ledger.append(Word("a"), lazy=True)
        now = 1.0
        ledger.append(Word("b"), lazy=True)
        assert len(synced) == 1


def test_an_intention_takes_lazy_lines_before_it_along_and_closing_does_too(tmp_path: Path, synced: list[int]):
    file = tmp_path / "ledger"
    with Ledger(file, Word, clock=lambda: 0.0) as ledger:
        ledger.append(Word("a"), lazy=True)
        ledger.append(Word("b"))
        assert synced == [file.stat().st_size]
        ledger.append(Word("c"), lazy=True)
    assert synced[-1] == file.stat().st_size


@given(st.lists(st.text(), min_size=1, max_size=4), st.data())
@settings(max_examples=40)
def test_a_torn_last_line_is_cut_off_wherever_it_tore(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], data: st.DataObject
):
    file = tmp_path_factory.mktemp("ledger") / "ledger"
    with Ledger(file, Word) as ledger:
        for text in texts:
            ledger.append(Word(text))
    body = file.read_bytes()
    last = len(body.rstrip(b"\n").rpartition(b"\n")[2]) + 1
    file.write_bytes(body[: len(body) - data.draw(st.integers(1, last))])
    with Ledger(file, Word) as ledger:
        assert ledger.lines == [Word(text) for text in texts[:-1]]
        ledger.append(Word("new"))
    with Ledger(file, Word) as ledger:
        assert ledger.lines == [*(Word(text) for text in texts[:-1]), Word("new")]


def test_a_line_that_is_no_line_is_said_and_the_file_stays(tmp_path: Path):
    file = tmp_path / "ledger"
    file.write_bytes(b"a letter to somebody\n")
    with pytest.raises(CorruptStoreError, match="no journal"):
        Ledger(file, Word)
    assert file.read_bytes() == b"a letter to somebody\n"


def test_two_do_not_share_it_and_the_second_may_when_the_first_has_gone(tmp_path: Path):
    file = tmp_path / "ledger"
    with Ledger(file, Word), pytest.raises(BusyStoreError):
        Ledger(file, Word)
    Ledger(file, Word).close()


def test_half_a_line_that_a_full_disk_took_is_taken_back_and_said_once(tmp_path: Path):
    resource = pytest.importorskip("resource", reason="this system limits no file's size")
    file = tmp_path / "ledger"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    whole = b'{"text":"a"}\n'

    def fill() -> None:
        with Ledger(file, Word) as ledger:
            ledger.append(Word("a"))
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 50, hard))
            ledger.append(Word("b" * 100))

    try:
        with pytest.raises(StoreError, match="cannot write the journal"):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file.read_bytes() == whole


def test_a_disk_that_takes_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with Ledger(tmp_path / "ledger", Word) as ledger:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(StoreError, match="No space left"):
                ledger.append(Word("a"))
        ledger.append(Word("b"))
