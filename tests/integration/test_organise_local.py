"""Plans over the embedded service: real albums, a real bin, and processes that are killed."""

from __future__ import annotations

import os
import signal
import sys
from asyncio import create_subprocess_exec

import msgspec
import pytest

from ap_remote.connect import connect
from ap_remote.errors import PlanError
from ap_remote.model import NodeId
from ap_remote.organise import apply, load_plan, save_plan, undo
from ap_remote.organise.plan import PlanFolder, PlanMember, make_plan
from tests.unit.organise.library import albums
from tests.unit.semantic.planted import picture

GROUPS = {"Reds": ("red 1", "red 2"), "Blues": ("blue 1", "blue 2"), "Limes": ("lime 1", "lime 2")}
MADE = {name: {f"{each}.png" for each in members} for name, members in GROUPS.items()}
SHADES = {"red": (255, 0, 0), "blue": (0, 0, 255), "lime": (0, 255, 0)}

# Dies by SIGKILL after so many lines of the journal: right after a call was announced, or recorded.
KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from ap_remote.connect import connect
from ap_remote.organise import apply, load_plan, undo
from ap_remote.organise.journal import Journal

left = int(sys.argv[2])
write = Journal.write

def counted(self, what, **fields):
    global left
    write(self, what, **fields)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    Journal.write = counted
    async with connect("local:") as remote:
        folder = Path(sys.argv[1])
        if sys.argv[3] == "apply":
            await apply(remote, load_plan(folder / "plan.json"), folder / "journal.jsonl")
        else:
            await undo(remote, folder / "journal.jsonl")

asyncio.run(main())
"""


@pytest.fixture
async def remote(tmp_path, monkeypatch):
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    for name in ("AP_CONFIG", "AP_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    async with connect("local:") as remote:
        for name, (red, green, blue) in SHADES.items():
            for number in (1, 2):
                await remote.put(
                    picture((red, green, blue + number if blue < 100 else blue - number)), f"{name} {number}.png"
                )
        yield remote


async def plan_of(remote, groups=None, album=None):
    folders = []
    for name, paths in (groups or GROUPS).items():
        members = []
        for path in paths:
            entry = await remote.stat(f"{path}.png")
            members.append(
                PlanMember(id=entry.id, path=entry.path, version=entry.version, md5=entry.md5, reason="so", score=1.0)
            )
        folders.append(PlanFolder(name=name, reason="so", members=tuple(members), album=album))
    return make_plan(account=remote.name, by="theme", parameters={}, folders=folders, unassigned=[])


async def photographs(remote):
    return [(entry.path, entry.id, entry.md5) async for entry in remote.list(recursive=True, fresh=True)]


async def killed_after(lines, folder, what):
    process = await create_subprocess_exec(
        sys.executable,
        "-c",
        KILLED,
        str(folder),
        str(lines),
        what,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
    )
    assert await process.wait() == -signal.SIGKILL


async def test_an_apply_that_is_killed_anywhere_is_finished_and_an_undo_too(remote, tmp_path):
    before = await photographs(remote)
    plan, journal = await plan_of(remote), tmp_path / "journal.jsonl"
    save_plan(plan, tmp_path / "plan.json")
    for lines in (1, 2, 1):  # each run goes on where the last one died
        await killed_after(lines, tmp_path, "apply")
    report = await apply(remote, load_plan(tmp_path / "plan.json"), journal)
    assert report.resumed
    assert [album.name for album in report.albums] == list(GROUPS)
    assert await albums(remote) == MADE
    assert len([entry async for entry in remote.albums()]) == len(GROUPS)
    for lines in (3, 1):
        await killed_after(lines, tmp_path, "undo")
    await undo(remote, journal)
    assert await albums(remote) == {}
    assert await photographs(remote) == before
    assert sorted([entry.name async for entry in remote.trashed()]) == sorted(GROUPS)


async def test_an_album_of_the_plan_that_is_gone_is_told_and_nothing_else_is_touched(remote, tmp_path):
    album = await remote.create_album("Reds", members=["blue 1.png"])
    plan = await plan_of(remote, {"Reds": ("red 1", "red 2")}, album=album.id)
    await remote.trash(NodeId(album.id))
    before = await photographs(remote)
    report = await apply(remote, plan, tmp_path / "journal.jsonl")
    assert report.albums == ()
    assert {skipped.why for skipped in report.skipped} == {"the album that it would go into is no longer there"}
    assert await photographs(remote) == before


async def test_a_folder_is_never_taken_for_an_album_nor_for_a_photograph(remote, tmp_path):
    folder = await remote.mkdir("Folder")
    plan = await plan_of(remote, {"Reds": ("red 1",)}, album=folder.id)
    assert (await apply(remote, plan, tmp_path / "one.jsonl")).albums == ()
    member = msgspec.structs.replace(plan.folders[0].members[0], id=folder.id, md5=None)
    folders = [PlanFolder(name="Reds", reason="so", members=(member,))]
    plan = make_plan(account=remote.name, by="theme", parameters={}, folders=folders, unassigned=[])
    report = await apply(remote, plan, tmp_path / "two.jsonl")
    assert [skipped.why for skipped in report.skipped] == ["it is no photograph"]
    assert [entry async for entry in remote.list("Folder", fresh=True)] == []
    assert await albums(remote) == {}


@pytest.mark.parametrize("name", ["../x", "a/b", "x" * 257, "n\0ul", ".."])
async def test_a_name_that_cannot_be_is_refused_before_anything_is_made(remote, tmp_path, name):
    plan = await plan_of(remote, {"Good": ("red 1",), name: ("blue 1",)})
    with pytest.raises(PlanError, match="cannot be made"):
        await apply(remote, plan, tmp_path / "journal.jsonl")
    assert await albums(remote) == {}


async def test_what_somebody_else_put_in_is_not_taken_out(remote, tmp_path):
    album = await remote.create_album("Reds", members=["blue 1.png"])
    plan = await plan_of(remote, {"Reds": ("red 1", "red 2")}, album=album.id)
    await remote.add_to_album(NodeId(album.id), ["red 1.png"])
    await apply(remote, plan, tmp_path / "journal.jsonl")
    assert await albums(remote) == {"Reds": {"blue 1.png", "red 1.png", "red 2.png"}}
    await undo(remote, tmp_path / "journal.jsonl")
    assert await albums(remote) == {"Reds": {"blue 1.png", "red 1.png"}}


async def test_an_album_that_its_owner_threw_away_is_not_said_to_be_removed_by_undo(remote, tmp_path):
    report = await apply(remote, await plan_of(remote), tmp_path / "journal.jsonl")
    await remote.trash(NodeId(report.albums[0].id))
    await remote.trash(NodeId(report.albums[1].id))
    await remote.delete(NodeId(report.albums[1].id))
    undone = await undo(remote, tmp_path / "journal.jsonl")
    assert undone.removed == ("Limes",)
    assert ["'Reds'" in undone.notes[0], "'Blues'" in undone.notes[1]] == [True, True]
    again = await undo(remote, tmp_path / "journal.jsonl")
    assert (again.removed, again.notes) == ((), ())


async def test_albums_restored_from_the_bin_after_an_undo_are_named_when_the_plan_is_applied_again(remote, tmp_path):
    plan = await plan_of(remote)
    await apply(remote, plan, tmp_path / "one.jsonl")
    await undo(remote, tmp_path / "one.jsonl")
    for entry in [entry async for entry in remote.trashed()]:
        await remote.restore(NodeId(entry.id))
    with pytest.raises(PlanError, match=r"\(Blues, Limes, Reds\)"):
        await apply(remote, plan, tmp_path / "two.jsonl")
