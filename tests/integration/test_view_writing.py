"""Writing through the views of an Amazon account, over the local service: the contract, and what a service may do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.errors import (
    AlreadyExistsError,
    AuthenticationError,
    BatchError,
    NotInTrashError,
    RemoteError,
    UnavailableError,
)
from ap_remote.model import NodeId, Status
from ap_remote.transport.client import Transport
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.retry import Retry
from ap_remote.transport.session import Session, load_credentials
from ap_remote_emulator.app import create_app
from ap_remote_emulator.faults import Fault
from tests.contracts.base import content, names
from tests.contracts.service import URL, BackDoor, Clock, OverService, WatchedTransport
from tests.contracts.view_writing import ROME, ViewWritingContract


class Service:
    """A service in process, and remotes that speak to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app: Any = create_app(folder / "service", internal=True)
        self.cookies = load_credentials(folder / "service" / "credentials.json")
        self.clock = Clock()

    def transport(self) -> WatchedTransport:
        session = Session(self.cookies, Hosts.for_service(URL))
        return WatchedTransport(session, app=self.app, retry=Retry(sleep=self.clock.sleep))

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
def clock(service: Service) -> Clock:
    return service.clock


@pytest.fixture
def transport(service: Service) -> WatchedTransport:
    return service.transport()


@pytest.fixture
async def door(service: Service) -> AsyncIterator[BackDoor]:
    opened = BackDoor(service.app, service.cookies)
    yield opened
    await opened.client.aclose()


@pytest.fixture
async def remote(service: Service, transport: WatchedTransport) -> AsyncIterator[AmazonPhotosRemote]:
    async with service.remote("home", transport) as opened:
        yield opened


class TestAmazonPhotosRemote(OverService, ViewWritingContract):
    """The remote keeps the contract."""


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


async def test_two_who_put_files_of_one_name_into_an_album_at_once_make_one_member_and_one_error(service, remote):
    await remote.create_album("Rome")
    async with service.remote("other") as other:
        await asyncio.gather(*(each.stat(ROME) for each in (remote, other)))
        results = await asyncio.gather(
            remote.put(b"mine", f"{ROME}/x.jpg"), other.put(b"theirs", f"{ROME}/x.jpg"), return_exceptions=True
        )

        (refusal,) = [each for each in results if isinstance(each, BaseException)]
        (member,) = [each for each in results if not isinstance(each, BaseException)]
        assert isinstance(refusal, AlreadyExistsError)
        for each in (remote, other):
            shown = [entry.id async for entry in each.list(ROME, fresh=True)]
            assert shown == [member.id]


async def test_who_joins_an_album_beside_another_of_its_name_gives_way_and_lies_in_the_bin(service, remote):
    await remote.create_album("Rome")
    first = await remote.put(b"first", "Pictures/Rome/x.jpg")
    async with service.remote("other") as other:
        add = remote.add_to_album

        async def late(album, members):
            # The other one's file joins between our look and our joining.
            await other.add_to_album(ROME, [NodeId(first.id)])
            await add(album, members)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(remote, "add_to_album", late)
            with pytest.raises(AlreadyExistsError) as refusal:
                await remote.put(b"second", f"{ROME}/x.jpg")

        assert refusal.value.node_id == first.id
        assert [entry.id async for entry in other.list(ROME, fresh=True)] == [first.id]
        (binned,) = [entry async for entry in other.trashed()]
        assert (binned.name, binned.size) == ("x.jpg", len(b"second"))


async def test_the_bin_shows_where_a_folder_is_that_somebody_else_moved(service, remote):
    await remote.put(b"x", "a/x.jpg")
    async with service.remote("other") as other:
        await other.trash("a/x.jpg")
        assert [entry.path async for entry in remote.trashed()] == ["a/x.jpg"]
        await other.move("a", "Pictures/n")
        service.clock.now += 3600

        assert [entry.path async for entry in remote.trashed()] == ["Pictures/n/x.jpg"]
        with pytest.raises(NotInTrashError):
            await remote.delete("a/x.jpg")
        (back,) = await remote.restore("Pictures/n/x.jpg")
        assert back.entry is not None
        assert back.entry.path == "Pictures/n/x.jpg"


async def test_what_is_taken_out_of_the_bin_is_found_where_its_folder_is_by_now(service, remote):
    seen = await remote.put(b"x", "a/x.jpg")
    await remote.trash("a/x.jpg")
    async with service.remote("other") as other:
        await other.move("a", "Pictures/n")
        await other.mkdir("a")
        service.clock.now += 3600

        moved = await remote.move(".views/trash/x.jpg", "a/x.jpg")

        assert moved.path == "a/x.jpg"
        there = await other.stat(NodeId(seen.id), fresh=True)
        assert there.path == "a/x.jpg"


async def test_overwriting_a_member_never_touches_the_file_that_took_its_old_place(service, remote):
    seen = await remote.put(b"x", "a/x.jpg")
    await remote.create_album("Rome", members=[NodeId(seen.id)])
    async with service.remote("other") as other:
        await other.move("a", "Pictures/n")
        await other.put(b"another", "a/x.jpg")
        service.clock.now += 3600

        changed = await remote.put(b"new", f"{ROME}/x.jpg", if_exists="overwrite")

        assert changed.id == seen.id
        assert await content(other.get("a/x.jpg")) == b"another"
        assert await content(other.get("Pictures/n/x.jpg")) == b"new"


async def test_a_member_that_the_service_refuses_is_told_as_what_was_tried(service, remote):
    one = await remote.put(b"1", "one.jpg")
    await remote.create_album("Rome")
    service.fail(path="*/children", method="PATCH", status=200, body=f'{{"errorMap": {{"{one.id}": 403}}}}', times=2)

    told = []
    for verb in (remote.add_to_album, remote.remove_from_album):
        with pytest.raises(BatchError) as refusal:
            await verb(ROME, [NodeId(one.id)])
        told += [each.action for each in refusal.value.outcomes]

    assert told == ["add", "remove"]
