from __future__ import annotations

import asyncio
import itertools
import json

import numpy as np
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.model import NodeId
from ap_remote.semantic.index_cache import read_choice
from ap_remote.semantic.shards import Record
from ap_remote.semantic.store import EmbeddingStore
from tests.unit.cli.typed import at_home
from tests.unit.semantic.planted import PlantedEncoder, picture

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


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Twenty-seven colours in an account whose index is built; what is red is a favourite."""
    from ap_remote.cli import tuning
    from ap_remote.semantic import SemanticIndex

    remote = MemoryRemote("local")
    for colour in itertools.product((0, 128, 255), repeat=3):
        warm = colour[0] > max(colour[1:])
        remote.seed(f"{'-'.join(map(str, colour))}.png", picture(colour), favorite=warm)
    index = SemanticIndex(tmp_path / "index", PlantedEncoder())
    asyncio.run(index.build(remote))
    monkeypatch.setattr(tuning, "semantic_index", lambda spec: index)
    monkeypatch.setattr(tuning, "resolve", lambda spec: (remote, ""))
    return remote, index


def test_photographs_that_are_sorted_already_teach_how_sure_an_answer_is(ap, library):
    remote, index = library
    few = ap("index", "calibrate", "local:", "red", "--right", "favorite:(true)", "--wrong", "type:(PHOTOS)", code=2)
    assert "needs 10 pictures that are it" in few.output
    for entry in asyncio.run(_all(remote))[:6]:
        asyncio.run(remote.mark(NodeId(entry.id), favorite=True))
    learned = ap("index", "calibrate", "local:", "red", "--right", "favorite:(true)", "--wrong", "type:(PHOTOS)")
    assert "learned from 27 photographs" in learned.output
    assert asyncio.run(index.ask(remote, text="red", min_score="auto")).calibrated


async def _all(remote):
    return [each async for each in remote.search("favorite:(false)")]
