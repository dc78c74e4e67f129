"""What a build makes good: it says that it does, so it must."""

from __future__ import annotations

import numpy as np
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import CorruptStoreError, StoreError
from ap_remote.semantic import SemanticIndex, weights
from ap_remote.semantic.chosen import recorded
from ap_remote.semantic.store import CATALOG, EmbeddingStore
from tests.unit.semantic.planted import PlantedEncoder, picture
from tests.unit.semantic.running import contents, made


@pytest.fixture
async def filled(tmp_path):
    remote = MemoryRemote()
    for name in ("red", "blue"):
        remote.seed(f"{name}.png", picture(name))
    await made(remote, tmp_path)
    return remote, tmp_path


def only(folder, pattern):
    (file,) = folder.glob(f"embeddings/*/{pattern}")
    return file


@pytest.mark.parametrize("damage", [lambda body: b"x" * len(body), lambda body: body.replace(b"<f2", b"<u2")])
async def test_a_shard_of_the_right_length_that_is_no_table_is_made_again(filled, damage):
    remote, folder = filled
    before = contents(folder)
    file = only(folder, "*.npy")
    file.write_bytes(damage(file.read_bytes()))
    index = SemanticIndex(folder, PlantedEncoder())
    with pytest.raises(StoreError, match="ap index build") as caught:
        await index.ask(remote, text="red")
    assert "pickle" not in str(caught.value)
    index.close()
    assert (await made(remote, folder)).encoded == 2
    assert contents(folder) == before


async def test_a_description_of_vectors_that_cannot_be_read_is_written_anew(filled):
    remote, folder = filled
    before = contents(folder)
    only(folder, "meta.json").write_bytes(b'{"fingerprint": "\xff"}')
    assert (await made(remote, folder)).encoded == 0
    assert contents(folder) == before
    assert described(folder) == PlantedEncoder().fingerprint


def described(folder):
    with EmbeddingStore(folder) as store:
        return store.meta(PlantedEncoder().fingerprint).fingerprint


async def test_a_damaged_catalogue_does_not_hide_which_encoder_makes_it_again(filled):
    remote, folder = filled
    before = contents(folder)
    (folder / CATALOG).write_bytes(b"garbage" * 1000)
    assert recorded(folder) == "planted"
    assert (await made(remote, folder)).encoded == 0
    assert contents(folder) == before


async def test_a_catalogue_that_is_damaged_in_its_middle_is_made_again(filled):
    remote, folder = filled
    before = contents(folder)
    data = bytearray((folder / CATALOG).read_bytes())
    data[4096 : len(data) - 4096] = b"\xab" * (len(data) - 8192)
    (folder / CATALOG).write_bytes(data)
    for suffix in ("-wal", "-shm"):
        (folder / f"{CATALOG}{suffix}").unlink(missing_ok=True)
    assert (await made(remote, folder)).encoded == 0
    assert contents(folder) == before
    assert (folder / f"{CATALOG}.damaged").exists()


async def test_where_nothing_tells_the_encoder_of_a_damaged_catalogue_it_must_be_named(filled):
    _, folder = filled
    (folder / CATALOG).write_bytes(b"garbage" * 1000)
    only(folder, "meta.json").unlink()
    with pytest.raises(CorruptStoreError, match="--encoder"):
        recorded(folder)


def test_what_only_saves_time_is_not_kept_on_a_full_disk_and_used_all_the_same(tmp_path, monkeypatch, caplog):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights, "write_atomically", full)
    kept = weights.kept_array(tmp_path, "vocabulary", lambda: np.ones((2, 3), dtype=np.float32), shape=(2, 3))
    assert kept.shape == (2, 3)
    assert "not kept: No space left" in caplog.text
