"""A plan holds for any two trees: applied to a model it gives what was asked for, and leaves nothing to do."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.backends.memory import MemoryRemote
from ap_remote.model import Kind, NodeId
from ap_remote.remote.paths import fold, split
from ap_remote.transfer.account import Account
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.filters import EVERYTHING
from ap_remote.transfer.options import Options
from ap_remote.transfer.planner import make_plan

names = st.sampled_from(["a", "A", "b", "c.jpg", "\u00e9"])
contents = st.one_of(st.none(), st.sampled_from([b"", b"1", b"2", b"33"]))
trees = st.dictionaries(st.lists(names, min_size=1, max_size=3).map("/".join), contents, max_size=8)
duplicates = st.sampled_from(["keep", "refuse"])
Tree = dict[str, bytes | None]


def possible(tree: Tree, *, one_case: bool) -> Tree:
    """Return as much of a tree as can be: no file above another entry, no two names that are one."""
    made: Tree = {}
    shown: dict[str, str] = {}
    for path, data in tree.items():
        above, walk = [], path
        while walk := split(walk)[0]:
            above.append(walk)
        if any(made.get(each, None) is not None for each in above) or path in made:
            continue
        if one_case and any(shown.get(fold(each), each) != each for each in (path, *above)):
            continue
        made |= dict.fromkeys(above) | {path: data}
        shown |= {fold(each): each for each in (path, *above)}
    return made


def on_disk(root: Path, tree: Tree) -> Disk:
    root.mkdir()
    for path, data in tree.items():
        place = root / path
        place.mkdir(parents=True, exist_ok=True) if data is None else place.parent.mkdir(parents=True, exist_ok=True)
        if data is not None:
            place.write_bytes(data)
    return Disk(root)


async def in_account(tree: Tree) -> MemoryRemote:
    remote = MemoryRemote()
    for path, data in tree.items():
        await (remote.mkdir(path) if data is None else remote.put(data, path))
    return remote


async def held(remote: MemoryRemote) -> Tree:
    return {
        entry.path: None if entry.kind is Kind.FOLDER else remote.raw(entry.path)
        async for entry in remote.list(recursive=True)
    }


def look(root: Path) -> Tree:
    found = {
        each.relative_to(root).as_posix(): None if each.is_dir() else each.read_bytes() for each in root.rglob("*")
    }
    return {path: data for path, data in found.items() if not path.startswith(".ap-trash")}


async def apply_up(plan, source: Disk, remote: MemoryRemote) -> None:
    for step in plan.steps:
        match step.action:
            case "mkdir":
                await remote.mkdir(step.path)
            case "copy":
                await remote.put(source.file(step.source.path), step.path)
            case "replace":
                await remote.trash(NodeId(step.there.id))
                await remote.put(source.file(step.source.path), step.path)
            case "move":
                await remote.move(NodeId(step.source.id), step.path)
            case "remove":
                await remote.trash(NodeId(step.there.id))


async def apply_down(plan, remote: MemoryRemote, target: Disk) -> None:
    there = {item.path: item for item in (await target.listing(EVERYTHING)).items}
    for step in plan.steps:
        match step.action:
            case "mkdir":
                await target.mkdir(step.path)
            case "copy" | "replace":
                target.file(step.path).write_bytes(remote.raw(step.source.path))
            case "move":
                await target.move(there[step.source.path], step.path)
            case "remove":
                await target.remove(there[step.path])


def folded(tree: Tree) -> Tree:
    return {fold(path): data for path, data in tree.items()}


@given(here=trees, there=trees, duplicates=duplicates)
@settings(max_examples=60, deadline=None)
def test_a_sync_up_gives_the_account_the_tree_of_the_disk_and_then_has_nothing_to_do(here, there, duplicates):
    async def check() -> None:
        with tempfile.TemporaryDirectory() as folder:
            tree = possible(here, one_case=True)
            source, remote = on_disk(Path(folder, "d"), tree), await in_account(possible(there, one_case=True))
            options = Options(duplicates=duplicates)
            plan = await make_plan("sync", source, Account(remote), options=options)
            await apply_up(plan, source, remote)
            if duplicates == "keep" and not plan.problems:
                assert folded(await held(remote)) == folded(tree)
            if duplicates == "refuse":
                # Whatever was not sent is in the account under another path.
                whole = await held(remote)
                blamed = {note.path for note in plan.problems}
                assert {data for path, data in tree.items() if path not in blamed} <= {*whole.values(), None}
            again = await make_plan("sync", source, Account(remote), options=options)
            assert again.steps == ()

    asyncio.run(check())


@given(here=trees, there=trees)
@settings(max_examples=60, deadline=None)
def test_a_sync_down_gives_the_disk_the_tree_of_the_account_and_then_has_nothing_to_do(here, there):
    async def check() -> None:
        with tempfile.TemporaryDirectory() as folder:
            tree = possible(here, one_case=True)
            remote, target = await in_account(tree), on_disk(Path(folder, "d"), possible(there, one_case=False))
            plan = await make_plan("sync", Account(remote), target)
            await apply_down(plan, remote, target)
            if not plan.problems:
                assert folded(look(target.root)) == folded(tree)
            assert (await make_plan("sync", Account(remote), target)).steps == ()

    asyncio.run(check())


@given(here=trees, there=trees)
@settings(max_examples=60, deadline=None)
def test_a_copy_removes_nothing_and_a_second_one_has_nothing_to_do(here, there):
    async def check() -> None:
        with tempfile.TemporaryDirectory() as folder:
            source = on_disk(Path(folder, "d"), possible(here, one_case=False))
            remote = await in_account(possible(there, one_case=True))
            before = await held(remote)
            plan = await make_plan("copy", source, Account(remote), options=Options(duplicates="keep"))
            assert plan.count("remove", "move") == 0
            await apply_up(plan, source, remote)
            after = folded(await held(remote))
            replaced = {fold(step.path) for step in plan.steps if step.action == "replace"}
            assert {
                path: data for path, data in folded(before).items() if path not in replaced
            }.items() <= after.items()
            assert (await make_plan("copy", source, Account(remote), options=Options(duplicates="keep"))).steps == ()

    asyncio.run(check())


@given(here=trees, there=trees)
@settings(max_examples=40, deadline=None)
def test_a_move_up_loses_no_bytes(here, there):
    async def check() -> None:
        with tempfile.TemporaryDirectory() as folder:
            tree = possible(here, one_case=True)
            source, remote = on_disk(Path(folder, "d"), tree), await in_account(possible(there, one_case=True))
            plan = await make_plan("move", source, Account(remote))
            up = [step for step in plan.steps if step.at == "target"]
            for step in up:
                await apply_up(
                    type(plan)(created=plan.created, verb="move", source="", target="", steps=(step,)), source, remote
                )
            whole = folded(await held(remote))
            for step in plan.steps[len(up) :]:
                assert (step.action, step.at) == ("remove", "source")
                assert whole[fold(step.path)] == tree[step.path]

    asyncio.run(check())
