"""What every encoder must do, whatever its weights."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from ap_remote.semantic.encoder import Encoder, SupportsLabels, SupportsPreparation


class EncoderContract:
    """A subject overrides ``encoder``."""

    @pytest.fixture
    def encoder(self) -> Encoder:
        raise NotImplementedError

    @pytest.fixture
    def images(self) -> list[Image.Image]:
        random = np.random.default_rng(3)
        shapes = [(40, 60), (60, 40), (7, 300), (1, 1), (512, 341)]
        return [Image.fromarray(random.integers(0, 255, (*shape, 3), dtype=np.uint8)) for shape in shapes]

    def test_it_is_an_encoder(self, encoder):
        assert isinstance(encoder, Encoder)
        assert re.fullmatch(r"[0-9a-z]{16}", encoder.fingerprint)
        assert encoder.dim > 0
        assert encoder.thumbnail_size > 0
        assert encoder.device in ("cpu", "cuda")

    def test_pictures_of_any_shape_become_unit_vectors(self, encoder, images):
        vectors = encoder.encode_images(images)
        assert vectors.shape == (len(images), encoder.dim)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-4)

    def test_texts_become_unit_vectors_of_the_same_space(self, encoder):
        vectors = encoder.encode_texts(["red", "blue"])
        assert vectors.shape == (2, encoder.dim)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-4)

    def test_a_picture_has_the_same_vector_alone_and_in_a_batch(self, encoder, images):
        together = encoder.encode_images(images)
        alone = np.concatenate([encoder.encode_images([image]) for image in images])
        assert (together * alone).sum(axis=1) == pytest.approx(1, abs=1e-3)

    def test_preparing_apart_from_encoding_changes_nothing(self, encoder, images):
        if not isinstance(encoder, SupportsPreparation):
            assert not hasattr(encoder, "encode_prepared")
            return
        encoded = encoder.encode_prepared([encoder.prepare(image) for image in images], top=2)
        assert np.allclose(encoded.vectors, encoder.encode_images(images), atol=1e-4)
        assert len(encoded.labels) == len(images)

    def test_labels_are_names_with_falling_probabilities(self, encoder, images):
        if not isinstance(encoder, SupportsLabels):
            assert not hasattr(encoder, "labels")
            return
        for labels in encoder.labels(images, top=2):
            shares = [share for _, share in labels]
            assert len(labels) == 2
            assert all(name for name, _ in labels)
            assert shares == sorted(shares, reverse=True)
            assert 0 <= sum(shares) <= 1.001
