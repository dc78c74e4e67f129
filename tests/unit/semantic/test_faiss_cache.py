from __future__ import annotations

import logging

import msgspec
import numpy as np
import pytest

from ap_remote.semantic.faiss_index import open_index
from ap_remote.semantic.rows import Watermark
from tests.contracts.vector_index import DIM, planted, queries


class Source:
    """A store of forty vectors that counts how often it is read."""

    def __init__(self):
        self.reads = 0

    def load(self):
        self.reads += 1
        return planted(40)


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def reopen(tmp_path, source):
    def again(*, changes=5, fingerprint="f" * 16):
        return open_index(
            tmp_path / "index",
            fingerprint=fingerprint,
            dim=DIM,
            watermark=Watermark(40, changes),
            load=source.load,
        )

    return again


def test_a_cached_index_answers_as_the_one_that_was_built(reopen, source):
    built = reopen().search(queries(3), 5)
    again = reopen().search(queries(3), 5)
    assert source.reads == 1
    assert np.array_equal(built.rows, again.rows)
    assert np.array_equal(built.scores, again.scores)


@pytest.mark.parametrize("change", [{"changes": 6}, {"fingerprint": "e" * 16}], ids=["rows changed", "other encoder"])
def test_an_index_that_does_not_show_the_store_is_built_anew(reopen, source, change):
    reopen()
    reopen(**change)
    assert source.reads == 2


@pytest.mark.parametrize("damage", [b"", b"garbage", None], ids=["emptied", "overwritten", "one bit"])
def test_a_damaged_file_is_never_handed_to_faiss_and_is_built_anew(reopen, source, tmp_path, damage, caplog):
    before = reopen().search(queries(1), 5)
    file = tmp_path / "index" / "index.faiss"
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 1
    file.write_bytes(bytes(body) if damage is None else damage)
    with caplog.at_level(logging.WARNING):
        after = reopen().search(queries(1), 5)
    assert source.reads == 2
    assert "damaged" in caplog.text
    assert np.array_equal(before.rows, after.rows)
    reopen()
    assert source.reads == 2


@pytest.mark.parametrize("name", ["index.faiss", "manifest.json"])
def test_a_missing_file_is_made_again(reopen, source, tmp_path, name):
    reopen()
    (tmp_path / "index" / name).unlink()
    reopen()
    assert source.reads == 2
    assert (tmp_path / "index" / name).exists()


def test_a_manifest_that_is_no_manifest_is_made_again(reopen, source, tmp_path):
    reopen()
    (tmp_path / "index" / "manifest.json").write_bytes(b"[]")
    reopen()
    assert source.reads == 2
    assert msgspec.json.decode((tmp_path / "index" / "manifest.json").read_bytes())["count"] == 40


def test_an_index_that_cannot_be_cached_still_answers(reopen, source, tmp_path, caplog):
    (tmp_path / "index").write_bytes(b"a file where the folder should be")
    assert reopen().search(queries(1), 5).rows.shape == (1, 5)
    assert "not cached" in caplog.text
