from __future__ import annotations

import json

import pytest

from ap_remote.errors import BusyStoreError, PlanError, StoreError, UnavailableError, UnsupportedError
from ap_remote.model import NodeId
from ap_remote.organise import apply, undo
from ap_remote.organise.journal import open_journal
from ap_remote.organise.plan import PlanFolder, PlanMember, make_plan
from tests.unit.organise.library import account, albums, tree
from tests.unit.semantic.planted import picture


@pytest.fixture
def remote():
    return account()


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journals" / "one.jsonl"


async def plan_of(remote, **groups):
    folders = []
    for name, paths in groups.items():
        entries = [await remote.stat(f"{path}.png") for path in paths]
        members = [
            PlanMember(id=each.id, path=each.path, version=each.version, md5=each.md5, reason="so", score=1.0)
            for each in entries
        ]
        folders.append(PlanFolder(name=name, reason="so", members=tuple(members)))
    return make_plan(account="memory", by="theme", parameters={}, folders=folders, unassigned=[])


@pytest.fixture
async def plan(remote):
    return await plan_of(remote, Reds=["red 1", "red 2", "red 3"], Blues=["blue 1", "blue 2"])


MADE = {"Reds": {"red 1.png", "red 2.png", "red 3.png"}, "Blues": {"blue 1.png", "blue 2.png"}}


async def test_apply_makes_the_albums_and_moves_nothing(remote, plan, journal):
    before = await tree(remote)
    steps = []
    report = await apply(remote, plan, journal, progress=lambda done, total: steps.append((done, total)))
    assert await albums(remote) == MADE
    assert [(album.name, album.members, album.new) for album in report.albums] == [
        ("Reds", 3, True),
        ("Blues", 2, True),
    ]
    assert (report.skipped, report.resumed) == ((), False)
    assert steps == [(1, 2), (2, 2)]
    assert await tree(remote) == before


async def test_undo_takes_the_albums_away_and_touches_no_photograph(remote, plan, journal):
    before = await tree(remote)
    await apply(remote, plan, journal)
    report = await undo(remote, journal)
    assert (report.removed, report.notes) == (("Reds", "Blues"), ())
    assert await albums(remote) == {}
    assert await tree(remote) == before
    again = await undo(remote, journal)
    assert (again.removed, again.notes) == ((), ())


async def test_a_plan_is_applied_once(remote, plan, journal, tmp_path):
    await apply(remote, plan, journal)
    with pytest.raises(PlanError, match="applied already"):
        await apply(remote, plan, journal)
    with pytest.raises(PlanError, match="applied already"):
        await apply(remote, plan, tmp_path / "another.jsonl")
    assert await albums(remote) == MADE


async def test_after_an_undo_it_can_be_applied_again_with_a_new_journal(remote, plan, journal, tmp_path):
    await apply(remote, plan, journal)
    await undo(remote, journal)
    with pytest.raises(PlanError, match="undone"):
        await apply(remote, plan, journal)
    await apply(remote, plan, tmp_path / "another.jsonl")
    assert await albums(remote) == MADE


async def test_what_changed_since_the_plan_is_skipped_with_a_reason(remote, plan, journal):
    await remote.trash("red 1.png")
    deleted = (await remote.stat("red 2.png")).id
    await remote.trash("red 2.png")
    await remote.delete(NodeId(deleted))
    await remote.put(picture("white"), "blue 1.png", if_exists="overwrite")
    await remote.mark("red 3.png", favorite=True)
    report = await apply(remote, plan, journal)
    why = {skipped.path: skipped.why for skipped in report.skipped}
    assert "trash" in why["red 1.png"]
    assert "deleted" in why["red 2.png"]
    assert "content changed" in why["blue 1.png"]
    assert await albums(remote) == {"Reds": {"red 3.png"}, "Blues": {"blue 2.png"}}


async def test_an_album_of_which_nothing_is_left_is_not_made(remote, plan, journal):
    await remote.trash("blue 1.png", "blue 2.png")
    report = await apply(remote, plan, journal)
    assert [album.name for album in report.albums] == ["Reds"]
    assert set(await albums(remote)) == {"Reds"}
    assert (await undo(remote, journal)).removed == ("Reds",)


async def test_albums_that_somebody_changed_are_left_with_a_note(remote, plan, journal):
    report = await apply(remote, plan, journal)
    await remote.add_to_album(NodeId(report.albums[0].id), ["yellow.png"])
    await remote.move(NodeId(report.albums[1].id), ".views/albums/My blues")
    undone = await undo(remote, journal)
    assert undone.removed == ()
    assert ["1 more" in undone.notes[0], "My blues" in undone.notes[1]] == [True, True]
    assert set(await albums(remote)) == {"Reds", "My blues"}


async def test_an_album_that_lost_a_trashed_photograph_still_goes(remote, plan, journal):
    await apply(remote, plan, journal)
    await remote.trash("red 1.png")
    assert (await undo(remote, journal)).removed == ("Reds", "Blues")


async def test_albums_of_the_same_name_are_not_confused(remote, plan, journal):
    await remote.create_album("Reds", members=["yellow.png"])
    await apply(remote, plan, journal)
    await undo(remote, journal)
    assert await albums(remote) == {"Reds": {"yellow.png"}}


async def test_members_can_be_added_to_an_album_that_is_there_and_taken_out_again(remote, journal):
    album = await remote.create_album("Reds", members=["red 1.png"])
    plain = await plan_of(remote, Reds=["red 2", "red 3"])
    folder = PlanFolder(name="Reds", reason="so", members=plain.folders[0].members, album=album.id)
    plan = make_plan(account="memory", by="theme", parameters={}, folders=[folder], unassigned=[])
    report = await apply(remote, plan, journal)
    assert (report.albums[0].id, report.albums[0].new) == (album.id, False)
    assert await albums(remote) == {"Reds": MADE["Reds"]}
    await undo(remote, journal)
    assert await albums(remote) == {"Reds": {"red 1.png"}}


class Cut:
    """Breaks the connection at the nth call that changes the account, before or after the call was carried out."""

    def __init__(self, remote, nth, *, late):
        self.calls = 0
        for name in ("create_album", "add_to_album", "trash"):
            setattr(remote, name, self._wrap(getattr(remote, name), nth, late=late))

    def _wrap(self, inner, nth, *, late):
        async def call(*args, **kwargs):
            self.calls += 1
            if self.calls == nth and not late:
                raise UnavailableError("the line is dead")
            answer = await inner(*args, **kwargs)
            if self.calls == nth:
                raise UnavailableError("the line is dead")
            return answer

        return call


@pytest.mark.parametrize("late", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("nth", [1, 2])
async def test_an_interrupted_apply_is_finished_without_making_an_album_twice(remote, plan, journal, nth, late):
    Cut(remote, nth, late=late)
    with pytest.raises(UnavailableError):
        await apply(remote, plan, journal)
    report = await apply(remote, plan, journal)
    assert report.resumed
    assert [album.name for album in report.albums] == ["Reds", "Blues"]
    assert len([entry async for entry in remote.albums()]) == 2
    assert await albums(remote) == MADE
    await undo(remote, journal)
    assert await albums(remote) == {}


@pytest.mark.parametrize("late", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("nth", [1, 2])
async def test_an_interrupted_apply_can_be_undone_instead(remote, plan, journal, nth, late):
    Cut(remote, nth, late=late)
    with pytest.raises(UnavailableError):
        await apply(remote, plan, journal)
    await undo(remote, journal)
    assert await albums(remote) == {}


@pytest.mark.parametrize("late", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("nth", [3, 4])
async def test_an_interrupted_undo_is_finished(remote, plan, journal, nth, late):
    Cut(remote, nth, late=late)
    await apply(remote, plan, journal)
    with pytest.raises(UnavailableError):
        await undo(remote, journal)
    await undo(remote, journal)
    assert await albums(remote) == {}


async def test_every_change_is_announced_before_and_recorded_after(remote, plan, journal):
    await apply(remote, plan, journal)
    await undo(remote, journal)
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [line["what"] for line in lines] == [
        "start",
        *["create", "created"] * 2,
        "end",
        "undo",
        *["trash", "undone"] * 2,
    ]
    assert lines[0]["plan"] == plan.id


@pytest.mark.parametrize("keep", [1, 2, 3, 4, 5])
async def test_a_journal_cut_anywhere_by_a_crash_still_leads_to_the_whole_plan(remote, plan, journal, keep):
    await apply(remote, plan, journal)
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:keep]) + lines[keep][:10])
    report = await apply(remote, plan, journal)
    assert report.resumed
    assert len([entry async for entry in remote.albums()]) == 2
    assert await albums(remote) == MADE


async def test_a_journal_that_cannot_be_written_stops_before_the_call(remote, plan, journal, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ap_remote.ledger.os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        await apply(remote, plan, journal)
    assert await albums(remote) == {}


async def test_two_processes_do_not_share_a_journal(remote, plan, journal):
    with open_journal(journal), pytest.raises(BusyStoreError):
        await apply(remote, plan, journal)
    assert await albums(remote) == {}


async def test_what_does_not_belong_together_is_refused(remote, plan, journal, tmp_path):
    await apply(remote, plan, journal)
    other = await plan_of(remote, Limes=["lime 1"])
    with pytest.raises(PlanError, match="belongs to the plan"):
        await apply(remote, other, journal)
    stranger = account()
    stranger._name = "stranger"
    with pytest.raises(PlanError, match="made for"):
        await apply(stranger, plan, tmp_path / "new.jsonl")
    with pytest.raises(PlanError, match="belongs to"):
        await undo(stranger, journal)
    assert not (tmp_path / "new.jsonl").exists()


async def test_a_plan_changed_in_memory_is_refused(remote, plan, journal):
    changed = type(plan)(
        **{name: getattr(plan, name) for name in plan.__struct_fields__} | {"folders": plan.folders[:1]}
    )
    with pytest.raises(PlanError, match="changed after it got its id"):
        await apply(remote, changed, journal)


async def test_a_remote_without_albums_is_refused(plan, journal):
    class Plain:
        name = "memory"

    with pytest.raises(UnsupportedError, match="albums"):
        await apply(Plain(), plan, journal)


@pytest.mark.parametrize("body", [b"no json\n", b'{"what": "end", "at": ""}\n', b"{}\n", b'{"at": "\xff"}\n'])
async def test_a_file_that_is_no_journal_is_left_alone(remote, plan, tmp_path, body):
    file = tmp_path / "notes.txt"
    file.write_bytes(body)
    with pytest.raises(PlanError, match="no journal"):
        await apply(remote, plan, file)
    assert file.read_bytes() == body
    with pytest.raises(PlanError, match="no journal"):
        await undo(remote, tmp_path / "absent.jsonl")
