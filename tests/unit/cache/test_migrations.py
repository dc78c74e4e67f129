from __future__ import annotations

from pathlib import Path
from typing import Any

import lmdb
import pytest

from ap_remote.cache import migrations
from ap_remote.errors import CorruptStoreError, NewerStoreError


def rename_color(env: lmdb.Environment, txn: Any) -> None:
    table = env.open_db(b"paint", txn=txn)
    txn.put(b"colour", txn.pop(b"color", db=table), db=table)


def add_shade(env: lmdb.Environment, txn: Any) -> None:
    table = env.open_db(b"paint", txn=txn)
    txn.put(b"shade", txn.get(b"colour", db=table) + b"ish", db=table)


STEPS = {1: rename_color, 2: add_shade}


@pytest.fixture
def env(tmp_path: Path):
    with lmdb.open(str(tmp_path), max_dbs=4) as opened:
        table = opened.open_db(b"paint")
        with opened.begin(write=True) as txn:
            txn.put(b"color", b"red", db=table)
            migrations.write_version(txn, 1)
        yield opened


def content(env: lmdb.Environment) -> dict[bytes, bytes]:
    with env.begin(db=env.open_db(b"paint")) as txn:
        return dict(txn.cursor())


def test_an_old_store_is_brought_up_step_by_step(env: lmdb.Environment):
    with env.begin(write=True) as txn:
        migrations.migrate(env, txn, 1, known=3, steps=STEPS)
    assert content(env) == {b"colour": b"red", b"shade": b"redish"}
    with env.begin() as txn:
        assert migrations.read_version(txn) == 3


def test_a_step_that_fails_leaves_the_old_store(env: lmdb.Environment):
    def broken(_env: lmdb.Environment, _txn: Any) -> None:
        raise KeyError("colour")

    with pytest.raises(KeyError), env.begin(write=True) as txn:
        migrations.migrate(env, txn, 1, known=3, steps={1: rename_color, 2: broken})
    assert content(env) == {b"color": b"red"}
    with env.begin() as txn:
        assert migrations.read_version(txn) == 1


def test_a_gap_between_the_steps_is_said(env: lmdb.Environment):
    with pytest.raises(CorruptStoreError, match="format 2, which cannot be upgraded"), env.begin(write=True) as txn:
        migrations.migrate(env, txn, 1, known=3, steps={1: rename_color})


def test_nothing_is_done_about_a_newer_store(env: lmdb.Environment):
    with pytest.raises(NewerStoreError), env.begin(write=True) as txn:
        migrations.migrate(env, txn, 4, known=3, steps=STEPS)
    assert content(env) == {b"color": b"red"}


def test_every_step_up_to_this_version_exists():
    assert set(migrations.STEPS) == set(range(1, migrations.KNOWN))
