"""Folders that many want at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.errors import IsFileError
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.session import Session, load_credentials
from ap_remote_emulator.app import create_app
from tests.contracts.service import URL, WatchedTransport


@pytest.fixture
def transport(tmp_path: Path) -> Iterator[WatchedTransport]:
    app = create_app(tmp_path / "service")
    cookies = load_credentials(tmp_path / "service" / "credentials.json")
    yield WatchedTransport(Session(cookies, Hosts.for_service(URL)), app=app)
    app.state.store.close()


@pytest.fixture
async def remote(transport: WatchedTransport, tmp_path: Path) -> AsyncIterator[AmazonPhotosRemote]:
    async with AmazonPhotosRemote("home", transport, tmp_path / "cache") as opened:
        yield opened


async def test_files_that_are_put_side_by_side_make_their_folders_once(
    remote: AmazonPhotosRemote, transport: WatchedTransport
):
    await asyncio.gather(*(remote.put(b"x", f"new/deep/{number}") for number in range(8)))

    assert transport.titles.count("POST nodes") == 2
    assert len([entry async for entry in remote.list("new/deep")]) == 8


async def test_who_waited_for_a_folder_that_became_a_file_is_told(
    remote: AmazonPhotosRemote, monkeypatch: pytest.MonkeyPatch
):
    put = remote.put
    make = remote._tree._make_folder

    async def overtaken(parent: Any, name: str) -> Any:
        monkeypatch.setattr(remote._tree, "_make_folder", make)
        await put(b"a file", name)
        return await make(parent, name)

    monkeypatch.setattr(remote._tree, "_make_folder", overtaken)
    done = await asyncio.gather(*(remote.put(b"x", f"new/{number}") for number in range(2)), return_exceptions=True)

    assert [type(each) for each in done] == [IsFileError, IsFileError]
