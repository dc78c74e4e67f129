"""Any sequence of changes leaves a library whose rows, names, stored JSON and blobs agree, and loses no bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote_emulator.errors import ServiceError
from ap_remote_emulator.library import editing, nodes, open_store, trash, uploads
from ap_remote_emulator.library.changes import changes
from ap_remote_emulator.library.check import check_store
from ap_remote_emulator.library.views import View

_PICK = st.integers(0, 30)
_NAME = st.sampled_from(["a", "A", "b.txt", "c"])
_STEPS = st.one_of(
    st.tuples(st.just("folder"), _PICK, _NAME),
    st.tuples(st.just("upload"), _PICK, _NAME, st.integers(0, 6), st.booleans()),
    st.tuples(st.just("album"), _NAME),
    st.tuples(st.just("rename"), _PICK, _NAME),
    st.tuples(st.just("place"), _PICK, _PICK),
    st.tuples(st.just("add"), _PICK, _PICK),
    st.tuples(st.just("remove"), _PICK, _PICK),
    st.tuples(st.just("trash"), _PICK),
    st.tuples(st.just("trash"), _PICK),
    st.tuples(st.just("restore"), _PICK, st.booleans()),
    st.tuples(st.just("purge"), _PICK, st.booleans()),
)


class Walk:
    """Applies steps to a library and remembers what was promised about its files."""

    def __init__(self, store):
        self.store = store
        with store.read() as connection:
            self.ids = [row[0] for row in connection.execute("SELECT id FROM nodes ORDER BY seq")]
        self.content = {}

    def pick(self, number):
        return self.ids[number % len(self.ids)]

    def keep(self, node):
        self.ids.append(msgspec.json.decode(node)["id"])
        return self.ids[-1]

    def folder(self, parent, name):
        body = {"kind": "FOLDER", "name": name, "parents": [self.pick(parent)]}
        self.keep(editing.create(self.store, body, v2=True))

    def album(self, name):
        self.keep(editing.create(self.store, {"kind": "VISUAL_COLLECTION", "name": name}, v2=True))

    def upload(self, parent, name, content, rename):
        wish = uploads.Wish(name=name, parent_id=self.pick(parent), rename=rename)
        data = b"%d" % content
        with self.store.blobs.receive() as upload:
            upload.write(data)
            self.content[self.keep(uploads.commit(self.store, upload, wish))] = data

    def rename(self, node, name):
        editing.patch(self.store, self.pick(node), {"name": name}, View())

    def place(self, node, parent):
        editing.patch(self.store, self.pick(node), {"parents": [self.pick(parent)]}, View())

    def add(self, parent, child):
        nodes.change_children(self.store, self.pick(parent), {"op": "add", "value": [self.pick(child)]}, View())

    def remove(self, parent, child):
        nodes.change_children(self.store, self.pick(parent), {"op": "remove", "value": [self.pick(child)]}, View())

    def trash(self, node):
        trash.change(self.store, {"op": "add", "value": [self.pick(node)]})

    def restore(self, node, rename):
        how = "RENAME" if rename else ""
        trash.change(self.store, {"op": "remove", "value": [self.pick(node)], "conflictResolution": how})

    def purge(self, node, recurse):
        trash.purge(self.store, {"nodeIds": [self.pick(node)], "recurse": recurse})
        with self.store.read() as connection:
            left = {row[0] for row in connection.execute("SELECT id FROM nodes")}
        self.ids = [node_id for node_id in self.ids if node_id in left]
        self.content = {node_id: data for node_id, data in self.content.items() if node_id in left}


def _try(walk, verb, arguments):
    try:
        getattr(walk, verb)(*arguments)
    except ServiceError as error:
        return error
    return None


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(_STEPS, min_size=5, max_size=40))
def test_any_changes_leave_a_sound_library(steps):
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "data")
        walk = Walk(store)
        mirror, checkpoint = {}, {}
        for verb, *arguments in steps:
            refused = _try(walk, verb, arguments)
            assert refused is None or 400 <= refused.status < 500
            lines = [msgspec.json.decode(line) for line in changes(store, {**checkpoint, "includePurged": "true"})]
            checkpoint = {"checkpoint": lines[-2]["checkpoint"]}
            for line in lines[:-1]:
                mirror |= {node["id"]: node for node in line["nodes"]}
        assert check_store(store) == []
        with store.read() as connection:
            rows = connection.execute("SELECT id, sha FROM nodes").fetchall()
            bodies = {row["id"]: msgspec.json.decode(nodes.get(store, row["id"], View())) for row in rows}
        assert {key: node for key, node in mirror.items() if node["status"] != "PURGED"} == bodies
        assert walk.content.keys() <= bodies.keys()
        for row in rows:
            if row["sha"]:
                assert store.blobs.path(row["sha"]).read_bytes() == walk.content[row["id"]]
        for node_id in bodies:
            if bodies[node_id]["status"] == "AVAILABLE" and not bodies[node_id]["isRoot"]:
                above = [bodies[parent]["status"] for parent in bodies[node_id]["parents"]]
                assert "AVAILABLE" in above or bodies[node_id]["kind"] == "VISUAL_COLLECTION"
        store.close()
