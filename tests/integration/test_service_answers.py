"""What the local service says has no key that our structs neither model nor knowingly leave unread."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import pytest

from ap_remote.api import account, changes, nodes, search
from ap_remote.api import people as people_api
from ap_remote.api import properties as properties_api
from ap_remote.api import trash as trash_api
from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.model import NodeId
from ap_remote.remote.base import Category
from ap_remote.transport.client import Transport
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.session import Session, load_credentials
from ap_remote.wire._base import Raw
from ap_remote.wire.nodes import Bulk, Node
from ap_remote_emulator.app import create_app
from ap_remote_emulator.seed import Order, seed
from tests.contracts.pictures import jpeg
from tests.unit.test_fixtures import unaccounted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ap_remote.wire._base import Reply

UNREAD = {
    "accessRuleIds": "who may see a shared node; shares are read by their links",
    "groupPermissions": "the same for groups",
    "lowResThumbnail": "asked for by nobody here",
    "nodeToSearchScoreMap": "always empty where it was seen",
    "protectedFolder": "no public client knows what it changes",
    "restricted": "of applications that see their own files alone",
    "transforms": "no public client knows what it means",
    "xAccntParentMap": "parents in other people's accounts",
    "xAccntParents": "the same",
    "contentSignatures": "of uploads by apps",
}
"""Keys that are left unread, wherever they stand, and why."""


class Checked:
    """A reply that remembers the keys it could not account for."""

    def __init__(self, inner: Reply[Any], found: set[str]) -> None:
        self._inner = inner
        self._found = found

    def decode(self, body: bytes, /) -> Any:
        value = self._inner.decode(body)
        several = isinstance(value, tuple)
        kinds = {type(each) for each in value} if several else {type(value)}
        structs = [kind for kind in kinds if issubclass(kind, msgspec.Struct)]
        if Bulk in structs:
            # What a call on many nodes answers was never written down; ours is the node that was changed.
            structs.append(Node)
        said = (
            [json.loads(line) for line in body.splitlines() if line.strip()] if several else json.loads(body or b"{}")
        )
        self._found |= {key for key in unaccounted(said, structs) if key.rpartition(".")[2] not in UNREAD}
        return value


class CheckingTransport(Transport):
    """Looks at every key of every answer."""

    unknown: set[str]

    async def send(self, call: Any) -> Any:
        if isinstance(call.reply, Raw):
            return await super().send(call)
        return await super().send(msgspec.structs.replace(call, reply=Checked(call.reply, self.unknown)))


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeded") / "service"
    app = create_app(folder)
    seed(app.state.store, Order(count=60, per_folder=20, people=4, albums=2, family=2, family_photos=4))
    app.state.store.close()
    return folder


@pytest.fixture
async def remote(seeded: Path, tmp_path: Path) -> AsyncIterator[AmazonPhotosRemote]:
    shutil.copytree(seeded, tmp_path / "service")
    app = create_app(tmp_path / "service", internal=True)
    cookies = load_credentials(tmp_path / "service" / "credentials.json")
    transport = CheckingTransport(Session(cookies, Hosts.for_service("http://local.invalid")), app=app)
    transport.unknown = set()
    async with AmazonPhotosRemote("home", transport, tmp_path / "cache") as opened:
        yield opened


async def test_what_every_ability_hears_is_accounted_for(remote: AmazonPhotosRemote) -> None:
    transport = remote._transport
    assert isinstance(transport, CheckingTransport)
    await remote.sync()
    photo = await remote.put(jpeg(color="red"), "box/a.jpg")
    await remote.put(jpeg(color="blue"), "box/a.jpg", if_exists="overwrite")
    await remote.mkdir("box/inside")
    await remote.move("box/a.jpg", "box/inside/b.jpg")
    await remote.mark(NodeId(photo.id), favorite=True)
    await remote.describe(NodeId(photo.id), description="said", labels=["one"])
    await remote.set_properties(NodeId(photo.id), "tests", {"key": "value"})
    await remote.link(NodeId(photo.id), "box")
    await remote.unlink(NodeId(photo.id), "box")
    album = await remote.create_album("best", members=[NodeId(photo.id)])
    await remote.set_album_cover(NodeId(album.id), NodeId(photo.id))
    await remote.remove_from_album(NodeId(album.id), [NodeId(photo.id)])
    assert [entry async for entry in remote.list("", recursive=True, fresh=True)]
    assert [entry async for entry in remote.search("type:(PHOTOS)", limit=5)]
    for category in get_args(Category):
        await remote.aggregations(category)
        await remote.aggregations(category, query="type:(PHOTOS)")
    people = await remote.people()
    await remote.name_person(people[0].id, "Ada")
    await remote.merge_people([each.id for each in people[:2]], "Ada")
    await remote.add_to_family([NodeId(photo.id)], family_id=await _family(remote))
    await remote.assets(NodeId(photo.id))
    await remote.known([photo.md5 or ""])
    assert [piece async for piece in remote.archive(NodeId(photo.id))]
    await remote.usage()
    await remote.trash(NodeId(photo.id))
    assert [entry async for entry in remote.trashed()]
    await remote.restore(NodeId(photo.id))
    await remote.trash(NodeId(photo.id))
    await remote.delete(NodeId(photo.id))
    assert transport.unknown == set()


async def _family(remote: AmazonPhotosRemote) -> str:
    page = await remote._transport.send(search.search("type:(PHOTOS)", context="family"))
    return next(node.family_id for node in page.data if node.family_id)


async def test_what_no_ability_asks_for_is_accounted_for_too(remote: AmazonPhotosRemote) -> None:
    transport = remote._transport
    assert isinstance(transport, CheckingTransport)
    for call in (account.info(), account.quota(), account.endpoint(), changes.changes()):
        await transport.send(call)
    page = await transport.send(search.search("type:(PHOTOS)", group_by="month", context="all"))
    node = page.data[0]
    await transport.send(nodes.update(node.id, name="other.jpg", parents=list(node.parents)))
    await transport.send(properties_api.put(node.id, "tests", "key", "value"))
    await transport.send(properties_api.get(node.id, "tests", "key"))
    await transport.send(properties_api.properties(node.id, "tests"))
    people = await transport.send(search.aggregation("allPeople"))
    await transport.send(people_api.hero(people.aggregations[0].word, people.aggregations[0].node_id or ""))
    await transport.send(trash_api.trash_one(node.id))
    await transport.send(trash_api.restore_one(node.id))
    assert transport.unknown == set()
