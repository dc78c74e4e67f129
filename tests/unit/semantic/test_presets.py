"""Encoders by name: the presets agree with open_clip, folders are found, the listing tells what is here."""

from __future__ import annotations

import shutil

import pytest

from ap_remote.errors import EncoderError
from ap_remote.semantic import checkpoints, load_encoder
from ap_remote.semantic.inventory import OFFLINE_DIM, encoders
from ap_remote.semantic.minilm import DIM
from ap_remote.semantic.presets import PRESETS, preset
from ap_remote.semantic.registry import resolve
from tests.unit.semantic.tiny import configure, make_checkpoint


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("models") / "holiday")


@pytest.fixture
def models(made, tmp_path, monkeypatch):
    """A folder of checkpoints, which AP_MODEL_DIR names, with one in it; the model hub's cache is empty."""
    monkeypatch.setenv("AP_MODEL_DIR", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))
    monkeypatch.setattr("ap_remote.semantic.checkpoints.cached", lambda repository, names: None)
    shutil.copytree(made, tmp_path / "holiday")
    (tmp_path / "notes.txt").write_text("no checkpoint")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_the_four_presets_are_there():
    assert [each.name for each in PRESETS] == ["fast-cpu", "default", "quality-gpu", "languages"]
    assert preset("nothing") is None


@pytest.mark.parametrize("name", [each.name for each in PRESETS])
def test_a_preset_is_what_the_installed_open_clip_knows(name):
    import open_clip

    known = preset(name)
    assert known is not None
    assert (known.model, known.pretrained) in open_clip.list_pretrained()
    config = open_clip.get_model_config(known.model)
    weights = open_clip.get_pretrained_cfg(known.model, known.pretrained)
    assert known.dim == config["embed_dim"]
    assert weights["hf_hub"].rstrip("/") == known.repository
    tokenizer = config["text_cfg"].get("hf_tokenizer_name")
    assert tokenizer in {None, known.words or known.repository}
    assert ("transformers" in known.packages) == (tokenizer is not None)
    assert known.licence
    for other in known.others:
        assert tuple(other.removeprefix("open_clip:").split("/")) in open_clip.list_pretrained()
        assert known.others_licence


@pytest.mark.parametrize("name", [each.name for each in PRESETS])
def test_a_preset_without_its_weights_says_the_command_that_fetches_them(models, name):
    known = preset(name)
    assert known is not None
    assert resolve(name) == known.spec
    encoder = load_encoder(name)
    assert (encoder.spec, encoder.dim) == (known.spec, known.dim)
    with pytest.raises(EncoderError) as told:
        _ = encoder.fingerprint
    assert f"`{known.command}` fetches them" in str(told.value)


def test_a_checkpoint_is_found_by_its_folder_s_name(models):
    assert resolve("holiday") == f"local-dir:{models / 'holiday'}"
    assert load_encoder("holiday").dim == 32


def test_the_variable_may_name_a_single_checkpoint(models, monkeypatch):
    monkeypatch.setenv("AP_MODEL_DIR", str(models / "holiday"))
    assert resolve("holiday") == f"local-dir:{models / 'holiday'}"


@pytest.mark.parametrize("name", ["default", "ViT-B-16-SigLIP2-256"])
def test_a_preset_is_found_by_its_own_name_or_its_model_s(models, name):
    (models / "holiday").rename(models / name)
    assert resolve("default") == f"local-dir:{models / name}"


@pytest.mark.parametrize("name", ["nothing", "empty", "notes.txt", "../holiday", ""])
def test_a_name_that_is_none_is_told_with_those_that_are(models, name):
    with pytest.raises(EncoderError, match=r"no encoder is named .*offline, fast-cpu, default.*holiday, open_clip:"):
        load_encoder(name)


def test_a_variable_that_names_no_folder_is_an_error(models, monkeypatch):
    monkeypatch.setenv("AP_MODEL_DIR", str(models / "gone"))
    with pytest.raises(EncoderError, match=r"AP_MODEL_DIR names .*gone, which is no folder"):
        load_encoder("default")
    assert load_encoder("offline").dim == DIM


def test_the_listing_tells_what_is_here_and_what_the_rest_needs(models):
    found = {each.name: each for each in encoders()}
    assert list(found) == ["offline", *(each.name for each in PRESETS), "holiday"]
    assert found["offline"].here
    assert found["offline"].dim == OFFLINE_DIM == DIM
    assert found["holiday"].here
    assert (found["holiday"].dim, found["holiday"].place) == (32, str(models / "holiday"))
    for each in PRESETS:
        assert not found[each.name].here
        assert found[each.name].needs[-1] == each.command
        assert found[each.name].licence == each.licence


def test_the_listing_says_why_a_checkpoint_cannot_be_used(models):
    (models / "holiday" / "open_clip_model.safetensors").write_bytes(b"torn")
    [own] = [each for each in encoders() if each.name == "holiday"]
    assert not own.here
    assert "truncated" in own.needs[0]
    configure(models / "holiday", model={"embed_dim": 3})
    [own] = [each for each in encoders() if each.name == "holiday"]
    assert own.dim is None
    assert "describes no model" in own.needs[0]


def test_a_preset_s_own_folder_makes_it_usable(models):
    (models / "holiday").rename(models / "fast-cpu")
    found = {each.name: each for each in encoders()}
    assert found["fast-cpu"].here
    assert found["fast-cpu"].licence == "MIT"
    assert "holiday" not in found


def test_the_listing_names_packages_that_are_missing(models, monkeypatch):
    absent = {"transformers", "timm"}
    monkeypatch.setattr("ap_remote.semantic.inventory.find_spec", lambda name: None if name in absent else name)
    found = {each.name: each for each in encoders()}
    assert found["offline"].needs == ("pip install 'ap-remote[semantic]'",)
    assert found["default"].needs[0] == "pip install transformers"
    assert found["fast-cpu"].needs == (preset("fast-cpu").command,)


def test_a_preset_in_the_hub_s_cache_is_here_when_its_tokenizer_is(models, monkeypatch):
    held = {("timm/ViT-B-16-SigLIP2-256", checkpoints.WEIGHTS)}
    monkeypatch.setattr(
        "ap_remote.semantic.checkpoints.cached",
        lambda repository, names: models / "w" if (repository, tuple(names)) in held else None,
    )
    assert not next(each for each in encoders() if each.name == "default").here
    held.add(("timm/ViT-B-16-SigLIP2-256", checkpoints.TOKENIZER))
    assert next(each for each in encoders() if each.name == "default").here
