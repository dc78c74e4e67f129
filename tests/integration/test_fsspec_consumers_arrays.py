"""Arrays and pictures: zarr by URL, numpy, Pillow and its like through open files."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ap_remote.errors import UnsupportedError
from tests.lazily import Lazily

zarr = Lazily("zarr")

_ARRAY = np.arange(24, dtype="i4").reshape(4, 6)
_CONSOLIDATED = "ignore:Consolidated metadata is currently not part:zarr.errors.ZarrUserWarning"  # so says the format


@pytest.fixture(scope="module")
def picture():
    return Image.effect_noise((64, 48), 50).convert("RGB")


def test_zarr_writes_and_reads_a_group_by_url(library):
    group = zarr.open_group("ap://zarr/group", mode="w")
    array = group.create_array("a", data=_ARRAY, chunks=(2, 3))
    array.attrs["of"] = "photos"

    back = zarr.open_group("ap:///zarr/group", mode="r")
    assert np.array_equal(back["a"][:], _ARRAY)
    assert back["a"].attrs["of"] == "photos"
    assert np.array_equal(back["a"][1:3, 2:4], _ARRAY[1:3, 2:4])
    assert set(library.find("/zarr/group")) == {
        "/zarr/group/zarr.json",
        "/zarr/group/a/zarr.json",
        *(f"/zarr/group/a/c/{row}/{column}" for row in range(2) for column in range(2)),
    }


@pytest.mark.filterwarnings(_CONSOLIDATED)
def test_zarr_changes_a_chunk_and_consolidates(library):
    zarr.create_array("ap://zarr/changed/a", data=_ARRAY, chunks=(2, 3))
    array = zarr.open("ap://zarr/changed/a", mode="r+")
    array[0, 0] = 99
    zarr.open_group("ap://zarr/changed", mode="a")
    zarr.consolidate_metadata("ap://zarr/changed")

    assert zarr.open_consolidated("ap://zarr/changed")["a"][0, 0] == 99
    assert library.info("/zarr/changed/a/c/0/0")["version"] == 2


def test_zarr_reads_ranges_of_shards(library):
    array = zarr.create_array("ap://zarr/sharded", shape=(100, 100), chunks=(10, 10), shards=(50, 50), dtype="i4")
    array[:] = 7

    assert zarr.open("ap://zarr/sharded", mode="r")[3:14, 60:70].sum() == 11 * 10 * 7
    assert len(library.find("/zarr/sharded")) == 5


def test_zarr_takes_the_account_from_the_url_or_the_options_and_any_kind_of_store(library):
    zarr.save("ap://zarr/plain", _ARRAY, zarr_format=2)

    stores = (
        zarr.open("ap://local@/zarr/plain", mode="r"),
        zarr.open("ap://zarr/plain", mode="r", storage_options={"remote": "local:"}),
        zarr.open(zarr.storage.FsspecStore.from_url("ap://zarr/plain"), mode="r"),
        zarr.open(library.get_mapper("/zarr/plain"), mode="r"),
    )
    assert all(np.array_equal(each[:], _ARRAY) for each in stores)


def test_zarr_that_starts_anew_puts_the_old_group_in_the_trash(library):
    zarr.create_array("ap://zarr/old/a", data=_ARRAY)
    zarr.open_group("ap://zarr/old", mode="w")

    assert library.find("/zarr/old") == ["/zarr/old/zarr.json"]


def test_numpy_saves_and_loads_through_open_files(library):
    with library.open("/numpy/a.npy", "wb") as file:
        np.save(file, _ARRAY)
    with library.open("/numpy/a.npz", "wb") as file:
        np.savez_compressed(file, a=_ARRAY)

    with library.open("/numpy/a.npy") as file:
        assert np.array_equal(np.load(file), _ARRAY)
    with library.open("/numpy/a.npz") as file, np.load(file) as saved:
        assert np.array_equal(saved["a"], _ARRAY)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "AVIF", "TIFF", "ICO", "JPEG2000"])
def test_pillow_saves_and_opens_every_kind_of_picture(library, picture, kind):
    # TIFF, ICO and JPEG 2000 go back to what they wrote before.
    with library.open(f"/pictures/a.{kind.lower()}", "wb") as file:
        picture.save(file, kind)

    with library.open(f"/pictures/a.{kind.lower()}") as file:
        back = Image.open(file)
        back.load()
    assert back.format == kind
    assert back.size == ((48, 36) if kind == "ICO" else picture.size)


def test_pillow_saves_a_pdf(library, picture):
    with library.open("/pictures/a.pdf", "wb") as file:
        picture.save(file, "PDF")

    assert library.cat_file("/pictures/a.pdf", end=5) == b"%PDF-"


def test_imageio_and_scikit_image_read_what_imageio_wrote(library, picture):
    import imageio.v3
    import skimage.io

    with library.open("/pictures/b.png", "wb") as file:
        imageio.v3.imwrite(file, np.asarray(picture), extension=".png")

    with library.open("/pictures/b.png") as file:
        assert np.array_equal(imageio.v3.imread(file), np.asarray(picture))
    with library.open("/pictures/b.png") as file:
        assert np.array_equal(skimage.io.imread(file), np.asarray(picture))


def test_a_figure_is_saved_into_an_open_file(library):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1), dpi=50)
    figure.subplots().plot([1, 2, 3])
    with library.open("/pictures/plot.png", "wb") as file:
        figure.savefig(file)

    with library.open("/pictures/plot.png") as file:
        assert Image.open(file).size == (100, 50)


def test_changing_a_file_in_place_is_refused_with_the_reason(library, picture):
    with pytest.raises(UnsupportedError, match="no appending and no changing in place"):
        library.open("/pictures/a.png", "r+b")
