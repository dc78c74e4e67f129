"""Passes of one shape: what they fill up, what they give back, and what they say when they fail."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from ap_remote.errors import EncoderError
from ap_remote.semantic.devices import autocast
from ap_remote.semantic.inference import Passes, batch_size
from tests.lazily import Lazily

torch = Lazily("torch")

SHAPE = (3, 4, 5)


@pytest.fixture
def pictures():
    random = np.random.default_rng(2)
    return [random.normal(size=SHAPE).astype(np.float32) for _ in range(7)]


class Network:
    """A layer that notes the shapes it saw."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.layer = torch.nn.Linear(60, 6)
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, pixels):
        self.shapes.append(tuple(pixels.shape))
        return self.layer(pixels.flatten(1))


def wanted(network, pictures):
    with torch.inference_mode():
        states = network.layer(torch.from_numpy(np.stack(pictures)).flatten(1)).numpy()
    return states / np.linalg.norm(states, axis=1, keepdims=True)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_a_short_pass_is_filled_up_and_gives_the_same_vectors(monkeypatch, pictures, count):
    monkeypatch.setattr("torch.compile", lambda network, dynamic: network)
    eager, fixed = Network(), Network()
    plain = Passes(eager, device="cpu", size=3)(pictures[:count])
    filled = Passes(fixed, device="cpu", size=3, compiled=True)(pictures[:count])
    assert plain.shape == (count, 6)
    assert plain.dtype == np.float32
    assert np.allclose(plain, wanted(eager, pictures[:count]), atol=1e-6)
    assert np.allclose(filled, plain, atol=1e-6)
    assert {shape[0] for shape in fixed.shapes} <= {1, 3}
    assert sum(shape[0] for shape in eager.shapes) == count


def test_a_compiled_network_is_compiled_for_two_shapes_however_many_pictures_come(monkeypatch, pictures):
    graphs = []

    def backend(module, _inputs):
        graphs.append(module)
        return module.forward

    monkeypatch.setattr("torch.compile", partial(torch.compile, backend=backend))
    layer = Network().layer
    passes = Passes(lambda pixels: layer(pixels.flatten(1)), device="cpu", size=4, compiled=True)
    passes.warm(SHAPE)
    assert len(graphs) == 2
    for count in (1, 2, 3, 4, 5, 7):
        assert passes(pictures[:count]).shape == (count, 6)
    assert len(graphs) == 2


def test_a_network_that_cannot_be_compiled_says_how_to_go_on(monkeypatch, pictures):
    def backend(_module, _inputs):
        raise RuntimeError("no compiler\nwas found")

    monkeypatch.setattr("torch.compile", partial(torch.compile, backend=backend))
    layer = Network().layer
    passes = Passes(lambda pixels: layer(pixels.flatten(1)), device="cpu", size=2, compiled=True)
    with pytest.raises(EncoderError, match=r"no compiler was found.*without --compile") as told:
        passes(pictures)
    assert "\n" not in str(told.value)


def test_a_picture_of_another_size_is_an_error_and_no_vector(pictures):
    with pytest.raises(EncoderError, match="failed on cpu"):
        Passes(Network(), device="cpu", size=2)([np.zeros((3, 9, 9), dtype=np.float32)])


def test_what_is_no_number_is_an_error(pictures):
    with pytest.raises(EncoderError, match="weights are damaged"):
        Passes(lambda pixels: pixels.flatten(1) * torch.inf, device="cpu", size=2)(pictures)


def test_the_processor_computes_in_float32(pictures):
    seen = []

    def network(pixels):
        seen.append((pixels @ pixels.transpose(-1, -2)).dtype)
        return pixels.flatten(1)

    Passes(network, device="cpu", size=8)(pictures)
    assert seen == [torch.float32]


def test_a_card_computes_in_bfloat16_where_it_can(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: True)
    made = []
    monkeypatch.setattr("torch.autocast", lambda kind, dtype: made.append((kind, dtype)))
    autocast("cuda:1")
    assert made == [("cuda", torch.bfloat16)]
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: False)
    with autocast("cuda"):
        assert len(made) == 1
    with autocast("cpu"):
        assert len(made) == 1


def test_every_device_has_a_pass_of_its_own_size():
    assert batch_size("cuda:1") == batch_size("cuda") > batch_size("mps") > batch_size("cpu") > 1
