"""When the node cache may answer in the service's place, over the local service."""

from __future__ import annotations

import pytest

from ap_remote.backends.readonly import read_only
from ap_remote.connect import connect
from ap_remote.errors import QuerySyntaxError
from ap_remote.remote.features import SupportsOffline


@pytest.fixture
async def remote(tmp_path, monkeypatch):
    monkeypatch.setenv("AP_HOME", str(tmp_path))
    for name in ("AP_CONFIG", "AP_REMOTE"):
        monkeypatch.delenv(name, raising=False)
    async with connect("local:") as remote:
        await remote.put(b"GIF89a", "P/a.gif")
        await remote.put(b"GIF89a2", "P/b.gif")
        yield remote


async def test_the_cache_answers_after_a_sync_what_its_indexes_have(remote):
    assert isinstance(remote, SupportsOffline)
    assert await remote.complete_since("timeYear:(2023)") is None, "nothing was synced"
    await remote.sync()
    moment = await remote.complete_since("")
    assert moment is not None
    assert await remote.complete_since("type:(PHOTOS) AND timeYear:(2023 OR 2024)") == moment
    for text in ("things:(cat)", "location:(CAN)", "people:(P1)", "favorite:(true)", "name:(a*)"):
        assert await remote.complete_since(text) is None, text
    with pytest.raises(QuerySyntaxError):
        await remote.complete_since("typ:(PHOTOS)")
    assert await read_only(remote).complete_since("") == moment


async def test_an_old_cache_asks_what_changed_and_then_answers(remote, monkeypatch):
    await remote.sync()
    before = await remote.complete_since("")
    later = remote._tree.clock() + 600
    monkeypatch.setattr(remote._tree, "clock", lambda: later)
    after = await remote.complete_since("")
    assert after is not None
    assert after >= later - remote._tree.max_age > before


async def test_a_search_tells_its_total_until_the_next_one(remote):
    found = [entry.name async for entry in remote.search("type:(PHOTOS)", sort="name", limit=1)]
    assert found == ["a.gif"]
    assert remote.told_total("type:(PHOTOS)") == 2
    assert remote.told_total("type:(VIDEOS)") is None
    assert read_only(remote).told_total("type:(PHOTOS)") == 2
