from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from ap_remote.semantic.measures import Measures, distance, measure


def scene(seed=3, side=480):
    """Return a picture with large shapes and fine grain, as photographs have."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 255, (6, 8, 3), dtype=np.uint8)).resize((side * 4 // 3, side), 3)
    grain = random.normal(0, 12, (side, side * 4 // 3, 1))
    return Image.fromarray(np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8))


def saved(image, **options):
    stream = io.BytesIO()
    image.save(stream, "JPEG", **options)
    return Image.open(io.BytesIO(stream.getvalue())).convert("RGB")


@pytest.mark.parametrize(
    "change",
    [
        lambda image: saved(image, quality=40),
        lambda image: image.resize((image.width // 2, image.height // 2)),
        lambda image: image.point(lambda value: min(255, round(value * 1.1))),
    ],
    ids=["saved anew", "half the size", "brighter"],
)
@pytest.mark.parametrize("seed", range(4))
def test_hashes_stay_near_where_the_picture_stays_the_same(change, seed):
    image = scene(seed)
    one, other = measure(image), measure(change(image))
    assert distance(one.phash, other.phash) <= 6
    assert distance(one.dhash, other.dhash) <= 8


def test_hashes_of_different_pictures_are_far_apart():
    found = [measure(scene(seed)) for seed in range(6)]
    apart = [distance(one.phash, other.phash) for one in found for other in found if one is not other]
    assert min(apart) > 16


def test_blur_lowers_sharpness_and_size_does_not_matter_much():
    image = scene()
    sharp, blurred = measure(image).sharpness, measure(image.filter(ImageFilter.GaussianBlur(4))).sharpness
    assert blurred < sharp / 4
    assert measure(Image.new("RGB", (300, 200), "grey")).sharpness == 0


def test_brightness_is_that_of_the_grey_picture():
    assert measure(Image.new("RGB", (64, 64), "white")).luma == 255
    assert measure(Image.new("RGB", (64, 64), "black")).luma == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (2, 2)])
def test_the_smallest_pictures_are_measured_too(size):
    assert measure(Image.new("RGB", size, "red")).sharpness == 0


def test_hashes_have_64_bits_and_their_distance_counts_them():
    found = measure(scene())
    assert 0 <= found.phash < 1 << 64
    assert 0 <= found.dhash < 1 << 64
    assert distance(0, (1 << 64) - 1) == 64
    assert isinstance(found, Measures)
