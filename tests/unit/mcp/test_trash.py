"""Trash and restore: previews, plans, a person's answer, what is read back."""

from __future__ import annotations

import anyio
import msgspec
import pytest
from mcp.types import ElicitResult

from ap_remote.errors import BatchError, OutcomeUnknownError
from ap_remote.model import NodeId, Outcome, Status
from ap_remote_mcp.changes.terms import MoveTerms
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.policy.plans import Permit, PlanRefusedError, Plans
from ap_remote_mcp.server import build_server

ALLOW = frozenset({"trash"})


class Person:
    """Answers questions, and remembers them."""

    def __init__(self, action, content=None):
        self.answer = ElicitResult(action=action, content=content)
        self.questions = []

    async def __call__(self, context, params):
        self.questions.append(params.message)
        return self.answer


async def preview(client, ids, tool="photos_trash", **arguments):
    result = await client.call_tool(tool, {"ids": ids, **arguments})
    assert not result.is_error, result.content
    return result.structured_content


@pytest.mark.parametrize("tool", ["photos_trash", "photos_restore"])
async def test_without_the_flag_the_tool_does_not_exist(open_client, library, said, is_gone, tool):
    async with open_client(library.remote) as client:
        result = await client.call_tool(tool, {"ids": [library.ids["cat.jpg"]]})
        nonsense = await client.call_tool("shred", {})
        close = await client.call_tool("photo_search", {})
    assert result.is_error
    assert said(result).startswith(f"[read_only_mode] {tool} comes with --allow trash")
    assert "--allow trash" in said(result)
    assert said(nonsense).startswith("[not_found] Unknown tool")
    assert "Did you mean photos_search?" in said(close)
    assert not await is_gone(library.remote, "Pictures/2023/cat.jpg")


async def test_the_first_call_shows_what_would_go_and_changes_nothing(open_client, library, is_gone):
    await library.remote.mark("Pictures/2023/cat.jpg", favorite=True)
    ids = [library.ids["cat.jpg"], library.ids["dog.jpg"], "nobody"]
    async with open_client(library.remote, allow=ALLOW) as client:
        answer = await preview(client, ids, reason="duplicates")
    assert answer["preview"]["count"] == 2
    assert answer["preview"]["favorites"] == 1
    assert answer["preview"]["oldest"] == "2022-05-01T09:30"
    assert answer["preview"]["newest"] == "2023-07-20T08:15"
    assert [item["name"] for item in answer["preview"]["samples"]] == ["cat.jpg", "dog.jpg"]
    assert answer["skipped"] == [{"id": "nobody", "why": "unknown id"}]
    assert answer["plan"]
    assert "done" not in answer
    assert not await is_gone(library.remote, "Pictures/2023/cat.jpg")


async def test_the_plan_applies_and_the_change_is_read_back_and_restored(open_client, library, is_gone):
    ids = [library.ids["cat.jpg"], library.ids["dog.jpg"]]
    async with open_client(library.remote, allow=ALLOW) as client:
        plan = (await preview(client, ids))["plan"]
        gone = await preview(client, ids, plan=plan)
        assert await is_gone(library.remote, "Pictures/2023/cat.jpg")
        back = (await preview(client, ids, tool="photos_restore"))["plan"]
        restored = await preview(client, ids, tool="photos_restore", plan=back)
        status = (await client.call_tool("photos_status", {})).structured_content
    assert (gone["done"], gone["verified"], gone["action"]) == (2, 2, "trash")
    assert gone["undo_until"]
    assert gone["op_id"] != restored["op_id"]
    assert (restored["done"], restored["verified"]) == (2, 2)
    assert not await is_gone(library.remote, "Pictures/2023/cat.jpg")
    assert status["changes_left_today"] == 1996


async def test_a_plan_is_used_once(open_client, library, said):
    ids = [library.ids["cat.jpg"]]
    async with open_client(library.remote, allow=ALLOW) as client:
        plan = (await preview(client, ids))["plan"]
        await preview(client, ids, plan=plan)
        await library.remote.restore(NodeId(ids[0]))
        replay = await client.call_tool("photos_trash", {"ids": ids, "plan": plan})
    assert said(replay).startswith("[plan_stale]")


@pytest.mark.parametrize("case", ["forged", "cut", "other ids", "fewer ids", "other action", "changed", "restarted"])
async def test_a_plan_permits_only_what_was_shown(open_client, library, said, is_gone, case):
    cat, dog = library.ids["cat.jpg"], library.ids["dog.jpg"]
    server = build_server(library.remote, index=None, allow=ALLOW)
    async with open_client(server=server) as client:
        plan = (await preview(client, [cat, dog]))["plan"]
    arguments, tool = {"ids": [cat, dog], "plan": plan}, "photos_trash"
    match case:
        case "forged":
            arguments["plan"] = plan[:-2] + ("AA" if plan[-2:] != "AA" else "BB")
        case "cut":
            arguments["plan"] = plan[:30]
        case "other ids":
            arguments["ids"] = [cat, library.ids["beach.jpg"]]
        case "fewer ids":
            arguments["ids"] = [cat]
        case "other action":
            await library.remote.trash(NodeId(cat), NodeId(dog))
            tool = "photos_restore"
        case "changed":
            await library.remote.mark(NodeId(cat), favorite=True)
        case "restarted":
            server = build_server(library.remote, index=None, allow=ALLOW)
    before = (await library.remote.stat(NodeId(cat))).status
    async with open_client(server=server) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert said(result).startswith("[plan_stale]")
    assert (await library.remote.stat(NodeId(cat))).status is before


async def test_a_plan_expires(open_client, library, said):
    ids = [library.ids["cat.jpg"]]
    async with open_client(library.remote, allow=ALLOW, limits=Limits(plan_seconds=0)) as client:
        plan = (await preview(client, ids))["plan"]
        late = await client.call_tool("photos_trash", {"ids": ids, "plan": plan})
    assert said(late).startswith("[plan_stale] The plan permits nothing: it has expired")


def test_a_plan_is_bound_to_its_account_and_its_time():
    now = [1000.0]
    mine, other = (Plans(name, seconds=60, clock=lambda: now[0]) for name in ("home", "work"))
    meant = Permit(action="trash", versions={"a": 1})
    token, expires = mine.issue(meant)
    assert expires == 1060
    mine.check(token, meant)
    with pytest.raises(PlanRefusedError):
        other.check(token, meant)
    for another in ({"action": "restore"}, {"versions": {"a": 2}}, {"who": "somebody"}, {"terms": MoveTerms(to="/")}):
        with pytest.raises(PlanRefusedError):
            mine.check(token, msgspec.structs.replace(meant, **another))
    now[0] = 1060.0
    with pytest.raises(PlanRefusedError, match="expired"):
        mine.check(token, meant)


async def test_the_person_is_asked_where_the_client_can_and_yes_is_yes(open_client, library, is_gone):
    person = Person("accept", {"confirm": True})
    ids = [library.ids[name] for name in ("cat.jpg", "dog.jpg", "beach.jpg", "forum.jpg")]
    async with open_client(library.remote, allow=ALLOW, on_question=person) as client:
        plan = (await preview(client, ids))["plan"]
        assert person.questions == [], "a preview asks nobody"
        answer = await preview(client, ids, plan=plan, reason="blurred\u202eevil")
    assert answer["verified"] == 4
    assert len(set(person.questions)) == 1
    assert "Move 4 items to the trash" in person.questions[0]
    assert "“cat.jpg”, “dog.jpg”, “beach.jpg” and 1 more" in person.questions[0]
    assert "\u202e" not in person.questions[0]
    assert await is_gone(library.remote, "Pictures/2023/cat.jpg")


@pytest.mark.parametrize(
    "person",
    [
        Person("decline"),
        Person("cancel"),
        Person("accept", {"confirm": False}),
        Person("accept", {"confirm": "perhaps"}),
    ],
    ids=["decline", "cancel", "unconfirmed", "nonsense"],
)
async def test_anything_but_yes_changes_nothing(open_client, library, said, is_gone, person):
    ids = [library.ids["cat.jpg"]]
    async with open_client(library.remote, allow=ALLOW, on_question=person) as client:
        plan = (await preview(client, ids))["plan"]
        result = await client.call_tool("photos_trash", {"ids": ids, "plan": plan})
    assert result.is_error
    assert said(result).startswith("[declined]")
    assert not await is_gone(library.remote, "Pictures/2023/cat.jpg")


async def test_no_means_that_the_plan_is_spent(open_client, library, said):
    ids = [library.ids["cat.jpg"]]
    person = Person("decline")
    async with open_client(library.remote, allow=ALLOW, on_question=person) as client:
        plan = (await preview(client, ids))["plan"]
        await client.call_tool("photos_trash", {"ids": ids, "plan": plan})
        person.answer = ElicitResult(action="accept", content={"confirm": True})
        again = await client.call_tool("photos_trash", {"ids": ids, "plan": plan})
    assert said(again).startswith("[plan_stale]")


async def test_a_forged_plan_asks_nobody(open_client, library, said):
    person = Person("accept", {"confirm": True})
    async with open_client(library.remote, allow=ALLOW, on_question=person) as client:
        result = await client.call_tool("photos_trash", {"ids": [library.ids["cat.jpg"]], "plan": "x" * 60})
    assert said(result).startswith("[plan_stale]")
    assert person.questions == []


async def test_a_client_that_never_answers_holds_nothing_up(open_client, library, said, is_gone, era):
    """In the old era the server waits for the answer, and not for ever; in the new one it does not wait at all."""
    asked = anyio.Event()

    async def silent(context, params):
        asked.set()
        await anyio.sleep_forever()

    ids = [library.ids["cat.jpg"]]
    server = build_server(library.remote, index=None, allow=ALLOW, limits=Limits(question_seconds=0.2))
    async with open_client(server=server, on_question=silent) as client:
        plan = (await preview(client, ids))["plan"]
        if era == "legacy":
            result = await client.call_tool("photos_trash", {"ids": ids, "plan": plan})
            assert said(result).startswith("[declined] Nobody answered")
        else:
            async with anyio.create_task_group() as group:
                group.start_soon(client.call_tool, "photos_trash", {"ids": ids, "plan": plan})
                await asked.wait()
                assert not (await client.call_tool("photos_status", {})).is_error
                group.cancel_scope.cancel()
    assert not await is_gone(library.remote, "Pictures/2023/cat.jpg")


async def test_folders_and_albums_are_refused_since_they_take_unseen_entries_along(open_client, library, said):
    folder = (await library.remote.stat("Pictures/2023")).id
    album = (await library.remote.create_album("Rome")).id
    async with open_client(library.remote, allow=ALLOW) as client:
        for each in (folder, album):
            assert said(await client.call_tool("photos_trash", {"ids": [each]})).startswith("[bad_argument]")


async def test_what_is_where_it_should_be_already_is_skipped(open_client, library):
    await library.remote.trash("Pictures/2023/cat.jpg")
    async with open_client(library.remote, allow=ALLOW) as client:
        trashed = await preview(client, [library.ids["cat.jpg"]])
        kept = await preview(client, [library.ids["dog.jpg"]], tool="photos_restore")
    assert trashed["skipped"] == [{"id": library.ids["cat.jpg"], "why": "already in the trash"}]
    assert kept["skipped"] == [{"id": library.ids["dog.jpg"], "why": "not in the trash"}]
    assert "plan" not in trashed
    assert "plan" not in kept


async def test_a_day_has_a_budget(open_client, library, said, is_gone):
    ids = [library.ids["cat.jpg"], library.ids["dog.jpg"]]
    async with open_client(library.remote, allow=ALLOW, limits=Limits(changes_per_day=1)) as client:
        plan = (await preview(client, ids))["plan"]
        result = await client.call_tool("photos_trash", {"ids": ids, "plan": plan})
    assert said(result).startswith("[budget]")
    assert "resets at" in said(result)
    assert not await is_gone(library.remote, "Pictures/2023/cat.jpg")


async def test_what_failed_is_told_apart_from_what_was_done(open_client, library, monkeypatch):
    cat, dog = library.ids["cat.jpg"], library.ids["dog.jpg"]
    trash = library.remote.trash

    async def half(*targets):
        await trash(targets[0])
        rows = [Outcome(target=str(each), action="trash") for each in targets]
        rows[1] = Outcome(target=str(targets[1]), action="trash", error="CANARY https://x/?token=1")
        raise BatchError("1 of 2", rows)

    monkeypatch.setattr(library.remote, "trash", half)
    async with open_client(library.remote, allow=ALLOW) as client:
        plan = (await preview(client, [cat, dog]))["plan"]
        answer = await preview(client, [cat, dog], plan=plan)
    assert (answer["done"], answer["verified"]) == (1, 1)
    assert answer["skipped"] == [{"id": dog, "why": "the service refused"}]


async def test_a_change_that_does_not_show_is_not_called_verified(open_client, library, monkeypatch):
    async def pretend(*targets):
        return [Outcome(target=str(each), action="trash") for each in targets]

    monkeypatch.setattr(library.remote, "trash", pretend)
    ids = [library.ids["cat.jpg"]]
    async with open_client(library.remote, allow=ALLOW) as client:
        plan = (await preview(client, ids))["plan"]
        answer = await preview(client, ids, plan=plan)
    assert (answer["done"], answer["verified"]) == (1, 0)
    assert "check with photos_get" in answer["note"]


async def test_an_unknown_outcome_says_to_look_first(open_client, library, said, monkeypatch):
    async def lost(*targets):
        raise OutcomeUnknownError("no answer")

    async def hang(*targets):
        await anyio.sleep_forever()

    ids = [library.ids["cat.jpg"]]
    for verb in (lost, hang):
        monkeypatch.setattr(library.remote, "trash", verb)
        async with open_client(library.remote, allow=ALLOW, limits=Limits(call_seconds=0.2)) as client:
            plan = (await preview(client, ids))["plan"]
            result = await client.call_tool("photos_trash", {"ids": ids, "plan": plan})
        assert said(result).startswith("[outcome_unknown]")
        assert "Do not repeat the call" in said(result)


async def test_a_cancelled_call_leaves_the_server_in_order(open_client, library, monkeypatch):
    begun = anyio.Event()
    trash = library.remote.trash

    async def slow(*targets):
        begun.set()
        await anyio.sleep_forever()

    monkeypatch.setattr(library.remote, "trash", slow)
    ids = [library.ids["cat.jpg"]]
    async with open_client(library.remote, allow=ALLOW) as client:
        plan = (await preview(client, ids))["plan"]
        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "photos_trash", {"ids": ids, "plan": plan})
            await begun.wait()
            group.cancel_scope.cancel()
        monkeypatch.setattr(library.remote, "trash", trash)
        plan = (await preview(client, ids))["plan"]
        assert (await preview(client, ids, plan=plan))["verified"] == 1
    assert (await library.remote.stat(NodeId(ids[0]))).status is Status.TRASHED
