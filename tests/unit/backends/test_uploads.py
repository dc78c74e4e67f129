"""Uploads in each variant, and what happens where one is not offered, is cut off, or ends without an answer."""

from __future__ import annotations

import contextlib
import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ap_remote.api import content
from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.backends.amazon_parts import LARGEST
from ap_remote.backends.amazon_upload import ASKED_FROM, measure
from ap_remote.errors import (
    AlreadyExistsError,
    DuplicateContentError,
    IntegrityError,
    NotFoundError,
    OutcomeUnknownError,
    UnavailableError,
    UnsupportedError,
)
from tests.unit.backends.odd_service import ROOT, Clock, OddService, remote_over

DATA = bytes(range(250))
V2, SIMPLE, OVERWRITE = "POST v2/upload", "POST cdproxy/nodes", "PUT v2/upload/*"
START, PART = "POST v2/upload/multipart-upload", "PUT v2/upload/multipart-upload/*/parts/*"
STATE, COMPLETE = "GET v2/upload/multipart-upload/*", "POST v2/upload/multipart-upload/*/complete"
ABORT = "DELETE v2/upload/multipart-upload/*"
UNCERTAIN = [408, 500, 502, 504, 0]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(clock: Clock) -> OddService:
    return OddService(clock)


@pytest.fixture
async def remote(service: OddService, tmp_path: Path) -> AsyncIterator[AmazonPhotosRemote]:
    async with remote_over(service, tmp_path / "cache") as opened:
        yield opened


def stored(service: OddService, name: str) -> list[bytes]:
    return [service.data[node["id"]] for node in service.named(name)]


# -- the call ----------------------------------------------------------------------------------------------------------


def test_an_upload_says_all_that_it_may_ask_for():
    call = content.upload(
        "a.jpg",
        "p",
        b"",
        md5="m",
        size=0,
        wishes=content.wishes(suppress=("TRANSCODING",), favorite=True, hidden=False, local_id="mine"),
    )
    assert call.params == {
        "name": "a.jpg",
        "parentNodeId": "p",
        "fileSize": "0",
        "suppress": "TRANSCODING",
        "isFavorite": "true",
        "isHidden": "false",
        "localId": "mine",
    }


def test_leaving_out_the_check_for_duplicates_goes_with_the_rest():
    call = content.overwrite("n", b"", md5="m", size=0, wishes=content.wishes(suppress=("DEDUPLICATION", "PROCESSING")))
    assert call.params == {"fileSize": "0", "suppress": "DEDUPLICATION,PROCESSING"}


# -- without v2/upload -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_without_the_upload_service_the_older_way_is_taken_and_remembered(service, remote, status, tmp_path):
    service.lacks = {V2: status}
    entry = await remote.put(DATA, "box/a.jpg")
    assert entry.md5 == hashlib.md5(DATA).hexdigest()
    tried = service.asked[V2]
    await remote.put(DATA[1:], "box/b.jpg")
    await remote.close()
    async with remote_over(service, tmp_path / "cache") as later:
        await later.put(DATA[2:], "box/c.jpg")
    assert (service.asked[V2], service.asked[SIMPLE]) == (tried, 3)
    assert [stored(service, name) for name in ("a.jpg", "b.jpg", "c.jpg")] == [[DATA], [DATA[1:]], [DATA[2:]]]


async def test_a_folder_that_is_gone_does_not_condemn_the_upload_service(service, remote, clock):
    await remote.mkdir("box")
    (box,) = service.named("box")
    clock.now += 31
    await remote.list("").__anext__()
    del service.nodes[box["id"]]
    entry = await remote.put(DATA, "box/a.jpg")
    assert entry.path == "box/a.jpg"
    assert service.asked[SIMPLE] == 0


async def test_a_folder_that_stays_unknown_is_an_error(service, remote):
    await remote.mkdir("box")
    service.before[V2] = [404, 404]
    service.lacks = {"GET nodes/*": 404, SIMPLE: 404}
    with pytest.raises(NotFoundError):
        await remote.put(DATA, "box/a.jpg")
    assert service.asked[SIMPLE] == 0


async def test_the_older_way_knows_duplicates_too(service, remote):
    service.lacks = {V2: 501}
    twin = service.add("twin.jpg", DATA)
    with pytest.raises(DuplicateContentError) as caught:
        await remote.put(DATA, "a.jpg", duplicates="refuse")
    assert caught.value.node_id == twin
    assert (await remote.put(DATA, "a.jpg", duplicates="keep")).id != twin


async def test_what_the_older_way_stored_is_compared_with_what_was_sent(service, remote):
    service.lacks = {V2: 501}
    original = service._upload

    async def careless(query, headers, body):
        return await original(query, headers, body[:-1])

    service._upload = careless
    with pytest.raises(IntegrityError, match="in the trash"):
        await remote.put(DATA, "a.jpg")


async def test_overwriting_has_no_older_way(service, remote):
    service.add("a.jpg", DATA)
    service.lacks = {OVERWRITE: 501}
    with pytest.raises(UnsupportedError):
        await remote.put(DATA[1:], "a.jpg", if_exists="overwrite")
    assert stored(service, "a.jpg") == [DATA]


# -- an end without an answer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", UNCERTAIN)
@pytest.mark.parametrize("way", [V2, SIMPLE])
async def test_an_upload_that_arrived_after_all_is_found_and_not_sent_again(service, remote, way, status):
    service.lacks = {} if way == V2 else {V2: 501}
    service.after[way] = [status]
    entry = await remote.put(DATA, "a.jpg")
    assert entry.id == service.named("a.jpg")[0]["id"]
    assert (service.asked[way], stored(service, "a.jpg")) == (1, [DATA])


@pytest.mark.parametrize("status", UNCERTAIN)
@pytest.mark.parametrize("way", [V2, SIMPLE])
async def test_an_upload_that_did_not_arrive_is_an_error_and_not_sent_again(service, remote, way, status):
    service.lacks = {} if way == V2 else {V2: 501}
    service.before[way] = [status]
    with pytest.raises(OutcomeUnknownError):
        await remote.put(DATA, "a.jpg")
    assert (service.asked[way], stored(service, "a.jpg")) == (1, [])


@pytest.mark.parametrize("way", [V2, SIMPLE])
async def test_an_upload_that_was_turned_away_by_overload_is_looked_for_once(service, remote, way, clock):
    service.lacks = {} if way == V2 else {V2: 501}
    service.before[way] = [503]
    with pytest.raises(UnavailableError):
        await remote.put(DATA, "a.jpg")
    assert (service.asked[way], clock.slept) == (1, [])


@pytest.mark.parametrize("status", UNCERTAIN)
async def test_a_file_that_was_completed_of_parts_is_found_and_nothing_is_sent_again(service, remote, status):
    remote.parts_from = 1
    service.after[COMPLETE] = [status]
    entry = await remote.put(DATA, "a.jpg")
    assert (service.asked[COMPLETE], service.asked[PART], service.asked[V2]) == (1, 3, 0)
    assert stored(service, "a.jpg") == [DATA]
    assert entry.id == service.named("a.jpg")[0]["id"]


@pytest.mark.parametrize("status", UNCERTAIN)
async def test_a_start_without_an_answer_is_not_made_again(service, remote, status):
    remote.parts_from = 1
    service.after[START] = [status]
    with pytest.raises(OutcomeUnknownError):
        await remote.put(DATA, "a.jpg")
    assert (service.asked[START], service.asked[V2], stored(service, "a.jpg")) == (1, 0, [])


@pytest.mark.parametrize("status", [*UNCERTAIN, 503])
async def test_a_part_that_arrived_after_all_is_not_sent_again(service, remote, status):
    remote.parts_from = 1
    service.after[PART] = [None, status]
    await remote.put(DATA, "a.jpg")
    assert (service.asked[PART], service.asked[STATE]) == (3, 1)
    assert stored(service, "a.jpg") == [DATA]


@pytest.mark.parametrize("status", [*UNCERTAIN, 503])
async def test_a_part_that_did_not_arrive_is_sent_again_once_that_is_known(service, remote, status):
    remote.parts_from = 1
    service.before[PART] = [None, status]
    await remote.put(DATA, "a.jpg")
    assert (service.asked[PART], service.asked[STATE]) == (4, 1)
    assert stored(service, "a.jpg") == [DATA]


# -- in parts ----------------------------------------------------------------------------------------------------------


async def test_files_go_in_parts_only_where_that_is_asked_for_and_they_are_large_enough(service, remote):
    await remote.put(DATA, "a.jpg")
    assert service.asked[START] == 0
    remote.parts_from = len(DATA)
    await remote.put(DATA[1:], "b.jpg")
    assert service.asked[START] == 0
    await remote.put(DATA * 2, "c.jpg")
    assert (service.asked[START], service.asked[PART]) == (1, 5)
    assert stored(service, "c.jpg") == [DATA * 2]


async def test_a_local_file_goes_in_parts_and_is_resumed_where_an_earlier_process_stopped(service, tmp_path):
    file = tmp_path / "a.jpg"
    file.write_bytes(DATA)
    service.before[PART] = [None, None, *[0] * 99]
    async with remote_over(service, tmp_path / "cache") as first:
        first.parts_from = 1
        with pytest.raises(UnavailableError, match="goes on from there"):
            await first.put(file, "a.jpg")
    assert (stored(service, "a.jpg"), service.asked[ABORT]) == ([], 0)
    service.before[PART] = []
    service.asked.clear()
    async with remote_over(service, tmp_path / "cache") as second:
        second.parts_from = 1
        await second.put(file, "a.jpg")
    assert (service.asked[START], service.asked[STATE], service.asked[PART]) == (0, 1, 1)
    assert stored(service, "a.jpg") == [DATA]


async def test_what_was_begun_and_is_unknown_by_now_is_begun_anew(service, remote):
    remote.parts_from = 1
    service.before[PART] = [None, *[503] * 9]
    with pytest.raises(UnavailableError):
        await remote.put(DATA, "a.jpg")
    service.before[PART] = []
    service.pending.clear()
    await remote.put(DATA, "a.jpg")
    assert (service.asked[START], stored(service, "a.jpg")) == (2, [DATA])


async def test_a_file_that_changes_while_it_is_sent_is_given_up(service, remote, tmp_path):
    remote.parts_from = 1
    file = tmp_path / "a.jpg"
    file.write_bytes(DATA)
    original = service._part

    async def shrinking(*args):
        file.write_bytes(DATA[:150])
        return await original(*args)

    service._part = shrinking
    with pytest.raises(IntegrityError, match="changed while it was sent"):
        await remote.put(file, "a.jpg")
    assert (service.asked[ABORT], service.pending, stored(service, "a.jpg")) == (1, {}, [])


async def test_a_part_that_was_stored_as_something_else_is_told(service, remote):
    remote.parts_from = 1

    async def wrong(node_id, number, query, headers, body):
        return 200, {"serverSidePartMD5": "0" * 32, "serverSidePartSize": len(body)}, {}

    service._part = wrong
    with pytest.raises(IntegrityError, match="part 1"):
        await remote.put(DATA, "a.jpg")
    assert service.asked[ABORT] == 1


@pytest.mark.parametrize("status", [400, 404, 405, 501])
async def test_where_parts_are_not_taken_the_file_goes_whole(service, remote, status):
    remote.parts_from = 1
    service.lacks = {START: status}
    await remote.put(DATA, "a.jpg")
    await remote.put(DATA[1:], "b.jpg")
    assert (stored(service, "a.jpg"), service.asked[V2]) == ([DATA], 2)
    assert service.asked[START] == (1 if status in (405, 501) else 2)


async def test_a_taken_name_and_known_bytes_are_told_for_parts_too(service, remote, clock):
    remote.parts_from = 1
    await remote.stat("")
    with pytest.raises(NotFoundError):
        await remote.stat("a.jpg")
    taken = service.add("a.jpg", b"other")
    with pytest.raises(AlreadyExistsError) as caught:
        await remote.put(DATA, "a.jpg")
    assert caught.value.node_id == taken


# -- what is known already ---------------------------------------------------------------------------------------------


async def test_a_large_content_that_the_cache_does_not_know_is_asked_for_before_it_is_sent(service, remote):
    data = bytes(ASKED_FROM)
    twin = service.add("twin.jpg", data, service.add("elsewhere", None, kind="FOLDER"))
    with pytest.raises(DuplicateContentError) as caught:
        await remote.put(data, "box/a.jpg", duplicates="refuse")
    assert (caught.value.node_id, service.asked[V2], service.asked["POST bulk/nodeByDigest"]) == (twin, 0, 1)
    await remote.put(data, "box/a.jpg", duplicates="keep")
    assert service.asked["POST bulk/nodeByDigest"] == 1


async def test_a_small_content_costs_no_question_and_is_refused_by_the_service(service, remote):
    service.add("twin.jpg", DATA)
    with pytest.raises(DuplicateContentError):
        await remote.put(DATA, "box/a.jpg", duplicates="refuse")
    assert service.asked["POST bulk/nodeByDigest"] == 0


# -- bugs that others had ----------------------------------------------------------------------------------------------


async def test_row_16_hashing_a_file_does_not_hold_it(tmp_path):
    file = tmp_path / "large.mov"
    with file.open("wb") as stream:
        stream.truncate(96 * 2**20)
    tracemalloc.start()
    try:
        found = await measure(file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.size == 96 * 2**20
    assert peak < 8 * 2**20


async def test_row_22_an_upload_holds_neither_the_file_nor_forgets_its_folder(service, remote, tmp_path):
    file = tmp_path / "large.mov"
    with file.open("wb") as stream:
        stream.truncate(64 * 2**20)
    held = 0

    async def drained(scope, receive, send):
        nonlocal held
        if scope["path"] != "/v2/upload":
            await service(scope, receive, send)
            return
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            held = max(held, len(message["body"]))
        await service(scope | {"path": "/stored"}, _empty, send)

    made = {"size": 64 * 2**20, "md5": (await measure(file)).md5}

    async def stored(*_):
        parent = service.named("deep")[0]["id"]
        node_id = service.add("large.mov", None, parent)
        service.nodes[node_id]["contentProperties"] = made
        return 201, service.nodes[node_id], {}

    service._unknown = stored
    remote._transport._client._transport._app = drained
    tracemalloc.start()
    try:
        entry = await remote.put(file, "box/deep/large.mov")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert entry.path == "box/deep/large.mov"
    assert service.nodes[entry.id]["parents"] != [ROOT]
    assert peak < 16 * 2**20
    assert 0 < held <= 2**20
    assert LARGEST <= 64 * 2**20


async def _empty():
    return {"type": "http.request", "body": b"", "more_body": False}


async def test_row_22_the_body_of_a_conflict_is_not_taken_for_a_node(service, remote):
    twin = service.add("twin.jpg", DATA)

    async def conflict(*_):
        return 409, {"id": twin, "name": "twin.jpg", "message": "conflict", "info": {"nodeId": twin}}, {}

    service._upload = conflict
    with pytest.raises(DuplicateContentError) as caught:
        await remote.put(DATA, "a.jpg")
    assert caught.value.node_id == twin
    with pytest.raises(NotFoundError):
        await remote.stat("a.jpg")


@pytest.mark.parametrize("status", [504, 0])
async def test_a_folder_that_cannot_be_listed_yet_is_no_reason_to_send_again(service, remote, status):
    service.add("box", None, kind="FOLDER")
    await remote.stat("box")
    service.after = {V2: [status]}
    service.before = {"GET nodes/*/children": [404, 404]}
    entry = await remote.put(DATA, "box/a.jpg", duplicates="keep")
    assert entry.md5 == hashlib.md5(DATA).hexdigest()
    assert service.asked[V2] == 1


async def test_a_folder_that_is_never_listed_leaves_the_outcome_open(service, remote):
    service.add("box", None, kind="FOLDER")
    await remote.stat("box")
    service.after = {V2: [504]}
    service.lacks = {"GET nodes/*/children": 404}
    with pytest.raises(OutcomeUnknownError):
        await remote.put(DATA, "box/a.jpg", duplicates="keep")
    assert service.asked[V2] == 1


async def test_a_stored_file_that_cannot_be_seen_yet_is_not_sent_again(service, remote, monkeypatch):
    service.add("box", None, kind="FOLDER")
    await remote.stat("box")
    monkeypatch.setattr(service, "fill", lambda node_id, data: service.data.update({node_id: data}))
    service.before = {"GET nodes/*": [404]}
    # Whether that is an error is not what matters here: the bytes are there.
    with contextlib.suppress(NotFoundError):
        await remote.put(DATA, "box/a.jpg", duplicates="keep")
    assert service.asked[V2] == 1
    assert len(service.named("a.jpg")) == 1
