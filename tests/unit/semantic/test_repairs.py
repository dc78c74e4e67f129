"""What a build makes good: it says that it does, so it must."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import CorruptStoreError, StoreError
from ap_remote.semantic import SemanticIndex, weights
from ap_remote.semantic.chosen import recorded
from ap_remote.semantic.depot import depot
from ap_remote.semantic.store import CATALOG, EmbeddingStore
from tests.unit.semantic.planted import PlantedEncoder, picture
from tests.unit.semantic.running import contents, made
from tests.unit.semantic.test_store import DIM, ONE, rows_of


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


@pytest.fixture(params=["{folder}", "memory://{folder.name}"])
def known(request, tmp_path):
    """Return a store of two shards, whose catalogue has seen both since they were written, and their depot."""
    address = request.param.format(folder=tmp_path)
    opened = Stores(tmp_path, address)
    for start in (0, 3):
        with opened() as store:
            store.append(ONE, *rows_of(start, 3))
    opened().close()
    return opened


class Stores:
    def __init__(self, folder, address):
        self.folder, self.address = folder, address
        self.depot = depot(address, ONE)

    def __call__(self):
        store = EmbeddingStore(self.folder, write=True, vectors=self.address)
        store.begin(ONE, "planted", DIM)
        return store

    def known(self):
        with EmbeddingStore(self.folder) as store:
            return len(store.catalog.known(ONE))


def test_a_writer_reads_of_shards_only_what_its_catalogue_does_not_know(known, monkeypatch):
    read = []
    kind = type(known.depot)
    real = kind.read
    monkeypatch.setattr(kind, "read", lambda self, name: read.append(name) or real(self, name))
    known().close()
    assert read == ["meta.json"]
    with known() as store:
        store.append(ONE, *rows_of(6, 3))
    del read[:]
    known().close()
    assert read == ["meta.json", "shard-000002.json"]
    (known.folder / CATALOG).unlink()
    del read[:]
    known().close()
    assert len(read) == 1 + 2 * 3
    assert known.known() == 9


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [(".npy", None), (".json", None), (".npy", lambda body: body[:-1]), (".json", lambda body: body[:-1])],
    ids=["no table", "no owners", "a torn table", "torn owners"],
)
def test_a_shard_that_is_not_what_the_catalogue_knows_is_forgotten(known, suffix, damage):
    name = f"shard-000000{suffix}"
    body = known.depot.read(name)
    known.depot.remove(name)
    if damage is not None:
        known.depot.write(name, damage(body))
    known().close()
    assert known.known() == 3
    assert sorted(known.depot.sizes()) == ["meta.json", "shard-000001.json", "shard-000001.npy"]


def test_owners_that_are_written_otherwise_are_read_and_their_shard_is_kept(known):
    body = known.depot.read("shard-000000.json")
    known.depot.write("shard-000000.json", body + b" ")
    known().close()
    assert known.known() == 6


def test_a_catalogue_that_does_not_know_lengths_learns_them(known):
    file = known.folder / CATALOG
    with sqlite3.connect(file) as db:
        for column in ("table_bytes", "owners_bytes"):
            db.execute(f"ALTER TABLE shards DROP COLUMN {column}")
        db.execute("PRAGMA user_version = 3")
    db.close()
    with EmbeddingStore(known.folder) as store:
        assert set(store.catalog.lengths(ONE).values()) == {None}
    known().close()
    with EmbeddingStore(known.folder) as store:
        sizes = known.depot.sizes()
        assert store.catalog.lengths(ONE) == {
            name: (sizes[f"{name}.npy"], sizes[f"{name}.json"]) for name in ("shard-000000", "shard-000001")
        }


def test_two_indexes_whose_vectors_lie_in_one_place_give_their_shards_other_names(tmp_path):
    here, there = (Stores(tmp_path / name, f"memory://{tmp_path.name}/both") for name in ("here", "there"))
    with here() as one, there() as other:
        for start in (0, 6):
            one.append(ONE, *rows_of(start, 3))
            other.append(ONE, *rows_of(start + 3, 3))
    for opened in (here, there):
        opened().close()
        assert opened.known() == 12


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
