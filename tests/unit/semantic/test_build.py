from __future__ import annotations

import asyncio
import threading

import anyio
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import (
    AuthenticationError,
    BusyStoreError,
    EncoderError,
    QuerySyntaxError,
    StoreError,
    UnavailableError,
)
from ap_remote.model import NodeId
from ap_remote.semantic import SemanticIndex, pipeline
from ap_remote.semantic.store import EmbeddingStore
from tests.unit.semantic.planted import PlantedEncoder, picture
from tests.unit.semantic.test_thumbnails import bomb


@pytest.fixture
def remote():
    remote = MemoryRemote()
    remote.seed("Reds/red.png", picture("red"))
    remote.seed("Reds/again.png", picture("red"))
    remote.seed("blue.png", picture("blue"))
    remote.seed("lime.png", picture("lime"))
    remote.seed("notes.txt", b"no picture")
    return remote


@pytest.fixture
def encoder():
    return PlantedEncoder()


@pytest.fixture
def index(tmp_path, encoder):
    return SemanticIndex(tmp_path / "semantic", encoder)


async def paths(index, remote, text, **options):
    return [hit.entry.path for hit in await index.search(remote, text=text, **options)]


async def test_every_photograph_is_encoded_once_by_content(index, remote, encoder):
    report = await index.build(remote)
    assert (report.total, report.encoded, report.reused, report.failed) == (4, 3, 1, ())
    assert encoder.seen == 3
    assert report.device == "cpu"
    assert report.fingerprint == encoder.fingerprint
    assert set(report.stages) == {"list", "load", "fetch", "decode", "encode", "store"}


async def test_a_second_build_encodes_only_what_is_new(index, remote, encoder):
    await index.build(remote)
    remote.seed("yellow.png", picture("yellow"))
    await remote.move("blue.png", "moved.png")
    report = await index.build(remote)
    assert (report.total, report.encoded, report.reused) == (5, 1, 4)
    assert encoder.seen == 4
    report = await index.build(remote)
    assert (report.encoded, report.reused) == (0, 5)
    assert encoder.loads == 2


async def test_a_corrupt_photograph_is_reported_and_the_rest_is_indexed(index, remote):
    whole = picture("yellow", kind="JPEG", size=(300, 300), quality=95)
    bad = {"cut.jpg": whole[: len(whole) // 2], "empty.jpg": b"", "text.jpg": b"not a picture", "bomb.png": bomb()}
    for name, data in bad.items():
        remote.seed(name, data)
    report = await index.build(remote)
    assert [failure.path for failure in report.failed] == sorted(bad)
    statuses = {failure.path: failure.status for failure in report.failed}
    assert statuses == dict.fromkeys(bad, "unreadable") | {"bomb.png": "too_large"}
    assert all(failure.reason for failure in report.failed)
    assert (report.total, report.encoded, report.reused) == (8, 3, 1)
    assert await paths(index, remote, "blue", limit=1) == ["blue.png"]
    assert len(index.status().failed) == 4


async def test_what_is_unreadable_is_not_fetched_again_unless_asked(index, remote, monkeypatch):
    remote.seed("text.jpg", b"not a picture")
    await index.build(remote)
    asked = []
    inner = remote.thumbnail

    async def thumbnail(target, *, size=512):
        asked.append(target)
        return await inner(target, size=size)

    monkeypatch.setattr(remote, "thumbnail", thumbnail)
    again = await index.build(remote)
    assert [failure.path for failure in again.failed] == ["text.jpg"]
    assert asked == []
    await index.build(remote, retry=True)
    assert len(asked) == 1


async def test_a_mended_photograph_leaves_the_failures(index, remote):
    remote.seed("a.png", b"not a picture")
    await index.build(remote)
    await remote.put(picture("yellow"), "a.png", if_exists="overwrite")
    report = await index.build(remote)
    assert report.failed == ()
    assert index.status().failed == ()
    assert await paths(index, remote, "yellow", limit=1) == ["a.png"]


async def test_progress_ends_at_the_total_and_never_falls(index, remote):
    steps = []
    remote.seed("text.jpg", b"not a picture")
    await index.build(remote, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1] == (5, 5)
    assert steps == sorted(steps)


async def test_a_limit_bounds_what_is_made_new_so_that_portions_come_to_an_end(index, remote):
    told = []
    reports = [await index.build(remote, limit=1, progress=lambda *step: told.append(step)) for _ in range(4)]
    assert [report.encoded for report in reports] == [1, 1, 1, 0]
    assert [report.total + report.left for report in reports] == [4, 4, 4, 4]
    assert reports[-1].left == 0
    assert all(done <= total for done, total in told)
    assert (await index.build(remote, limit=0)).encoded == 0
    assert index.status().photos == 4


async def test_a_filter_bounds_what_is_built(index, remote):
    assert (await index.build(remote, query="name:(blue*)")).total == 1
    with pytest.raises(QuerySyntaxError):
        await index.build(remote, query="type:(")
    assert index.status().photos == 1


async def test_a_photograph_that_is_gone_is_forgotten_by_the_next_build(index, remote):
    await index.build(remote)
    assert index.status().photos == 4
    await remote.trash("blue.png")
    report = await index.build(remote)
    assert report.total == 3
    assert (index.status().photos, index.status().vectors) == (3, 3)
    await remote.restore("blue.png")
    assert (await index.build(remote)).encoded == 0


async def test_a_photograph_that_vanishes_during_the_build_is_missing(index, remote, monkeypatch):
    inner = remote.thumbnail

    async def thumbnail(target, *, size=512):
        entry = await remote.stat(target)
        if entry.name == "blue.png":
            await remote.trash(target)
            await remote.delete(target)
        return await inner(target, size=size)

    monkeypatch.setattr(remote, "thumbnail", thumbnail)
    report = await index.build(remote)
    assert [(failure.path, failure.status) for failure in report.failed] == [("blue.png", "missing")]
    assert report.encoded == 2


async def test_a_copy_stands_in_for_a_photograph_that_vanished(index, remote, monkeypatch):
    inner = remote.thumbnail
    gone = []

    async def thumbnail(target, *, size=512):
        entry = await remote.stat(target)
        if entry.path.startswith("Reds/") and not gone:
            gone.append(entry.path)
            await remote.trash(target)
            await remote.delete(target)
        return await inner(target, size=size)

    monkeypatch.setattr(remote, "thumbnail", thumbnail)
    report = await index.build(remote)
    assert report.encoded == 3
    assert report.failed == ()


async def test_one_broken_answer_is_tried_at_the_next_build(index, remote, monkeypatch):
    inner = remote.thumbnail
    broken = [True]

    async def thumbnail(target, *, size=512):
        if (await remote.stat(target)).name == "blue.png" and broken.pop() if broken else False:
            raise UnavailableError("503 after 5 tries")
        return await inner(target, size=size)

    monkeypatch.setattr(remote, "thumbnail", thumbnail)
    broken[:] = [True] * 8
    report = await index.build(remote)
    assert [(failure.path, failure.status) for failure in report.failed] == [("blue.png", "transient")]
    broken.clear()
    report = await index.build(remote)
    assert (report.encoded, report.failed) == (1, ())


async def test_a_service_that_is_down_ends_the_build_and_what_was_done_is_kept(index, remote, encoder, monkeypatch):
    await index.build(remote, limit=1)
    for number in range(20):
        remote.seed(f"{number}.png", picture((number, number, number)))

    async def thumbnail(target, *, size=512):
        raise UnavailableError("503 after 5 tries")

    monkeypatch.setattr(remote, "thumbnail", thumbnail)
    with pytest.raises(UnavailableError, match="in a row"):
        await index.build(remote)
    assert index.status().vectors == 1


async def test_expired_credentials_end_the_build_at_once(index, remote, monkeypatch):
    async def thumbnail(target, *, size=512):
        raise AuthenticationError("the cookies have expired")

    monkeypatch.setattr(remote, "thumbnail", thumbnail)
    with pytest.raises(AuthenticationError):
        await index.build(remote)


async def test_a_build_that_is_cancelled_keeps_what_was_encoded(index, remote, encoder, monkeypatch):
    monkeypatch.setattr(pipeline, "BATCH", 2)
    for number in range(40):
        remote.seed(f"{number:02}.png", picture((number * 6, 0, 255)))
    halfway = asyncio.Event()
    task = asyncio.create_task(index.build(remote, progress=lambda done, total: halfway.set() if done > 8 else None))
    await halfway.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kept = index.status().vectors
    assert kept >= 6
    seen = encoder.seen
    report = await index.build(remote)
    assert report.encoded == 42 - kept
    assert encoder.seen - seen == report.encoded


async def test_a_scope_that_cancels_at_every_step_keeps_what_was_encoded_and_frees_the_store(
    index, remote, monkeypatch
):
    monkeypatch.setattr(pipeline, "BATCH", 2)
    for number in range(40):
        remote.seed(f"{number:02}.png", picture((number * 6, 0, 255)))
    told = []
    with anyio.CancelScope() as scope:

        def progress(done, total):
            told.append(done)
            if done > 8:
                scope.cancel()

        await index.build(remote, progress=progress)
    assert scope.cancelled_caught
    copies = told[0]
    kept = index.status().vectors
    assert kept == told[-1] - copies
    assert (await index.build(remote)).encoded == 42 - kept


async def test_an_encoder_that_fails_ends_the_build_with_its_own_error(remote, tmp_path):
    class Failing(PlantedEncoder):
        def encode_images(self, images):
            raise EncoderError("out of memory")

    with pytest.raises(EncoderError, match="out of memory"):
        await SemanticIndex(tmp_path, Failing()).build(remote)
    assert (await SemanticIndex(tmp_path, PlantedEncoder()).build(remote)).encoded == 3


async def test_a_second_builder_is_refused_and_disturbs_nothing(index, remote, tmp_path):
    with EmbeddingStore(tmp_path / "semantic", write=True), pytest.raises(BusyStoreError):
        await index.build(remote)
    assert (await index.build(remote)).encoded == 3


async def test_a_disk_that_fills_up_ends_the_build_with_one_sentence(index, remote, monkeypatch):
    await index.build(remote, limit=1)

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ap_remote.semantic.depot.os.fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        await index.build(remote)
    monkeypatch.undo()
    assert index.status().vectors == 1
    assert (await index.build(remote)).encoded == 2


async def test_the_event_loop_stays_free_while_the_encoder_works(remote, tmp_path):
    answered = threading.Event()

    class Slow(PlantedEncoder):
        def encode_images(self, images):
            assert answered.wait(10), "the loop was blocked"
            return super().encode_images(images)

    task = asyncio.create_task(SemanticIndex(tmp_path, Slow()).build(remote))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.05, answered.set)
    assert (await task).encoded == 3


async def test_a_new_encoder_fills_a_generation_of_its_own_and_then_serves(index, remote, tmp_path):
    await index.build(remote)
    other = SemanticIndex(tmp_path / "semantic", PlantedEncoder("00000000planted1"))
    await other.build(remote, limit=1)
    assert index.status().fingerprint == "00000000planted0"
    assert await paths(index, remote, "blue", limit=1) == ["blue.png"]
    await other.build(remote)
    assert other.status().fingerprint == "00000000planted1"
    assert await paths(other, remote, "blue", limit=1) == ["blue.png"]


async def test_status_of_nothing_says_so(index, remote):
    assert index.status().built is False
    await index.build(remote)
    status = index.status()
    assert (status.built, status.photos, status.vectors, status.dim, status.encoder) == (True, 4, 3, 16, "planted")
    assert status.updated is not None
    assert status.bytes > 0


async def test_the_thumbnail_is_asked_for_by_id_in_the_encoder_s_size(index, remote, monkeypatch):
    asked = set()
    inner = remote.thumbnail

    async def thumbnail(target, *, size=512):
        asked.add((type(target), size))
        return await inner(target, size=size)

    monkeypatch.setattr(remote, "thumbnail", thumbnail)
    await index.build(remote)
    assert asked == {(NodeId, 32)}
