"""The parts of `make bench-gpu` that need no card, at tiny sizes."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from ap_remote.semantic import tiers
from tests.bench import semantic_gpu as bench
from tests.lazily import Lazily
from tests.unit.semantic.planted import PlantedEncoder
from tests.unit.semantic.test_vectors import Card

torch = Lazily("torch")


@pytest.mark.parametrize(
    ("card", "tflops"),
    [
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A10", 125),
        ("NVIDIA L40S", 362),
        ("NVIDIA L4", 121),
        ("NVIDIA GeForce RTX 4090", 165.2),
    ],
)
def test_a_cards_peak_is_known_by_its_name(card, tflops):
    assert bench.peak(card) == tflops * 1e12


def test_a_card_that_is_not_in_the_table_has_no_peak():
    assert bench.peak("NVIDIA T400") is None


def test_operations_are_counted_two_for_a_multiplication_and_an_addition():
    convolution = torch.nn.Conv2d(3, 5, 4, stride=4, bias=False)
    assert bench.flops(convolution, 8) == 2 * (3 * 4 * 4) * 5 * (2 * 2)


def test_attention_is_counted_too():
    class Attend(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(1))

        def forward(self, pixels):
            return torch.nn.functional.scaled_dot_product_attention(pixels * self.scale, pixels, pixels)

    assert bench.flops(Attend(), 8) == 2 * (2 * 3 * 8 * 8 * 8)


def test_passes_are_timed_on_a_processor_as_on_a_card():
    assert bench.images_per_second(torch.nn.Conv2d(3, 2, 2), 8, 4, device="cpu", passes=2, warm=1) > 0


def test_thumbnails_are_different_pictures_of_the_size_asked():
    made = bench.thumbnails(3, size=64)
    assert len(set(made)) == 3
    assert [Image.open(io.BytesIO(each)).size for each in made] == [(64, 48)] * 3


def test_a_build_over_thumbnails_at_hand_encodes_every_photograph(tmp_path):
    report = bench.end_to_end(tmp_path, PlantedEncoder(), 5)
    assert (report.encoded, report.failed) == (5, ())


def test_an_encoder_agrees_with_itself():
    assert bench.least_cosine(PlantedEncoder(), PlantedEncoder(), count=3) == pytest.approx(1, abs=1e-5)


def test_search_on_a_card_is_compared_with_the_store(monkeypatch):
    monkeypatch.setattr(tiers, "cards", lambda: 1)
    monkeypatch.setattr(tiers, "on_card", Card)
    figures = list(bench.search((300,), dim=8))
    assert [each.detail["allowed"] for each in figures] == [1.0, 0.5, 0.01]
    assert [each.detail["recall_at_10"] for each in figures if each.detail["allowed"] > 0.1] == [1.0, 1.0]


def test_without_a_card_nothing_is_said_to_be_measured(monkeypatch, capsys):
    monkeypatch.setattr(tiers, "cards", lambda: 0)
    assert list(bench.search((300,), dim=8)) == []
    assert "was not measured" in capsys.readouterr().err
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="nothing was measured"):
        bench.main()
