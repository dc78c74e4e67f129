"""Many entries: asked for side by side, changed in one request, looked at for as long as there is time."""

from __future__ import annotations

import anyio
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import AuthenticationError, BatchError, OutcomeUnknownError, UnavailableError
from ap_remote.model import NodeId, Outcome
from ap_remote.remote.many import AT_ONCE, stat_many
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.server import build_server
from tests.unit.mcp.everything import Person, call, told

ALLOW = frozenset({"organise", "trash", "purge"})
PATIENCE = 10


class OneByOne(MemoryRemote):
    """A remote that takes single entries only, and answers when so many wait; it counts."""

    stat_many = None

    def __init__(self):
        super().__init__("home")
        self.needs, self.waiting, self.asked, self.most = 1, 0, 0, 0
        self.enough = anyio.Event()
        self.fails = None

    async def stat(self, target, *, fresh=False):
        self.asked += 1
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        if self.waiting >= self.needs:
            self.enough.set()
        await self.enough.wait()
        await anyio.lowlevel.checkpoint()
        self.waiting -= 1
        if self.fails is not None:
            raise self.fails
        return await super().stat(target, fresh=fresh)


class Tiring(MemoryRemote):
    """A remote that tells no more than so many entries after a change."""

    def __init__(self):
        super().__init__("home")
        self.left = None

    async def trash(self, *targets):
        outcomes = await super().trash(*targets)
        self.left = 30
        return outcomes

    async def stat(self, target, *, fresh=False):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                await anyio.sleep_forever()
        return await super().stat(target, fresh=fresh)


async def test_a_remote_without_the_ability_is_asked_for_some_at_a_time():
    remote = OneByOne()
    ids = [remote.seed(f"Pictures/{number}.jpg", b"x") for number in range(3 * AT_ONCE)]
    remote.needs = AT_ONCE
    with anyio.fail_after(PATIENCE):
        found = await stat_many(remote, [*map(NodeId, ids), NodeId("nobody")], fresh=True)
    assert [each and each.id for each in found] == [*ids, None]
    assert remote.most == AT_ONCE


async def test_after_an_error_nothing_more_is_asked_for():
    remote = OneByOne()
    ids = [remote.seed(f"Pictures/{number}.jpg", b"x") for number in range(5 * AT_ONCE)]
    remote.fails = AuthenticationError("expired")
    with pytest.raises(AuthenticationError):
        await stat_many(remote, list(map(NodeId, ids)))
    assert remote.asked == AT_ONCE


@pytest.mark.parametrize("era", ["2026-07-28"])
async def test_a_change_that_was_made_is_told_though_there_is_no_time_to_look_at_all_of_it(open_client):
    remote = Tiring()
    ids = [remote.seed(f"Pictures/{number}.jpg", b"x") for number in range(60)]
    server = build_server(remote, index=None, allow=ALLOW, limits=Limits(call_seconds=0.5))
    async with open_client(server=server) as client:
        plan = (await call(client, "photos_trash", ids=ids))["plan"]
        gone = await call(client, "photos_trash", ids=ids, plan=plan)
        assert (gone["done"], gone["verified"]) == (60, 25)
        assert "no time to read all of it back" in gone["note"]
        remote.left = None
        undo = await call(client, "photos_undo", id=gone["op_id"])
        assert undo["preview"]["count"] == 60


WHY = {
    "refused": "the service refused",
    "missing": "[not_found]",
    "limited": "[busy]",
    "unanswered": "[unavailable]",
    "unknown": "sent, and no answer came",
    None: "the service refused",
}


@pytest.mark.parametrize("failure", WHY)
@pytest.mark.parametrize("tool", ["photos_trash", "photos_purge", "photos_album"])
@pytest.mark.parametrize("era", ["2026-07-28"])
async def test_what_failed_among_many_is_told_by_its_kind(open_client, library, monkeypatch, tool, failure):
    remote = library.remote
    ids = [library.ids["cat.jpg"], library.ids["dog.jpg"]]
    verb = {"photos_trash": "trash", "photos_purge": "delete", "photos_album": "add_to_album"}[tool]
    action = {"photos_trash": "trash", "photos_purge": "delete", "photos_album": "add"}[tool]
    wish = {"ids": ids}
    if tool == "photos_album":
        wish |= {"action": "add", "album": (await remote.create_album("Pets")).id}
    if tool == "photos_purge":
        await remote.trash(*map(NodeId, ids))
    real = getattr(remote, verb)

    async def half(*given):
        await (real(given[0], given[1][:1]) if tool == "photos_album" else real(given[0]))
        rows = [
            Outcome(target=f"id:{ids[0]}", action=action, id=ids[0]),
            Outcome(target=f"id:{ids[1]}", action=action, error="CANARY", failure=failure),
        ]
        raise BatchError("CANARY", rows)

    monkeypatch.setattr(remote, verb, half)
    person = Person(count=2)
    async with open_client(remote, allow=ALLOW, on_question=person) as client:
        plan = (await call(client, tool, **wish))["plan"]
        done = await call(client, tool, **wish, plan=plan)
    assert (done["done"], done["verified"]) == (1, 1)
    ((_, row),) = [(each["id"], each["why"]) for each in done["skipped"]]
    assert row.startswith(WHY[failure])
    assert ("[outcome_unknown]" in done.get("note", "")) is (failure == "unknown")
    assert "CANARY" not in str(done)


@pytest.mark.parametrize("era", ["2026-07-28"])
async def test_what_certainly_failed_is_told_though_nobody_can_look(open_client, library, monkeypatch):
    ids = [library.ids["cat.jpg"], library.ids["dog.jpg"]]
    stat = library.remote.stat

    async def blind(target, *, fresh=False):
        raise UnavailableError("CANARY 503")

    async def busy(*targets):
        library.remote.stat = blind
        raise BatchError(
            "CANARY", [Outcome(target=str(each), action="trash", error="", failure="limited") for each in targets]
        )

    monkeypatch.setattr(library.remote, "trash", busy)
    async with open_client(library.remote, allow=ALLOW) as client:
        plan = (await call(client, "photos_trash", ids=ids))["plan"]
        done = await call(client, "photos_trash", ids=ids, plan=plan)
    library.remote.stat = stat
    assert done["done"] == 0
    assert [each["why"].partition("]")[0] for each in done["skipped"]] == ["[busy", "[busy"]


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("era", ["2026-07-28"])
async def test_after_an_outcome_that_is_unknown_one_looks(open_client, library, monkeypatch, happened):
    trash = library.remote.trash

    async def lost(*targets):
        if happened:
            await trash(*targets)
        raise OutcomeUnknownError("CANARY")

    monkeypatch.setattr(library.remote, "trash", lost)
    ids = [library.ids["cat.jpg"]]
    async with open_client(library.remote, allow=ALLOW) as client:
        plan = (await call(client, "photos_trash", ids=ids))["plan"]
        result = await client.call_tool("photos_trash", {"ids": ids, "plan": plan})
    if happened:
        assert (result.structured_content["done"], result.structured_content["verified"]) == (1, 1)
    else:
        assert told(result).startswith("[outcome_unknown]")
