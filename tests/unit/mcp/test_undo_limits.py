"""What an undo may not do: more than the server and the caller may, or what undoes a person's later work."""

from __future__ import annotations

import json
from functools import cache

import anyio
import pytest
from mcp.server.auth.provider import AccessToken

from ap_remote.model import NodeId, Status
from ap_remote_mcp import principal
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.policy.roots import Roots
from ap_remote_mcp.server import build_server

ALL = frozenset({"organise", "transfer", "trash"})


@pytest.fixture
def era():
    """The eras differ in questions, of which there are none here."""
    return "2026-07-28"


@pytest.fixture
def hand(open_client, library, said, tmp_path):
    """Call a tool of a server of this account; without a plan first, if it takes one."""

    root, limits = tmp_path / "root", Limits(wait_seconds=0.05, stop_seconds=0.05)
    root.mkdir()

    @cache
    def server(allow):
        return build_server(
            library.remote, index=None, allow=allow, home=tmp_path / "home", roots=Roots([root]), limits=limits
        )

    class Hand:
        async def call(self, tool, allow=ALL, **arguments):
            async with open_client(server=server(allow)) as client:
                result = await client.call_tool(tool, arguments)
            return said(result) if result.is_error else result.structured_content

        async def do(self, tool, **arguments):
            shown = await self.call(tool, **arguments)
            return await self.call(tool, **arguments, plan=shown["plan"])

        async def undo(self, change, **options):
            return await self.do("photos_undo", id=change["op_id"], **options)

    return Hand()


def album_of(change):
    return change["note"].rpartition(" ")[2]


async def test_an_undo_of_a_restore_needs_the_word_for_the_trash(hand, library):
    ids = [library.ids["cat.jpg"]]
    await hand.do("photos_trash", ids=ids)
    back = await hand.do("photos_restore", ids=ids)
    refused = await hand.call("photos_undo", id=back["op_id"], allow=frozenset({"organise"}))
    assert refused.startswith("[read_only_mode] Taking back a change by restore comes with --allow trash")
    assert (await library.remote.stat(NodeId(ids[0]))).status is Status.AVAILABLE
    assert (await hand.undo(back))["done"] == 1


@pytest.mark.parametrize(
    ("wish", "scope"),
    [
        ({"tool": "photos_trash"}, "photos:trash"),
        ({"tool": "photos_move", "to": "Pictures/2024"}, "photos:organise"),
        ({"tool": "photos_mark", "favorite": "yes"}, "photos:organise"),
    ],
)
async def test_a_token_takes_back_no_more_than_it_may_do(hand, library, monkeypatch, wish, scope):
    held = ["photos:read", "photos:organise", "photos:trash", "photos:transfer"]
    token = AccessToken(token="t", client_id="c", subject="ada", scopes=held, expires_at=None)
    monkeypatch.setattr(principal, "get_access_token", lambda: token)
    change = await hand.do(**wish, ids=[library.ids["cat.jpg"]])
    plan = (await hand.call("photos_undo", id=change["op_id"]))["plan"]
    lesser = token.model_copy(update={"scopes": [each for each in held if each != scope]})
    monkeypatch.setattr(principal, "get_access_token", lambda: lesser)
    for arguments in ({}, {"plan": plan}):
        refused = await hand.call("photos_undo", id=change["op_id"], **arguments)
        assert refused.startswith(f"[blocked] The token lacks the scope {scope}")


@pytest.mark.parametrize("allow", [frozenset({"transfer"}), ALL], ids=["transfer", "all"])
async def test_an_upload_is_taken_back_by_the_word_that_allowed_it(hand, library, tmp_path, make_jpeg, allow):
    (tmp_path / "root" / "new.jpg").write_bytes(make_jpeg("red"))
    sent = await hand.do("photos_upload", paths=["root1/new.jpg"], to="Pictures/New", allow=allow)
    assert (await hand.undo(sent, allow=allow))["done"] == 1


async def test_an_album_that_a_person_filled_since_stays(hand, library):
    made = await hand.do("photos_album", action="create", album="Mine", ids=[library.ids["cat.jpg"]])
    await library.remote.add_to_album(NodeId(album_of(made)), [NodeId(library.ids["dog.jpg"])])
    shown = await hand.call("photos_undo", id=made["op_id"])
    assert "plan" not in shown
    assert shown["skipped"] == [{"id": album_of(made), "why": "it was changed since"}]


async def test_an_album_whose_version_nobody_noted_is_compared_by_what_is_in_it(hand, library, tmp_path):
    made = await hand.do("photos_album", action="create", album="Mine", ids=[library.ids["cat.jpg"]])
    for file in (tmp_path / "home" / "mcp-journal").glob("*.jsonl"):
        lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        for line in lines:
            line.get("made", {}).pop("version", None)
        file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    another = frozenset({"organise"})
    assert (await hand.call("photos_undo", id=made["op_id"], allow=another))["preview"]["count"] == 1
    await library.remote.add_to_album(NodeId(album_of(made)), [NodeId(library.ids["dog.jpg"])])
    shown = await hand.call("photos_undo", id=made["op_id"], allow=another)
    assert shown["skipped"] == [{"id": album_of(made), "why": "it holds other pictures than it was made with"}]


async def test_an_album_that_a_person_renamed_since_stays_and_keeps_its_name(hand, library):
    made = await hand.do("photos_album", action="create", album="Mine")
    album = album_of(made)
    renamed = await hand.do("photos_album", action="rename", album=album, name="Ours")
    await library.remote.move(NodeId(album), ".views/albums/Wedding")
    for change, why in ((made, "it was renamed since"), (renamed, "it was renamed again since")):
        shown = await hand.call("photos_undo", id=change["op_id"])
        assert "plan" not in shown
        assert shown["skipped"] == [{"id": album, "why": why}]
    assert (await library.remote.stat(NodeId(album))).name == "Wedding"


async def test_an_album_in_the_trash_and_one_that_is_gone_are_left_alone(hand, library):
    made = await hand.do("photos_album", action="create", album="Mine")
    await library.remote.trash(NodeId(album_of(made)))
    shown = await hand.call("photos_undo", id=made["op_id"])
    assert shown["skipped"] == [{"id": album_of(made), "why": "it is in the trash already"}]
    await library.remote.delete(NodeId(album_of(made)))
    shown = await hand.call("photos_undo", id=made["op_id"])
    assert shown["skipped"] == [{"id": album_of(made), "why": "unknown id"}]


async def test_a_plan_of_an_undo_dies_when_somebody_fills_the_album(hand, library):
    made = await hand.do("photos_album", action="create", album="Mine")
    plan = (await hand.call("photos_undo", id=made["op_id"]))["plan"]
    await library.remote.add_to_album(NodeId(album_of(made)), [NodeId(library.ids["dog.jpg"])])
    assert (await hand.call("photos_undo", id=made["op_id"], plan=plan)).startswith("[plan_stale]")
    assert (await library.remote.stat(NodeId(album_of(made)))).status is Status.AVAILABLE


async def test_a_person_who_was_named_again_since_keeps_that_name(hand, library):
    library.remote.plant(library.ids["cat.jpg"], people=("P1",))
    await hand.do("photos_person", person="P1", name="Ada")
    named = await hand.do("photos_person", person="P1", name="Ada L.")
    await library.remote.name_person("P1", "Ada Lovelace")
    shown = await hand.call("photos_undo", id=named["op_id"])
    assert "plan" not in shown
    assert shown["skipped"] == [{"id": "P1", "why": "it was named again since"}]


async def test_an_undo_and_a_download_say_what_to_do_instead(hand, library):
    ids = [library.ids["cat.jpg"]]
    back = await hand.undo(await hand.do("photos_move", ids=ids, to="Pictures/2024"))
    refused = await hand.call("photos_undo", id=back["op_id"])
    assert refused == "[unsupported] A change by undo cannot be taken back. Make the change again with photos_move."
    saved = await hand.call("photos_download", ids=ids, to="root1/out")
    refused = await hand.call("photos_undo", id=saved["op_id"])
    assert refused.startswith("[unsupported] A change by download cannot be taken back. The library was not changed;")


async def test_stopping_a_job_names_the_job_and_no_operation(hand, library, monkeypatch):
    """What stands under op_id can be taken back, which a job cannot."""

    async def endless(target, *, span=None):
        await anyio.sleep_forever()
        yield b""

    monkeypatch.setattr(library.remote, "get", endless)
    begun = await hand.call("photos_download", ids=[library.ids["cat.jpg"]], to="root1/out")
    job_id = begun["job"]["job_id"]
    stopped = await hand.call("photos_undo", id=job_id)
    assert stopped["job"]["job_id"] == job_id
    assert "op_id" not in stopped
