"""Several at once, in two processes' places: each has a store of its own over one folder."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import msgspec
import pytest

from ap_remote_emulator.errors import DuplicateContentError, NameTakenError, NodeNotFoundError, ServiceError
from ap_remote_emulator.library import editing, nodes, open_store, trash, uploads
from ap_remote_emulator.library.check import check_store
from ap_remote_emulator.library.views import View
from ap_remote_emulator.library.wishes import Wish

RACERS = 6


@pytest.fixture
def stores(data):
    first, second = open_store(data), open_store(data)
    with contextlib.closing(first), contextlib.closing(second):
        yield first, second


def _race(stores, *works):
    """Start all at once; return what each returned, or the refusal that it raised."""
    barrier = Barrier(len(works))

    def run(number):
        barrier.wait()
        try:
            return works[number](stores[number % len(stores)])
        except ServiceError as error:
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, range(len(works))))


def _upload(store, name, data):
    with store.blobs.receive() as upload:
        upload.write(data)
        return msgspec.json.decode(uploads.commit(store, upload, Wish(name=name)))["id"]


def _folder(store, name, *parents):
    body = {"kind": "FOLDER", "name": name, **({"parents": list(parents)} if parents else {})}
    return msgspec.json.decode(editing.create(store, body, v2=True))["id"]


def test_of_many_uploads_under_one_name_one_wins(stores):
    works = [lambda store, number=number: _upload(store, "a.txt", b"%d" % number) for number in range(RACERS)]
    found = _race(stores, *works)
    assert sum(isinstance(each, str) for each in found) == 1
    assert all(isinstance(each, str | NameTakenError) for each in found)
    assert check_store(stores[0]) == []


def test_of_many_uploads_of_one_content_one_wins(stores):
    works = [lambda store, number=number: _upload(store, f"{number}.txt", b"same") for number in range(RACERS)]
    found = _race(stores, *works)
    [winner] = [each for each in found if isinstance(each, str)]
    assert {each.info["nodeId"] for each in found if isinstance(each, DuplicateContentError)} == {winner}
    assert check_store(stores[0]) == []


@pytest.mark.parametrize("attempt", range(4))
def test_bytes_that_are_purged_while_they_come_again_are_not_lost(stores, attempt):
    first = _upload(stores[0], "a.txt", b"same")

    def again(store):
        return _upload(store, "b.txt", b"same")

    def purge(store):
        return trash.purge(store, {"nodeIds": [first]})

    works = [again, purge] if attempt % 2 else [purge, again]
    found, purged = _race(stores, *works)[:: 1 if attempt % 2 else -1]
    assert purged == {"errorMap": {}}
    assert isinstance(found, str | DuplicateContentError)
    assert check_store(stores[0]) == []


@pytest.mark.parametrize("attempt", range(4))
def test_a_move_and_a_trashing_of_its_target_leave_nothing_astray(stores, attempt):
    source, target = _folder(stores[0], "source"), _folder(stores[0], "target")
    child = _folder(stores[0], "child", source)

    def move(store):
        nodes.move(store, target, {"fromParent": source, "childId": child}, View())

    def bin_it(store):
        trash.change(store, {"op": "add", "value": [target]})

    works = (move, bin_it) if attempt % 2 else (bin_it, move)
    assert all(each is None or each.status == 400 for each in _race(stores, *works))
    assert check_store(stores[0]) == []


def test_folders_that_are_moved_into_each_other_do_not_vanish(stores):
    ids = [_folder(stores[0], name) for name in ("a", "b")]

    def into(child, parent):
        return lambda store: editing.patch(store, ids[child], {"parents": [ids[parent]]}, View())

    found = _race(stores, into(0, 1), into(1, 0))
    assert sum(isinstance(each, ServiceError) for each in found) == 1
    assert check_store(stores[0]) == []


def test_a_restore_and_a_purge_of_one_node_are_one_or_the_other(stores):
    node = _upload(stores[0], "a.txt", b"a")
    trash.change(stores[0], {"op": "add", "value": [node]})

    def restore(store):
        trash.change(store, {"op": "remove", "value": [node]})

    found, purged = _race(stores, restore, lambda store: trash.purge(store, {"nodeIds": [node]}))
    assert found is None or isinstance(found, NodeNotFoundError)
    assert purged == {"errorMap": {}}
    assert check_store(stores[0]) == []
