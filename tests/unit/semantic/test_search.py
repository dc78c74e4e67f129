from __future__ import annotations

import io
import logging
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import ConfigError, EncoderError, MissingExtraError, NotFoundError, QuerySyntaxError, StoreError
from ap_remote.model import NodeId
from ap_remote.semantic import SemanticIndex, extras, shards
from ap_remote.semantic.catalog import Catalog
from tests.unit.semantic.planted import PlantedEncoder, picture

SHADES = {"red": "red", "dark red": "#c00000", "orange": "orange", "blue": "blue", "navy": "#0000a0", "lime": "lime"}


@pytest.fixture
def remote():
    remote = MemoryRemote()
    for name, colour in SHADES.items():
        remote.seed(f"{name}.png", picture(colour), favorite=name in ("navy", "orange"))
    return remote


@pytest.fixture
async def index(tmp_path, remote):
    index = SemanticIndex(tmp_path / "semantic", PlantedEncoder())
    await index.build(remote)
    return index


async def names(index, remote, **options):
    return [hit.entry.name.removesuffix(".png") for hit in await index.search(remote, **options)]


async def test_the_nearest_photographs_come_first(index, remote):
    assert (await names(index, remote, text="red"))[:3] == ["red", "dark red", "orange"]
    assert (await names(index, remote, text="blue"))[:2] == ["blue", "navy"]


async def test_a_hit_says_why(index, remote):
    [hit] = await index.search(remote, text=" red ", limit=1)
    assert hit.score == pytest.approx(1, abs=1e-2)
    assert hit.labels == (("red", 0.9), ("paint", 0.05))
    assert "“red”" in hit.reason
    assert "red (90%)" in hit.reason


async def test_scores_fall_and_a_lowest_one_can_be_asked_for(index, remote):
    hits = await index.search(remote, text="red")
    scores = [hit.score for hit in hits]
    assert len(hits) == len(SHADES)
    assert scores == sorted(scores, reverse=True)
    assert len(await index.search(remote, text="red", min_score=scores[2])) == 3
    assert await index.search(remote, text="red", min_score=1.5) == []


async def test_a_filter_is_applied_before_the_vectors_are_compared(index, remote):
    assert await names(index, remote, text="red", query="favorite:(true)", limit=1) == ["orange"]
    assert await names(index, remote, text="red", query="favorite:(true)") == ["orange", "navy"]
    assert await names(index, remote, text="red", query="favorite:(true) AND type:(VIDEOS)") == []


async def test_a_bad_filter_is_told_with_its_position(index, remote):
    with pytest.raises(QuerySyntaxError):
        await index.search(remote, text="red", query="favorite:(")


@pytest.mark.parametrize("query", ["", "type:(PHOTOS)"])
async def test_what_was_trashed_hidden_or_overwritten_since_is_left_out(index, remote, query):
    await remote.trash("red.png")
    await remote.mark("dark red.png", hidden=True)
    await remote.put(picture("white"), "orange.png", if_exists="overwrite")
    found = await names(index, remote, text="red", query=query)
    assert set(found) == {"blue", "navy", "lime"}


async def test_what_was_deleted_is_replaced_by_the_next_nearest(tmp_path):
    remote = MemoryRemote()
    for number in range(80):
        remote.seed(f"{number:02}.png", picture((255, number, 0)))
    index = SemanticIndex(tmp_path, PlantedEncoder())
    await index.build(remote)
    for number in range(60):
        await remote.trash(f"{number:02}.png")
        await remote.delete(NodeId((await _trashed(remote))[0]))
    found = await names(index, remote, text="red", limit=5)
    assert found == ["60", "61", "62", "63", "64"]


async def _trashed(remote):
    return [entry.id async for entry in remote.trashed()]


async def test_the_same_bytes_are_one_hit_that_names_the_others(index, remote):
    remote.seed("Copies/b.png", picture("red"))
    remote.seed("Copies/a.png", picture("red"))
    await index.build(remote)
    [hit, *others] = await index.search(remote, text="red")
    assert {hit.entry.path, *hit.duplicates} == {"red.png", "Copies/a.png", "Copies/b.png"}
    assert len(others) == len(SHADES) - 1
    await remote.trash(hit.entry.path)
    [left, *_] = await index.search(remote, text="red")
    assert {left.entry.path, *left.duplicates} == {"red.png", "Copies/a.png", "Copies/b.png"} - {hit.entry.path}


async def test_a_moved_photograph_is_shown_where_it_is(index, remote):
    await remote.move("red.png", "crimson.png")
    assert (await names(index, remote, text="red", limit=1)) == ["crimson"]


async def test_a_search_by_a_picture_takes_a_file_or_its_bytes(index, remote, tmp_path):
    file = tmp_path / "like.png"
    file.write_bytes(picture("#0000f0"))
    assert (await names(index, remote, like=file))[:2] == ["blue", "navy"]
    assert (await names(index, remote, like=file.read_bytes()))[:2] == ["blue", "navy"]


async def test_a_photograph_of_the_remote_is_no_answer_to_itself(index, remote):
    entry = await remote.stat("blue.png")
    assert (await names(index, remote, like=NodeId(entry.id)))[0] == "navy"
    late = remote.seed("late.png", picture("#0000f0"))
    assert (await names(index, remote, like=NodeId(late)))[:1] == ["blue"]


async def test_text_and_picture_together_are_one_question(index, remote):
    found = await names(index, remote, text="red", like=picture("yellow"))
    assert found[0] == "orange"


@pytest.mark.parametrize("text", [None, "", "  "])
async def test_asking_nothing_is_refused(index, remote, text):
    with pytest.raises(ConfigError):
        await index.search(remote, text=text)


async def test_a_picture_to_be_like_must_be_one(index, remote, tmp_path):
    with pytest.raises(EncoderError, match="not a picture"):
        await index.search(remote, like=b"text")
    with pytest.raises(NotFoundError):
        await index.search(remote, like=tmp_path / "absent.jpg")
    with pytest.raises(NotFoundError):
        await index.search(remote, like=NodeId("nobody"))


async def test_an_index_that_is_not_built_says_how_to_build_it(tmp_path, remote):
    index = SemanticIndex(tmp_path, PlantedEncoder())
    with pytest.raises(StoreError, match="ap index build"):
        await index.search(remote, text="red")
    await index.build(MemoryRemote())
    with pytest.raises(StoreError, match=r"found no photographs .*ap index build"):
        await index.search(remote, text="red")


async def test_vectors_of_two_encoders_never_meet(index, remote, tmp_path):
    other = SemanticIndex(tmp_path / "semantic", PlantedEncoder("00000000planted1"))
    with pytest.raises(EncoderError, match="ap index build"):
        await other.search(remote, text="red")


async def test_an_open_index_sees_what_another_build_added(index, remote, tmp_path):
    assert (await names(index, remote, text="yellow"))[0] != "yellow"
    remote.seed("yellow.png", picture("yellow"))
    await SemanticIndex(tmp_path / "semantic", PlantedEncoder()).build(remote)
    assert (await names(index, remote, text="yellow"))[0] == "yellow"


async def test_a_damaged_index_file_is_made_again_from_the_store(index, remote, tmp_path, caplog):
    before = await names(index, remote, text="red")
    [file] = (tmp_path / "semantic" / "index").rglob("index.faiss")
    file.write_bytes(b"\0" * 999)
    with caplog.at_level(logging.WARNING):
        again = SemanticIndex(tmp_path / "semantic", PlantedEncoder())
        assert await names(again, remote, text="red") == before
    assert "damaged" in caplog.text


async def test_no_limit_above_the_index_and_none_below_one(index, remote):
    assert len(await index.search(remote, text="red", limit=10_000)) == len(SHADES)
    assert await index.search(remote, text="red", limit=0) == []


async def test_a_text_is_encoded_once(index, remote, monkeypatch):
    await index.search(remote, text="red")
    monkeypatch.setattr(PlantedEncoder, "encode_texts", lambda self, texts: np.full((1, 16), np.nan))
    assert (await names(index, remote, text="red"))[0] == "red"


async def test_the_table_has_every_photograph_with_its_vector(index, remote):
    remote.seed("Copies/a.png", picture("red"))
    await index.build(remote)
    table = await index.table()
    assert len(table.ids) == len(table.rows) == len(SHADES) + 1
    everything = np.arange(table.size)
    vectors = table.take(everything)
    assert (vectors.shape, vectors.dtype) == ((len(SHADES), 16), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-2)
    assert [block.tolist() for block in table.blocks(2)] == [part.tolist() for part in np.split(vectors, [2, 4])]
    names = {entry.id: entry.name async for entry in remote.search("")}
    labels = dict(zip((names[node] for node in table.ids), table.labels(table.rows), strict=True))
    assert labels["red.png"] == labels["a.png"] == (("red", 0.9), ("paint", 0.05))


async def test_a_table_reads_vectors_and_labels_when_they_are_asked_for(index, monkeypatch):
    read = []
    real = shards.read
    monkeypatch.setattr(shards, "read", lambda depot, name, dim: read.append(name) or real(depot, name, dim=dim))
    monkeypatch.setattr(Catalog, "labels_of", lambda self, one, rows: read.append("labels") or {})
    table = await index.table()
    assert (table.size, read) == (len(SHADES), [])
    assert table.total() == pytest.approx(table.take(range(table.size)).sum(axis=0), abs=1e-5)
    assert table.labels(np.array([0])) == [()]
    assert read == ["shard-000000", "labels"]


def test_a_missing_extra_is_named(monkeypatch):
    with pytest.raises(MissingExtraError, match=r"ap-remote\[semantic\]"):
        extras.need("a_module_that_nobody_has")


def test_importing_loads_nothing_heavy():
    heavy = ("torch", "faiss", "numpy", "timm", "sentence_transformers", "open_clip", "scipy", "PIL")
    code = f"import sys, ap_remote.semantic, ap_remote.organise; print([m for m in {heavy!r} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


async def test_the_right_photograph_is_found_among_sideways_ones(tmp_path):
    remote = MemoryRemote()
    target = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.new("RGB", (40, 20), "blue").save(target, "JPEG", exif=exif)
    remote.seed("sideways.jpg", target.getvalue())
    remote.seed("red.png", picture("red"))
    index = SemanticIndex(tmp_path, PlantedEncoder())
    await index.build(remote)
    [hit] = await index.search(remote, text="blue", limit=1)
    assert hit.entry.name == "sideways.jpg"
