"""What changes something is asked for once: tools and jobs promise it to the transport."""

from __future__ import annotations

import anyio
import pytest

from ap_remote.remote.once import is_promised
from ap_remote_mcp.jobs import Jobs

CHANGES = [
    ("photos_trash", "trash", {}),
    ("photos_move", "move", {"to": "Pictures/2024"}),
    ("photos_mark", "mark", {"favorite": "yes"}),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[0])
async def test_a_deed_is_done_under_the_promise_and_looking_is_not(open_client, library, monkeypatch, change):
    tool, verb, more = change
    seen = []
    for name in (verb, "stat"):
        inner = getattr(library.remote, name)

        def watched(*args, inner=inner, name=name, **kwargs):
            seen.append((name, is_promised()))
            return inner(*args, **kwargs)

        monkeypatch.setattr(library.remote, name, watched)
    arguments = {"ids": [library.ids["cat.jpg"]], **more}
    async with open_client(library.remote, allow=frozenset({"trash", "organise"})) as client:
        plan = (await client.call_tool(tool, arguments)).structured_content["plan"]
        done = await client.call_tool(tool, {**arguments, "plan": plan})
    assert done.structured_content["done"] == 1
    assert [promised for name, promised in seen if name == verb] == [True]
    assert not is_promised()


async def test_the_work_of_a_job_is_done_under_the_promise():
    seen = []

    async def work(job):
        seen.append(is_promised())
        await anyio.lowlevel.checkpoint()
        return {}

    book = Jobs(None, lambda: 1000.0)
    book.offer("look", work, resumes=False)
    async with book.serving():
        record = await book.start("look", "local", {})
        await book.wait(record.job_id, "local", 5)
    assert seen == [True]
