"""Any sequence of changes leaves a library whose rows, names, stored JSON and blobs agree, and loses no bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote_emulator.errors import ServiceError
from ap_remote_emulator.library import editing, families, nodes, open_store, parts, shares, trash, uploads
from ap_remote_emulator.library.changes import changes
from ap_remote_emulator.library.check import check_store
from ap_remote_emulator.library.views import View
from ap_remote_emulator.library.wishes import Change

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
    st.tuples(st.just("put_child"), _PICK, _PICK),
    st.tuples(st.just("put_child"), _PICK, _PICK),
    st.tuples(st.just("delete_child"), _PICK, _PICK),
    st.tuples(st.just("move"), _PICK, _PICK),
    st.tuples(st.just("asset"), _PICK, _NAME, st.integers(7, 12)),
    st.tuples(st.just("overwrite"), _PICK, st.integers(0, 12)),
    st.tuples(st.just("cover"), _PICK, _PICK),
    st.tuples(st.just("share"), _PICK, _PICK),
    st.tuples(st.just("vault"), _PICK, st.booleans()),
    st.tuples(st.just("begin"), _PICK, _NAME),
    st.tuples(st.just("finish"), st.integers(20, 25), st.booleans()),
)


class Walk:
    """Applies steps to a library and remembers what was promised about its files."""

    def __init__(self, store):
        self.store = store
        with store.read() as connection:
            self.ids = [row[0] for row in connection.execute("SELECT id FROM nodes ORDER BY seq")]
        self.content = {}
        self.going = []

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

    def put_child(self, parent, child):
        nodes.put_child(self.store, self.pick(parent), self.pick(child), View())

    def delete_child(self, parent, child):
        nodes.delete_child(self.store, self.pick(parent), self.pick(child), View())

    def move(self, node, parent):
        child = self.pick(node)
        with self.store.read() as connection:
            sql = "SELECT parent_id FROM edges WHERE child_id = ? AND parent_kind = 'FOLDER' ORDER BY added LIMIT 1"
            row = connection.execute(sql, (child,)).fetchone()
        body = {"childId": child, "fromParent": row[0] if row else ""}
        nodes.move(self.store, self.pick(parent), body, View())

    def asset(self, file, name, content):
        wish = uploads.Wish(name=name, parent_id=self.pick(file), asset_type="LIVE_VIDEO")
        data = b"%d" % content
        with self.store.blobs.receive() as upload:
            upload.write(data)
            self.content[self.keep(uploads.commit(self.store, upload, wish))] = data

    def overwrite(self, node, content):
        data = b"%d" % content
        with self.store.blobs.receive() as upload:
            upload.write(data)
            uploads.overwrite(self.store, upload, self.pick(node), Change())
        self.content[self.pick(node)] = data

    def cover(self, album, node):
        body = {"collectionProperties": {"covers": [{"id": self.pick(node)}]}}
        editing.patch(self.store, self.pick(album), body, View())

    def share(self, first, second):
        with self.store.write() as write:
            self.ids.append(shares.create(write, [self.pick(first), self.pick(second)]).node_id)

    def vault(self, node, inside):
        with self.store.write() as write:
            families.put(self.store, write, self.pick(node), inside=inside)

    def begin(self, parent, name):
        begun = parts.start(self.store, {"name": name, "parentNodeId": self.pick(parent)}, "")
        self.going.append((begun["nodeId"], begun["uploadId"]))
        self.ids.append(begun["nodeId"])

    def finish(self, content, complete):
        if not self.going:
            return
        node_id, upload_id = self.going.pop()
        data = b"%d" % content
        if not complete:
            parts.abort(self.store, node_id, upload_id)
            self.forget()
            return
        with self.store.blobs.receive() as part:
            part.write(data)
            parts.keep(self.store, part, node_id, upload_id, 1)
        parts.complete(self.store, node_id, upload_id)
        self.content[node_id] = data

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
        self.forget()

    def forget(self):
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


def _without_parts(bodies):
    """Leave out what a file shows of its assets: a change of an asset is told of the asset alone."""
    return {key: {name: value for name, value in node.items() if name != "assets"} for key, node in bodies.items()}


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
        told = {key: node for key, node in mirror.items() if node["status"] != "PURGED"}
        assert _without_parts(told) == _without_parts(bodies)
        assert walk.content.keys() <= bodies.keys()
        for row in rows:
            if row["sha"]:
                assert store.blobs.path(row["sha"]).read_bytes() == walk.content[row["id"]]
        for node_id in bodies:
            if bodies[node_id]["status"] == "AVAILABLE" and not bodies[node_id]["isRoot"]:
                above = [bodies[parent]["status"] for parent in bodies[node_id]["parents"]]
                assert "AVAILABLE" in above or bodies[node_id]["kind"] in ("VISUAL_COLLECTION", "SHARED_COLLECTION")
        store.close()
