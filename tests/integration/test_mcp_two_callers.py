"""Two callers of one server over HTTP, each with a token: neither sees, uses or stops what is the other's."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import anyio
import httpx
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote_mcp.access import access
from ap_remote_mcp.policy.abilities import Ability
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.policy.roots import Roots
from ap_remote_mcp.server import build_server
from tests.integration.test_mcp_http import AUDIENCE, Issuer, ask, call, listening, read
from tests.unit.mcp.described import described_once  # noqa: F401 - a server for each test

NAMED = re.compile(r"\bada\b")
"""The other caller, as a word: the digits of an id may spell it too."""
SCOPE = "photos:read photos:organise photos:transfer photos:trash"
STRANGERS = {
    "another person of the same client": {"sub": "eve"},
    "the same person by another client": {"client_id": "other"},
    "a client that is called as client and person": {"client_id": "host/ada", "sub": None},
    "a client that is called as the person at the machine": {"client_id": "local", "sub": None},
}


class Slow(MemoryRemote):
    """A remote whose files arrive when the test wants them to."""

    def __init__(self):
        super().__init__("home")
        self.may = anyio.Event()

    async def get(self, target, *, span=None):
        await self.may.wait()
        async for piece in super().get(target, span=span):
            yield piece


@pytest.fixture(scope="module")
def keys():
    return Issuer()


@pytest.fixture
async def issuer(keys):
    async with listening(keys.app) as url:
        keys.url = url
        yield keys


@pytest.fixture
def place(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path


@asynccontextmanager
async def serving(issuer, place):
    remote = Slow()
    taken = datetime(2023, 7, 14, 12, 0, tzinfo=UTC)
    ids = [remote.seed(f"Pictures/{name}.jpg", name.encode(), taken=taken) for name in "abc"]
    guard = access("127.0.0.1:0", oauth_issuer=issuer.url, oauth_audience=AUDIENCE)
    server = build_server(
        remote,
        index=None,
        allow=frozenset(Ability),
        guard=guard,
        home=place / "home",
        roots=Roots([place / "root"]),
        limits=Limits(wait_seconds=0.05, stop_seconds=0.05),
    )
    async with listening(guard.app(server)) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client, remote, ids


async def look(client, token, uri):
    """Return what a resource says, ``None`` where it is said to be none."""
    answer = await ask(client, "resources/read", token, uri=uri)
    found = json.loads(answer.text) if answer.headers["content-type"].startswith("application/json") else None
    if found and "error" in found:
        assert not NAMED.search(answer.text)
        return None
    return json.loads(read(answer)["contents"][0]["text"])


async def offered(client, token):
    reference = {"type": "ref/resource", "uri": "photos://job/{job_id}"}
    asked = {"ref": reference, "argument": {"name": "job_id", "value": ""}}
    return read(await ask(client, "completion/complete", token, **asked))["completion"]["values"]


async def refusal(client, token, name, **arguments):
    answer = await call(client, token, name, **arguments)
    assert answer["isError"]
    assert not NAMED.search(answer["content"][0]["text"])
    return answer["content"][0]["text"].partition("]")[0] + "]"


async def finished(client, token, job_id):
    while True:
        job = (await call(client, token, "photos_job", job_id=job_id, wait_s=1))["structuredContent"]
        if job["state"] != "running":
            return job


async def done(client, token, name, **arguments):
    """Do something with the plan of its preview."""
    plan = (await call(client, token, name, **arguments))["structuredContent"]["plan"]
    return (await call(client, token, name, **arguments, plan=plan))["structuredContent"]


@pytest.mark.parametrize("who", list(STRANGERS))
async def test_what_one_did_and_does_is_nothing_to_another(issuer, place, who):
    ada, eve = issuer.token(SCOPE), issuer.token(SCOPE, **STRANGERS[who])
    async with serving(issuer, place) as (client, remote, ids):
        op_id = (await done(client, ada, "photos_mark", ids=ids[:1], favorite="yes"))["op_id"]
        job_id = (await call(client, ada, "photos_download", ids=ids, to="root1"))["structuredContent"]["job"]["job_id"]

        assert await refusal(client, eve, "photos_job", job_id=job_id, wait_s=1) == "[not_found]"
        assert await refusal(client, eve, "photos_undo", id=job_id) == "[not_found]"
        assert await refusal(client, eve, "photos_undo", id=op_id) == "[not_found]"
        assert await look(client, eve, f"photos://job/{job_id}") is None
        assert await look(client, eve, "photos://jobs") == {"jobs": []}
        assert await look(client, eve, "photos://journal") == {"operations": []}
        assert await offered(client, eve) == []

        assert (await look(client, ada, f"photos://job/{job_id}"))["state"] == "running", "nobody stopped it"
        assert [each["job_id"] for each in (await look(client, ada, "photos://jobs"))["jobs"]] == [job_id]
        assert {each["action"] for each in (await look(client, ada, "photos://journal"))["operations"]} == {
            "mark",
            "download",
        }
        assert await offered(client, ada) == [job_id]
        remote.may.set()
        assert (await finished(client, ada, job_id))["state"] == "done"
        assert await refusal(client, eve, "photos_job", job_id=job_id) == "[not_found]", "nor when it has ended"
        assert (await done(client, ada, "photos_undo", id=op_id))["done"] == 1
        assert await refusal(client, eve, "photos_undo", id=op_id) == "[not_found]"


@pytest.mark.parametrize("who", list(STRANGERS))
async def test_one_can_use_no_plan_of_anothers(issuer, place, who):
    ada, eve = issuer.token(SCOPE), issuer.token(SCOPE, **STRANGERS[who])
    wish = {"by": "month", "min_size": 2}
    async with serving(issuer, place) as (client, _, ids):
        begun = (await call(client, ada, "photos_suggest_folders", **wish))["structuredContent"]
        plan_id = begun.get("plan_id") or (await finished(client, ada, begun["job"]["job_id"]))["result"]["plan_id"]
        name = (await look(client, ada, f"photos://plan/{plan_id}"))["folders"][0]["name"]
        shown = (await call(client, ada, "photos_apply_folders", plan_id=plan_id))["structuredContent"]
        moving = (await call(client, ada, "photos_move", ids=ids, to="Pictures/2023", create=True))["structuredContent"]

        assert await look(client, eve, f"photos://plan/{plan_id}") is None
        assert await look(client, eve, f"photos://plan/{plan_id}?folder={name}") is None
        for path in (f"plan:{plan_id}", f"plan:{plan_id}/{name}", f"plan:{plan_id}/#1"):
            assert await refusal(client, eve, "photos_list", path=path) == "[not_found]"
        assert await refusal(client, eve, "photos_apply_folders", plan_id=plan_id) == "[not_found]"
        taken = await refusal(client, eve, "photos_apply_folders", plan_id=plan_id, plan=shown["plan"])
        assert taken == "[not_found]"
        stolen = {"ids": ids, "to": "Pictures/2023", "create": True, "plan": moving["plan"]}
        assert await refusal(client, eve, "photos_move", **stolen) == "[plan_stale]"

        own = (await call(client, eve, "photos_suggest_folders", **wish))["structuredContent"]
        hers = own.get("plan_id") or (await finished(client, eve, own["job"]["job_id"]))["result"]["plan_id"]
        assert hers != plan_id, "the same suggestion is a plan of each"
        page = (await call(client, ada, "photos_list", path=f"plan:{plan_id}/{name}"))["structuredContent"]
        assert [each["id"] for each in page["items"]] == ids
        applied = (await call(client, ada, "photos_apply_folders", plan_id=plan_id, plan=shown["plan"]))[
            "structuredContent"
        ]
        assert (await finished(client, ada, applied["job"]["job_id"]))["result"]["done"] == 1
        assert await refusal(client, eve, "photos_undo", id=applied["op_id"]) == "[not_found]"
        assert (await call(client, ada, "photos_move", **stolen))["structuredContent"]["done"] == 3
