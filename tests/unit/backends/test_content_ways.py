"""The ways of a download, the parts of a file, archives, and what is known by its digest."""

from __future__ import annotations

import hashlib
import io
import logging
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ap_remote.backends import amazon_download
from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.backends.amazon_archive import PAUSES
from ap_remote.backends.amazon_facts import Facts
from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import (
    AccessDeniedError,
    AuthenticationError,
    IntegrityError,
    IsFolderError,
    NotFoundError,
    ProtocolError,
    RemoteError,
    UnavailableError,
    UnsupportedError,
)
from ap_remote.model import ByteRange, Kind, NodeId
from ap_remote.remote import features
from tests.unit.backends.odd_service import SIGNATURE, Clock, OddService, remote_over

DATA = bytes(range(256)) * 8
WAYS = {"redirect": "GET nodes/*/contentRedirection", "link": "GET signed/*/*", "direct": "GET cdproxy/nodes/*"}


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


async def read(remote: AmazonPhotosRemote, path: str, span: ByteRange | None = None) -> bytes:
    return b"".join([piece async for piece in remote.get(path, span=span)])


def only(service: OddService, way: str) -> None:
    """Let all other ways be refused."""
    service.lacks = {WAYS[each]: 405 for each in ("redirect", "direct") if each != way}
    service.links = way == "link"


# -- ways --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", amazon_download.WAYS)
async def test_a_file_comes_whole_and_verified_by_each_way(service, remote, way):
    service.add("a.jpg", DATA)
    only(service, way)
    assert await read(remote, "a.jpg") == DATA
    assert service.leaks == []


@pytest.mark.parametrize("way", amazon_download.WAYS)
async def test_what_breaks_off_is_resumed_by_the_same_way(service, remote, way):
    service.add("a.jpg", DATA)
    only(service, way)
    service.breaks = [700, 300]
    assert await read(remote, "a.jpg") == DATA
    assert service.breaks == []
    assert service.leaks == []


@pytest.mark.parametrize("way", amazon_download.WAYS)
async def test_without_ranges_all_comes_again_and_what_was_had_is_cut_away(service, remote, way):
    service.add("a.jpg", DATA)
    only(service, way)
    service.ranges.clear()
    service.breaks = [700, 900]
    assert await read(remote, "a.jpg") == DATA
    assert await read(remote, "a.jpg", ByteRange(5, 9)) == DATA[5:9]


@pytest.mark.parametrize("way", amazon_download.WAYS)
async def test_other_bytes_of_the_same_length_are_told_by_each_way(service, remote, way):
    node_id = service.add("a.jpg", DATA)
    only(service, way)
    service.data[node_id] = b"x" + DATA[1:]
    with pytest.raises(IntegrityError, match="md5 differs"):
        await read(remote, "a.jpg")


@pytest.mark.parametrize("way", amazon_download.WAYS)
async def test_another_length_is_told_by_each_way(service, remote, way):
    node_id = service.add("a.jpg", DATA)
    only(service, way)
    service.data[node_id] = DATA + b"more"
    with pytest.raises(IntegrityError, match="length differs"):
        await read(remote, "a.jpg")


async def test_a_large_file_goes_by_its_temporary_link(service, remote, monkeypatch):
    monkeypatch.setattr(amazon_download, "LARGE", len(DATA))
    service.add("film.mov", DATA)
    service.add("small.jpg", DATA[1:])
    assert await read(remote, "film.mov") == DATA
    assert service.asked["GET nodes/*/contentRedirection"] == 0
    assert await read(remote, "small.jpg") == DATA[1:]
    assert service.asked["GET nodes/*/contentRedirection"] == 1
    assert service.leaks == []


def test_what_is_large_is_nine_gibibytes():
    assert amazon_download.LARGE == 9 * 1024**3


async def test_a_way_that_an_account_lacks_is_remembered(service, remote, tmp_path, clock):
    service.add("a.jpg", DATA)
    service.lacks = {WAYS["redirect"]: 501}
    assert await read(remote, "a.jpg") == DATA
    assert await read(remote, "a.jpg") == DATA
    assert service.asked[WAYS["redirect"]] == 1
    await remote.close()
    async with remote_over(service, tmp_path / "cache") as later:
        assert await read(later, "a.jpg") == DATA
        assert service.asked[WAYS["redirect"]] == 1
        clock.now += 40 * 86_400
        service.lacks = {}
        assert await read(later, "a.jpg") == DATA
    assert service.asked[WAYS["redirect"]] == 2


async def test_a_file_that_is_refused_by_one_way_may_come_by_another(service, remote):
    service.add("a.jpg", DATA)
    service.lacks = {WAYS["redirect"]: 403}
    assert await read(remote, "a.jpg") == DATA
    assert Facts(remote._cache, remote._tree.clock).offers("download by redirect") is None


async def test_a_file_that_is_refused_by_all_says_what_the_first_said(service, remote):
    service.add("a.jpg", DATA)
    service.lacks = {WAYS["redirect"]: 403, WAYS["direct"]: 405}
    service.links = False
    with pytest.raises(AccessDeniedError):
        await read(remote, "a.jpg")


@pytest.mark.parametrize(("status", "error"), [(401, AuthenticationError), (404, NotFoundError)])
async def test_an_expired_session_or_a_lost_file_is_not_tried_by_other_ways(service, remote, status, error):
    service.add("a.jpg", DATA)
    await remote.stat("a.jpg")
    before = service.asked.copy()
    service.lacks = {WAYS["redirect"]: status}
    with pytest.raises(error):
        await read(remote, "a.jpg")
    assert (service.asked - before).total() == 1


async def test_the_first_range_is_the_probe_and_a_second_one_is_not_sent_in_vain(service, remote):
    service.add("a.jpg", DATA)
    service.ranges.clear()
    sent: list[str | None] = []
    original = service._signed

    async def watched(way, node_id, query, headers, body):
        sent.append(headers.get("range"))
        return await original(way, node_id, query, headers, body)

    service._signed = watched
    assert await read(remote, "a.jpg", ByteRange(0, 1)) == DATA[:1]
    assert await read(remote, "a.jpg", ByteRange(10, 20)) == DATA[10:20]
    assert sent == ["bytes=0-0", None]


async def test_no_address_of_a_download_is_ever_logged_or_said(service, remote, caplog):
    caplog.set_level(logging.DEBUG)
    service.add("a.jpg", DATA)
    only(service, "link")
    await read(remote, "a.jpg")
    service.before["GET signed/*/*"] = [0] * 20
    with pytest.raises(UnavailableError) as caught:
        await read(remote, "a.jpg")
    assert "canary" not in caplog.text + repr(caught.value) + str(caught.value.__cause__)
    assert "storage.invalid/signed" not in caplog.text
    assert "canary" in SIGNATURE


# -- renditions --------------------------------------------------------------------------------------------------------


async def test_a_rendition_is_asked_for_by_its_box(service, remote):
    service.add("a.jpg", DATA)
    assert await remote.rendition("a.jpg", width=1920, height=1080) == b"view 1920,1080"
    service.lacks = {WAYS["redirect"]: 405}
    assert await remote.rendition("a.jpg", width=640, height=480) == b"view 640,480"
    assert service.leaks == []


async def test_a_folder_has_no_rendition(service, remote):
    service.add("box", None, kind="FOLDER")
    with pytest.raises(UnsupportedError):
        await remote.rendition("box", width=10, height=10)


# -- parts of a file ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", ["children", "objects", "ids"])
async def test_the_film_of_a_live_photo_is_found_wherever_it_is_named(service, remote, position):
    still = service.add("a.heic", DATA, childAssetTypeInfo=[{"assetType": "LIVE_VIDEO"}])
    film = service.add("a.mov", b"film", still, kind="ASSET", assetProperties={"assetType": "LIVE_VIDEO"})
    service.asset_positions = position
    assert (await remote.stat("a.heic")).is_live
    (part,) = await remote.assets("a.heic")
    assert (part.id, part.kind, part.size) == (film, Kind.ASSET, 4)
    assert b"".join([piece async for piece in remote.get(NodeId(film))]) == b"film"
    assert isinstance(remote, features.SupportsAssets)


async def test_a_file_without_parts_has_none_and_a_folder_is_no_file(service, remote):
    service.add("a.jpg", DATA)
    service.add("box", None, kind="FOLDER")
    assert await remote.assets("a.jpg") == []
    with pytest.raises(IsFolderError):
        await remote.assets("box")
    with pytest.raises(NotFoundError):
        await remote.assets(NodeId("x" * 22))


# -- archives ----------------------------------------------------------------------------------------------------------


async def unzipped(remote: features.SupportsArchives, *targets: str | NodeId) -> dict[str, bytes]:
    data = b"".join([piece async for piece in remote.archive(*targets)])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {each.filename: archive.read(each) for each in archive.infolist()}


async def test_an_archive_holds_files_folders_and_albums_each_file_once(service, remote):
    box = service.add("box", None, kind="FOLDER")
    inner = service.add("inner", None, box, kind="FOLDER")
    one, two, three = service.add("1.jpg", b"1"), service.add("2.jpg", b"2", box), service.add("3.jpg", b"3", inner)
    album = service.add("trip", None, kind="VISUAL_COLLECTION", parents=[], members=[one, three])
    assert await unzipped(remote, "1.jpg", "box", NodeId(album)) == {"1.jpg": b"1", "2.jpg": b"2", "3.jpg": b"3"}
    assert len(service.wanted) == len({one, two, three})
    assert service.leaks == []
    assert isinstance(remote, features.SupportsArchives)


async def test_an_archive_that_is_not_made_yet_is_waited_for_politely(service, remote, clock):
    service.add("1.jpg", b"1")
    service.archive_states = [("PENDING", None), ("PENDING", None)]
    assert await unzipped(remote, "1.jpg") == {"1.jpg": b"1"}
    assert clock.slept == list(PAUSES[:2])


async def test_an_archive_that_is_never_made_is_given_up(service, remote):
    service.add("1.jpg", b"1")
    service.archive_states = [("STUCK", None)] * 99
    with pytest.raises(UnavailableError, match="STUCK"):
        await unzipped(remote, "1.jpg")
    assert service.asked["POST batchLink"] == len(PAUSES) + 1


async def test_a_link_that_has_expired_is_made_anew_and_one_that_always_has_blames_the_clock(service, remote):
    service.add("1.jpg", b"1")
    service.archive_states = [("AVAILABLE", 1)]
    assert await unzipped(remote, "1.jpg") == {"1.jpg": b"1"}
    assert service.asked["POST batchLink"] == 2
    service.archive_states = [("AVAILABLE", 1)] * 9
    assert await unzipped(remote, "1.jpg") == {"1.jpg": b"1"}
    assert service.asked["POST batchLink"] == 4


async def test_a_link_that_is_refused_is_made_once_more(service, remote):
    service.add("1.jpg", b"1")
    service.before["GET signed/zip"] = [403]
    assert await unzipped(remote, "1.jpg") == {"1.jpg": b"1"}
    service.before["GET signed/zip"] = [403, 403]
    with pytest.raises(UnavailableError):
        await unzipped(remote, "1.jpg")


async def test_an_archive_that_is_cut_off_is_an_error_even_where_no_length_was_told(service, remote):
    service.add("1.jpg", DATA)
    service.archive_cut = True
    with pytest.raises(IntegrityError, match="cut off"):
        await unzipped(remote, "1.jpg")


async def test_more_than_the_service_takes_are_refused_before_anything_is_asked(service, remote):
    box = service.add("box", None, kind="FOLDER")
    for number in range(1201):
        service.add(f"{number}.jpg", b"", box)
    with pytest.raises(UnsupportedError, match=r"1,200.*1,201"):
        await unzipped(remote, "box")
    assert service.asked["POST batchLink"] == 0


async def test_of_nothing_no_archive_is_made(service, remote):
    service.add("box", None, kind="FOLDER")
    with pytest.raises(UnsupportedError):
        await unzipped(remote, "box")


# -- digests -----------------------------------------------------------------------------------------------------------


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


async def test_contents_are_asked_for_in_bulk(service, remote):
    box = service.add("box", None, kind="FOLDER")
    service.add("1.jpg", b"1", box)
    service.add("2.jpg", b"2")
    found = await remote.known([md5(b"1").upper(), md5(b"2"), md5(b"3")])
    assert {key: entry.path for key, entry in found.items()} == {md5(b"1").upper(): "box/1.jpg", md5(b"2"): "2.jpg"}
    assert service.asked["POST bulk/nodeByDigest"] == 1
    assert isinstance(remote, features.SupportsDigests)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
async def test_where_it_is_not_offered_each_is_looked_up_and_that_is_remembered(service, remote, status, tmp_path):
    service.add("1.jpg", b"1")
    service.lacks = {"POST bulk/nodeByDigest": status}
    assert set(await remote.known([md5(b"1"), md5(b"2")])) == {md5(b"1")}
    assert set(await remote.known([md5(b"1")])) == {md5(b"1")}
    assert service.asked["POST bulk/nodeByDigest"] == 1
    await remote.close()
    async with remote_over(service, tmp_path / "cache") as later:
        assert set(await later.known([md5(b"1")])) == {md5(b"1")}
    assert service.asked["POST bulk/nodeByDigest"] == 1


async def test_many_digests_go_in_batches(service, remote):
    for number in range(130):
        service.add(f"{number}.jpg", b"%d" % number)
    assert len(await remote.known([md5(b"%d" % number) for number in range(150)])) == 130
    assert service.asked["POST bulk/nodeByDigest"] == 2


async def test_what_was_found_is_in_the_cache_and_what_is_trashed_does_not_count(service, remote):
    service.add("1.jpg", b"1")
    service.add("2.jpg", b"2", status="TRASH")
    await remote.known([md5(b"1"), md5(b"2")])
    assert [entry.name for entry in remote._cache.by_md5(md5(b"1"))] == ["1.jpg"]
    assert await remote.known([md5(b"2")]) == {}


async def test_a_failure_is_not_taken_for_an_answer(service, remote):
    service.before["POST bulk/nodeByDigest"] = [503] * 20
    with pytest.raises(UnavailableError):
        await remote.known([md5(b"1")])
    assert Facts(remote._cache, remote._tree.clock).offers("digests in bulk") is None


# -- in memory ---------------------------------------------------------------------------------------------------------


async def test_memory_has_the_same_abilities(clock):
    remote = MemoryRemote()
    await remote.put(b"1", "box/1.jpg")
    await remote.put(b"2", "2.jpg")
    film = remote.seed_film("box/1.jpg", "1.mov", b"film")
    assert isinstance(remote, features.SupportsAssets | features.SupportsArchives | features.SupportsDigests)
    assert (await remote.stat("box/1.jpg")).is_live
    assert [part.id for part in await remote.assets("box/1.jpg")] == [film]
    assert b"".join([piece async for piece in remote.get(NodeId(film))]) == b"film"
    assert [entry.name async for entry in remote.search("")] == ["1.jpg", "2.jpg"]
    assert await unzipped(remote, "", "2.jpg") == {"1.jpg": b"1", "2.jpg": b"2"}
    assert {key: entry.path for key, entry in (await remote.known([md5(b"1"), md5(b"9")])).items()} == {
        md5(b"1"): "box/1.jpg"
    }
    with pytest.raises(IsFolderError):
        await remote.assets("box")
    await remote.trash("box/1.jpg", "2.jpg")
    with pytest.raises(UnsupportedError):
        await unzipped(remote, "box")
    assert await remote.known([md5(b"1")]) == {}


# -- bugs that others had ----------------------------------------------------------------------------------------------


async def test_row_15_a_status_is_never_taken_for_a_file(service, remote):
    service.add("a.jpg", DATA)
    await remote.stat("a.jpg")
    for status in (400, 403, 404, 405, 500):
        service.lacks = {"GET signed/*/*": status, WAYS["direct"]: status}
        with pytest.raises(RemoteError) as caught:
            await read(remote, "a.jpg")
        assert not isinstance(caught.value, KeyError)
    assert not issubclass(ProtocolError, KeyError)
