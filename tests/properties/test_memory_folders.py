"""Entries in several folders, in memory: whatever is done in whatever order, folders and nodes agree."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import RemoteError
from ap_remote.model import NodeId, Status
from ap_remote.remote import paths

FOLDERS, NODES = st.integers(0, 2), st.integers(0, 5)
STEPS = st.lists(
    # Links are drawn most often: without them there is nothing to see.
    st.tuples(st.sampled_from(["link", "link", "link", "unlink", "move"]), NODES, FOLDERS)
    | st.tuples(st.sampled_from(["rename", "trash", "restore", "delete"]), NODES, NODES),
    min_size=3,
    max_size=25,
)


async def run(steps: list[tuple[str, int, int]]) -> MemoryRemote:
    """Three folders and three files; steps that are refused change nothing that the check would miss."""
    remote = MemoryRemote()
    ids = [(await remote.mkdir(name)).id for name in ("a", "b", "a/c")]
    ids += [(await remote.put(b"x", path)).id for path in ("a/x", "b/y", "a/c/z")]
    for what, one, two in steps:
        source, target = NodeId(ids[one]), NodeId(ids[two])
        try:
            match what:
                case "link":
                    await remote.link(source, target)
                case "unlink":
                    await remote.unlink(source, target)
                case "move":
                    folder = await remote.stat(target)
                    await remote.move(source, paths.join(folder.path, (await remote.stat(source)).name))
                case "rename":
                    entry = await remote.stat(source)
                    await remote.move(entry.path, paths.join(paths.split(entry.path)[0], "xyzabc"[two]))
                case _:
                    await getattr(remote, what)(source)
        except RemoteError:
            check(remote)
    return remote


def check(remote: MemoryRemote) -> None:
    tree = remote._tree
    for node in tree.everything():
        for key, child in node.children.items():
            assert child.status is Status.AVAILABLE
            assert node in child.folders
            assert key == paths.fold(child.name)
        if node.status is Status.AVAILABLE and node is not tree.root:
            assert node.folders
            assert len({id(each) for each in node.folders}) == len(node.folders)
            for folder in node.folders:
                assert folder.status is Status.AVAILABLE
                assert folder.children[paths.fold(node.name)] is node
            assert tree.find(tree.path(node)) is node


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_every_folder_shows_what_lies_in_it_and_nothing_else(steps) -> None:
    check(asyncio.run(run(steps)))
