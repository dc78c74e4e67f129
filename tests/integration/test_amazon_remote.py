"""The Amazon remote over the local service in process: the contract, and what a service may do to a client."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    AmbiguousError,
    AuthenticationError,
    BatchError,
    DuplicateContentError,
    IncompleteListingError,
    IntegrityError,
    InvalidNameError,
    IsFileError,
    NotFoundError,
    NotInTrashError,
    OutcomeUnknownError,
    UnavailableError,
    UnsupportedError,
)
from ap_remote.model import ByteRange, NodeId, Status
from ap_remote.remote import features
from ap_remote.wire.nodes import Bulk, Node, NodePage
from ap_remote_emulator.faults import Fault
from ap_remote_emulator.faults.behaviour import Behaviour, Uploads
from ap_remote_emulator.seed import seed
from tests.contracts.base import content, names
from tests.contracts.pictures import jpeg
from tests.contracts.remote import RemoteContract
from tests.contracts.service import OverService, WatchedTransport


class TestAmazonPhotosRemote(OverService, RemoteContract):
    """The remote keeps the contract."""


def faulty(app: Any, **fields: Any) -> None:
    app.state.faults.add(Fault(**fields))


def hiding(*names: str) -> Callable[[Any, Any], Any]:
    """Change listings so that they do not show these names yet."""

    def change(call: Any, answer: Any) -> Any:
        if not isinstance(answer, NodePage) or answer.count == 1:
            return answer
        kept = tuple(node for node in answer.data if node.name not in names)
        return structs.replace(answer, data=kept, count=(answer.count or 0) - len(answer.data) + len(kept))

    return change


# -- freshness ---------------------------------------------------------------------------------------------------------


async def test_nothing_is_opened_before_the_first_verb(transport: WatchedTransport, tmp_path: Path):
    remote = AmazonPhotosRemote("home", transport, tmp_path / "cache")
    assert (remote.name, (tmp_path / "cache").exists()) == ("home", False)
    await remote.close()
    assert transport.titles == []


async def test_an_unknown_name_in_a_fresh_folder_costs_no_request(remote, door, transport):
    await door.seed("box/a.txt", b"a")
    await remote.stat("box/a.txt")
    transport.titles.clear()
    for path in ("box/b.txt", "none", "box/a.txt/below"):
        with pytest.raises(NotFoundError):
            await remote.stat(path)
    assert transport.titles == []


async def test_a_path_costs_one_request_for_each_folder_that_is_not_known(remote, door, transport):
    await door.seed("box/inner/a.txt", b"a")
    await door.seed("box/other/b.txt", b"b")
    await remote.stat("box/inner/a.txt")
    assert len(transport.titles) == 4
    transport.titles.clear()
    await remote.stat("box/other/b.txt")
    assert len(transport.titles) == 1


async def test_an_old_folder_is_listed_again_and_fresh_asks_always(remote, door, transport, clock):
    await door.seed("box/a.txt", b"a")
    assert await names(remote.list("box")) == ["a.txt"]
    await door.seed("box/b.txt", b"b")
    assert await names(remote.list("box")) == ["a.txt"]
    clock.now += 1
    assert await names(remote.list("box", fresh=True)) == ["a.txt", "b.txt"]
    await door.seed("box/c.txt", b"c")
    clock.now += 61
    assert await names(remote.list("box")) == ["a.txt", "b.txt", "c.txt"]


async def test_a_recursive_listing_syncs_once_and_is_then_served_from_the_cache(remote, door, transport):
    for number in range(6):
        await door.seed(f"box/{number}/a.txt", b"%d" % number)
    assert len(await names(remote.list("box", recursive=True))) == 12
    assert len([title for title in transport.titles if title.endswith("/children")]) == 1
    transport.titles.clear()
    assert len(await names(remote.list("", recursive=True))) > 12
    await remote.stat("box/3/a.txt")
    assert transport.titles == []


async def test_a_sync_of_a_large_library_adds_up(remote, app, transport):
    seed(app.state.store, 1_250, folder="Pictures/Seed", per_folder=500)
    told: list[int] = []
    report = await remote.sync(progress=lambda done, _: told.append(done))
    assert report.seen == told[-1] >= 1_250
    assert len(await names(remote.list("Pictures/Seed", recursive=True))) >= 1_250


async def test_a_listing_of_many_pages_is_whole(remote, app):
    seed(app.state.store, 450, folder="Pictures/Seed", per_folder=1000)
    (folder,) = [entry async for entry in remote.list("Pictures/Seed")]
    assert len(await names(remote.list(folder.path))) == 450


async def test_a_listing_that_breaks_off_is_an_error_and_not_a_shorter_list(remote, app):
    seed(app.state.store, 450, folder="Pictures/Seed", per_folder=1000)
    (folder,) = [entry async for entry in remote.list("Pictures/Seed")]
    faulty(app, path="*/children", skip=1, times=-1, status=400, body='{"message": "Next token is expired"}')
    with pytest.raises(IncompleteListingError):
        await names(remote.list(folder.path))
    app.state.faults.clear()
    assert len(await names(remote.list(folder.path))) == 450


async def test_expired_cookies_are_said_at_once(remote, app, transport):
    faulty(app, times=-1, status=401, body='{"Message": "No Auth Method Provided"}')
    with pytest.raises(AuthenticationError):
        await remote.stat("box")
    assert len(transport.titles) == 1


# -- consistency -------------------------------------------------------------------------------------------------------


async def test_a_new_file_that_listings_do_not_show_yet_stays(remote, transport, clock):
    await remote.put(b"a", "box/a.txt")
    transport.changed = hiding("a.txt", "box")
    clock.now += 5
    assert await names(remote.list("box", fresh=True)) == ["a.txt"]
    clock.now += 60
    assert "box" not in await names(remote.list("", fresh=True))
    with pytest.raises(NotFoundError):
        await remote.stat("box/a.txt", fresh=True)


async def test_a_trashed_file_that_listings_still_show_stays_away(remote, transport, clock):
    await remote.put(b"a", "box/a.txt")
    await remote.put(b"b", "box/b.txt")
    pages = [answer async for answer in remote.list("box")]
    old = {}

    def remember(call: Any, answer: Any) -> Any:
        if call.path.endswith("/children"):
            old.setdefault(call.path, answer)
        return answer

    transport.changed = remember
    clock.now += 1
    await names(remote.list("box", fresh=True))
    await remote.trash("box/a.txt")
    transport.changed = lambda call, answer: old.get(call.path, answer)
    clock.now += 5
    assert await names(remote.list("box", fresh=True)) == ["b.txt"]
    assert len(pages) == 2


async def test_a_child_that_a_listing_shows_although_it_has_left_is_dropped(remote, door, transport):
    await door.seed("box/a.txt", b"a")
    stranger = Node(id="s" * 22, name="stranger.txt", parents=("elsewhere",))

    def add(call: Any, answer: Any) -> Any:
        if not call.path.endswith("/children"):
            return answer
        return structs.replace(answer, data=(*answer.data, stranger), count=(answer.count or 0) + 1)

    transport.changed = add
    assert await names(remote.list("box")) == ["a.txt"]


async def test_a_search_that_still_shows_a_trashed_photograph_is_not_believed(remote, transport):
    await remote.put(jpeg(), "box/a.jpg")
    (found,) = [entry async for entry in remote.search("type:(PHOTOS)")]
    await remote.trash(found.path)
    before = Node(id=found.id, name="a.jpg", version=found.version, parents=found.parents)

    def show(call: Any, answer: Any) -> Any:
        return structs.replace(answer, data=(before,), count=1) if call.path == "search" else answer

    transport.changed = show
    assert await names(remote.search("type:(PHOTOS)")) == []


async def test_what_somebody_restored_meanwhile_is_not_deleted(remote, door):
    entry = await remote.put(b"a", "box/a.txt")
    await remote.trash("box/a.txt")
    body = {"op": "remove", "value": [entry.id], "conflictResolution": "RENAME", "resourceVersion": "V2"}
    await door.call("PATCH", "/drive/v1/trash", json=body)
    with pytest.raises(NotInTrashError):
        await remote.delete(NodeId(entry.id))
    assert await door.peek("box/a.txt") == b"a"


async def test_what_the_service_refuses_to_purge_is_told_by_target(remote, transport):
    entries = [await remote.put(name.encode(), f"box/{name}") for name in ("a", "b")]
    await remote.trash(*[entry.path for entry in entries])

    def refuse(call: Any, answer: Any) -> Any:
        return Bulk(error_map={entries[0].id: 403}) if "purge" in call.path else answer

    transport.changed = refuse
    with pytest.raises(BatchError) as caught:
        await remote.delete("box/a", "box/b")
    assert [row.error is None for row in caught.value.outcomes] == [False, True]
    with pytest.raises(AccessDeniedError):
        await remote.delete("box/a")


async def test_a_purge_whose_answer_is_lost_is_looked_after(remote, app):
    entry = await remote.put(b"a", "box/a.txt")
    await remote.trash("box/a.txt")
    faulty(app, path="*/bulk/nodes/purge", status=504, after=True)
    (row,) = await remote.delete(NodeId(entry.id))
    assert (row.error, row.id) == (None, entry.id)


async def test_a_purge_that_nobody_can_look_after_leaves_its_outcome_open(remote, app):
    entry = await remote.put(b"a", "box/a.txt")
    await remote.trash("box/a.txt")
    faulty(app, path="*/bulk/nodes/purge", status=504)
    # The node was asked for once before the purge.
    faulty(app, path="/drive/v1/nodes/*", method="GET", status=503, skip=1, times=-1)
    with pytest.raises(OutcomeUnknownError):
        await remote.delete(NodeId(entry.id))


async def test_a_service_that_has_enough_is_not_asked_again_for_each_target(remote, app, transport):
    entries = [await remote.put(name.encode(), f"box/{name}") for name in "abc"]
    faulty(app, path="*/trash", method="PATCH", status=503, times=-1)
    sent = len(transport.titles)
    with pytest.raises(BatchError) as caught:
        await remote.trash(*[entry.path for entry in entries])
    assert [title for title in transport.titles[sent:] if title.startswith("PATCH")] == ["PATCH trash"]
    assert [row.error is None for row in caught.value.outcomes] == [False, False, False]


# -- uploads -----------------------------------------------------------------------------------------------------------


def uploads(transport: WatchedTransport) -> list[str]:
    return [title for title in transport.titles if "v2/upload" in title]


async def test_an_upload_that_arrived_behind_an_error_is_found_and_not_sent_again(remote, app, door, transport):
    faulty(app, path="/v2/upload", status=504, after=True)
    entry = await remote.put(b"hello", "box/a.txt")
    assert entry.md5 == hashlib.md5(b"hello").hexdigest()
    assert await door.peek("box/a.txt") == b"hello"
    assert len(uploads(transport)) == 1


async def test_an_upload_that_appears_later_is_waited_for(remote, app, transport, clock):
    faulty(app, path="/v2/upload", status=504, after=True)
    began = clock.now

    def later(call: Any, answer: Any) -> Any:
        hidden = clock.now < began + 3 and call.path.endswith("/children")
        return structs.replace(answer, data=(), count=0) if hidden else answer

    transport.changed = later
    assert (await remote.put(b"hello", "box/a.txt")).name == "a.txt"
    assert clock.now >= began + 3


async def test_an_upload_that_never_arrives_is_an_error_and_not_sent_again(remote, app, transport):
    faulty(app, path="/v2/upload", status=504)
    with pytest.raises(OutcomeUnknownError):
        await remote.put(b"hello", "box/a.txt")
    assert len(uploads(transport)) == 1
    with pytest.raises(NotFoundError):
        await remote.stat("box/a.txt")


async def test_an_upload_of_unknown_outcome_stays_one_when_nobody_can_be_asked(remote, app, transport):
    await remote.mkdir("box")
    faulty(app, path="/v2/upload", status=504)
    faulty(app, path="/drive/v1/nodes/*", status=503, times=-1)
    with pytest.raises(OutcomeUnknownError) as caught:
        await remote.put(b"hello", "box/a.txt")
    assert isinstance(caught.value.__cause__, UnavailableError)
    assert transport.titles.count("POST v2/upload") == 1


async def test_a_folder_that_lies_in_itself_is_listed_once(remote, door, transport):
    await door.seed("outer/inner/a.txt", b"x")
    outer = await door.find("outer")

    def twisted(_call: Any, answer: Any) -> Any:
        if not isinstance(answer, NodePage):
            return answer
        data = [structs.replace(n, parents=(*n.parents, n.id)) if n.id == outer else n for n in answer.data]
        return structs.replace(answer, data=tuple(data))

    transport.changed = twisted
    remote._tree.cache.remember("changes", "no", 1_700_000_000.0)
    found = [entry.path async for entry in remote.list("outer", recursive=True, fresh=True)]
    assert sorted(found) == ["outer/inner", "outer/inner/a.txt", "outer/outer"]


async def test_what_was_stored_otherwise_than_it_was_sent_is_trashed(remote, transport):
    def lie(call: Any, answer: Any) -> Any:
        if call.path != "v2/upload":
            return answer
        content = structs.replace(answer.content_properties, md5="0" * 32)
        return structs.replace(answer, content_properties=content)

    transport.changed = lie
    with pytest.raises(IntegrityError, match="it is in the trash now"):
        await remote.put(b"hello", "box/a.txt")
    transport.changed = lambda _, answer: answer
    with pytest.raises(NotFoundError):
        await remote.stat("box/a.txt")
    assert [entry.path async for entry in remote.trashed()] == ["box/a.txt"]


async def test_a_folder_that_somebody_else_just_made_is_used(remote, door):
    await remote.mkdir("box")
    await names(remote.list("box"))
    theirs = await door.find("box/inner", make=True)
    entry = await remote.put(b"a", "box/inner/a.txt")
    assert entry.parents == (theirs,)


async def test_a_file_that_somebody_else_just_put_in_a_folders_place_is_an_error(remote, door):
    await remote.mkdir("box")
    await names(remote.list("box"))
    await door.seed("box/inner", b"a file")
    with pytest.raises(IsFileError):
        await remote.put(b"a", "box/inner/a.txt")


@pytest.mark.parametrize("if_exists", ["fail", "overwrite"])
async def test_a_name_that_somebody_else_just_took(remote, door, if_exists):
    await remote.mkdir("box")
    await names(remote.list("box"))
    theirs = await door.seed("box/a.txt", b"theirs")
    if if_exists == "overwrite":
        assert (await remote.put(b"ours", "box/a.txt", if_exists="overwrite")).id == theirs
        return
    with pytest.raises(AlreadyExistsError) as caught:
        await remote.put(b"ours", "box/a.txt")
    assert caught.value.node_id == theirs
    assert await door.peek("box/a.txt") == b"theirs"


async def test_bytes_that_are_known_are_refused_before_one_is_sent(remote, transport):
    first = await remote.put(b"hello", "box/a.txt")
    transport.titles.clear()
    with pytest.raises(DuplicateContentError) as caught:
        await remote.put(b"hello", "box/b.txt", duplicates="refuse")
    assert caught.value.node_id == first.id
    assert uploads(transport) == []


async def test_bytes_that_somebody_deleted_meanwhile_are_not_refused(remote, door):
    first = await remote.put(b"hello", "box/a.txt")
    body = {"op": "add", "value": [first.id], "recurse": "true", "resourceVersion": "V2"}
    await door.call("PATCH", "/drive/v1/trash", json=body)
    await door.call("POST", "/drive/v1/bulk/nodes/purge", json={"nodeIds": [first.id], "resourceVersion": "V2"})
    assert (await remote.put(b"hello", "box/b.txt", duplicates="refuse")).id != first.id


async def test_a_file_is_overwritten_by_bytes_that_are_known_elsewhere(remote, door):
    await remote.put(b"one", "box/a.txt")
    await remote.put(b"two", "box/b.txt")
    await remote.put(b"two", "box/a.txt", if_exists="overwrite")
    assert await door.peek("box/a.txt") == b"two"
    with pytest.raises(DuplicateContentError):
        await remote.put(b"two", "box/c.txt", duplicates="refuse")


# -- downloads ---------------------------------------------------------------------------------------------------------


async def test_a_download_that_breaks_is_resumed(remote, app, transport):
    data = bytes(range(256)) * 8_000
    await remote.put(data, "box/big.bin")
    faulty(app, path="/content/signed/*", truncate=300_000)
    faulty(app, path="/content/signed/*", truncate=0)
    faulty(app, path="/content/signed/*", truncate=900_001)
    assert await content(remote.get("box/big.bin")) == data
    assert app.state.faults.pending() == []


async def test_a_span_that_breaks_is_resumed(remote, app):
    data = bytes(range(256)) * 100
    await remote.put(data, "box/a.bin")
    faulty(app, path="/content/signed/*", truncate=1_000)
    assert await content(remote.get("box/a.bin", span=ByteRange(100, 20_000))) == data[100:20_000]


async def test_a_download_that_breaks_for_ever_is_an_error(remote, app):
    await remote.put(bytes(10_000), "box/a.bin")
    faulty(app, path="/content/signed/*", truncate=0, times=-1)
    with pytest.raises(UnavailableError):
        await content(remote.get("box/a.bin"))


async def test_a_file_that_somebody_else_overwrote_is_read_as_it_is_now(remote, door):
    entry = await remote.put(b"old bytes", "box/a.txt")
    await door.call("PUT", f"/v2/upload/{entry.id}", content=b"new and longer bytes")
    assert await content(remote.get("box/a.txt")) == b"new and longer bytes"


# -- views -------------------------------------------------------------------------------------------------------------


async def test_the_virtual_tree_lists_what_exists(remote):
    assert {".views/albums", ".views/trash"} < {entry.path async for entry in remote.list(".views")}
    with pytest.raises(NotFoundError):
        await remote.stat(".views/nothing")
    with pytest.raises(UnsupportedError):
        await remote.put(b"a", ".views/albums/a.txt")


async def test_members_of_one_name_are_told_apart_and_can_be_read(remote):
    one = await remote.put(jpeg(color="red"), "one/a.jpg")
    two = await remote.put(jpeg(color="blue"), "two/A.jpg")
    await remote.create_album("Rome", members=[one.path, NodeId(two.id)])
    found = {entry.id: entry async for entry in remote.list(".views/albums/Rome")}
    assert found[one.id].path == f".views/albums/Rome/a {{{one.id[:8]}}}.jpg"
    assert await content(remote.get(found[two.id].path)) == jpeg(color="blue")
    with pytest.raises(AmbiguousError) as caught:
        await remote.stat(".views/albums/Rome/a.jpg")
    assert set(caught.value.ids) == {one.id, two.id}


async def test_a_trashed_folder_can_be_looked_into_and_restored_from_its_view(remote):
    await remote.put(b"a", "box/inner/a.txt")
    await remote.trash("box/inner")
    assert [entry.path async for entry in remote.list(".views/trash", recursive=True)] == [
        ".views/trash/inner",
        ".views/trash/inner/a.txt",
    ]
    (row,) = await remote.restore(".views/trash/inner")
    assert row.entry is not None
    assert row.entry.path == "box/inner"
    assert await content(remote.get("box/inner/a.txt")) == b"a"


async def test_a_move_by_two_steps_leaves_everything_as_it_was_if_the_second_fails(remote, app, door):
    await remote.put(b"a", "one/a.txt")
    await remote.mkdir("two")
    await names(remote.list("two"))
    await door.seed("two/b.txt", b"theirs")
    with pytest.raises(AlreadyExistsError):
        await remote.move("one/a.txt", "two/b.txt")
    assert await door.peek("one/a.txt") == b"a"
    assert await door.peek("two/b.txt") == b"theirs"


async def test_a_move_goes_by_the_old_name_where_the_new_one_is_taken_in_the_old_folder(remote, door):
    await remote.put(b"a", "one/a.txt")
    await remote.put(b"b", "one/b.txt")
    await remote.mkdir("two")
    assert (await remote.move("one/a.txt", "two/b.txt")).path == "two/b.txt"
    assert (await door.peek("two/b.txt"), await door.peek("one/b.txt")) == (b"a", b"b")


async def test_a_folder_that_is_too_new_to_be_seen_everywhere_is_waited_for(remote, app, door):
    faulty(app, path="/v2/upload", status=404, body='{"message": "no such parent", "code": "NODE_NOT_FOUND"}')
    await remote.put(b"a", "box/a.txt")
    assert await door.peek("box/a.txt") == b"a"


async def test_a_folder_that_somebody_removed_is_made_again(remote, door, clock):
    folder = await remote.mkdir("box")
    clock.now += 31
    await names(remote.list("box"))
    await remote.stat("")
    body = {"op": "add", "value": [folder.id], "recurse": "true", "resourceVersion": "V2"}
    await door.call("PATCH", "/drive/v1/trash", json=body)
    await door.call("POST", "/drive/v1/bulk/nodes/purge", json={"nodeIds": [folder.id], "resourceVersion": "V2"})
    assert (await remote.put(b"a", "box/a.txt")).parents != (folder.id,)
    assert await door.peek("box/a.txt") == b"a"


async def test_a_name_that_is_no_text_is_refused(remote):
    with pytest.raises(InvalidNameError):
        await remote.put(b"a", "caf\udce9.txt")
    with pytest.raises(InvalidNameError):
        await remote.mkdir("caf\udce9")
    with pytest.raises(InvalidNameError):
        await remote.stat("caf\udce9.txt")


async def test_a_trashed_folder_lists_by_id_what_went_with_it(remote):
    entry = await remote.put(b"a", "box/inner/a.txt")
    (row,) = await remote.trash("box/inner")
    assert [each.id async for each in remote.list(NodeId(row.id))] == [entry.id]


async def test_what_lay_in_the_bin_before_its_folder_is_listed_beside_it(remote, clock):
    await remote.put(b"a", "box/early.txt")
    await remote.put(b"b", "box/late.txt")
    await remote.trash("box/early.txt")
    await remote.trash("box")
    clock.now += 60
    assert sorted([entry.path async for entry in remote.trashed()]) == ["box", "box/early.txt"]


async def test_every_ability_is_there(remote):
    abilities = [each for name, each in vars(features).items() if name.startswith("Supports")]
    assert features.SupportsFolders in abilities
    assert [each for each in abilities if not isinstance(remote, each)] == []


async def test_an_upload_that_the_service_still_looks_at_is_kept_and_known_later(app, remote, clock):
    app.state.store.knobs.turn(Behaviour(uploads=Uploads(pending=60_000)))
    entry = await remote.put(b"not yet looked at", "Pictures/new.jpg")
    assert (entry.path, entry.status, entry.md5) == ("Pictures/new.jpg", Status.PENDING, None)
    app.state.store.clock.advance(60_001)
    clock.now += 60
    assert (await remote.stat("Pictures/new.jpg", fresh=True)).status is Status.AVAILABLE
    assert await content(remote.get("Pictures/new.jpg")) == b"not yet looked at"
