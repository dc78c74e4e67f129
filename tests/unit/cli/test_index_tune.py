from __future__ import annotations

import json

import numpy as np
import pytest

from ap_remote.semantic.index_cache import read_choice
from ap_remote.semantic.shards import Record
from ap_remote.semantic.store import EmbeddingStore
from tests.unit.cli.typed import at_home

FINGERPRINT = "f" * 16


@pytest.fixture
def folder(tmp_path, monkeypatch):
    from ap_remote.cli import tuning
    from ap_remote.semantic import SemanticIndex

    folder = tmp_path / "semantic"
    monkeypatch.setattr(tuning, "semantic_index", lambda spec: SemanticIndex(folder))
    return folder


@pytest.fixture
def ap(tmp_path, monkeypatch):
    return at_home(tmp_path / "home", monkeypatch)


def test_tuning_says_how_far_exact_search_goes_and_keeps_the_choice(ap, folder, monkeypatch):
    from ap_remote.semantic import tuning

    monkeypatch.setattr(tuning, "SCAN_ROWS", 2000)
    vectors = np.random.default_rng(0).normal(size=(1500, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with EmbeddingStore(folder, write=True) as store:
        store.begin(FINGERPRINT, "planted", 8)
        store.append(FINGERPRINT, vectors, [Record(f"{number:032x}") for number in range(1500)])
    said = ap("index", "tune", "local:").output
    assert "1500 vectors of 8 numbers: a scan takes" in said
    assert "exact search stays below 50 ms up to about" in said
    assert "of the ten nearest" in said
    assert "this library is served by: exact" in said
    assert read_choice(folder / "index" / FINGERPRINT) is not None
    found = json.loads(ap("index", "tune", "local:", "--target", "20", "--json").output)
    assert (found["rows"], found["target_ms"]) == (1500, 20)


def test_without_an_index_there_is_nothing_to_tune(ap, folder):
    assert "ap index build" in ap("index", "tune", "local:", code=12).output
