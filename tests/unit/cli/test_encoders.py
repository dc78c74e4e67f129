"""`ap index encoders`, and the encoder of a build as a person names it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.unit.semantic.tiny import make_checkpoint

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint named ``holiday`` in the folder of models; the model hub's cache is empty."""
    monkeypatch.setenv("AP_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setattr("ap_remote.semantic.checkpoints.cached", lambda repository, names: None)
    return make_checkpoint(tmp_path / "models" / "holiday")


@pytest.fixture
def pictures(ap, tmp_path: Path) -> None:
    for colour in ("red", "blue"):
        Image.new("RGB", (40, 30), colour).save(tmp_path / f"{colour}.png")
        ap("put", str(tmp_path / f"{colour}.png"), "local:Pictures")


def test_the_list_names_each_encoder_its_licence_and_what_it_needs(ap, model) -> None:
    rows = ap("index", "encoders").stdout.splitlines()
    assert any(row.startswith("offline") and "here · 384 numbers" in row for row in rows)
    assert any(row.startswith("default") and "not here · 768 numbers" in row and "Apache-2.0" in row for row in rows)
    assert any(row.startswith("languages") and "not for commercial use" in row for row in rows)
    assert any(row.startswith("holiday") and f"here · 32 numbers · local-dir:{model}" in row for row in rows)
    assert any(row.strip() == "needs: hf download timm/ViT-B-16-SigLIP2-256" for row in rows)
    assert any("MobileCLIP2-S2" in row and "for research only" in row for row in rows)


def test_the_list_is_there_for_programs_too(ap, model) -> None:
    rows = [json.loads(row) for row in ap("index", "encoders", "--json").stdout.splitlines()]
    rows = rows[0] if isinstance(rows[0], list) else rows
    assert {"name", "spec", "dim", "here", "needs", "licence"} <= set(rows[0])
    assert [row["name"] for row in rows if row["here"]] == ["offline", "holiday"]


def test_a_build_says_where_it_computes_and_later_ones_keep_its_encoder(ap, model, pictures) -> None:
    first = ap("index", "build", "local:", "--encoder", "holiday", "--device", "cpu", "--json")
    assert f"encoder local-dir:{model} on cpu" in first.stderr.replace("\n", "")
    assert json.loads(first.stdout)["encoded"] == 2
    again = json.loads(ap("index", "build", "local:", "--json").stdout)
    assert (again["encoder"], again["encoded"], again["reused"]) == (f"local-dir:{model}", 0, 2)
    assert json.loads(ap("index", "status", "local:", "--encoder", "holiday", "--json").stdout)["dim"] == 32
    told = ap("index", "status", "local:", "--encoder", "offline", code=13).stderr.replace("\n", " ")
    assert "not with 'offline'" in told
    assert len(ap("search", "local:", "--semantic", "a red thing on a table").stdout.splitlines()) == 2


def test_an_encoder_that_is_not_here_says_how_to_get_it(ap, model) -> None:
    told = ap("index", "build", "local:", "--encoder", "default", code=13).stderr.replace("\n", "")
    assert "`hf download timm/ViT-B-16-SigLIP2-256` fetches them" in told


@pytest.mark.parametrize(
    ("device", "code", "told"), [("cuda", 13, "finds no CUDA device"), ("gpu", 2, "no device is named")]
)
@pytest.mark.usefixtures("model")
def test_a_device_that_is_not_there_ends_the_build_before_it_begins(ap, monkeypatch, device, code, told) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    result = ap("index", "build", "local:", "--encoder", "holiday", "--device", device, code=code)
    assert told in result.stderr.replace("\n", " ")
