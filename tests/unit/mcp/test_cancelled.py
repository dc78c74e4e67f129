"""Calls that are given up: what the journal says then, what was sent, and that nothing is sent twice."""

from __future__ import annotations

import json
from functools import partial

import anyio
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import BatchError, OutcomeUnknownError, UnavailableError
from ap_remote.model import NodeId, Outcome, Status
from ap_remote_mcp.policy.limits import Limits
from tests.unit.mcp.everything import Person, call, populate, told, world

PATIENCE = 10


class Held(MemoryRemote):
    """Counts its changes, and stops before or behind one verb until it is told to go on."""

    def __init__(self):
        super().__init__("home")
        self.sent = []
        self.stops = ""
        self.behind = False
        self.reached = anyio.Event()

    def hold(self, verb, *, behind=False):
        """Stop at a verb from now on, before it does anything or behind it; ``""`` lets everything pass."""
        self.stops, self.behind = verb, behind
        if self.reached.is_set():
            self.reached = anyio.Event()

    async def _at(self, verb, *, behind):
        if self.stops == verb and self.behind == behind:
            self.reached.set()
            await anyio.sleep_forever()

    async def _through(self, verb, work, *, changes=True):
        if changes:
            self.sent.append(verb)
        await self._at(verb, behind=False)
        answer = await work()
        await self._at(verb, behind=True)
        return answer

    async def stat(self, target, *, fresh=False):
        return await self._through("stat", partial(super().stat, target, fresh=fresh), changes=False)

    async def trash(self, *targets):
        return await self._through("trash", partial(super().trash, *targets))

    async def mark(self, target, **marks):
        return await self._through("mark", partial(super().mark, target, **marks))

    async def move(self, source, path):
        return await self._through("move", partial(super().move, source, path))

    async def mkdir(self, path, **options):
        return await self._through("mkdir", partial(super().mkdir, path, **options))

    async def put(self, source, path, **options):
        return await self._through("put", partial(super().put, source, path, **options))

    async def create_album(self, name, **options):
        return await self._through("create_album", partial(super().create_album, name, **options))

    async def add_to_album(self, album, members):
        return await self._through("add_to_album", partial(super().add_to_album, album, members))


@pytest.fixture
async def made(library, tmp_path, make_jpeg):
    remote = Held()
    library.ids = {
        name: remote.seed(f"Pictures/{name}", make_jpeg(color, (64, 48)))
        for name, color in (
            ("cat.jpg", "orange"),
            ("dog.jpg", "brown"),
            ("beach.jpg", "yellow"),
            ("forum.jpg", "grey"),
            ("coffee.jpg", "black"),
            ("undated.jpg", "blue"),
        )
    }
    library.remote = remote
    built = world(library, tmp_path, make_jpeg)
    await populate(built)
    remote.sent.clear()
    return built


async def operations(client):
    (page,) = (await client.read_resource("photos://journal")).contents
    return [(each["action"], each.get("done")) for each in json.loads(page.text)["operations"]]


async def given_up(client, remote, tool, arguments):
    """Call a tool and give up when the remote is where it stops."""
    async with anyio.create_task_group() as group:
        group.start_soon(client.call_tool, tool, arguments)
        with anyio.fail_after(PATIENCE):
            await remote.reached.wait()
        group.cancel_scope.cancel()
    remote.hold("")


TRASH = ("photos_trash", lambda made: {"ids": [made.ids["cat.jpg"], made.ids["dog.jpg"]]})
STAGES = {
    # when: where the remote stops, what the journal says, what was sent
    "before the write": ("stat", False, [], []),
    "during the write": ("trash", False, [("trash", None)], ["trash"]),
    "when the write is done and not answered": ("trash", True, [("trash", None)], ["trash"]),
    "while it is read back": ("stat", True, [("trash", 2)], ["trash"]),
}


@pytest.mark.parametrize("stage", STAGES)
async def test_a_client_that_gives_up_leaves_a_journal_that_is_true(open_client, made, stage):
    verb, behind, journal, sent = STAGES[stage]
    tool, wish = TRASH
    remote, arguments = made.remote, wish(made)
    async with open_client(server=made.server()) as client:
        plan = (await call(client, tool, **arguments))["plan"]
        if stage == "while it is read back":
            apply = remote.trash

            async def then_hold(*targets):
                answer = await apply(*targets)
                remote.hold("stat", behind=True)
                return answer

            remote.trash = then_hold
        else:
            remote.hold(verb, behind=behind)
        await given_up(client, remote, tool, arguments | {"plan": plan})
        assert await operations(client) == journal
        assert remote.sent == sent
        assert not (await client.call_tool("photos_list", {})).is_error, "the next call has its turn"
        assert remote.sent == sent, "nothing is sent again"
        if journal:
            assert told(await client.call_tool(tool, arguments | {"plan": plan})).startswith("[plan_stale]")
        else:
            assert (await call(client, tool, plan=plan, **arguments))["verified"] == 2


@pytest.mark.parametrize("stage", list(STAGES)[:3])
async def test_a_call_whose_time_is_over_says_what_is_known(open_client, made, stage):
    verb, behind, journal, sent = STAGES[stage]
    tool, wish = TRASH
    arguments = wish(made)
    async with open_client(server=made.server(limits=Limits(call_seconds=0.3))) as client:
        plan = (await call(client, tool, **arguments))["plan"]
        made.remote.hold(verb, behind=behind)
        result = await client.call_tool(tool, arguments | {"plan": plan})
        made.remote.hold("")
        assert await operations(client) == journal
    assert made.remote.sent == sent
    assert told(result).startswith("[outcome_unknown]" if journal else "[busy]")
    assert ("Do not repeat the call" in told(result)) is bool(journal)


async def test_making_the_folder_of_a_move_counts_as_a_write(open_client, made):
    wish = {"ids": [made.ids["cat.jpg"]], "to": "Pictures/New", "create": True}
    async with open_client(server=made.server(limits=Limits(call_seconds=0.3))) as client:
        plan = (await call(client, "photos_move", **wish))["plan"]
        made.remote.hold("mkdir", behind=True)
        result = await client.call_tool("photos_move", wish | {"plan": plan})
    assert made.remote.sent == ["mkdir"]
    assert told(result).startswith("[outcome_unknown]")


async def test_a_client_that_gives_up_during_a_question_has_changed_nothing_and_keeps_its_plan(open_client, made):
    asked = anyio.Event()
    person = Person()

    async def silent(context, params):
        asked.set()
        await anyio.sleep_forever()

    tool, wish = TRASH
    arguments = wish(made)
    server = made.server()
    async with open_client(server=server, on_question=silent) as client:
        plan = (await call(client, tool, **arguments))["plan"]
        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, tool, arguments | {"plan": plan})
            with anyio.fail_after(PATIENCE):
                await asked.wait()
                assert not (await client.call_tool("photos_list", {})).is_error, "the turn is free meanwhile"
                other = {"ids": [made.ids["beach.jpg"]], "favorite": "yes"}
                assert (await call(client, "photos_mark", **other))["plan"], "for changes as well"
            group.cancel_scope.cancel()
        assert await operations(client) == []
        assert made.remote.sent == []
    async with open_client(server=made.server(), on_question=person) as client:
        plan = (await call(client, tool, **arguments))["plan"]
        assert (await call(client, tool, plan=plan, **arguments))["verified"] == 2


@pytest.mark.parametrize("era", ["legacy"])
async def test_several_questions_that_nobody_answers_hang_nothing(open_client, made):
    """The old era keeps each call open; the others are served, and each ends by itself."""
    asked = []

    async def silent(context, params):
        asked.append(params.message)
        await anyio.sleep_forever()

    answers = []
    wishes = [
        ("photos_trash", {"ids": [made.ids["cat.jpg"]]}),
        ("photos_mark", {"ids": [made.ids["dog.jpg"]], "favorite": "yes"}),
        ("photos_move", {"ids": [made.ids["beach.jpg"]], "to": ""}),
        ("photos_album", {"action": "add", "album": "Rome", "ids": [made.ids["cat.jpg"]]}),
        ("photos_upload", {"paths": ["root1/new.jpg"], "to": "Pictures/New"}),
        ("photos_download", {"ids": [made.ids["cat.jpg"]], "to": "root1/out"}),
        ("photos_restore", {"ids": [made.ids["coffee.jpg"]]}),
        ("photos_purge", {"ids": [made.ids["coffee.jpg"]]}),
    ]
    wishes[2] = ("photos_move", {"ids": [made.ids["beach.jpg"]], "to": "Pictures/Else", "create": True})
    limits = Limits(question_seconds=2.0, unasked_files=0)
    async with open_client(server=made.server(limits=limits), on_question=silent) as client:
        plans = [(await call(client, tool, **wish))["plan"] for tool, wish in wishes]

        async def one(tool, arguments):
            answers.append(told(await client.call_tool(tool, arguments)))

        async with anyio.create_task_group() as group:
            for (tool, wish), plan in zip(wishes, plans, strict=True):
                group.start_soon(one, tool, wish | {"plan": plan})
            with anyio.fail_after(PATIENCE):
                while len(asked) < len(wishes):
                    await anyio.lowlevel.checkpoint()
                assert not (await client.call_tool("photos_list", {})).is_error
                assert answers == [], "the questions stand while others are served"
        assert await operations(client) == []
    assert len(answers) == len(wishes)
    assert all(each.startswith("[declined] Nobody answered") for each in answers), answers
    assert made.remote.sent == []


async def test_a_remote_that_hangs_while_a_question_is_prepared_takes_a_calls_time_and_no_persons(open_client, made):
    tool, wish = TRASH
    arguments = wish(made)
    limits = Limits(call_seconds=0.3, question_seconds=3600.0)
    person = Person()
    async with open_client(server=made.server(limits=limits), on_question=person) as client:
        plan = (await call(client, tool, **arguments))["plan"]
        made.remote.hold("stat")
        with anyio.fail_after(PATIENCE):
            result = await client.call_tool(tool, arguments | {"plan": plan})
        made.remote.hold("")
        assert told(result).startswith("[busy]")
        assert person.questions == []
        assert (await call(client, tool, plan=plan, **arguments))["verified"] == 2, "the plan is as good as before"


async def test_a_client_that_gives_up_waiting_for_a_job_stops_neither_the_job_nor_sends_it_twice(open_client, made):
    wish = {"paths": ["root1/new.jpg", "root1/newer.jpg"], "to": "Pictures/New"}
    entered, may = anyio.Event(), anyio.Event()
    put = made.remote.put

    async def slow(source, path, **options):
        entered.set()
        await may.wait()
        return await put(source, path, **options)

    made.remote.put = slow
    async with open_client(server=made.server()) as client:
        plan = (await call(client, "photos_upload", **wish))["plan"]
        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "photos_upload", wish | {"plan": plan})
            with anyio.fail_after(PATIENCE):
                await entered.wait()
            group.cancel_scope.cancel()
        may.set()
        (told_jobs,) = (await client.read_resource("photos://jobs")).contents
        (job,) = json.loads(told_jobs.text)["jobs"]
        ended = await call(client, "photos_job", job_id=job["job_id"], wait_s=PATIENCE)
        assert ended["state"] == "done"
        assert await operations(client) == [("upload", 2)]
    assert made.remote.sent.count("put") == 2


@pytest.mark.parametrize("happened", [True, False])
async def test_where_no_usable_answer_came_one_looks_and_tells_what_is_true(open_client, made, happened):
    """A service may do what it says it could not: 504 behind a change that was made."""
    trash = made.remote.trash

    async def unanswered(*targets):
        if happened:
            await trash(*targets)
        raise UnavailableError("CANARY 504")

    made.remote.trash = unanswered
    tool, wish = "photos_trash", {"ids": [made.ids["cat.jpg"]]}
    async with open_client(server=made.server()) as client:
        plan = (await call(client, tool, **wish))["plan"]
        result = await client.call_tool(tool, wish | {"plan": plan})
        assert len(await operations(client)) == 1
    status = (await made.remote.stat(NodeId(made.ids["cat.jpg"]))).status
    if happened:
        assert (result.structured_content["done"], result.structured_content["verified"]) == (1, 1)
        assert status is Status.TRASHED
    else:
        assert told(result).startswith("[unavailable]")
        assert status is Status.AVAILABLE


@pytest.mark.parametrize("seen", [True, False], ids=["one can look", "nobody can look"])
async def test_of_several_without_an_answer_each_is_looked_at(open_client, made, seen):
    trash, stat = made.remote.trash, made.remote.stat

    async def blind(target, *, fresh=False):
        raise UnavailableError("CANARY 503")

    async def half(*targets):
        await trash(targets[0])
        if not seen:
            made.remote.stat = blind
        rows = [Outcome(target=str(each), action="trash", error="CANARY 504") for each in targets]
        raise BatchError("all of them", rows)

    made.remote.trash = half
    tool, wish = TRASH
    arguments = wish(made)
    async with open_client(server=made.server()) as client:
        plan = (await call(client, tool, **arguments))["plan"]
        result = await client.call_tool(tool, arguments | {"plan": plan})
        made.remote.stat = stat
    assert "CANARY" not in told(result)
    if seen:
        assert (result.structured_content["done"], result.structured_content["verified"]) == (1, 1)
        assert [each["id"] for each in result.structured_content["skipped"]] == [made.ids["dog.jpg"]]
    else:
        assert told(result).startswith("[outcome_unknown]")


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (UnavailableError("CANARY"), "no usable answer"),
        (OutcomeUnknownError("CANARY"), "look with photos_get"),
        (BatchError("CANARY", [Outcome(target="x", action="add", id="?", error="code 1")]), ""),
    ],
    ids=["unavailable", "unknown", "refused"],
)
async def test_an_album_whose_pictures_are_refused_is_told_and_can_be_taken_back(open_client, made, error, part):
    async def refuse(album, members):
        raise error

    made.remote.add_to_album = refuse
    wish = {"action": "create", "album": "New", "ids": [made.ids["cat.jpg"]]}
    async with open_client(server=made.server()) as client:
        plan = (await call(client, "photos_album", **wish))["plan"]
        result = await client.call_tool("photos_album", wish | {"plan": plan})
        answer = result.structured_content
        assert "the album's id is " in answer["note"], told(result)
        assert part in told(result) or "[unavailable]" in told(result)
        assert "CANARY" not in told(result)
        undo = await call(client, "photos_undo", id=answer["op_id"])
        await call(client, "photos_undo", id=answer["op_id"], plan=undo["plan"])
    assert [each.name async for each in made.remote.albums()] == ["Rome"]
    assert made.remote.sent.count("create_album") == 1
