"""Writing through the views of an Amazon account, over the local service: the contract, and what a service may do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.errors import AuthenticationError, RemoteError, UnavailableError
from ap_remote.model import NodeId, Status
from ap_remote.transport.client import Transport
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.retry import Retry
from ap_remote.transport.session import Session, load_credentials
from ap_remote_emulator.app import create_app
from ap_remote_emulator.faults import Fault
from tests.contracts.base import content, names
from tests.contracts.view_writing import ROME, ViewWritingContract
from tests.integration.test_abilities import URL, BackDoor, Clock


class Watched(Transport):
    """Remembers what was sent."""

    titles: list[str]

    async def send(self, call: Any) -> Any:
        self.titles.append(call.title)
        return await super().send(call)


class Service:
    """A service in process, and remotes that speak to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app: Any = create_app(folder / "service", internal=True)
        self.cookies = load_credentials(folder / "service" / "credentials.json")
        self.clock = Clock()

    def transport(self) -> Watched:
        session = Session(self.cookies, Hosts.for_service(URL))
        made = Watched(session, app=self.app, retry=Retry(sleep=self.clock.sleep))
        made.titles = []
        return made

    def remote(self, name: str, transport: Transport | None = None) -> AmazonPhotosRemote:
        return AmazonPhotosRemote(
            name, transport or self.transport(), self.folder / name, clock=self.clock, sleep=self.clock.sleep
        )

    def fail(self, **fields: Any) -> None:
        self.app.state.faults.add(Fault(**fields))


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


@pytest.fixture
def transport(service: Service) -> Watched:
    return service.transport()


@pytest.fixture
async def door(service: Service) -> AsyncIterator[BackDoor]:
    opened = BackDoor(service.app, service.cookies)
    yield opened
    await opened.client.aclose()


@pytest.fixture
async def remote(service: Service, transport: Watched) -> AsyncIterator[AmazonPhotosRemote]:
    async with service.remote("home", transport) as opened:
        yield opened


class TestAmazonPhotosRemote(ViewWritingContract):
    @pytest.fixture
    def remote(self, remote: AmazonPhotosRemote) -> AmazonPhotosRemote:
        return remote

    @pytest.fixture
    def seed(self, door: BackDoor, service: Service):
        async def put(path: str, data: bytes) -> str:
            # What somebody else writes is seen once the cache has grown old.
            service.clock.now += 3600
            return await door.seed(path, data)

        return put

    @pytest.fixture
    def peek(self, door: BackDoor):
        return door.peek


async def test_a_photograph_that_the_service_does_not_add_says_where_it_is(service, remote, door):
    album = await remote.create_album("Rome")
    service.fail(path=f"*/nodes/{album.id}/children", method="PATCH", status=403, body="{}", times=-1)
    with pytest.raises(RemoteError, match=r"'Pictures/Rome/a\.jpg'"):
        await remote.put(b"new", f"{ROME}/a.jpg")
    assert await door.peek("Pictures/Rome/a.jpg") == b"new"
    assert await names(remote.list(ROME)) == []


async def test_an_expired_login_stays_one_when_it_strikes_between_upload_and_album(service, remote, door):
    album = await remote.create_album("Rome")
    service.fail(path=f"*/nodes/{album.id}/children", method="PATCH", status=401, body="{}", times=-1)
    with pytest.raises(AuthenticationError, match=r"'Pictures/Rome/a\.jpg'"):
        await remote.put(b"new", f"{ROME}/a.jpg")
    assert await door.peek("Pictures/Rome/a.jpg") == b"new"


async def test_whoever_goes_on_after_a_kill_between_upload_and_album_sends_nothing_again(service, remote, door):
    await remote.create_album("Rome")
    service.fail(path="*/children", method="PATCH", status=503, body="{}", times=-1)
    with pytest.raises(UnavailableError):
        await remote.put(b"new", f"{ROME}/a.jpg")
    service.app.state.faults.clear()
    transport = service.transport()
    async with service.remote("later", transport) as later:
        entry = await later.put(b"new", f"{ROME}/a.jpg", duplicates="refuse")
        assert not [title for title in transport.titles if "upload" in title]
        assert await names(later.list(ROME)) == ["a.jpg"]
        assert (await later.stat(NodeId(entry.id))).path == "Pictures/Rome/a.jpg"


async def test_an_addition_that_got_no_answer_is_made_once_more(service, remote):
    await remote.create_album("Rome")
    service.fail(path="*/children", method="PATCH", status=500, body="{}", times=1)
    await remote.put(b"new", f"{ROME}/a.jpg")
    assert await names(remote.list(ROME)) == ["a.jpg"]


async def test_many_members_leave_an_album_in_one_call(remote, transport):
    made = [await remote.put(bytes([each]), f"box/{each}.jpg") for each in range(30)]
    await remote.create_album("Rome", members=[NodeId(each.id) for each in made])
    transport.titles.clear()
    rows = await remote.trash(*(f"{ROME}/{each.name}" for each in made))
    assert {row.action for row in rows} == {"remove"}
    assert len([title for title in transport.titles if title.startswith("PATCH")]) == 1
    assert len(transport.titles) < 8, transport.titles
    assert len(await names(remote.list("box"))) == 30


async def test_what_others_see_after_a_member_was_trashed_in_its_album(service, remote):
    await remote.put(b"a", f"{ROME}/a.jpg")
    await remote.trash(f"{ROME}/a.jpg")
    async with service.remote("other") as other:
        assert await names(other.list(ROME)) == []
        entry = await other.stat("Pictures/Rome/a.jpg")
        assert entry.status is Status.AVAILABLE
        assert await content(other.get("Pictures/Rome/a.jpg")) == b"a"


async def test_an_album_that_another_client_made_meanwhile_is_not_made_twice(service, remote):
    assert await names(remote.list(".views/albums")) == []
    async with service.remote("other") as other:
        await other.put(b"a", f"{ROME}/a.jpg")
    await remote.put(b"b", f"{ROME}/b.jpg")
    assert await names(remote.list(".views/albums", fresh=True)) == ["Rome"]
    assert await names(remote.list(ROME, fresh=True)) == ["a.jpg", "b.jpg"]
