"""No secret leaves the server: every tool, resource, prompt, completion and error over the local service, at DEBUG."""

from __future__ import annotations

import json
import logging
import re
from contextlib import suppress

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import PromptReference, ResourceTemplateReference

from ap_remote_emulator.faults import Fault
from ap_remote_emulator.handlers import endpoint
from ap_remote_emulator.library.views import View
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.policy.roots import Roots
from ap_remote_mcp.server import build_server
from tests.contracts.pictures import jpeg
from tests.contracts.service import plant
from tests.unit.mcp.everything import ALL, CHANGING, TOOLS, Index, Person

ACCOUNT = "canary.account@example.org"
LINK = re.compile(rb'"tempLink":"([^"]+)"')


@pytest.fixture
def links(app, monkeypatch):
    """Let the service hand out signed addresses unasked, and collect them."""
    found = set()
    shown = property(lambda self: View(temp_link_base=self.base, v2=self.v2, assets=True))
    monkeypatch.setattr(endpoint.Call, "view", shown)
    inner = type(app).__call__

    async def watched(self, scope, receive, send):
        async def telling(message):
            found.update(LINK.findall(message.get("body", b"")))
            await send(message)

        await inner(self, scope, receive, telling)

    monkeypatch.setattr(type(app), "__call__", watched)
    return found


@pytest.fixture
async def place(remote, door, app, tmp_path):
    """A library behind the service, and a server over it whose folders have telling names."""
    root, home = tmp_path / "canary-root-of-somebody", tmp_path / "canary-home"
    (root / "in").mkdir(parents=True)
    (root / "in" / "new.jpg").write_bytes(jpeg(color="white"))
    ids = {
        name: await door.seed(f"Pictures/2023/{name}", jpeg(color=color))
        for name, color in (("a.jpg", "red"), ("b.jpg", "green"), ("c.jpg", "blue"), ("d.jpg", "black"))
    }
    plant(app, ids["a.jpg"], people=["P1"], things=["cat"])
    server = build_server(
        remote,
        index=Index(),
        allow=ALL,
        account=ACCOUNT,
        home=home,
        roots=Roots([root]),
        limits=Limits(unasked_files=0),
    )
    return ids, server, root, home


def wishes(ids):
    """Return calls of every tool; those that change something are made twice, with their plan."""
    a, b, c, d = ids.values()
    return [
        ("photos_search", {"query": "cat"}),
        ("photos_search", {"filter": "type:(PHOTOS)"}),
        ("photos_search", {"filter": "things:("}),
        ("photos_list", {"path": "Pictures/2023", "depth": 1}),
        ("photos_list", {"path": "Nowhere"}),
        ("photos_get", {"ids": [a, "nobody"], "detail": "all"}),
        ("photos_facets", {"by": "thing"}),
        ("photos_view", {"ids": [a]}),
        ("photos_view", {"ids": ["nobody"]}),
        ("photos_contact_sheet", {"ids": [a, b]}),
        ("photos_show", {"ids": [a]}),
        ("photos_duplicates", {}),
        ("photos_suggest_folders", {"by": "month", "min_size": 2}),
        ("photos_status", {}),
        ("photos_sync", {}),
        ("photos_job", {"job_id": "0" * 32}),
        ("photos_move", {"ids": [a], "to": "Pictures/2024", "create": True}),
        ("photos_mark", {"ids": [a], "favorite": "yes"}),
        ("photos_album", {"action": "create", "album": "Rome", "ids": [a, b]}),
        ("photos_person", {"person": "P1", "name": "Ada"}),
        ("photos_upload", {"paths": ["root1/in/new.jpg", "/etc/passwd"], "to": "Pictures/New"}),
        ("photos_upload", {"paths": ["/etc/passwd"], "to": "Pictures/New"}),
        ("photos_download", {"ids": [b, c], "to": "root1/out"}),
        ("photos_download", {"ids": [b], "to": "/etc"}),
        ("photos_trash", {"ids": [c, d]}),
        ("photos_restore", {"ids": [c]}),
        ("photos_purge", {"ids": [d]}),
    ]


class Heard:
    """Everything that reached the client."""

    def __init__(self, client):
        self.client = client
        self.all = []
        self.refused = 0

    async def call(self, tool, arguments):
        result = await self.client.call_tool(tool, arguments)
        self.all.append(result.model_dump_json())
        self.refused += bool(result.is_error)
        return result.structured_content or {}

    async def read(self, uri):
        try:
            self.all.append((await self.client.read_resource(uri)).model_dump_json())
        except MCPError as exc:
            self.all.append(str(exc))

    async def round(self, ids):
        """Use every tool, and return their names; then read whatever can be read."""
        used = set()
        jobs, plans, operations = [], [], []
        for tool, arguments in wishes(ids):
            used.add(tool)
            told = await self.call(tool, arguments)
            if "plan" in told and tool in CHANGING:
                told = await self.call(tool, arguments | {"plan": told["plan"]})
            jobs += [told["job_id"]] if "job_id" in told else []
            plans += [told["plan_id"]] if told.get("plan_id") else []
            operations += [told["op_id"]] if "op_id" in told else []
        for plan in plans:
            used.add("photos_apply_folders")
            told = await self.call("photos_apply_folders", {"plan_id": plan})
            await self.call("photos_apply_folders", {"plan_id": plan, "plan": told.get("plan", "x")})
        for operation in operations:
            used.add("photos_undo")
            told = await self.call("photos_undo", {"id": operation})
            await self.call("photos_undo", {"id": operation, "plan": told.get("plan", "x")})
        for job in jobs:
            await self.call("photos_job", {"job_id": job, "wait_s": 5})
        await self.read_all(ids, jobs, plans)
        await self.offered()
        return used

    async def read_all(self, ids, jobs, plans):
        """Read every resource."""
        for each in (await self.client.list_resources()).resources:
            await self.read(str(each.uri))
        wanted = ["tree", "journal", "facets/thing", "facets/nothing"]
        wanted += [f"job/{each}" for each in jobs] + [f"plan/{each}" for each in plans]
        for each in (*ids.values(), "nobody"):
            wanted += [f"node/{each}", f"node/{each}/preview?px=256", f"album/{each}"]
        for each in wanted:
            await self.read(f"photos://{each}")

    async def offered(self):
        """Ask for the lists, the prompts and the completions."""
        for lists in ("list_tools", "list_resources", "list_resource_templates", "list_prompts"):
            self.all.append((await getattr(self.client, lists)()).model_dump_json())
        for prompt in (await self.client.list_prompts()).prompts:
            values = {each.name: "x" for each in prompt.arguments or ()}
            self.all.append((await self.client.get_prompt(prompt.name, values)).model_dump_json())
        for argument in ("folder", "album", "place", "scope", "description"):
            ref = PromptReference(type="ref/prompt", name="any")
            self.all.append((await self.client.complete(ref, {"name": argument, "value": ""})).model_dump_json())
        ref = ResourceTemplateReference(type="ref/resource", uri="photos://job/{job_id}")
        self.all.append((await self.client.complete(ref, {"name": "job_id", "value": ""})).model_dump_json())


@pytest.mark.parametrize("era", ["2026-07-28", "legacy"])
async def test_no_secret_is_told_logged_or_kept(*, place, app, cookies, links, tmp_path, caplog, era):
    caplog.set_level(logging.DEBUG)
    ids, server, root, home = place
    person = Person()
    notices = []

    async def hear(message):
        notices.append(repr(message))

    async with Client(server, mode=era, elicitation_callback=person, message_handler=hear) as client:
        heard = Heard(client)
        assert await heard.round(ids) == TOOLS.keys()
        good = len(heard.all) - heard.refused
        # Once more with a service that refuses, breaks and has enough: every error is told in our own words.
        for status, body in ((401, '{"message":"no"}'), (403, ""), (429, "{}"), (500, "<html>"), (200, "no json")):
            app.state.faults.clear()
            app.state.faults.add(Fault(path="/drive/*", status=status, body=body, times=-1))
            app.state.faults.add(Fault(path="/cdproxy/*", status=status, body=body, times=-1))
            with suppress(MCPError):
                for tool, arguments in wishes(ids):
                    await heard.call(tool, arguments)
        app.state.faults.clear()
    assert good > 80
    assert heard.refused > 20
    assert links, "the service did hand out signed addresses"

    values = [each for each in cookies.values() if len(each) > 8]
    signed = [json.loads(b'"' + each + b'"') for each in links]
    secrets = {*values, *signed, *(each.rpartition("?")[2] for each in signed if "?" in each)}
    assert len(values) >= 2
    names = {ACCOUNT, str(tmp_path), str(root), str(home)}
    sent = "\n".join([*heard.all, *notices, *person.questions])
    for secret in secrets | names:
        assert secret not in sent
    logged = "\n".join(
        f"{each.getMessage()} {each.exc_text or ''}" for each in caplog.records if "aiosqlite" not in each.name
    )
    assert logged
    for secret in secrets | {ACCOUNT}:
        assert secret not in logged
    kept = [each for each in home.rglob("*") if each.is_file()]
    assert {each.parent.name for each in kept} >= {"mcp-journal", "mcp-jobs", "plans"}
    for file in [*kept, *(each for each in root.rglob("*") if each.is_file())]:
        content = file.read_bytes()
        for secret in secrets:
            assert secret.encode() not in content, file
