"""Changes of which a part was done: what is said of the rest, a fresh plan for it, and what an undo leaves."""

from __future__ import annotations

import pytest

from ap_remote.errors import OutcomeUnknownError, UnavailableError
from ap_remote.model import NodeId, Status
from ap_remote_mcp.policy.roots import Roots
from tests.unit.mcp.everything import call, done, told

ALL = frozenset({"organise", "transfer", "trash"})


@pytest.fixture
def era():
    """The eras differ in questions, of which there are none here."""
    return "2026-07-28"


@pytest.fixture
def server(open_client, library, tmp_path):
    """A client of a server that may change things, and carry them from and to the folder ``root``."""
    root = tmp_path / "root"
    root.mkdir()
    return open_client(library.remote, allow=ALL, home=tmp_path / "home", roots=Roots([root]))


@pytest.fixture
def ids(library):
    return [library.ids[name] for name in ("cat.jpg", "dog.jpg", "beach.jpg")]


@pytest.fixture
def fail(library, monkeypatch):
    """Let a verb fail once for one picture, or once altogether."""

    def once(verb, error, picture=None):
        through = getattr(library.remote, verb)
        left = [error]

        async def failing(target, *arguments, **options):
            if left and picture in (None, getattr(target, "value", None)):
                raise left.pop()
            return await through(target, *arguments, **options)

        monkeypatch.setattr(library.remote, verb, failing)

    return once


async def test_what_was_not_done_is_counted_and_gets_a_plan_of_its_own(server, library, ids, fail):
    async with server as client:
        fail("mark", UnavailableError("503"), ids[1])
        shown = await call(client, "photos_mark", ids=ids, favorite="yes")
        marked = await call(client, "photos_mark", ids=ids, favorite="yes", plan=shown["plan"])
        assert (marked["done"], [each["id"] for each in marked["skipped"]]) == (2, [ids[1]])
        said = "2 of 3 were done and the plan is spent; for the rest look, then call again without plan for a new one"
        assert said in marked["note"]
        again = await client.call_tool("photos_mark", {"ids": ids, "favorite": "yes", "plan": shown["plan"]})
        assert told(again).startswith("[plan_stale]")
        rest = await call(client, "photos_mark", ids=ids, favorite="yes")
        assert (rest["preview"]["count"], rest["preview"]["samples"][0]["id"]) == (1, ids[1])
        marked = await call(client, "photos_mark", ids=ids, favorite="yes", plan=rest["plan"])
        assert (marked["done"], marked["verified"]) == (1, 1)
        assert "were done" not in marked.get("note", "")


async def test_after_an_answer_that_never_came_one_is_to_look_before_there_is_another_plan(server, ids, fail):
    async with server as client:
        fail("mark", OutcomeUnknownError("sent"), ids[0])
        marked = await done(client, "photos_mark", ids=ids, favorite="yes")
        first, second = marked["note"].split("; ", 2)[:2]
        assert first == "[outcome_unknown] for one entry"
        assert second == "do not repeat the call"
        assert "0 of 3 were done and the plan is spent; for the rest look, then" in marked["note"]


async def test_an_album_that_was_made_without_some_pictures_is_not_made_once_more(server, library, ids, fail):
    async with server as client:
        fail("add_to_album", UnavailableError("503"))
        made = await done(client, "photos_album", action="create", album="Rome", ids=ids)
        (album,) = [each async for each in library.remote.albums()]
        assert f"the album's id is {album.id}" in made["note"]
        assert made["note"].endswith(
            "0 of 3 were done and the plan is spent; for the rest look, then use action=add with that id"
        )
        added = await done(client, "photos_album", action="add", album=album.id, ids=ids)
        assert added["verified"] == 3


async def test_the_rest_of_an_undo_can_be_taken_back_too(server, library, ids, fail):
    async with server as client:
        moved = await done(client, "photos_move", ids=ids, to="Pictures/2024")
        fail("move", UnavailableError("503"), ids[2])
        back = await done(client, "photos_undo", id=moved["op_id"])
        assert (back["done"], [each["id"] for each in back["skipped"]]) == (2, [ids[2]])
        assert "2 of 3 were done" in back["note"]
        rest = await done(client, "photos_undo", id=moved["op_id"])
        assert rest["done"] == 1
        assert (await library.remote.stat(NodeId(ids[2]))).path == "Pictures/2023/beach.jpg"
        over = await client.call_tool("photos_undo", {"id": moved["op_id"]})
        assert f"taken back by {rest['op_id']}" in told(over)


async def test_an_upload_says_how_far_it_came_and_its_next_plan_is_for_the_rest(
    server, library, tmp_path, fail, make_jpeg
):
    async with server as client:
        paths = [f"root1/{color}.jpg" for color in ("red", "green")]
        for path in paths:
            name = path.rpartition("/")[2]
            (tmp_path / "root" / name).write_bytes(make_jpeg(name.removesuffix(".jpg"), (32, 24)))
        fail("put", UnavailableError("503"))
        sent = await done(client, "photos_upload", paths=paths, to="Pictures/New")
        result = sent["job"]["result"]
        assert (result["uploaded"], result["failed"]) == (1, 1)
        assert result["note"].startswith(
            "1 of 2 are done; for the rest look, then call photos_upload again without plan"
        )
        rest = await call(client, "photos_upload", paths=paths, to="Pictures/New")
        assert [each["file"] for each in rest["preview"]["files"]] == ["root1/red.jpg"]
        sent = await call(client, "photos_upload", paths=paths, to="Pictures/New", plan=rest["plan"])
        assert sent["job"]["result"]["uploaded"] == 1
        assert "note" not in sent["job"]["result"]


async def test_a_download_says_how_far_it_came_and_goes_on_with_the_rest(server, library, ids, monkeypatch, tmp_path):
    async with server as client:
        through = library.remote.stat
        missing = [ids[1]]

        async def stat(target, **options):
            # The proposal looks all of them up afresh; the job looks one up as it is known.
            if getattr(target, "value", "") in missing and not options.get("fresh"):
                missing.clear()
                raise UnavailableError("503")
            return await through(target, **options)

        monkeypatch.setattr(library.remote, "stat", stat)
        saved = (await call(client, "photos_download", ids=ids, to="root1/out"))["job"]["result"]
        assert (saved["downloaded"], saved["failed"]) == (2, 1)
        assert saved["note"] == "2 of 3 are done; for the rest look, then call photos_download again with their ids"
        saved = (await call(client, "photos_download", ids=[ids[1]], to="root1/out"))["job"]["result"]
        assert (saved["downloaded"], saved.get("note")) == (1, None)
        assert {each.name for each in (tmp_path / "root" / "out").glob("*.jpg")} == {"cat.jpg", "dog.jpg", "beach.jpg"}


async def test_a_change_that_was_done_as_a_whole_speaks_of_no_rest(server, library, ids):
    async with server as client:
        gone = await done(client, "photos_trash", ids=ids)
        assert gone["done"] == 3
        assert "note" not in gone
        assert (await library.remote.stat(NodeId(ids[0]))).status is Status.TRASHED
