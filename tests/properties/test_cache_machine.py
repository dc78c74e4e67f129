"""The node cache against a dict that knows the rules and nothing of LMDB."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ap_remote.cache import NodeCache
from ap_remote.model import Entry, Kind, Status
from ap_remote.remote.paths import fold

FOLDERS = ("A", "B", "C")
FILES = tuple("uvwxyz")
NAMES = ("one.jpg", "ONE.jpg", "two", "é", "x" * 250 + "1", "é" * 250)
START = datetime(2020, 1, 1, tzinfo=UTC)

entries = st.builds(
    Entry,
    path=st.just(""),
    name=st.sampled_from(NAMES),
    id=st.sampled_from(FILES),
    kind=st.just(Kind.FILE),
    version=st.integers(0, 4),
    status=st.sampled_from([Status.AVAILABLE, Status.AVAILABLE, Status.TRASHED]),
    parents=st.lists(st.sampled_from(("root", *FOLDERS)), min_size=1, max_size=3, unique=True).map(tuple),
    md5=st.sampled_from([None, "0" * 32, "f" * 32]),
    taken=st.integers(0, 5).map(lambda days: START + timedelta(days=days)),
)


class CacheMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.cache = NodeCache(self.folder)
        self.model: dict[str, Entry] = {}
        self.seen: set[str] | None = None

    def teardown(self) -> None:
        self.cache.close()
        shutil.rmtree(self.folder)

    @initialize()
    def plant(self) -> None:
        self.cache.put_root(Entry(path="", name="", id="root", kind=Kind.FOLDER))
        self.cache.put(
            [Entry(path="", name=name, id=name, kind=Kind.FOLDER, parents=("root",)) for name in FOLDERS],
        )

    def accept(self, entry: Entry, *, equal: bool) -> bool:
        """Apply the rule of versions to the model."""
        if self.seen is not None:
            self.seen.add(entry.id)
        old = self.model.get(entry.id)
        if old is not None and (entry.version < old.version or (entry.version == old.version and not equal)):
            return False
        self.model[entry.id] = entry
        return entry != old

    @rule(batch=st.lists(entries, max_size=4), equal=st.booleans())
    def put(self, batch: list[Entry], equal: bool) -> None:  # noqa: FBT001 - hypothesis fills it
        expected = sum(self.accept(entry, equal=equal) for entry in batch)
        assert self.cache.put(batch, replace_equal=equal) == expected

    @rule(ids=st.lists(st.sampled_from(FILES), max_size=3, unique=True))
    def remove(self, ids: list[str]) -> None:
        assert self.cache.remove(ids) == len(self.model.keys() & set(ids))
        for each in ids:
            self.model.pop(each, None)

    @rule(folder=st.sampled_from(FOLDERS), batch=st.lists(entries, max_size=4, unique_by=lambda entry: entry.id))
    def list_folder(self, folder: str, batch: list[Entry]) -> None:
        shown = [msgspec.structs.replace(entry, parents=(folder,), status=Status.AVAILABLE) for entry in batch]
        before = {key for key, each in self.model.items() if folder in each.parents and each.status is Status.AVAILABLE}
        self.cache.put_children(folder, shown, 1.0)
        for entry in shown:
            self.accept(entry, equal=True)
        for key in before - {entry.id for entry in shown}:
            rest = tuple(each for each in self.model[key].parents if each != folder)
            if rest:
                self.model[key] = msgspec.structs.replace(self.model[key], parents=rest)
            else:
                del self.model[key]

    @rule()
    def begin_sync(self) -> None:
        self.cache.begin_sync()
        self.seen = set()

    @precondition(lambda self: self.seen is not None)
    @rule()
    def finish_sync(self) -> None:
        assert self.seen is not None
        self.cache.put(self.cache.get_many(FOLDERS).values())
        gone = [key for key in self.model if key not in self.seen]
        assert self.cache.finish_sync(began=1.0) == len(gone)
        for key in gone:
            del self.model[key]
        self.seen = None

    @rule()
    def close_and_open_again(self) -> None:
        self.cache.close()
        self.cache = NodeCache(self.folder)

    @invariant()
    def every_index_tells_the_same(self) -> None:
        available = {key: each for key, each in self.model.items() if each.status is Status.AVAILABLE}
        found = self.cache.get_many(FILES)
        assert {key: msgspec.structs.replace(each, path="") for key, each in found.items()} == self.model
        for folder in ("root", *FOLDERS):
            expected = sorted((fold(each.name), key) for key, each in available.items() if folder in each.parents)
            listed = [(fold(each.name), each.id) for each in self.cache.children(folder) if each.id in FILES]
            assert listed == expected
            prefix = "" if folder == "root" else folder + "/"
            by_name = {name: {key for other, key in expected if other == name} for name, _ in expected}
            for name, keys in by_name.items():
                exact = {key for key in keys if available[key].name == name}
                (only,) = keys if len(keys) == 1 else exact if len(exact) == 1 else {None}
                assert self.cache.resolve(prefix + name) == only
        for md5 in ("0" * 32, "f" * 32):
            assert {each.id for each in self.cache.by_md5(md5)} == {
                key for key, each in self.model.items() if each.md5 == md5
            }
        dated = sorted((each.taken, key) for key, each in available.items() if each.taken is not None)
        assert [(each.taken, each.id) for each in self.cache.by_date()] == dated


CacheMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestNodeCache = CacheMachine.TestCase
