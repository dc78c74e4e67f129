"""Moving, marking, albums and people's names: preview, plan, change, a look at the result, undo."""

from __future__ import annotations

import pytest

from ap_remote.errors import BatchError, OutcomeUnknownError, UnavailableError
from ap_remote.model import NodeId, Outcome, Status
from ap_remote_mcp.server import build_server

ALLOW = frozenset({"organise", "trash"})


class Hand:
    """Calls tools of one server, first without a plan and then with it; each call is a client of its own."""

    def __init__(self, open_client, said, server):
        self.open_client, self.said, self.server = open_client, said, server

    async def call(self, tool, arguments):
        async with self.open_client(server=self.server) as client:
            return await client.call_tool(tool, arguments)

    async def preview(self, tool, **arguments):
        result = await self.call(tool, arguments)
        assert not result.is_error, result.content
        return result.structured_content

    async def do(self, tool, **arguments):
        shown = await self.preview(tool, **arguments)
        return await self.preview(tool, **arguments, plan=shown["plan"])

    async def refused(self, tool, **arguments):
        result = await self.call(tool, arguments)
        assert result.is_error
        return self.said(result)

    async def undo(self, change):
        return await self.do("photos_undo", id=change["op_id"])


@pytest.fixture
def hand(open_client, library, said):
    return Hand(open_client, said, build_server(library.remote, index=None, allow=ALLOW))


async def at(library, name):
    return (await library.remote.stat(NodeId(library.ids[name]))).path


async def members(library, album):
    return {each.name async for each in library.remote.list(NodeId(album))}


async def test_pictures_move_and_come_back(hand, library):
    ids = [library.ids["cat.jpg"], library.ids["dog.jpg"]]
    shown = await hand.preview("photos_move", ids=ids, to="Pictures/2024")
    assert (shown["action"], shown["preview"]["count"]) == ("move", 2)
    assert await at(library, "cat.jpg") == "Pictures/2023/cat.jpg"
    moved = await hand.do("photos_move", ids=ids, to="Pictures/2024")
    assert (moved["done"], moved["verified"]) == (2, 2)
    assert await at(library, "cat.jpg") == "Pictures/2024/cat.jpg"
    back = await hand.undo(moved)
    assert (back["done"], back["verified"]) == (2, 2)
    assert await at(library, "cat.jpg") == "Pictures/2023/cat.jpg"
    assert await at(library, "dog.jpg") == "Pictures/2022/dog.jpg"
    refused = await hand.refused("photos_undo", id=moved["op_id"])
    assert f"taken back by {back['op_id']}" in refused


async def test_a_folder_is_made_only_where_that_was_asked(hand, library):
    ids = [library.ids["cat.jpg"]]
    assert (await hand.refused("photos_move", ids=ids, to="Pictures/New")).startswith("[not_found]")
    moved = await hand.do("photos_move", ids=ids, to="Pictures/New/Deep", create=True)
    assert moved["verified"] == 1
    assert await at(library, "cat.jpg") == "Pictures/New/Deep/cat.jpg"


async def test_what_cannot_move_is_said_one_by_one(hand, library):
    library.remote.seed("Pictures/2024/CAT.jpg", b"another")
    await library.remote.trash("Pictures/2022/dog.jpg")
    folder = (await library.remote.stat("Pictures/2023/Trip")).id
    names = ("cat.jpg", "dog.jpg", "coffee.jpg")
    shown = await hand.preview(
        "photos_move", ids=[*(library.ids[each] for each in names), folder, "nobody"], to="Pictures/2024"
    )
    assert {each["id"]: each["why"] for each in shown["skipped"]} == {
        library.ids["cat.jpg"]: "a file of that name is there",
        library.ids["dog.jpg"]: "in the trash: photos_restore first",
        library.ids["coffee.jpg"]: "there already",
        folder: "a folder or album: photos_move moves files",
        "nobody": "unknown id",
    }
    assert "plan" not in shown


async def test_a_plan_for_one_folder_moves_to_no_other(hand, library):
    ids = [library.ids["cat.jpg"]]
    shown = await hand.preview("photos_move", ids=ids, to="Pictures/2024")
    said = await hand.refused("photos_move", ids=ids, to="Pictures/2022", plan=shown["plan"])
    assert said.startswith("[plan_stale]")
    assert await at(library, "cat.jpg") == "Pictures/2023/cat.jpg"


async def test_an_undo_leaves_alone_what_was_moved_again(hand, library):
    ids = [library.ids["cat.jpg"], library.ids["dog.jpg"]]
    moved = await hand.do("photos_move", ids=ids, to="Pictures/2024")
    await library.remote.move(NodeId(library.ids["cat.jpg"]), "Pictures/cat.jpg")
    back = await hand.undo(moved)
    assert back["skipped"] == [{"id": library.ids["cat.jpg"], "why": "it was moved again since"}]
    assert await at(library, "cat.jpg") == "Pictures/cat.jpg"
    assert await at(library, "dog.jpg") == "Pictures/2022/dog.jpg"


async def test_after_an_answer_that_never_came_nothing_more_is_sent(hand, library, monkeypatch):
    sent = []
    move = library.remote.move

    async def lost(source, path):
        sent.append(source.value)
        if source.value == library.ids["dog.jpg"]:
            raise OutcomeUnknownError("the line broke")
        return await move(source, path)

    monkeypatch.setattr(library.remote, "move", lost)
    names = ("cat.jpg", "dog.jpg", "beach.jpg")
    moved = await hand.do("photos_move", ids=[library.ids[each] for each in names], to="Pictures/2024")
    assert sent == [library.ids["cat.jpg"], library.ids["dog.jpg"]]
    assert (moved["done"], len(moved["skipped"])) == (1, 2)
    assert "[outcome_unknown]" in moved["note"]
    assert "photos_get" in moved["skipped"][0]["why"]


async def test_what_the_service_refuses_stops_nothing_else_and_leaks_nothing(hand, library, monkeypatch):
    mark = library.remote.mark

    async def half(target, **marks):
        if target.value == library.ids["cat.jpg"]:
            raise UnavailableError("CANARY https://x/?token=1")
        return await mark(target, **marks)

    monkeypatch.setattr(library.remote, "mark", half)
    ids = [library.ids["cat.jpg"], library.ids["dog.jpg"]]
    marked = await hand.do("photos_mark", ids=ids, favorite="yes")
    assert (marked["done"], marked["verified"]) == (1, 1)
    assert marked["skipped"][0]["why"].startswith("[unavailable]")
    assert "CANARY" not in str(marked)


async def test_marks_change_and_come_back_as_they_were(hand, library):
    await library.remote.mark(NodeId(library.ids["dog.jpg"]), favorite=True)
    ids = [library.ids["cat.jpg"], library.ids["dog.jpg"]]
    marked = await hand.do("photos_mark", ids=ids, favorite="yes", hidden="yes")
    assert (marked["done"], marked["verified"]) == (2, 2)
    await hand.undo(marked)
    cat, dog = [await library.remote.stat(NodeId(each)) for each in ids]
    assert (cat.favorite, cat.hidden, dog.favorite, dog.hidden) == (False, False, True, False)


async def test_a_mark_that_changes_nothing_is_refused(hand, library):
    assert (await hand.refused("photos_mark", ids=[library.ids["cat.jpg"]])).startswith("[bad_argument]")
    shown = await hand.preview("photos_mark", ids=[library.ids["cat.jpg"]], favorite="no")
    assert shown["skipped"] == [{"id": library.ids["cat.jpg"], "why": "so already"}]


async def test_an_album_is_made_filled_renamed_and_taken_back(hand, library):
    ids = [library.ids["cat.jpg"], library.ids["dog.jpg"]]
    made = await hand.do("photos_album", action="create", album="Pets", ids=ids[:1])
    assert (made["done"], made["verified"]) == (1, 1)
    (album,) = [each.id async for each in library.remote.albums()]
    assert album in made["note"]
    added = await hand.do("photos_album", action="add", album="pets", ids=ids)
    assert (added["done"], added["verified"]) == (1, 1)
    assert added["skipped"] == [{"id": ids[0], "why": "in the album already"}]
    renamed = await hand.do("photos_album", action="rename", album=album, name="Animals")
    assert renamed["verified"] == 1
    removed = await hand.do("photos_album", action="remove", album=album, ids=ids)
    assert await members(library, album) == set()
    await hand.undo(removed)
    assert await members(library, album) == {"cat.jpg", "dog.jpg"}
    await hand.undo(added)
    assert await members(library, album) == {"cat.jpg"}
    await hand.undo(renamed)
    assert (await library.remote.stat(NodeId(album))).name == "Pets"
    await hand.undo(made)
    assert (await library.remote.stat(NodeId(album))).status is Status.TRASHED
    assert await at(library, "cat.jpg") == "Pictures/2023/cat.jpg"


async def test_an_empty_album_can_be_made(hand, library):
    made = await hand.do("photos_album", action="create", album="Later")
    assert made["done"] == 0
    assert [each.name async for each in library.remote.albums()] == ["Later"]


async def test_members_that_the_service_refuses_are_told(hand, library, monkeypatch):
    ids = [library.ids["cat.jpg"], library.ids["dog.jpg"]]
    album = (await library.remote.create_album("Pets")).id
    add = library.remote.add_to_album

    async def half(target, targets):
        await add(target, targets[:1])
        raise BatchError("one", [Outcome(target=str(targets[1]), action="trash", id=targets[1].value, error="code 1")])

    monkeypatch.setattr(library.remote, "add_to_album", half)
    added = await hand.do("photos_album", action="add", album=album, ids=ids)
    assert (added["done"], added["verified"]) == (1, 1)
    assert added["skipped"] == [{"id": ids[1], "why": "the service refused"}]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"action": "add", "album": "Nowhere", "ids": ["a"]}, "[not_found]"),
        ({"action": "add", "album": "Pets"}, "[bad_argument]"),
        ({"action": "rename", "album": "Pets"}, "[bad_argument]"),
        ({"action": "create", "album": "a/b"}, "[bad_argument]"),
    ],
)
async def test_an_album_needs_what_its_action_needs(hand, library, arguments, code):
    await library.remote.create_album("Pets")
    assert (await hand.refused("photos_album", **arguments)).startswith(code)


async def test_a_person_gets_a_name_and_the_old_one_back(hand, library):
    library.remote.plant(library.ids["cat.jpg"], people=("P1",))
    named = await hand.do("photos_person", person="P1", name="Ada")
    assert named["verified"] == 1
    again = await hand.do("photos_person", person="ada", name="Ada Lovelace")
    await hand.undo(again)
    assert [each.name for each in await library.remote.people()] == ["Ada"]
    assert (await hand.refused("photos_undo", id=named["op_id"])).startswith("[unsupported]")
    assert (await hand.refused("photos_person", person="P9", name="x")).startswith("[not_found]")


async def test_the_trash_is_undone_by_its_number(hand, library):
    gone = await hand.do("photos_trash", ids=[library.ids["cat.jpg"]])
    await hand.undo(gone)
    assert await at(library, "cat.jpg") == "Pictures/2023/cat.jpg"


async def test_an_undo_of_nothing_is_refused(hand):
    assert (await hand.refused("photos_undo", id="0123456789abcdef")).startswith("[not_found]")


async def test_another_server_of_the_account_takes_back_what_this_one_did(open_client, library, said, tmp_path):
    first, second = (build_server(library.remote, index=None, allow=ALLOW, home=tmp_path) for _ in range(2))
    gone = await Hand(open_client, said, first).do("photos_trash", ids=[library.ids["cat.jpg"]])
    back = await Hand(open_client, said, second).undo(gone)
    assert back["verified"] == 1


async def test_a_job_that_nobody_began_is_not_found(hand):
    assert (await hand.refused("photos_job", job_id="a" * 32)).startswith("[not_found]")
