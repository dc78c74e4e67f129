"""Plans that move files: opt-in, never over another, back to where everything was; and what the owner changed since."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import PlanError, UnavailableError
from ap_remote.model import NodeId
from ap_remote.organise import apply, load_plan, propose, read_journal, save_plan, undo
from ap_remote.organise.plan import PlanFolder, PlanMember, make_plan
from tests.unit.organise.library import account, albums, tree
from tests.unit.semantic.planted import picture


@pytest.fixture
def remote():
    return account()


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "one.journal.jsonl"


async def plan_of(remote, **groups):
    folders = []
    for name, wanted in groups.items():
        entries = [await remote.stat(path) for path in wanted]
        members = [
            PlanMember(id=each.id, path=each.path, version=each.version, md5=each.md5, reason="so", score=1.0)
            for each in entries
        ]
        folders.append(PlanFolder(name=name, reason="so", members=tuple(members), path=f"Sorted/{name}"))
    return make_plan(account="memory", by="theme", parameters={}, folders=folders, unassigned=[])


@pytest.fixture
async def plan(remote):
    return await plan_of(remote, Reds=["red 1.png", "red 2.png"], Blues=["blue 1.png"])


async def files(remote):
    return {entry.path async for entry in remote.list(recursive=True) if not entry.is_folder}


async def test_files_are_moved_and_moved_back(remote, plan, journal):
    before = await tree(remote)
    report = await apply(remote, plan, journal, move=True)
    assert (report.moved, report.albums, report.skipped) == (3, (), ())
    assert {path for path in await files(remote) if "/" in path} == {
        "Sorted/Reds/red 1.png",
        "Sorted/Reds/red 2.png",
        "Sorted/Blues/blue 1.png",
    }
    assert read_journal(journal).moved == 3
    undone = await undo(remote, journal)
    assert (undone.restored, undone.notes) == (3, ())
    assert await tree(remote) == before
    assert (await undo(remote, journal)).restored == 0


async def test_a_plan_moves_nothing_unless_it_is_said_again(remote, plan, journal):
    before = await tree(remote)
    with pytest.raises(PlanError, match="moves 3 files to other folders; say --move"):
        await apply(remote, plan, journal)
    assert await tree(remote) == before
    assert not journal.exists()


@pytest.mark.parametrize(
    ("guards", "said"),
    [({"max_changes": 2}, "3 changes, and no more than 2"), ({"max_percent": 50.0}, "would move 100 % of the 3")],
)
async def test_more_than_is_allowed_is_not_begun(remote, plan, journal, guards, said):
    with pytest.raises(PlanError, match=said):
        await apply(remote, plan, journal, move=True, **guards)
    assert not journal.exists()


async def test_a_plan_is_applied_once(remote, plan, journal, tmp_path):
    await apply(remote, plan, journal, move=True)
    with pytest.raises(PlanError, match="applied already"):
        await apply(remote, plan, journal, move=True)
    after = await tree(remote)
    again = await apply(remote, plan, tmp_path / "other.jsonl", move=True)
    assert again.moved == 0
    assert all("was moved to 'Sorted/" in each.why for each in again.skipped)
    assert await tree(remote) == after


async def test_what_changed_since_the_plan_stays_with_a_reason(remote, journal):
    names = ["red 1.png", "red 2.png", "red 3.png", "blue 1.png", "blue 2.png", "lime 1.png"]
    plan = await plan_of(remote, All=names)
    await remote.trash("red 1.png")
    await remote.put(picture("white"), "red 2.png", if_exists="overwrite")
    await remote.mark("red 3.png", favorite=True)
    await remote.mkdir("Mine")
    await remote.move("blue 1.png", "Mine/blue 1.png")
    remote.seed("Sorted/All/blue 2.png", picture("black"))
    report = await apply(remote, plan, journal, move=True)
    why = {each.path: each.why for each in report.skipped}
    assert "trash" in why["red 1.png"]
    assert "content changed" in why["red 2.png"]
    assert "changed since the plan" in why["red 3.png"]
    assert "moved to 'Mine/blue 1.png'" in why["blue 1.png"]
    assert "something called 'Sorted/All/blue 2.png' already" in why["blue 2.png"]
    assert report.moved == 1
    assert {"Sorted/All/lime 1.png", "Sorted/All/blue 2.png", "blue 2.png", "Mine/blue 1.png"} <= await files(remote)


async def test_a_file_in_the_place_of_a_folder_is_left(remote, plan, journal):
    remote.seed("Sorted", b"a file")
    before = await tree(remote)
    report = await apply(remote, plan, journal, move=True)
    assert report.moved == 0
    assert all("place is taken" in each.why for each in report.skipped)
    assert await tree(remote) == before


async def test_an_undo_leaves_what_its_owner_changed_since(remote, plan, journal):
    await apply(remote, plan, journal, move=True)
    await remote.move("Sorted/Reds/red 1.png", "mine.png")
    remote.seed("red 2.png", picture("black"))
    report = await undo(remote, journal)
    assert report.restored == 1
    assert any("'mine.png' was left: somebody moved it" in note for note in report.notes)
    assert any("there is another 'red 2.png' now" in note for note in report.notes)
    assert any("the folder 'Sorted/Reds' was left" in note for note in report.notes)
    assert {"mine.png", "Sorted/Reds/red 2.png", "red 2.png", "blue 1.png"} <= await files(remote)


async def test_an_undo_makes_the_old_folder_again(remote, journal):
    remote.seed("Old/a.png", picture("black"))
    plan = await plan_of(remote, Blacks=["Old/a.png"])
    await apply(remote, plan, journal, move=True)
    await remote.trash("Old")
    await undo(remote, journal)
    assert "Old/a.png" in await files(remote)


class Cut:
    """Breaks the connection at the nth call that changes the account, before or after the call was carried out."""

    def __init__(self, remote, nth, *, late):
        self.calls, self.late, self.nth = 0, late, nth
        for name in ("mkdir", "move", "trash"):
            setattr(remote, name, self._wrap(getattr(remote, name)))

    def _wrap(self, inner):
        async def call(*args, **kwargs):
            self.calls += 1
            mine = self.calls == self.nth
            if mine and not self.late:
                raise UnavailableError("the line is dead")
            answer = await inner(*args, **kwargs)
            if mine:
                raise UnavailableError("the line is dead")
            return answer

        return call


@pytest.mark.parametrize("late", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("nth", range(1, 7))
async def test_an_interrupted_apply_is_finished_and_can_be_taken_back(remote, plan, journal, nth, late):
    before = await tree(remote)
    Cut(remote, nth, late=late)
    with pytest.raises(UnavailableError):
        await apply(remote, plan, journal, move=True)
    report = await apply(remote, plan, journal, move=True)
    assert (report.moved, report.resumed) == (3, True)
    await undo(remote, journal)
    assert await tree(remote) == before


@pytest.mark.parametrize("late", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("nth", range(1, 13))
async def test_whatever_is_interrupted_an_undo_brings_everything_back(remote, plan, journal, nth, late):
    before = await tree(remote)
    Cut(remote, nth, late=late)
    for step in (lambda: apply(remote, plan, journal, move=True), lambda: undo(remote, journal)):
        try:
            await step()
        except UnavailableError:
            break
    await undo(remote, journal)
    assert await tree(remote) == before


places = st.sampled_from(["", "A", "B", "A/C"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(places, st.sampled_from("xyz"), st.integers(0, 3)), max_size=12), st.integers(0, 99))
def test_apply_and_undo_are_the_identity(tmp_path_factory, rows, salt):
    async def check():
        remote = MemoryRemote()
        groups = {}
        for folder, name, group in rows:
            path = f"{folder}/{name}.jpg".lstrip("/")
            if path not in await files(remote):
                remote.seed(path, f"{path}{salt}".encode())
                groups.setdefault(f"G{group}", []).append(path)
        plan = await plan_of(remote, **groups)
        before = await tree(remote)
        journal = tmp_path_factory.mktemp("plans") / "j.jsonl"
        report = await apply(remote, plan, journal, move=True)
        assert report.moved + len(report.skipped) == plan.moves
        assert sorted(each[1] for each in await tree(remote) if each[3] == "file") == sorted(
            each[1] for each in before if each[3] == "file"
        )
        await undo(remote, journal)
        assert await tree(remote) == before

    asyncio.run(check())


def folder(path, *ids):
    members = tuple(PlanMember(id=each, path=f"{each}.jpg", version=1, reason="so", score=1) for each in ids)
    return PlanFolder(name="A", reason="so", members=members, path=path)


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        ([folder("A", "1"), folder("a", "2")], "folder 'a' twice"),
        ([folder("A", "1"), folder("B", "1")], "to another folder as well"),
        ([folder(".views/albums/A", "1")], "cannot be made"),
        ([folder("../A", "1")], "cannot be made|no folder's path"),
        ([folder("/A", "1")], "cannot be made|no folder's path"),
        ([folder("", "1")], "no folder's path"),
    ],
)
def test_a_plan_whose_moves_cannot_be_is_refused(tmp_path, folders, said):
    save_plan(
        make_plan(account="memory", by="theme", parameters={}, folders=folders, unassigned=[]), tmp_path / "p.json"
    )
    with pytest.raises(PlanError, match=said):
        load_plan(tmp_path / "p.json")


# -- proposing ---------------------------------------------------------------------------------------------------------


def seeded():
    from datetime import UTC, datetime

    remote = MemoryRemote()
    for number in range(3):
        remote.seed(f"In/{number}.png", picture((number, 0, 0)), taken=datetime(2023, 5, 1 + number, tzinfo=UTC))
        remote.seed(f"In/b{number}.png", picture((number, 9, 0)), taken=datetime(2023, 7, 1 + number, tzinfo=UTC))
    return remote


async def made(remote, plans, **wishes):
    """Propose, keep and apply a plan as the command does."""
    plan = await propose(remote, by="month", plans=plans, **wishes)
    save_plan(plan, plans / f"{plan.id}.json")
    report = await apply(remote, plan, plans / f"{plan.id}.journal.jsonl", move=True)
    return plan, report


async def test_a_plan_of_moves_is_empty_once_it_was_applied_and_leaves_what_was_moved_on(tmp_path):
    remote = seeded()
    _, report = await made(remote, tmp_path, move="Sorted")
    assert report.moved == 6
    assert "Sorted/2023-05/0.png" in await files(remote)
    await remote.move("Sorted/2023-05/0.png", "In/0.png")
    again = await propose(remote, by="month", plans=tmp_path, move="Sorted")
    assert again.folders == ()
    why = {each.path: each.why for each in again.unassigned}
    assert "somebody moved it on" in why["In/0.png"]
    assert "already" in why["Sorted/2023-05/1.png"]


async def test_two_photographs_of_one_name_do_not_go_to_one_folder():
    from datetime import UTC, datetime

    remote = seeded()
    remote.seed("Other/0.png", picture("white"), taken=datetime(2023, 5, 2, tzinfo=UTC))
    plan = await propose(remote, by="month", move="Sorted")
    assert any("another photograph of its name" in each.why for each in plan.unassigned)


async def test_a_deleted_album_is_not_made_again_unless_that_is_asked_for(tmp_path):
    remote = seeded()
    await made(remote, tmp_path)
    [album] = [each async for each in remote.albums() if each.name == "2023-05"]
    await remote.trash(NodeId(album.id))
    again = await propose(remote, by="month", plans=tmp_path)
    assert again.folders == ()
    assert {each.why for each in again.unassigned if "deleted" in each.why} == {
        "the album '2023-05' was deleted, so it is not made again"
    }
    assert [each.name for each in (await propose(remote, by="month", plans=tmp_path, remake=True)).folders] == [
        "2023-05"
    ]


async def test_what_was_taken_out_stays_out_and_a_new_name_stays(tmp_path):
    from datetime import UTC, datetime

    remote = seeded()
    await made(remote, tmp_path)
    [album] = [each async for each in remote.albums() if each.name == "2023-05"]
    await remote.remove_from_album(NodeId(album.id), ["In/0.png"])
    await remote.move(NodeId(album.id), ".views/albums/Our May")
    remote.seed("In/new.png", picture("white"), taken=datetime(2023, 5, 9, tzinfo=UTC))
    plan, _ = await made(remote, tmp_path)
    assert [(each.name, [member.path for member in each.members]) for each in plan.folders] == [
        ("Our May", ["In/new.png"])
    ]
    assert "taken out of the album 'Our May'" in {each.path: each.why for each in plan.unassigned}["In/0.png"]
    assert (await albums(remote))["Our May"] == {"1.png", "2.png", "new.png"}


async def test_albums_of_another_way_and_of_an_undone_plan_are_not_remembered(tmp_path):
    remote = seeded()
    plan, _ = await made(remote, tmp_path)
    await undo(remote, tmp_path / f"{plan.id}.journal.jsonl")
    assert len((await propose(remote, by="month", plans=tmp_path)).folders) == 2
    assert (await propose(remote, by="event", plans=tmp_path)).folders
