"""Bytes by every way, between the remote and the local service: parts of files, archives, digests, uploads in parts."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.backends.amazon_facts import Facts
from ap_remote.backends.amazon_upload import ASKED_FROM
from ap_remote.errors import BatchError, DuplicateContentError, IntegrityError, OutcomeUnknownError, UnavailableError
from ap_remote.model import ByteRange, Kind, NodeId
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.retry import Retry, RetryPolicy
from ap_remote.transport.session import Session, load_credentials
from ap_remote_emulator.app import create_app
from ap_remote_emulator.faults import Fault
from tests.contracts.pictures import jpeg
from tests.contracts.service import URL, CountedTransport

DATA = bytes(range(256)) * 3000


@pytest.fixture
def app(tmp_path: Path) -> Any:
    return create_app(tmp_path / "service", internal=True)


def opened(app: Any, tmp_path: Path, **policy: Any) -> AmazonPhotosRemote:
    async def sleep(_: float) -> None:
        return None

    session = Session(load_credentials(tmp_path / "service" / "credentials.json"), Hosts.for_service(URL))
    transport = CountedTransport(session, app=app, retry=Retry(RetryPolicy(**policy), sleep=sleep))
    return AmazonPhotosRemote("home", transport, tmp_path / "cache", sleep=sleep)


@pytest.fixture
async def remote(app: Any, tmp_path: Path) -> AsyncIterator[AmazonPhotosRemote]:
    async with opened(app, tmp_path) as remote:
        yield remote


def titles(remote: AmazonPhotosRemote, beginning: str) -> int:
    return sum(each.startswith(beginning) for each in remote._transport.titles)


def faulty(app: Any, **fields: Any) -> None:
    app.state.faults.add(Fault(**fields))


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


async def read(remote: AmazonPhotosRemote, target: str | NodeId, span: ByteRange | None = None) -> bytes:
    return b"".join([piece async for piece in remote.get(target, span=span)])


# -- downloads ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refused", [(), ("*/contentRedirection",), ("*/contentRedirection", "/content/signed/*")])
async def test_a_file_comes_by_each_way_that_is_left(remote, app, refused):
    await remote.put(DATA, "a.bin")
    for path in refused:
        faulty(app, path=path, times=-1, status=403, body='{"message": "no"}')
    assert await read(remote, "a.bin") == DATA
    assert await read(remote, "a.bin", ByteRange(1000, 2000)) == DATA[1000:2000]
    assert titles(remote, "GET cdproxy/nodes/") == (2 if len(refused) == 2 else 0)


async def test_an_answer_that_is_cut_off_is_resumed_by_a_range_and_that_is_remembered(remote, app):
    await remote.put(DATA, "a.bin")
    faulty(app, path="/content/signed/*", truncate=300_000)
    assert await read(remote, "a.bin") == DATA
    assert Facts(remote._cache, remote._tree.clock).offers("ranges by redirect") is True


async def test_the_parts_of_one_file_ask_for_the_way_once_and_anew_where_it_was_not_good(app, tmp_path):
    heard: list[str] = []

    async def listening(scope: Any, receive: Any, send: Any) -> None:
        heard.append(scope["path"].rpartition("/")[2] if "signed" not in scope["path"] else "signed")
        await app(scope, receive, send)

    async with opened(listening, tmp_path) as remote:
        await remote.put(DATA, "a.bin")
        heard.clear()
        spans = [ByteRange(start, start + 1000) for start in range(0, 10_000, 1000)]
        assert [await read(remote, "a.bin", span) for span in spans] == [DATA[s.start : s.stop] for s in spans]
        assert (heard.count("contentRedirection"), heard.count("signed")) == (1, 10)
        faulty(app, path="/content/signed/*", truncate=300_000)
        assert await read(remote, "a.bin") == DATA
        assert heard.count("contentRedirection") == 2, "what broke off is resumed by a way of its own"
        faulty(app, path="/content/signed/*", status=403, body='{"message": "no"}')
        assert await read(remote, "a.bin") == DATA
        assert heard.count("contentRedirection") == 3
        await remote.put(DATA[::-1], "a.bin", if_exists="overwrite")
        assert await read(remote, "a.bin") == DATA[::-1]
        assert heard.count("contentRedirection") == 4, "another version is another file"


async def test_a_rendition_fits_its_box(remote):
    from PIL import Image

    await remote.put(jpeg(size=(400, 200)), "a.jpg")
    with Image.open(io.BytesIO(await remote.rendition("a.jpg", width=100, height=100))) as image:
        assert image.size == (100, 50)


# -- live photos -------------------------------------------------------------------------------------------------------


async def test_the_film_of_a_live_photo_is_listed_and_read_by_its_id(remote):
    still = await remote.put(jpeg(), "trip/IMG_1.jpg")
    film = await upload_film(remote, still.id, b"film that is none")
    assert (await remote.stat("trip/IMG_1.jpg", fresh=True)).is_live
    (part,) = await remote.assets("trip/IMG_1.jpg")
    assert (part.id, part.name, part.kind, part.size) == (film, "IMG_1.MOV", Kind.ASSET, 17)
    assert await read(remote, NodeId(film)) == b"film that is none"
    assert [entry.name async for entry in remote.list("trip")] == ["IMG_1.jpg"]


async def upload_film(remote: AmazonPhotosRemote, still: str, data: bytes) -> str:
    """Upload a part of a file, which no verb does."""
    from msgspec.structs import replace

    from ap_remote.api import content

    call = content.upload("IMG_1.MOV", still, data, md5=md5(data), size=len(data))
    call = replace(call, params={**call.params, "kind": "ASSET", "assetType": "LIVE_VIDEO"})
    node = await remote._transport.send(call)
    return str(node.id)


# -- archives ----------------------------------------------------------------------------------------------------------


async def test_an_archive_of_folders_files_and_albums_is_made(remote):
    await remote.put(b"1", "trip/1.txt")
    await remote.put(b"2", "trip/deep/2.txt")
    await remote.put(b"3", "3.txt")
    album = await remote.create_album("best", members=["trip/1.txt", "3.txt"])
    data = b"".join([piece async for piece in remote.archive("trip", NodeId(album.id))])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        found = sorted(archive.read(each) for each in archive.namelist() if not each.endswith("/"))
    assert found == [b"1", b"2", b"3"]
    assert titles(remote, "POST batchLink") == 1


async def test_an_archive_that_breaks_off_is_an_error(remote, app):
    await remote.put(DATA, "a.bin")
    faulty(app, path="/content/signed/archive/*", truncate=1000)
    with pytest.raises(IntegrityError, match="cut off"):
        assert [piece async for piece in remote.archive("a.bin")]


# -- digests -----------------------------------------------------------------------------------------------------------


async def test_contents_are_known_in_bulk_or_one_by_one(remote, app, tmp_path):
    await remote.put(b"1", "trip/1.txt")
    await remote.put(b"2", "2.txt")
    wanted = [md5(b"1"), md5(b"2"), md5(b"3")]
    expected = {md5(b"1"): "trip/1.txt", md5(b"2"): "2.txt"}
    assert {key: entry.path for key, entry in (await remote.known(wanted)).items()} == expected
    assert titles(remote, "POST bulk/nodeByDigest") == 1
    faulty(app, path="*/bulk/nodeByDigest", times=-1, status=404, body='{"message": "Unknown operation"}')
    assert {key: entry.path for key, entry in (await remote.known(wanted)).items()} == expected
    assert {key: entry.path for key, entry in (await remote.known(wanted)).items()} == expected
    assert titles(remote, "POST bulk/nodeByDigest") == 2
    await remote.trash("2.txt")
    assert set(await remote.known(wanted)) == {md5(b"1")}


async def test_what_the_account_holds_is_not_sent(remote, app, tmp_path):
    data = bytes(ASKED_FROM + 1)
    await remote.put(data, "trip/a.bin")
    async with AmazonPhotosRemote("other", remote._transport, tmp_path / "empty") as other:
        with pytest.raises(DuplicateContentError):
            await other.put(data, "b.bin", duplicates="refuse")
    assert titles(remote, "POST v2/upload") == 1


# -- uploads -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_without_the_upload_service_files_go_the_older_way(remote, app, status):
    faulty(app, path="/v2/upload", times=-1, status=status, body='{"message": "Unknown operation"}')
    entry = await remote.put(DATA, "trip/a.bin")
    assert await read(remote, NodeId(entry.id)) == DATA
    sent = titles(remote, "POST v2/upload")
    await remote.put(DATA, "trip/b.bin")
    assert (titles(remote, "POST v2/upload"), titles(remote, "POST cdproxy/nodes")) == (sent, 2)


@pytest.mark.parametrize("path", ["/v2/upload", "/cdproxy/nodes", "*/complete"])
@pytest.mark.parametrize("status", [408, 500, 504])
async def test_an_upload_that_the_service_kept_and_would_not_own_up_to_is_sent_once(remote, app, path, status):
    if path == "/cdproxy/nodes":
        faulty(app, path="/v2/upload", times=-1, status=501)
    if path == "*/complete":
        remote.parts_from = 1
    faulty(app, path=path, method="POST", status=status, after=True, body='{"message": "Internal failure"}')
    entry = await remote.put(DATA, "trip/a.bin")
    assert await read(remote, NodeId(entry.id)) == DATA
    assert [found.name async for found in remote.list("trip", fresh=True)] == ["a.bin"]
    assert sum(title.endswith(path.strip("*/")) and title.startswith("POST") for title in remote._transport.titles) == 1


async def test_an_upload_that_was_lost_is_an_error_and_leaves_nothing(remote, app):
    faulty(app, path="/v2/upload", status=504, body='{"message": "Gateway"}')
    with pytest.raises(OutcomeUnknownError):
        await remote.put(DATA, "trip/a.bin")
    assert [found.name async for found in remote.list("trip", fresh=True)] == []


async def test_a_file_goes_in_parts_and_overwrites_in_parts(remote, tmp_path):
    remote.parts_from = 1000
    file = tmp_path / "a.bin"
    file.write_bytes(DATA)
    first = await remote.put(file, "trip/a.bin")
    assert titles(remote, "POST v2/upload/multipart-upload") == 2
    second = await remote.put(DATA[1:], "trip/a.bin", if_exists="overwrite")
    assert (second.id, second.md5, second.version > first.version) == (first.id, md5(DATA[1:]), True)
    assert await read(remote, "trip/a.bin") == DATA[1:]
    assert not {"POST v2/upload", f"PUT v2/upload/{first.id}"} & set(remote._transport.titles)


async def test_an_upload_in_parts_is_resumed_by_another_process(app, tmp_path, monkeypatch):
    monkeypatch.setattr("ap_remote.backends.amazon_parts.PART_SIZE", 200_000)
    monkeypatch.setattr("ap_remote.backends.amazon_parts.LARGEST", 200_000)
    faulty(app, path="*/parts/3", times=-1, status=503, body='{"message": "busy"}')
    async with opened(app, tmp_path, tries=1) as remote:
        remote.parts_from = 1
        with pytest.raises(UnavailableError):
            await remote.put(DATA, "a.bin")
    app.state.faults.clear()
    async with opened(app, tmp_path) as remote:
        remote.parts_from = 1
        entry = await remote.put(DATA, "a.bin")
        assert await read(remote, NodeId(entry.id)) == DATA
        assert titles(remote, "PUT v2/upload/multipart-upload") == 2
        assert titles(remote, "POST v2/upload/multipart-upload") == 1


# -- bugs that others had ----------------------------------------------------------------------------------------------


async def test_row_13_the_bin_is_filled_emptied_and_restored_from_in_batches(remote):
    paths = [f"trip/{number:03}.txt" for number in range(120)]
    for number, path in enumerate(paths):
        await remote.put(b"%d" % number, path)
    remote._transport.titles.clear()
    await remote.trash(*paths)
    await remote.restore(*paths)
    assert titles(remote, "PATCH trash") == 6
    await remote.trash(*paths)
    await remote.delete(*paths)
    assert titles(remote, "POST bulk/nodes/purge") == 3
    assert [entry async for entry in remote.trashed()] == []


async def test_row_13_a_failure_within_a_batch_is_told_for_its_entry_and_overload_is_waited_for(remote, app):
    for name in ("a.txt", "b.txt"):
        await remote.put(name.encode(), name)
    faulty(app, path="*/trash", method="PATCH", times=2, status=503, body='{"message": "busy"}')
    outcomes = {each.target: each.id for each in await remote.trash("a.txt", "b.txt")}
    assert set(outcomes) == {"a.txt", "b.txt"}
    errors = json.dumps({"errorMap": {outcomes["a.txt"]: 500}})
    faulty(app, path="*/bulk/nodes/purge", status=200, body=errors)
    with pytest.raises(BatchError) as caught:
        await remote.delete("a.txt", "b.txt")
    failed = [each.target for each in caught.value.outcomes if each.error]
    assert "a.txt" in failed
