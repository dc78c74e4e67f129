"""A server that may do everything, over a library in which every tool has something to do; what tests share."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import msgspec
import numpy as np
from mcp.types import ElicitResult

from ap_remote.model import NodeId
from ap_remote.remote.features import SupportsAlbums, SupportsPeople
from ap_remote.semantic.duplicates import Duplicates
from ap_remote.semantic.library import VectorTable
from ap_remote.semantic.results import BuildReport, IndexStatus
from ap_remote.semantic.vectors import Held
from ap_remote_mcp import server as server_module
from ap_remote_mcp.policy.abilities import Ability
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.policy.roots import Roots
from ap_remote_mcp.tools.catalogue import tools

ALL = frozenset(Ability)
TOOLS = {tool.name: tool for tool in tools(ALL)}
CHANGING = {name for name, tool in TOOLS.items() if "plan" in tool.parameters["properties"]}
PICTURES = {"photos_view", "photos_contact_sheet", "photos_show"}
"""Answers without a structured half."""


def alike(allowed):
    """Return the tools of a server, made once where they are all of them."""
    return list(TOOLS.values()) if allowed == ALL else tools(allowed)


class Index:
    """An index that finds nothing and builds at once."""

    folder = Path("nowhere")

    def status(self):
        return IndexStatus(folder="/home/somebody/secret", built=True, photos=7)

    async def search(self, remote, **_):
        return []

    async def build(self, remote, **_):
        return BuildReport(
            total=7,
            encoded=7,
            reused=0,
            seconds=0.5,
            images_per_second=14.0,
            device="cpu",
            encoder="none",
            fingerprint="0" * 16,
        )

    async def table(self):
        return VectorTable((), np.empty(0, np.intp), Held(np.empty(0, np.int64), np.empty((0, 4), np.float16)))

    async def duplicates(self, remote, *, query="", kinds=()):
        looked_at = [entry async for entry in remote.search(query) if not entry.is_folder]
        return Duplicates(groups=(), looked_at=len(looked_at))

    async def encoder(self):
        return SimpleNamespace(fingerprint="0" * 16)

    async def encode_texts(self, texts):
        return np.eye(len(texts), 4, dtype=np.float32)


class Person:
    """Says yes to whatever is asked, or no; types the number that a preview told; remembers the questions."""

    def __init__(self, *, says="accept", count=1):
        self.says = says
        self.count = count
        self.questions = []

    async def __call__(self, context, params):
        self.questions.append(params.message)
        if self.says != "accept":
            return ElicitResult(action=self.says)
        if "count" in params.requested_schema["properties"]:
            return ElicitResult(action="accept", content={"count": self.count})
        return ElicitResult(action="accept", content={"confirm": True})


def world(library, folder, make_jpeg):
    """Return a library with albums, people and rubbish, a folder of this machine, and how to serve them."""
    root, home = folder / "root", folder / "home"
    root.mkdir()
    for name, color in (("new.jpg", "red"), ("newer.jpg", "green")):
        (root / name).write_bytes(make_jpeg(color))
    library.remote.plant(library.ids["cat.jpg"], people=("P1",))
    library.remote.plant(library.ids["beach.jpg"], people=("P2",))
    made = SimpleNamespace(remote=library.remote, ids=dict(library.ids), root=root, home=home)

    def server(**options):
        chosen = {
            "index": Index(),
            "allow": ALL,
            "home": home,
            "roots": Roots([root]),
            "limits": Limits(unasked_files=0),
            "account": "home",
        }
        # The tools of all these servers are alike, and making their schemas takes longer than most tests.
        with mock.patch.object(server_module, "tools", alike):
            return server_module.build_server(made.remote, **chosen | options)

    made.server = server
    return made


async def populate(made):
    """Make an album with a picture in it, and put two pictures in the trash."""
    album = await made.remote.create_album("Rome", members=[NodeId(made.ids["forum.jpg"])])
    made.ids["Rome"] = album.id
    await made.remote.trash(NodeId(made.ids["coffee.jpg"]), NodeId(made.ids["undated.jpg"]))


async def snapshot(remote):
    """Return all that can be seen of a library: nodes in every state, members of albums, people."""
    seen = [each async for each in remote.list("", recursive=True)]
    binned = [each async for each in remote.trashed()]
    albums = [each async for each in remote.albums()] if isinstance(remote, SupportsAlbums) else []
    inside = {album.id: [each.id async for each in remote.list(NodeId(album.id))] for album in albums}
    people = [msgspec.to_builtins(each) for each in await remote.people()] if isinstance(remote, SupportsPeople) else []
    rows = sorted((msgspec.to_builtins(each) for each in (*seen, *binned, *albums)), key=lambda row: row["id"])
    return msgspec.json.encode([rows, inside, people], order="sorted")


def told(result):
    """Return the text of an answer."""
    return "\n".join(block.text for block in result.content if block.type == "text")


async def call(client, tool, **arguments):
    """Call a tool, which must not fail, and return the structured half of its answer."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


async def done(client, tool, **arguments):
    """Ask for a preview, then do what its plan permits."""
    shown = await call(client, tool, **arguments)
    return await call(client, tool, **arguments, plan=shown["plan"])


async def ended(client, job_id):
    """Return a job when it has ended, however long the server lets a call wait."""
    while (job := await call(client, "photos_job", job_id=job_id, wait_s=10))["state"] == "running":
        pass
    return job


def strings(value):
    """Yield every string in what was parsed from JSON, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from strings(key)
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def nulls(value):
    """Return how many nulls there are in what was parsed from JSON."""
    if isinstance(value, dict):
        value = list(value.values())
    return sum(map(nulls, value)) if isinstance(value, list) else value is None


def hidden(text):
    """Return the characters of a text that nobody sees, a joiner inside an emoji aside."""
    shown = text
    for each in ("\u2764\ufe0f\u200d\U0001f525", "\U0001f469\u200d\U0001f467"):
        shown = shown.replace(each, "")
    return [each for each in shown if unicodedata.category(each) in {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}]


def compact(value):
    """Return JSON without a blank too many."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
