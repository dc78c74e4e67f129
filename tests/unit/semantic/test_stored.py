from __future__ import annotations

import numpy as np
import pytest

from ap_remote.errors import CorruptStoreError
from ap_remote.semantic import shards, stored
from ap_remote.semantic.faiss_index import open_index
from ap_remote.semantic.shards import Record
from ap_remote.semantic.store import EmbeddingStore
from tests.contracts.vector_index import DIM, planted, queries

FINGERPRINT = "f" * 16


@pytest.fixture
def store(tmp_path):
    with EmbeddingStore(tmp_path, write=True) as opened:
        opened.begin(FINGERPRINT, "planted", DIM)
        yield opened


def append(store, first, count):
    vectors = planted(60)[1][first : first + count]
    store.append(FINGERPRINT, vectors.astype(np.float32), [Record(f"{first + each:032x}") for each in range(count)])


@pytest.fixture
def filled(store):
    for first in range(0, 60, 20):
        append(store, first, 20)
    return store


@pytest.mark.parametrize(
    "positions",
    [range(60), range(15, 45), [59, 0, 21, 20], [7], [5, 5, 40], []],
    ids=["all", "across shards", "in any order", "one", "twice", "none"],
)
def test_vectors_are_read_from_their_shards_in_the_order_asked(filled, positions):
    wanted = np.array(positions, dtype=np.int64)
    found = filled.stored(filled.active()).take(wanted)
    assert np.array_equal(found, planted(60)[1][wanted])
    assert found.shape == (len(wanted), DIM)


def test_no_more_shards_than_agreed_stay_open_and_all_are_still_read(filled, monkeypatch):
    monkeypatch.setattr(stored, "OPEN", 2)
    read = []
    real = shards.read
    monkeypatch.setattr(shards, "read", lambda depot, name, dim: read.append(name) or real(depot, name, dim=dim))
    table = filled.stored(filled.active())
    for _ in range(2):
        assert np.array_equal(table.take(np.arange(60)), planted(60)[1])
        assert len(table._open) <= 2
    assert len(read) > 3


def test_a_shard_that_is_missing_is_said_to_be(filled):
    table = filled.stored(filled.active())
    shards.sweep(filled.depot(FINGERPRINT), "shard-000001")
    table.take(np.arange(20))
    with pytest.raises(CorruptStoreError, match="shard-000001"):
        table.take(np.array([25]))


def test_keys_tell_contents_apart_and_are_the_same_the_next_time(filled):
    keys = filled.stored(filled.active()).keys()
    assert len(set(keys.tolist())) == 60
    with EmbeddingStore(filled.folder) as other:
        assert np.array_equal(other.stored(other.active()).keys(), keys)


def test_places_of_an_empty_generation_are_a_table_without_rows(store):
    assert store.catalog.places(FINGERPRINT).shape == (0, 3)
    assert store.stored(store.active()).take(np.empty(0, dtype=np.int64)).shape == (0, DIM)


def test_an_index_over_the_store_follows_what_is_appended_without_being_made_anew(filled):
    def opened():
        return open_index(
            filled.index_folder(FINGERPRINT),
            fingerprint=FINGERPRINT,
            dim=DIM,
            watermark=filled.watermark(FINGERPRINT),
            load=lambda: filled.stored(filled.active()),
        )

    assert opened().size == 60
    filled.append(FINGERPRINT, queries(1), [Record("ff" * 16)])
    assert opened().search(queries(1), 1).rows.tolist() == [[60]]
    assert opened().size == 61
