"""What a preview tells: the sentence of what would be done, red flags, folders and albums that would be made."""

from __future__ import annotations

import pytest

from ap_remote.model import NodeId
from ap_remote_mcp.changes import redflags
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.policy.roots import Roots
from ap_remote_mcp.server import build_server

ALL = frozenset({"organise", "transfer", "trash"})


@pytest.fixture
def era():
    return "2026-07-28"


@pytest.fixture
def call(open_client, library, said, tmp_path):
    limits = Limits(unasked_files=0)
    server = build_server(library.remote, index=None, allow=ALL, roots=Roots([tmp_path]), limits=limits)

    async def go(tool, **arguments):
        async with open_client(server=server) as client:
            result = await client.call_tool(tool, arguments)
        return said(result) if result.is_error else result.structured_content

    return go


@pytest.mark.parametrize(
    ("tool", "arguments", "question"),
    [
        ("photos_mark", {"favorite": "yes", "hidden": "no"}, "Set favorite on and hidden off for 1 item: “cat.jpg”?"),
        ("photos_move", {"to": "Pictures/2024"}, "Move 1 item to the folder “Pictures/2024”: “cat.jpg”?"),
        ("photos_album", {"action": "create", "album": "Pets"}, "Make the album “Pets” with 1 item: “cat.jpg”?"),
        ("photos_trash", {"reason": "blurred"}, "Move 1 item to the trash: “cat.jpg”? Reason given: “blurred”."),
    ],
)
async def test_a_preview_has_the_sentence_that_a_person_is_asked(call, library, tool, arguments, question):
    shown = await call(tool, ids=[library.ids["cat.jpg"]], **arguments)
    assert shown["preview"]["question"] == question


async def test_a_rename_and_an_empty_album_are_told_too(call, library):
    shown = await call("photos_album", action="create", album="Later")
    assert shown["preview"]["question"] == "Make the empty album “Later”?"
    await library.remote.create_album("Pets")
    shown = await call("photos_album", action="rename", album="Pets", name="Animals")
    assert shown["preview"]["question"] == "Rename the album “Pets” to “Animals”?"


async def test_a_move_says_that_its_folder_is_made(call, library):
    ids = [library.ids["cat.jpg"]]
    shown = await call("photos_move", ids=ids, to="Pictures/New", create=True)
    assert shown["preview"]["warnings"] == ["the folder “Pictures/New” will be made"]
    assert "new folder" in shown["preview"]["question"]
    await library.remote.mkdir("Pictures/New")
    stale = await call("photos_move", ids=ids, to="Pictures/New", create=True, plan=shown["plan"])
    assert stale.startswith("[plan_stale]")


async def test_a_plan_is_for_the_folder_that_was_shown_and_none_of_its_name(call, library, tmp_path, make_jpeg):
    await library.remote.mkdir("Dest")
    (tmp_path / "new.jpg").write_bytes(make_jpeg("red"))
    wishes = [
        ("photos_move", {"ids": [library.ids["cat.jpg"]], "to": "Dest"}),
        ("photos_upload", {"paths": ["root1/new.jpg"], "to": "Dest"}),
    ]
    plans = [(await call(tool, **wish))["plan"] for tool, wish in wishes]
    await library.remote.move("Dest", "Old")
    await library.remote.mkdir("Dest")
    for (tool, wish), plan in zip(wishes, plans, strict=True):
        assert (await call(tool, **wish, plan=plan)).startswith("[plan_stale]")
    assert [each async for each in library.remote.list("Dest")] == []


async def test_a_plan_for_a_long_local_folder_is_for_no_other_that_begins_alike(call, library):
    long = "root1/" + "/".join(["f" * 60] * 3)
    ids = [library.ids["cat.jpg"], library.ids["dog.jpg"]]
    shown = await call("photos_download", ids=ids, to=f"{long}/one")
    assert (await call("photos_download", ids=ids, to=f"{long}/two", plan=shown["plan"])).startswith("[plan_stale]")


async def test_a_mark_tells_what_was_before(call, library):
    await library.remote.mark(NodeId(library.ids["dog.jpg"]), favorite=True)
    wish = {"ids": [library.ids["cat.jpg"], library.ids["dog.jpg"]], "favorite": "yes", "hidden": "yes"}
    plan = (await call("photos_mark", **wish))["plan"]
    marked = await call("photos_mark", **wish, plan=plan)
    assert marked["was"] == {
        "not favorite": [library.ids["cat.jpg"]],
        "favorite": [library.ids["dog.jpg"]],
        "not hidden": wish["ids"],
    }


async def test_red_flags_stand_before_what_goes_to_the_trash(call, library, monkeypatch):
    monkeypatch.setattr(redflags, "MANY", 2)
    monkeypatch.setattr(redflags, "LARGE", 100)
    names = ("cat.jpg", "dog.jpg", "beach.jpg")
    ids = [library.ids[each] for each in names]
    await library.remote.create_album("Pets", members=[NodeId(each) for each in ids[:2]])
    await library.remote.create_album("Other", members=[NodeId(library.ids["forum.jpg"])])
    await library.remote.mark(NodeId(ids[0]), favorite=True)
    shown = await call("photos_trash", ids=ids)
    assert shown["preview"]["warnings"] == [
        "1 of them is a favourite",
        "in 1 album: “Pets” (2 of them)",
        "more than 2 items",
        "more than 100 bytes",
    ]
    assert "Mind: 1 of them is a favourite; in 1 album: “Pets” (2 of them); more" in shown["preview"]["question"]


async def test_a_picture_that_somebody_puts_into_an_album_makes_the_plan_stale(call, library):
    ids = [library.ids["cat.jpg"]]
    album = await library.remote.create_album("Pets")
    plan = (await call("photos_trash", ids=ids))["plan"]
    before = (await library.remote.stat(NodeId(ids[0]))).version
    await library.remote.add_to_album(NodeId(album.id), [NodeId(ids[0])])
    assert (await library.remote.stat(NodeId(ids[0]))).version == before, "its own version says nothing of albums"
    assert (await call("photos_trash", ids=ids, plan=plan)).startswith("[plan_stale]")


async def test_only_so_many_albums_are_looked_into_and_that_is_told(call, library, monkeypatch):
    monkeypatch.setattr(redflags, "_ALBUMS", 2)
    for name in ("A", "B", "C"):
        await library.remote.create_album(name, members=[NodeId(library.ids["cat.jpg"])])
    shown = await call("photos_trash", ids=[library.ids["cat.jpg"]])
    assert shown["preview"]["warnings"] == [
        "in 2 albums: “A” (1 of them), “B” (1 of them)",
        "only 2 of 3 albums were looked into",
    ]


async def test_an_album_of_a_name_that_is_taken_is_told_with_what_the_other_holds(call, library):
    pets = await library.remote.create_album("Pets", members=[NodeId(library.ids["cat.jpg"])])
    shown = await call("photos_album", action="create", album="pets")
    assert shown["preview"]["warnings"] == [
        f"there will be one more of this name: 1 album has that name; {pets.id} holds 1 item; action=add fills one"
    ]
    other = await library.remote.create_album("Pets")
    said = await call("photos_album", action="add", album="Pets", ids=[library.ids["dog.jpg"]])
    assert said.startswith("[ambiguous] 2 albums have that name; ")
    assert f"{pets.id} holds 1 item" in said
    assert f"{other.id} holds 0 items" in said


@pytest.mark.parametrize("action", ["create", "add", "remove"])
async def test_a_name_that_would_be_ignored_is_refused(call, library, action):
    await library.remote.create_album("Pets")
    said = await call("photos_album", action=action, album="Pets", name="Cats", ids=[library.ids["cat.jpg"]])
    assert said.startswith(f"[bad_argument] action={action} takes no name")


async def test_a_picture_in_the_trash_or_hidden_says_so_in_every_item(call, library):
    await library.remote.mark(NodeId(library.ids["dog.jpg"]), hidden=True)
    await library.remote.trash(NodeId(library.ids["cat.jpg"]))
    ids = [library.ids[each] for each in ("cat.jpg", "dog.jpg", "beach.jpg")]
    found = (await call("photos_get", ids=ids))["items"]
    assert [(each.get("trashed"), each.get("hidden")) for each in found] == [(True, None), (None, True), (None, None)]
    listed = (await call("photos_list", source="trash"))["items"]
    assert [each["trashed"] for each in listed] == [True]
