"""Public links of the local service, followed without an account."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.backends.share import ShareLink, ShareRemote
from ap_remote.errors import AuthenticationError, NotFoundError, RemoteError
from ap_remote.model import ByteRange, NodeId
from ap_remote.transport.client import Transport
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.session import Session, load_credentials
from ap_remote_emulator.app import create_app
from ap_remote_emulator.library import shares
from tests.contracts.pictures import jpeg

URL = "http://localhost"


@pytest.fixture
def app(tmp_path: Path) -> Any:
    return create_app(tmp_path / "service")


@pytest.fixture
async def owner(app: Any, tmp_path: Path) -> AsyncIterator[AmazonPhotosRemote]:
    session = Session(load_credentials(tmp_path / "service" / "credentials.json"), Hosts.for_service(URL))
    async with AmazonPhotosRemote("home", Transport(session, app=app), tmp_path / "cache") as opened:
        yield opened


def share(app: Any, *node_ids: str, group: bool = False) -> ShareRemote:
    with app.state.store.write() as write:
        made = shares.create(write, node_ids, group=group)
    place = f"groups/share/{made.group_token}" if group else f"share/{made.id}"
    return ShareRemote.of(ShareLink.parse(f"{URL}/photos/{place}"), app=app)


async def test_a_shared_folder_is_read_without_an_account(owner, app):
    picture = jpeg(size=(300, 200))
    await owner.put(picture, "trip/a.jpg")
    await owner.put(b"0123456789", "trip/deep/b.txt")
    secret = await owner.put(b"secret", "secret.txt")
    folder = await owner.stat("trip")
    async with share(app, folder.id) as remote:
        assert [entry.path async for entry in remote.list(recursive=True)] == ["a.jpg", "deep", "deep/b.txt"]
        assert b"".join([piece async for piece in remote.get("a.jpg")]) == picture
        assert b"".join([piece async for piece in remote.get("deep/b.txt", span=ByteRange(2, 5))]) == b"234"
        assert (await remote.thumbnail("a.jpg", size=64))[:3] == b"\xff\xd8\xff"
        assert [entry.path async for entry in remote.search("type:(PHOTOS)")] == ["a.jpg"]
        with pytest.raises(NotFoundError):
            await remote.stat(NodeId(secret.id))


async def test_a_shared_album_shows_its_members(owner, app):
    await owner.put(jpeg(color="red"), "x/a.jpg")
    await owner.put(jpeg(color="blue"), "y/a.jpg")
    album = await owner.create_album("best", members=["x/a.jpg", "y/a.jpg"])
    async with share(app, album.id) as remote:
        found = [entry async for entry in remote.list()]
        assert [entry.name for entry in found] == ["a.jpg", "a.jpg"]
        assert len({entry.path for entry in found}) == 2
        for entry in found:
            assert [piece async for piece in remote.get(entry.path)]


async def test_a_group_shows_its_photographs_by_its_link(owner, app):
    await owner.put(jpeg(), "trip/a.jpg")
    folder = await owner.stat("trip")
    async with share(app, folder.id, group=True) as remote:
        assert [entry.name async for entry in remote.list()] == ["a.jpg"]
        assert [piece async for piece in remote.get("a.jpg")]


async def test_a_link_that_was_withdrawn_or_never_was_shows_nothing(owner, app):
    entry = await owner.put(jpeg(), "a.jpg")
    remote = share(app, entry.id)
    async with remote, ShareRemote.of(ShareLink.parse(f"{URL}/photos/share/{'x' * 22}"), app=app) as other:
        assert [found.name async for found in remote.list()] == ["a.jpg"]
        await owner.trash("a.jpg")
        assert [found async for found in remote.list(fresh=True)] == []
        with pytest.raises(RemoteError) as caught:
            await other.stat("")
    assert isinstance(caught.value, NotFoundError | AuthenticationError)
    assert "x" * 22 not in str(caught.value)
