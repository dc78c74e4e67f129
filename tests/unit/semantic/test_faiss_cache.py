from __future__ import annotations

import logging
import signal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from ap_remote.semantic import tiers
from ap_remote.semantic.faiss_index import open_index
from ap_remote.semantic.index_cache import keep_choice
from ap_remote.semantic.rows import Watermark
from ap_remote.semantic.tiers import Choice, Tier
from ap_remote.semantic.vectors import ExactIndex
from tests.contracts.vector_index import CLOSE, DIM, planted, queries
from tests.unit.semantic.killed import killed


class Source:
    """A store of forty vectors that counts how often it is read."""

    def __init__(self):
        self.reads = 0

    def load(self):
        self.reads += 1
        return planted(40)


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def reopen(tmp_path, source):
    def again(*, changes=5, fingerprint="f" * 16):
        return open_index(
            tmp_path / "index",
            fingerprint=fingerprint,
            dim=DIM,
            watermark=Watermark(40, changes),
            load=source.load,
        )

    return again


def test_a_cached_index_answers_as_the_one_that_was_built(reopen, source):
    built = reopen().search(queries(3), 5)
    again = reopen().search(queries(3), 5)
    assert source.reads == 1
    assert np.array_equal(built.rows, again.rows)
    assert np.array_equal(built.scores, again.scores)


@pytest.mark.parametrize("change", [{"changes": 6}, {"fingerprint": "e" * 16}], ids=["rows changed", "other encoder"])
def test_an_index_that_does_not_show_the_store_is_built_anew(reopen, source, change):
    reopen()
    reopen(**change)
    assert source.reads == 2


@pytest.mark.parametrize("damage", [b"", b"garbage", None], ids=["emptied", "overwritten", "one bit"])
def test_a_damaged_file_is_never_handed_to_faiss_and_is_built_anew(reopen, source, tmp_path, damage, caplog):
    before = reopen().search(queries(1), 5)
    file = tmp_path / "index" / "index.faiss"
    body = bytearray(file.read_bytes())
    body[len(body) // 2] ^= 1
    file.write_bytes(bytes(body) if damage is None else damage)
    with caplog.at_level(logging.WARNING):
        after = reopen().search(queries(1), 5)
    assert source.reads == 2
    assert "damaged" in caplog.text
    assert np.array_equal(before.rows, after.rows)
    reopen()
    assert source.reads == 2


@pytest.mark.parametrize("name", ["index.faiss", "manifest.json"])
def test_a_missing_file_is_made_again(reopen, source, tmp_path, name):
    reopen()
    (tmp_path / "index" / name).unlink()
    reopen()
    assert source.reads == 2
    assert (tmp_path / "index" / name).exists()


def test_a_manifest_that_is_no_manifest_is_made_again(reopen, source, tmp_path):
    reopen()
    (tmp_path / "index" / "manifest.json").write_bytes(b"[]")
    reopen()
    assert source.reads == 2
    assert msgspec.json.decode((tmp_path / "index" / "manifest.json").read_bytes())["count"] == 40


def test_an_index_that_cannot_be_cached_still_answers(reopen, source, tmp_path, caplog):
    (tmp_path / "index").write_bytes(b"a file where the folder should be")
    assert reopen().search(queries(1), 5).rows.shape == (1, 5)
    assert "not cached" in caplog.text


class Changing:
    """A store whose rows come and go."""

    def __init__(self, count=400):
        self.rows, self.vectors = planted(count)
        self.changes = 0

    def load(self):
        return self.rows, self.vectors

    def add(self, count):
        random = np.random.default_rng(99)
        new = random.normal(size=(count, DIM))
        new /= np.linalg.norm(new, axis=1, keepdims=True)
        self.rows = np.concatenate([self.rows, self.rows.max() + 1 + np.arange(count)])
        self.vectors = np.concatenate([self.vectors, new.astype(np.float16)])

    def remove(self, *positions):
        self.rows, self.vectors = np.delete(self.rows, positions), np.delete(self.vectors, positions, axis=0)

    def replace(self, position):
        self.vectors = self.vectors.copy()
        self.vectors[position] = -self.vectors[position]


@pytest.fixture
def changing():
    return Changing()


@pytest.fixture
def count_made(monkeypatch):
    made = []
    make = tiers.made

    def counted(tier, stored, dim):
        made.append(len(stored.rows))
        return make(tier, stored, dim)

    monkeypatch.setattr(tiers, "made", counted)
    monkeypatch.setattr(tiers, "FEWEST_ROWS", 10)
    return made


def opened(folder, store, tier=None):
    store.changes += 1
    mark = Watermark(len(store.rows), store.changes)
    return open_index(folder, fingerprint="f" * 16, dim=DIM, watermark=mark, load=store.load, tier=tier)


def shows(index, store):
    exact = ExactIndex(store.rows, store.vectors).search(queries(4), len(store.rows))
    found = index.search(queries(4), len(store.rows))
    assert np.array_equal(np.sort(found.rows), np.sort(exact.rows))
    assert np.allclose(found.scores, exact.scores, atol=CLOSE)
    few = index.search(queries(4), 3)
    assert np.array_equal(few.rows, exact.rows[:, :3])
    assert (index.size, index.span) == (len(store.rows), int(store.rows.max()) + 1)


@pytest.mark.parametrize("tier", ["exact", "ivf", "ivf-sq8", "hnsw"])
def test_rows_that_were_appended_are_added_to_the_cached_index(tmp_path, changing, count_made, tier):
    shows(opened(tmp_path, changing, tier), changing)
    changing.add(30)
    shows(opened(tmp_path, changing, tier), changing)
    shows(opened(tmp_path, changing, tier), changing)
    assert count_made == [400]
    manifest = msgspec.json.decode((tmp_path / "manifest.json").read_bytes())
    assert (manifest["count"], manifest["trained"]) == (430, 400)


@pytest.mark.parametrize(("tier", "made"), [("exact", [400]), ("ivf", [400]), ("hnsw", [400, 395])])
def test_rows_that_went_are_taken_out_or_where_that_cannot_be_all_is_made_anew(
    tmp_path, changing, count_made, tier, made
):
    opened(tmp_path, changing, tier)
    changing.remove(0, 7, 8, 200, 399)
    shows(opened(tmp_path, changing, tier), changing)
    assert count_made == made


@pytest.mark.parametrize("tier", ["exact", "ivf"])
def test_a_row_number_that_was_given_to_another_content_is_answered_with_the_new_one(
    tmp_path, changing, count_made, tier
):
    opened(tmp_path, changing, tier)
    changing.replace(399)
    changing.add(2)
    shows(opened(tmp_path, changing, tier), changing)
    assert count_made == [400]


def test_an_index_of_which_much_changed_is_made_anew(tmp_path, changing, count_made):
    opened(tmp_path, changing)
    changing.add(100)
    shows(opened(tmp_path, changing), changing)
    assert count_made == [400, 500]


def test_cells_are_made_anew_when_the_library_has_doubled(tmp_path, changing, count_made):
    opened(tmp_path, changing, "ivf")
    for _ in range(7):
        changing.add(60)
        opened(tmp_path, changing, "ivf")
    assert count_made == [400, 820]


@pytest.mark.parametrize("damage", ["rows.npy", "index.faiss"])
def test_an_index_is_not_mended_where_what_is_in_it_is_not_known(tmp_path, changing, count_made, damage):
    opened(tmp_path, changing)
    changing.add(5)
    body = bytearray((tmp_path / damage).read_bytes())
    body[-1] ^= 1
    (tmp_path / damage).write_bytes(bytes(body))
    shows(opened(tmp_path, changing), changing)
    assert count_made == [400, 405]


def test_another_tier_makes_another_index(tmp_path, changing, count_made):
    opened(tmp_path, changing)
    assert opened(tmp_path, changing, "ivf").tier.name == "ivf"
    assert opened(tmp_path, changing).tier.name == "exact"
    assert count_made == [400, 400, 400]


def test_what_was_measured_decides_over_the_tier(tmp_path, changing, count_made):
    keep_choice(tmp_path, Choice(exact_rows=100, few_rows=5, tier="ivf", effort=3))
    index = opened(tmp_path, changing)
    assert index.tier == Tier(name="ivf", effort=3)
    (tmp_path / "tuning.json").write_bytes(b"{}")
    assert opened(tmp_path, changing).tier.name == "exact"


def test_an_index_in_use_stays_good_while_another_takes_its_place(tmp_path, changing, count_made):
    first = opened(tmp_path, changing)
    before = first.search(queries(2), 5)
    changing.add(30)
    opened(tmp_path, changing)
    assert np.array_equal(first.search(queries(2), 5).rows, before.rows)


def test_a_foreign_file_with_a_manifest_of_ours_is_made_anew(tmp_path, changing, count_made, caplog):
    other = tmp_path / "other"
    opened(other, Changing(90))
    opened(tmp_path, changing)
    (tmp_path / "index.faiss").write_bytes((other / "index.faiss").read_bytes())
    changing.changes -= 1
    shows(opened(tmp_path, changing), changing)
    assert "damaged" in caplog.text


def test_an_index_that_does_not_fit_on_the_disk_still_answers(tmp_path, changing, count_made, monkeypatch, caplog):
    import faiss

    def full(index, name):
        Path(name).write_bytes(b"half")
        raise RuntimeError("Error in fwrite: No space left on device")

    monkeypatch.setattr(faiss, "write_index", full)
    shows(opened(tmp_path, changing), changing)
    assert "not cached" in caplog.text
    assert list(tmp_path.iterdir()) == []


_CACHING = """
from ap_remote.semantic.faiss_index import open_index
from ap_remote.semantic.rows import Watermark
from tests.contracts.vector_index import DIM, planted

open_index(folder, fingerprint="f" * 16, dim=DIM, watermark=Watermark(40, 7), load=lambda: planted(40))
"""


def test_an_index_whose_writing_is_killed_at_any_step_is_made_again(tmp_path, reopen):
    right = reopen(changes=5).search(queries(3), 5)
    for step in range(1, 30):
        reopen(changes=5)  # what the killed process replaces
        ran = killed(tmp_path / "index", step, _CACHING)
        found = reopen(changes=7).search(queries(3), 5)
        assert np.array_equal(right.rows, found.rows)
        if ran.returncode == 0:
            break
        assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert ran.stdout == "lived\n"
    assert step > 4, "it was killed at some steps"
