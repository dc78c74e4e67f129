"""Pages far down: every photograph comes once and in order, whatever is unwanted, as if every row had been scored."""

from __future__ import annotations

import hashlib
import zlib

import numpy as np
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.model import Entry, Kind
from ap_remote.semantic import SemanticIndex, candidates
from ap_remote.semantic.catalog import Catalog
from ap_remote.semantic.serving import Serving
from ap_remote.semantic.shards import Record
from ap_remote.semantic.store import EmbeddingStore

COUNT = 500
DIM = 16


def _unit(seed: int, count: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _word(text: str) -> np.ndarray:
    return _unit(zlib.crc32(text.encode()), 1)[0]


class Directions:
    """An encoder whose texts are unit vectors without a meaning."""

    spec = "directions"
    fingerprint = "00000directions0"
    dim = DIM
    device = "cpu"
    thumbnail_size = 32

    def load(self) -> None:
        """There is nothing to load."""

    def encode_texts(self, texts) -> np.ndarray:
        return np.stack([_word(text) for text in texts])


def _entry(node: str) -> Entry:
    md5 = hashlib.md5(node.encode(), usedforsecurity=False).hexdigest()
    return Entry(path=f"{node}.jpg", name=f"{node}.jpg", id=node, kind=Kind.FILE, md5=md5)


class Numbered(MemoryRemote):
    """A remote whose photographs are numbers; every filter finds those that three divides."""

    async def stat(self, target, *, fresh=False):
        return _entry(target.value)

    async def search(self, query="", **options):
        for number in range(0, COUNT, 3):
            yield _entry(str(number))


@pytest.fixture(scope="module")
def vectors():
    return _unit(1, COUNT).astype(np.float16)


@pytest.fixture(scope="module")
def index(tmp_path_factory, vectors):
    """Five hundred contents, of which every seventh belongs to no photograph any more."""
    folder = tmp_path_factory.mktemp("deep")
    with EmbeddingStore(folder, write=True) as store:
        store.begin(Directions.fingerprint, Directions.spec, DIM)
        store.append(Directions.fingerprint, vectors, [Record(_entry(str(each)).md5 or "") for each in range(COUNT)])
        living = (_entry(str(each)) for each in range(COUNT) if each % 7)
        store.point(((each.id, each.md5 or "", each.path) for each in living), complete=True)
        store.catalog.activate(Directions.fingerprint)
    index = SemanticIndex(folder, Directions())
    yield index
    index.close()


@pytest.mark.parametrize("deepest", [20, 100, 16_384])
@pytest.mark.parametrize("query", ["", "favorite:(true)"])
async def test_every_row_comes_once_and_in_order_by_pages(index, vectors, monkeypatch, deepest, query):
    monkeypatch.setattr(candidates, "DEEPEST", deepest)
    monkeypatch.setattr(candidates, "PART", 50)
    monkeypatch.setattr(candidates, "BLOCK", 64)
    wide = vectors.astype(np.float64)
    wanted, unwanted = wide @ _word("a"), wide @ _word("b")
    scores = wanted - 2 * np.maximum(0, unwanted - unwanted.mean() - unwanted.std())
    living = [each for each in range(COUNT) if (not each % 3 if query else each % 7)]
    got: dict[int, float] = {}
    pages, cursor = 0, ""
    while pages == 0 or cursor:
        answer = await index.ask(Numbered(), text="a^1 -b^2", query=query, limit=25, cursor=cursor)
        assert not got.keys() & {int(hit.entry.id) for hit in answer.hits}
        got |= {int(hit.entry.id): hit.score for hit in answer.hits}
        pages, cursor = pages + 1, answer.cursor
    assert list(got.values()) == sorted(got.values(), reverse=True)
    assert set(got) == set(living)
    assert [got[each] for each in living] == pytest.approx(scores[living], abs=2e-6)


async def test_a_row_has_one_score_whether_it_was_found_early_or_late(index, monkeypatch):
    whole = await index.ask(Numbered(), text="a^1 -b^2", limit=COUNT)
    monkeypatch.setattr(candidates, "DEEPEST", 50)
    monkeypatch.setattr(candidates, "BLOCK", 7)
    late = await index.ask(Numbered(), text="a^1 -b^2", limit=COUNT)
    assert [(hit.entry.id, hit.score) for hit in late.hits] == [(hit.entry.id, hit.score) for hit in whole.hits]


@pytest.mark.parametrize("collapse", [False, True])
@pytest.mark.parametrize("text", ["a", "a^1 -b^2"])
async def test_what_is_looked_up_at_first_changes_no_answer(index, monkeypatch, text, collapse):
    begin = index._opened.begin
    answers = []
    for is_whole in (True, False):
        monkeypatch.setattr(index._opened, "begin", lambda asked, whole=is_whole: begin(asked._replace(is_whole=whole)))
        first = await index.ask(Numbered(), text=text, limit=20, collapse=collapse)
        second = await index.ask(Numbered(), text=text, limit=60, collapse=collapse, cursor=first.cursor)
        answers.append([first, second])
    assert answers[0] == answers[1]
    assert len({hit.entry.id for answer in answers[0] for hit in answer.hits}) == 80


async def test_no_more_owners_are_looked_up_than_are_mostly_needed(index, monkeypatch):
    begin, asked_for = index._opened.begin, []
    monkeypatch.setattr(index._opened, "begin", lambda asked: begin(asked._replace(is_whole=False)))
    owners_of = Catalog.owners_of

    def counted(self, fingerprint, rows):
        asked_for.append(len(rows))
        return owners_of(self, fingerprint, rows)

    monkeypatch.setattr(Catalog, "owners_of", counted)
    assert len((await index.ask(Numbered(), text="a", query="favorite:(true)", limit=20)).hits) == 20
    assert asked_for == [20 + candidates.SPARE]


async def test_a_collapsed_answer_reads_its_vectors_once(index, monkeypatch):
    await index.ask(Numbered(), text="a")
    reads = []
    take = Serving.take
    monkeypatch.setattr(Serving, "take", lambda self, rows: reads.append(len(rows)) or take(self, rows))
    assert len((await index.ask(Numbered(), text="a", limit=20, collapse=True)).hits) == 20
    assert len(reads) == 1
