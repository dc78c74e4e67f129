from __future__ import annotations

import os

import pytest

from ap_remote.errors import ConfigError
from ap_remote.semantic import tiers
from ap_remote.semantic.tiers import Choice, Tier, factory, pick

MILLION = 1_000_000


@pytest.fixture(autouse=True)
def _two_cores_and_no_card(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(tiers, "cards", lambda: 0)


@pytest.fixture
def card(monkeypatch):
    monkeypatch.setattr(tiers, "cards", lambda: 1)
    monkeypatch.setattr(tiers, "card_memory", lambda: 80_000_000_000)


@pytest.mark.parametrize(
    ("rows", "dim", "name"),
    [
        (0, 512, "exact"),
        (300_000, 1152, "exact"),
        (300_001, 1152, "ivf"),
        (450_000, 512, "exact"),
        (451_000, 512, "ivf"),
        (2 * MILLION, 768, "ivf"),
        (10 * MILLION, 768, "ivf-sq8"),
        (30 * MILLION, 768, "ivf-pq"),
    ],
)
def test_the_number_of_rows_decides(rows, dim, name):
    assert pick(rows, dim).name == name


def test_many_cores_scan_a_million_rows(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert pick(MILLION, 768).name == "exact"


def test_a_card_takes_what_a_processor_would_not_scan_as_long_as_it_fits(card):
    assert pick(100_000, 768).name == "exact"
    assert pick(10 * MILLION, 768).name == "gpu"
    assert pick(60 * MILLION, 768).name == "ivf-pq"


def test_what_was_measured_on_this_machine_decides_before_any_table():
    measured = Choice(exact_rows=2000, few_rows=50, tier="hnsw", effort=77)
    assert pick(2000, 768, choice=measured).name == "exact"
    assert pick(2001, 768, choice=measured) == Tier(name="hnsw", effort=77)
    assert pick(5 * MILLION, 768, choice=measured).name == "ivf-sq8"
    assert pick(MILLION, 768, choice=Choice(exact_rows=2 * MILLION, few_rows=1)).name == "exact"


def test_what_a_person_chose_decides_before_that():
    measured = Choice(exact_rows=2000, few_rows=50, tier="hnsw", effort=77)
    assert pick(30 * MILLION, 768, wanted="exact", choice=measured).name == "exact"
    assert pick(5000, 768, wanted="ivf", choice=measured).name == "ivf"
    assert pick(5000, 768, wanted="auto", choice=measured).name == "hnsw"


def test_a_small_library_is_compared_as_a_whole_whatever_was_chosen():
    assert pick(300, 768, wanted="ivf").name == "exact"


def test_an_index_that_is_not_known_is_refused_with_those_that_are():
    with pytest.raises(ConfigError, match="'faster'; known are auto, exact, hnsw, ivf"):
        pick(10, 768, wanted="faster")


def test_a_card_that_is_not_there_is_said_to_be_missing():
    with pytest.raises(ConfigError, match="finds none"):
        pick(MILLION, 768, wanted="gpu")


def test_every_tier_of_processors_has_a_name_that_faiss_knows():
    import faiss

    for name in tiers.NAMES:
        if name != "gpu":
            made = faiss.index_factory(96, factory(Tier(name=name), 5000, 96), faiss.METRIC_INNER_PRODUCT)
            assert made.d == 96


@pytest.mark.parametrize(("rows", "count"), [(0, 1), (100, 2), (MILLION, 4000), (10**9, 65_536)])
def test_there_are_enough_rows_to_train_every_cell(rows, count):
    assert tiers.cell_count(rows) == count
