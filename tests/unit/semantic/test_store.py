from __future__ import annotations

import json
import resource
import signal
import sqlite3

import numpy as np
import pytest

from ap_remote.errors import BusyStoreError, ConfigError, CorruptStoreError, NewerStoreError, StoreError
from ap_remote.semantic.measures import Measures
from ap_remote.semantic.results import ItemFailure
from ap_remote.semantic.schema import FORMAT
from ap_remote.semantic.shards import Record
from ap_remote.semantic.store import EmbeddingStore
from tests.unit.semantic.killed import killed

ONE = "1" * 16
DIM = 4


def rows_of(start: int, count: int) -> tuple[np.ndarray, list[Record]]:
    vectors = np.eye(DIM, dtype=np.float32)[[number % DIM for number in range(start, start + count)]]
    return vectors, [Record(f"{number:032x}", (("thing", 0.5),)) for number in range(start, start + count)]


def fill(folder, start: int = 0, count: int = 3) -> None:
    with EmbeddingStore(folder, write=True) as store:
        store.begin(ONE, "planted", DIM)
        store.append(ONE, *rows_of(start, count))


def contents(folder) -> dict[str, list[float]]:
    """Return every vector by its md5, as a reader sees the store."""
    with EmbeddingStore(folder) as store:
        rows, vectors = store.vectors(store.active())
        owners = store.catalog.contents_of(ONE, (int(row) for row in rows))
        return {owners[int(row)].md5: vector.tolist() for row, vector in zip(rows, vectors, strict=True)}


def expected(count: int) -> dict[str, list[float]]:
    vectors, records = rows_of(0, count)
    return {record.md5: vector.tolist() for record, vector in zip(records, vectors, strict=True)}


def files(folder) -> list[str]:
    return sorted(file.name for file in (folder / "embeddings" / ONE).iterdir())


def test_what_was_appended_is_read_again_in_order(tmp_path):
    fill(tmp_path, 0, 3)
    fill(tmp_path, 3, 2)
    assert contents(tmp_path) == expected(5)
    with EmbeddingStore(tmp_path) as store:
        rows, vectors = store.vectors(store.active())
        assert rows.tolist() == [0, 1, 2, 3, 4]
        assert vectors.dtype == np.float16
        assert store.catalog.contents_of(ONE, [4])[4].labels == (("thing", 0.5),)


def test_a_content_keeps_its_first_row(tmp_path):
    fill(tmp_path, 0, 3)
    fill(tmp_path, 1, 4)
    assert contents(tmp_path) == expected(5)


def test_a_second_writer_is_refused_and_a_reader_is_not(tmp_path):
    fill(tmp_path)
    with EmbeddingStore(tmp_path, write=True):
        with pytest.raises(BusyStoreError, match="another process"):
            EmbeddingStore(tmp_path, write=True)
        assert contents(tmp_path) == expected(3)
    EmbeddingStore(tmp_path, write=True).close()


_SECOND_BUILDER = """
from ap_remote.errors import BusyStoreError
from ap_remote.semantic.store import EmbeddingStore

try:
    EmbeddingStore(folder, write=True)
except BusyStoreError as exc:
    print(exc)
with EmbeddingStore(folder) as reader:
    print(reader.watermark("1" * 16).rows)
"""


def test_a_writer_of_another_process_is_refused_and_a_reader_is_not(tmp_path):
    fill(tmp_path)
    with EmbeddingStore(tmp_path, write=True):
        refused = killed(tmp_path, 0, _SECOND_BUILDER)
    assert refused.returncode == 0, refused.stderr
    sentence, rows, lived = refused.stdout.splitlines()
    assert "another" in sentence
    assert (rows, lived) == ("3", "lived")
    free = killed(tmp_path, 0, _SECOND_BUILDER)
    assert free.stdout.splitlines() == ["3", "lived"]


def test_a_reader_of_nothing_is_told_to_build(tmp_path):
    with pytest.raises(StoreError, match="ap index build"):
        EmbeddingStore(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_newer_catalogue_is_left_untouched(tmp_path):
    fill(tmp_path)
    with sqlite3.connect(tmp_path / "catalog.sqlite") as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    for write in (False, True):
        with pytest.raises(NewerStoreError) as caught:
            EmbeddingStore(tmp_path, write=write)
        assert (caught.value.found, caught.value.known) == (9, FORMAT)
    assert files(tmp_path) == ["meta.json", "shard-000000.json", "shard-000000.npy"]


@pytest.mark.parametrize("name", ["meta.json", "shard-000001.json"])
def test_newer_vectors_are_left_untouched(tmp_path, name):
    fill(tmp_path)
    folder = tmp_path / "embeddings" / ONE
    (folder / "shard-000001.npy").write_bytes(b"of the future")
    (folder / name).write_text(json.dumps({"format": 2}))
    with EmbeddingStore(tmp_path, write=True) as store, pytest.raises(NewerStoreError):
        store.begin(ONE, "planted", DIM)
    assert (folder / "shard-000001.npy").read_bytes() == b"of the future"


FIRST_FORMAT = """
CREATE TABLE generations (
    fingerprint TEXT PRIMARY KEY, encoder TEXT NOT NULL, dim INTEGER NOT NULL, active INTEGER NOT NULL DEFAULT 0,
    changes INTEGER NOT NULL, updated TEXT
) STRICT;
CREATE TABLE rows (
    fingerprint TEXT NOT NULL, row INTEGER NOT NULL, md5 TEXT NOT NULL, shard INTEGER NOT NULL,
    position INTEGER NOT NULL, labels TEXT NOT NULL, PRIMARY KEY (fingerprint, row), UNIQUE (fingerprint, md5)
) STRICT, WITHOUT ROWID;
CREATE TABLE nodes (id TEXT PRIMARY KEY, md5 TEXT NOT NULL, path TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX nodes_by_md5 ON nodes (md5);
CREATE TABLE failures (
    fingerprint TEXT NOT NULL, md5 TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, path TEXT NOT NULL,
    tries INTEGER NOT NULL, PRIMARY KEY (fingerprint, md5)
) STRICT, WITHOUT ROWID;
INSERT INTO generations VALUES ('1111111111111111', 'planted', 4, 1, 77, NULL);
PRAGMA user_version = 1;
"""


def test_a_catalogue_of_the_first_format_is_brought_up_to_date_and_no_vector_is_lost(tmp_path):
    fill(tmp_path, 0, 3)
    fill(tmp_path, 3, 2)
    (tmp_path / "catalog.sqlite").unlink()
    with sqlite3.connect(tmp_path / "catalog.sqlite") as db:
        db.executescript(FIRST_FORMAT)
        for row in range(5):
            shard, position = divmod(row, 3)
            db.execute(
                "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?)",
                (ONE, row, f"{row:032x}", shard, position, '[["thing",0.5]]'),
            )
    db.close()
    assert contents(tmp_path) == expected(5)
    fill(tmp_path, 5, 1)
    assert contents(tmp_path) == expected(6)
    with EmbeddingStore(tmp_path) as store:
        assert store.catalog.contents_of(ONE, [4])[4].labels == (("thing", 0.5),)
        assert store.watermark(ONE).changes > 77


def test_what_was_measured_and_the_frames_of_a_video_are_kept_and_made_again_from_the_shards(tmp_path):
    vectors, _ = rows_of(0, 3)
    most = (1 << 64) - 1
    records = [
        Record("a" * 32, (), Measures(most, 1, 12.5, 200.0)),
        Record("b" * 32, (), Measures(1 << 63, 0, 0.0, 1.0), 0, 0.0),
        Record("b" * 32, (), Measures(7, 8, 9.0, 10.0), 1, 2.5),
    ]
    with EmbeddingStore(tmp_path, write=True) as store:
        store.begin(ONE, "planted", DIM)
        store.append(ONE, vectors, records)
    for _ in range(2):
        with EmbeddingStore(tmp_path, write=True) as store:
            store.begin(ONE, "planted", DIM)
            assert list(store.catalog.contents_of(ONE, range(3)).values()) == records
            assert store.catalog.rows_of(ONE, ["b" * 32]) == {"b" * 32: 1}
            assert sorted(store.catalog.all_rows_of(ONE, ["b" * 32])) == [1, 2]
        (tmp_path / "catalog.sqlite").unlink()


@pytest.mark.parametrize("place", ["memory://vectors/{name}", "file://{folder}/elsewhere"])
def test_vectors_may_lie_on_any_filesystem_and_the_rest_is_made_again_from_them(tmp_path, place):
    address = place.format(name=tmp_path.name, folder=tmp_path)
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, start in ((here, 0), (there, 3)):
        with EmbeddingStore(folder, write=True, vectors=address) as store:
            store.begin(ONE, "planted", DIM)
            store.append(ONE, *rows_of(start, 3))
    assert not (here / "embeddings").exists()
    with EmbeddingStore(there, vectors=address) as store:
        assert store.watermark(ONE).rows == 6
        _, vectors = store.vectors(store.active())
        assert vectors.tolist() == list(expected(6).values())
        assert store.stored(store.active()).take(np.asarray([4]))[0].tolist() == list(expected(6).values())[4]
        assert store.size(ONE) > 0


def test_an_address_that_no_filesystem_takes_is_refused(tmp_path):
    with (
        EmbeddingStore(tmp_path, write=True, vectors="nosuch://host/vectors") as store,
        pytest.raises(ConfigError, match="nosuch://host/vectors"),
    ):
        store.begin(ONE, "planted", DIM)


def test_vectors_of_another_encoder_in_the_folder_are_refused(tmp_path):
    fill(tmp_path)
    with EmbeddingStore(tmp_path, write=True) as store, pytest.raises(CorruptStoreError):
        store.begin(ONE, "planted", DIM + 1)


def test_a_whole_shard_that_no_catalogue_knows_is_adopted(tmp_path):
    fill(tmp_path, 0, 3)
    (tmp_path / "catalog.sqlite").unlink()
    with EmbeddingStore(tmp_path, write=True) as store:
        store.begin(ONE, "planted", DIM)
    assert contents(tmp_path) == expected(3)


@pytest.mark.parametrize("missing", [".json", ".npy"])
def test_half_a_shard_is_swept(tmp_path, missing):
    fill(tmp_path, 0, 3)
    fill(tmp_path, 3, 2)
    (tmp_path / "catalog.sqlite").unlink()
    (tmp_path / "embeddings" / ONE / f"shard-000001{missing}").unlink()
    (tmp_path / "embeddings" / ONE / "shard-000002.npy.partial").write_bytes(b"torn")
    with EmbeddingStore(tmp_path, write=True) as store:
        store.begin(ONE, "planted", DIM)
    assert contents(tmp_path) == expected(3)
    assert files(tmp_path) == ["meta.json", "shard-000000.json", "shard-000000.npy"]


def test_a_shard_with_a_flipped_bit_is_not_adopted(tmp_path):
    fill(tmp_path, 0, 3)
    (tmp_path / "catalog.sqlite").unlink()
    file = tmp_path / "embeddings" / ONE / "shard-000000.npy"
    body = bytearray(file.read_bytes())
    body[-1] ^= 1
    file.write_bytes(body)
    with EmbeddingStore(tmp_path, write=True) as store:
        store.begin(ONE, "planted", DIM)
        assert store.watermark(ONE).rows == 0


def test_rows_of_a_lost_shard_are_forgotten_so_that_they_are_made_again(tmp_path):
    fill(tmp_path, 0, 3)
    fill(tmp_path, 3, 2)
    (tmp_path / "embeddings" / ONE / "shard-000001.npy").unlink()
    with pytest.raises(CorruptStoreError, match="ap index build"):
        contents(tmp_path)
    with EmbeddingStore(tmp_path, write=True) as store:
        before = store.watermark(ONE)
        store.begin(ONE, "planted", DIM)
        assert store.catalog.known(ONE) == set(expected(3))
        store.append(ONE, *rows_of(3, 2))
        after = store.watermark(ONE)
    assert contents(tmp_path) == expected(5)
    assert after.rows == before.rows
    assert after != before


def test_a_damaged_catalogue_is_said_by_a_reader_and_made_again_by_a_writer(tmp_path):
    fill(tmp_path)
    (tmp_path / "catalog.sqlite").write_bytes(b"this was a database" * 400)
    with pytest.raises(CorruptStoreError, match="ap index build"):
        EmbeddingStore(tmp_path)
    with EmbeddingStore(tmp_path, write=True) as store:
        store.begin(ONE, "planted", DIM)
    assert contents(tmp_path) == expected(3)
    assert (tmp_path / "catalog.sqlite.damaged").exists()


def test_a_full_disk_leaves_nothing_half_written(tmp_path):
    fill(tmp_path, 0, 3)
    before = files(tmp_path)
    with EmbeddingStore(tmp_path, write=True) as store:
        store.begin(ONE, "planted", DIM)
        with _small_files(4096), pytest.raises(StoreError, match="nothing half-written"):
            store.append(ONE, *rows_of(3, 4000))
    assert files(tmp_path) == before
    assert contents(tmp_path) == expected(3)
    fill(tmp_path, 3, 4000)
    assert contents(tmp_path) == expected(4003)


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "place").write_bytes(b"a file")
    with pytest.raises(StoreError):
        EmbeddingStore(tmp_path / "place" / "index", write=True)


def test_failures_are_kept_by_content_until_they_are_encoded(tmp_path):
    vectors, records = rows_of(0, 1)
    with EmbeddingStore(tmp_path, write=True) as store:
        store.begin(ONE, "planted", DIM)
        failure = ItemFailure(path="a.jpg", reason="the file is empty")
        store.fail(ONE, records[0].md5, failure)
        assert store.catalog.failures(ONE) == {records[0].md5: failure}
        store.append(ONE, vectors, records)
        assert store.catalog.failures(ONE) == {}


_FILLING = """
    from tests.unit.semantic.test_store import fill
    catalog.Catalog.add_rows = counted(catalog.Catalog.add_rows)
    fill(folder, 3, 2)
"""


@pytest.mark.parametrize("step", range(1, 9))
def test_a_writer_killed_between_any_two_steps_loses_nothing_and_leaves_nothing_torn(tmp_path, step):
    fill(tmp_path, 0, 3)
    ran = killed(tmp_path, step, _FILLING)
    assert contents(tmp_path) in (expected(3), expected(5))
    if ran.returncode == 0:
        assert ran.stdout == "lived\n"
        assert step == 8
    else:
        assert ran.returncode == -signal.SIGKILL, ran.stderr
    fill(tmp_path, 3, 2)
    assert contents(tmp_path) == expected(5)
    assert not [name for name in files(tmp_path) if name.endswith(".partial")]
    with EmbeddingStore(tmp_path) as store:
        assert store.catalog.watermark(ONE).rows == 5


class _small_files:  # noqa: N801 - reads as a statement
    """Within it no file may grow past a size: what a full disk does to a write."""

    def __init__(self, size):
        self._size = size

    def __enter__(self):
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)
        self._handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._size, self._before[1]))

    def __exit__(self, *caught):
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)
        signal.signal(signal.SIGXFSZ, self._handler)
