"""Vectors that lie elsewhere: said by a setting, remembered by the index, missed when they are gone."""

from __future__ import annotations

import json
import shutil

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from ap_remote.backends.memory import MemoryRemote
from ap_remote.connect import semantic_index
from ap_remote.errors import ConfigError, StoreError
from ap_remote.semantic import SemanticIndex, tuning
from ap_remote.semantic.store import EmbeddingStore
from ap_remote.semantic.upkeep import collect, compact, held
from tests.unit.cli.typed import at_home
from tests.unit.semantic.planted import PlantedEncoder, picture
from tests.unit.semantic.running import contents, made

OLD, NEW = "00000000planted0", "0000000000000002"
COLOURS = ("red", "lime", "blue")


@pytest.fixture
def remote():
    remote = MemoryRemote()
    for colour in COLOURS:
        remote.seed(f"{colour}.png", picture(colour))
    return remote


@pytest.fixture(params=["memory://{name}/vectors", "file://{folder}/elsewhere", "{folder}/plain"])
def place(request, tmp_path):
    return request.param.format(name=tmp_path.name, folder=tmp_path)


def index(folder, vectors=None, encoder=OLD):
    return SemanticIndex(folder, PlantedEncoder(encoder), vectors=vectors)


async def first(opened, remote):
    return [hit.entry.name for hit in await opened.search(remote, text="red", limit=1)]


async def test_an_index_is_built_and_searched_wherever_its_vectors_lie(remote, place, tmp_path):
    built = index(tmp_path / "index", place)
    await built.build(remote)
    assert not (tmp_path / "index" / "embeddings").exists()
    assert built.status().place == place
    assert built.status().bytes > 0
    assert await first(built, remote) == ["red.png"]
    assert (await index(tmp_path / "index", place).build(remote)).encoded == 0
    await index(tmp_path / "single").build(remote)
    assert contents(tmp_path / "index") == contents(tmp_path / "single")


async def test_who_does_not_say_where_vectors_lie_finds_them_where_they_are(remote, place, tmp_path):
    await index(tmp_path / "index", place).build(remote)
    again = index(tmp_path / "index")
    assert again.status().place == place
    assert await first(again, remote) == ["red.png"]
    assert (await again.build(remote)).encoded == 0


async def test_what_looks_after_an_index_goes_where_its_vectors_lie(remote, place, tmp_path):
    folder = tmp_path / "index"
    for encoder in (OLD, NEW):
        await index(folder, place, encoder).build(remote)
    await remote.trash("blue.png")
    await index(folder, place, NEW).build(remote)
    assert [(each.fingerprint, each.dead) for each in held(folder, place)] == [(NEW, 1), (OLD, 1)]
    assert collect(folder, [OLD], place) > 0
    assert compact(folder, place).removed == 1
    fs, root = fsspec.url_to_fs(place)
    assert not [file for file in fs.find(root) if OLD in file]
    assert await first(index(folder, place, NEW), remote) == ["red.png"]


async def test_a_setting_that_names_another_place_says_what_to_do_and_loses_nothing(remote, place, tmp_path):
    folder = tmp_path / "index"
    await index(folder).build(remote)
    before = contents(folder)
    moved = index(folder, place)
    for action in (moved.status, lambda: held(folder, place), lambda: compact(folder, place), moved.check):
        with pytest.raises(StoreError, match="copy that folder there as it is, or leave the setting") as caught:
            action()
        assert str(folder / "embeddings") in str(caught.value)
        assert place in str(caught.value)
    with pytest.raises(StoreError, match="copy that folder there"):
        await moved.build(remote)
    assert contents(folder) == before


async def test_vectors_that_were_copied_are_used_where_they_are_now(remote, place, tmp_path):
    folder = tmp_path / "index"
    await index(folder).build(remote)
    before = contents(folder)
    fs, root = fsspec.url_to_fs(place)
    fs.put(str(folder / "embeddings"), root, recursive=True)
    moved = index(folder, place)
    assert await first(moved, remote) == ["red.png"]
    assert (await moved.build(remote)).encoded == 0
    shutil.rmtree(folder / "embeddings")
    assert contents(folder) == before


@pytest.mark.parametrize("body", [b"", b'{"vectors": 3}', b"\xff\xfe"])
def test_what_an_index_remembers_and_cannot_be_read_is_one_sentence(tmp_path, body):
    (tmp_path / "vectors.json").write_bytes(body)
    with pytest.raises(StoreError, match="say where the vectors lie and take it away"):
        index(tmp_path).status()


async def test_a_place_that_lost_its_vectors_is_one_sentence_and_nothing_is_made_anew(remote, place, tmp_path):
    folder = tmp_path / "index"
    await index(folder, place).build(remote)
    fs, root = fsspec.url_to_fs(place)
    fs.mv(root, f"{root}-away", recursive=True)
    lost = index(folder, place)
    with pytest.raises(StoreError, match=r"does not have the vectors of the index in .*: mount it"):
        lost.status()
    with pytest.raises(StoreError, match="mount it"):
        await lost.build(remote)
    with pytest.raises(StoreError, match="mount it"):
        await lost.search(remote, text="red")
    fs.mv(f"{root}-away", root, recursive=True)
    assert (await lost.build(remote)).encoded == 0


async def test_a_filesystem_that_cannot_be_reached_is_one_sentence_without_its_own_words(remote, tmp_path, monkeypatch):
    class ForeignError(Exception):
        pass

    def fail(*_, **__):
        raise ForeignError("GET https://host/vectors?X-Amz-Signature=canary")

    await index(tmp_path / "index", f"memory://{tmp_path.name}").build(remote)
    for verb in ("ls", "info", "cat_file", "pipe_file"):
        monkeypatch.setattr(MemoryFileSystem, verb, fail)
    gone = index(tmp_path / "index")
    for action in (gone.status, lambda: held(tmp_path / "index")):
        with pytest.raises(StoreError, match=f"cannot read memory://{tmp_path.name}/{OLD}: ForeignError") as caught:
            action()
        assert "canary" not in str(caught.value)
    with pytest.raises(StoreError, match="cannot read"):
        await gone.build(remote)


@pytest.mark.parametrize("error", [OSError(28, "No space left"), FileNotFoundError(2, "No such bucket")])
async def test_a_write_that_fails_is_one_sentence_and_leaves_nothing_half_written(remote, tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(MemoryFileSystem, "mv", fail)
    with pytest.raises(StoreError, match=f"cannot write to memory://{tmp_path.name}/{OLD}: {error.strerror}"):
        await made(remote, tmp_path / "index", vectors=f"memory://{tmp_path.name}")
    assert fsspec.filesystem("memory").find(f"/{tmp_path.name}") == []


@pytest.mark.parametrize("address", ["s3://key:canary@bucket/v", "https://canary@host/v", "gs://bucket/v?token=canary"])
def test_an_address_that_lets_in_whoever_reads_it_is_refused_before_anything_is_made(tmp_path, address):
    for action in (
        lambda: SemanticIndex(tmp_path / "index", vectors=address),
        lambda: EmbeddingStore(tmp_path / "index", write=True, vectors=address),
    ):
        with pytest.raises(ConfigError, match="says how to get in") as caught:
            action()
        assert "canary" not in str(caught.value)
    assert not (tmp_path / "index").exists()


async def test_the_setting_is_heeded_by_every_command(remote, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "SCAN_ROWS", 500)
    ap = at_home(tmp_path / "home", monkeypatch)
    (tmp_path / "home").mkdir(exist_ok=True)
    place = f"file://{tmp_path}/{{account}}"
    (tmp_path / "home" / "config.toml").write_text(f"vectors = {json.dumps(place)}\n")
    opened = semantic_index("memory:")
    assert opened.vectors == f"file://{tmp_path}/memory"
    for encoder in (OLD, NEW):
        await made(remote, opened.folder, PlantedEncoder(encoder), vectors=opened.vectors)
    said = json.loads(ap("index", "status", "memory:", "--json").stdout)
    assert said["place"] == opened.vectors
    assert f"place        {opened.vectors}" in ap("index", "status", "memory:").stdout
    assert json.loads(ap("index", "gc", "memory:", "--yes", "--json").stdout)["removed"] == [OLD]
    assert not list((tmp_path / "memory" / OLD).iterdir())
    assert json.loads(ap("index", "compact", "memory:", "--json").stdout)["removed"] == 0
    assert json.loads(ap("index", "tune", "memory:", "--json").stdout)["rows"] == len(COLOURS)
    (tmp_path / "memory").rename(tmp_path / "away")
    for command in (("status",), ("tune",), ("compact",)):
        assert "mount it" in " ".join(ap("index", *command, "memory:", code=12).output.split())
