"""A cache of the first format, as that version wrote it, comes up to date with everything in it."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lmdb
import msgspec
import pytest

from ap_remote.cache import NodeCache, format_1, keys, migrations
from ap_remote.cache.env import Store
from ap_remote.errors import CorruptStoreError
from ap_remote.model import Entry, Kind, Media, Place, Status
from ap_remote.query import parse_search
from ap_remote.remote import paths

START = datetime(2020, 1, 1, tzinfo=UTC)
COUNT = 3000


def row(number: int) -> format_1.Row:
    return format_1.Row(
        kind=0,
        status=1 if number % 10 == 9 else 0,
        id=f"n{number}",
        name=f"IMG_{number:05d}.jpg",
        version=2,
        size=number,
        md5=f"{number:032x}",
        modified=START,
        created=START + timedelta(minutes=number),
        taken=None if number % 3 == 0 else START + timedelta(days=number),
        content_type="image/jpeg",
        parents=("root",),
        owner_id="A1",
        favorite=number % 2 == 0,
        hidden=False,
        things=("dog",),
        media=format_1.MediaRow(width=4, place=format_1.PlaceRow(city="Rome"), exif={"a": "b"}),
        properties={"app": {"k": "v"}},
    )


def write(folder: Path) -> None:
    """Write what version 1 wrote: arrays in ``nodes`` and ``children``, and an index ``dates`` of files alone."""
    root = msgspec.structs.replace(
        row(0), kind=1, id="root", name="", md5=None, taken=None, content_type=None, parents=(), media=None
    )
    with lmdb.open(str(folder), max_dbs=16, map_size=64 << 20) as env, env.begin(write=True) as txn:
        names = ("nodes", "children", "md5", "dates", "seen", "listed", "recent", "meta")
        tables: dict[str, Any] = {name: env.open_db(name.encode(), txn=txn) for name in names}
        for each in (root, *map(row, range(COUNT))):
            raw = msgspec.msgpack.encode(each)
            key = each.id.encode()
            txn.put(key, raw, db=tables["nodes"])
            txn.put(key, struct.pack(">Q", 7), db=tables["seen"])
            if each.md5:
                txn.put(keys.digest(each.md5, each.id), b"", db=tables["md5"])
            if each.status == 0:
                parent = each.parents[0] if each.parents else ""
                txn.put(keys.child(parent, paths.fold(each.name), each.id), raw, db=tables["children"])
                when = each.taken or each.created
                if when is not None:
                    txn.put(struct.pack(">Q", keys.instant(when)) + key, b"", db=tables["dates"])
        state = {"generation": 7, "checkpoint": "c", "completed": 1000.0}
        txn.put(b"root", b"root", db=tables["meta"])
        txn.put(b"state", msgspec.msgpack.encode(state), db=tables["meta"])
        txn.put(b"completed", struct.pack(">d", 1000.0), db=tables["meta"])
        txn.put(migrations.SCHEMA, b"1")


@pytest.fixture
def old(folder: Path) -> Path:
    folder.mkdir()
    write(folder)
    return folder


def test_nothing_is_lost(old: Path):
    cache = NodeCache(old)
    assert cache.count() == COUNT + 1
    assert cache.stat("img_00001.JPG") == Entry(
        path="IMG_00001.jpg",
        name="IMG_00001.jpg",
        id="n1",
        kind=Kind.FILE,
        version=2,
        size=1,
        md5=f"{1:032x}",
        modified=START,
        created=START + timedelta(minutes=1),
        taken=START + timedelta(days=1),
        content_type="image/jpeg",
        parents=("root",),
        owner_id="A1",
        things=("dog",),
        media=Media(width=4, place=Place(city="Rome"), exif={"a": "b"}),
        properties={"app": {"k": "v"}},
    )
    trashed = cache.get("n9")
    assert trashed is not None
    assert trashed.status is Status.TRASHED
    assert len(cache.children("root")) == COUNT - COUNT // 10
    assert [each.id for each in cache.by_md5(f"{5:032x}")] == ["n5"]
    assert cache.completed_since(1000.0)
    state = cache.sync_state()
    assert (state.generation, state.checkpoint, state.walk) == (7, "c", None)
    cache.close()


def test_the_new_indexes_are_built(old: Path):
    cache = NodeCache(old)
    alive = [number for number in range(COUNT) if number % 10 != 9]
    assert cache.tally(parse_search("type:(PHOTOS)")) == len(alive)
    in_2021 = [n for n in alive if n % 3 and (START + timedelta(days=n)).year == 2021]
    assert cache.tally(parse_search("type:(PHOTOS) timeYear:(2021)")) == len(in_2021)
    assert len(cache.by_date()) == len(alive)
    assert [each.id for each in cache.by_date(stop=START + timedelta(minutes=7))] == ["n0", "n3", "n6"]
    cache.close()


def test_the_map_grows_during_the_upgrade(old: Path):
    cache = NodeCache(old, map_size=(old / "data.mdb").stat().st_size)
    assert cache.count() == COUNT + 1
    cache.close()


def test_an_upgrade_that_fails_leaves_the_old_cache(old: Path):
    with lmdb.open(str(old), max_dbs=16, map_size=64 << 20) as env, env.begin(write=True) as txn:
        nodes = env.open_db(b"nodes", txn=txn)
        whole = txn.get(b"n500", db=nodes)
        txn.put(b"n500", b"garbage", db=nodes)
    with pytest.raises(CorruptStoreError):
        NodeCache(old).count()
    with lmdb.open(str(old), max_dbs=16, map_size=64 << 20) as env, env.begin(write=True) as txn:
        assert txn.get(migrations.SCHEMA) == b"1"
        txn.put(b"n500", whole, db=env.open_db(b"nodes", txn=txn))
    assert NodeCache(old).count() == COUNT + 1


def test_a_table_that_is_no_more_is_gone(old: Path):
    store = Store(old, ("nodes",))
    store.read(lambda _txn, _tables: None)
    store.close()
    with lmdb.open(str(old), max_dbs=16) as env, env.begin() as txn:
        names = {bytes(key) for key in txn.cursor().iternext(keys=True, values=False)}
    assert b"times" in names
    assert b"dates" not in names
