from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import weakref
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import AuthenticationError, UnavailableError
from ap_remote.model import Entry, Kind
from ap_remote.semantic import build, pipeline, wishes
from ap_remote.semantic.compaction import dead_share
from ap_remote.semantic.encoder import Encoded
from ap_remote.semantic.planning import WAITS
from ap_remote.semantic.store import EmbeddingStore
from tests.unit.semantic.planted import DIM, PlantedEncoder, picture
from tests.unit.semantic.running import made

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


def vectors(folder):
    with EmbeddingStore(folder) as store:
        return store.watermark(store.active().fingerprint).rows


class Endless:
    """Lists photographs that are made when they are asked for, all of different content."""

    def __init__(self, count):
        self.count = count
        self.data = picture("red", size=(4, 4), kind="PPM")

    async def search(self, query):
        for number in range(self.count):
            yield Entry(
                path=f"{number}.ppm",
                name=f"{number}.ppm",
                id=f"node{number}",
                kind=Kind.FILE,
                size=len(self.data),
                md5=f"{number:032x}",
                content_type="image/x-portable-pixmap",
            )

    async def thumbnail(self, target, *, size=512):
        return self.data


class Input(np.ndarray):
    """An array whose end can be watched."""


class Counting(PlantedEncoder):
    """Counts the pictures that are prepared and not forgotten yet."""

    def __init__(self):
        super().__init__()
        self.live = self.most = 0

    def prepare(self, image):
        ready = np.asarray(image, dtype=np.float32).view(Input)
        self.live += 1
        self.most = max(self.most, self.live)
        weakref.finalize(ready, self.forget)
        return ready

    def forget(self):
        self.live -= 1

    def encode_prepared(self, batch, *, top=0):
        self.seen += len(batch)
        return Encoded(np.full((len(batch), DIM), DIM**-0.5, dtype=np.float32), [()] * len(batch))


async def test_of_five_thousand_photographs_only_as_many_are_in_memory_as_the_queues_hold(tmp_path, monkeypatch):
    monkeypatch.setattr("ap_remote.semantic.sources.measure", lambda image: None)
    encoder = Counting()
    report = await made(Endless(5_000), tmp_path, encoder)
    assert (report.total, report.encoded, encoder.seen) == (5_000, 5_000, 5_000)
    # Two batches wait, one is encoded, the one before may not be forgotten yet, each decoder holds one at either end.
    assert encoder.most <= 4 * pipeline.BATCH + 2 * pipeline.DECODERS
    assert encoder.live == 0


async def test_a_slow_encoder_holds_the_fetchers_back(tmp_path):
    remote = Endless(400)
    fetched = []
    most = []

    async def thumbnail(target, *, size=512):
        fetched.append(target)
        return remote.data

    remote.thumbnail = thumbnail

    class Slow(PlantedEncoder):
        def encode_images(self, images):
            most.append(len(fetched) - self.seen)
            return super().encode_images(images)

    await made(remote, tmp_path, Slow())
    assert max(most) <= 4 * pipeline.BATCH + 3 * pipeline.DECODERS + pipeline.FETCHERS


class Flaky(MemoryRemote):
    """Has one photograph that does not come while it is broken."""

    def __init__(self):
        super().__init__()
        self.seed("blue.png", picture("blue"))
        self.seed("flaky.png", picture("red"))
        self.broken = True
        self.asked = 0

    async def thumbnail(self, target, *, size=512):
        if (await self.stat(target)).name == "flaky.png":
            self.asked += 1
            if self.broken:
                raise UnavailableError("503 after 5 tries")
        return await super().thumbnail(target, size=size)


async def test_what_is_transient_is_tried_again_later_each_time_and_never_given_up(tmp_path):
    remote, clock = Flaky(), Clock()
    for tries, wait in enumerate((*WAITS, WAITS[-1]), 1):
        (failure,) = (await made(remote, tmp_path, now=clock)).failed
        assert (failure.status, failure.tries) == ("transient", tries)
        assert failure.again == (clock.now + wait if wait else None)
        assert remote.asked == tries
        if wait:
            clock.now += wait - timedelta(seconds=1)
            (waiting,) = (await made(remote, tmp_path, now=clock)).failed
            assert (waiting.tries, waiting.again, remote.asked) == (tries, failure.again, tries)
            clock.now += timedelta(seconds=1)
    remote.broken = False
    assert (await made(remote, tmp_path, now=clock)).encoded == 1


async def test_a_retry_does_not_wait(tmp_path):
    remote, clock = Flaky(), Clock()
    for _ in range(3):
        await made(remote, tmp_path, now=clock)
    assert remote.asked == 2
    remote.broken = False
    assert (await made(remote, tmp_path, now=clock, retry=True)).encoded == 1


async def test_what_is_quarantined_is_tried_by_another_pipeline_or_when_its_content_changes(tmp_path):
    remote = MemoryRemote()
    remote.seed("a.png", b"not a picture")
    encoder = PlantedEncoder()
    assert len((await made(remote, tmp_path, encoder)).failed) == 1
    (failure,) = (await made(remote, tmp_path, encoder)).failed
    assert (failure.tries, failure.again) == (1, None)
    (failure,) = (await made(remote, tmp_path, encoder, retry=True)).failed
    assert failure.tries == 2
    (failure,) = (await made(remote, tmp_path, PlantedEncoder("0000000000000002"))).failed
    assert failure.tries == 1
    await remote.put(picture("red"), "a.png", if_exists="overwrite")
    assert (await made(remote, tmp_path, encoder)).failed == ()


async def test_a_new_encoder_serves_when_it_covers_the_share_that_was_asked_for(tmp_path):
    remote = MemoryRemote()
    for number in range(10):
        remote.seed(f"{number}.png", picture((number, 0, 0)))
    await made(remote, tmp_path)
    wishes.write(tmp_path, switch_at=0.8)
    other = PlantedEncoder("0000000000000002")
    for limit, serving in ((7, "00000000planted0"), (1, other.fingerprint)):
        report = await made(remote, tmp_path, other, limit=limit)
        with EmbeddingStore(tmp_path) as store:
            assert store.active().fingerprint == serving
    assert report.coverage == 0.8
    remote.seed("bad.png", b"not a picture")
    assert (await made(remote, tmp_path, other)).coverage == 1.0


async def test_a_whole_build_takes_dead_rows_away_and_one_of_a_part_does_not(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "DEAD_ROWS", 2)
    remote = MemoryRemote()
    for number in range(20):
        remote.seed(f"{number}.png", picture((number, 0, 0)))
    await made(remote, tmp_path)
    await remote.trash("0.png")
    await remote.trash("1.png")
    assert (await made(remote, tmp_path)).compacted == 0  # no more than a tenth
    await remote.trash("2.png")
    assert (await made(remote, tmp_path, query="name:(3*)")).compacted == 0
    assert vectors(tmp_path) == 20
    assert (await made(remote, tmp_path)).compacted == 3
    assert vectors(tmp_path) == 17
    with EmbeddingStore(tmp_path) as store:
        assert dead_share(store, store.active()) == 0
    await remote.restore("2.png")
    assert (await made(remote, tmp_path)).encoded == 1


async def test_a_few_dead_rows_stay_since_what_was_trashed_may_come_back(tmp_path):
    remote = MemoryRemote()
    remote.seed("a.png", picture("red"))
    remote.seed("b.png", picture("blue"))
    await made(remote, tmp_path)
    await remote.trash("b.png")
    assert (await made(remote, tmp_path)).compacted == 0
    await remote.restore("b.png")
    assert (await made(remote, tmp_path)).encoded == 0


async def test_a_listing_that_breaks_off_forgets_nothing(tmp_path):
    remote = MemoryRemote()
    for number in range(5):
        remote.seed(f"{number}.png", picture((number, 0, 0)))
    await made(remote, tmp_path)

    class Broken:
        async def search(self, query):
            found = [entry async for entry in remote.search(query)]
            yield found[0]
            raise UnavailableError("503 after 5 tries")

    with pytest.raises(UnavailableError):
        await made(Broken(), tmp_path)
    with EmbeddingStore(tmp_path) as store:
        assert len(store.catalog.nodes(store.active().fingerprint)) == 5


async def test_expired_credentials_end_a_build_and_what_was_encoded_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(pipeline, "BATCH", 1)
    remote = Endless(50)
    encoded = asyncio.Event()

    async def thumbnail(target, *, size=512):
        if target.value == "node30":
            await encoded.wait()
            raise AuthenticationError("the cookies have expired")
        return remote.data

    remote.thumbnail = thumbnail
    with pytest.raises(AuthenticationError):
        await made(remote, tmp_path, progress=lambda done, total: encoded.set() if done else None)
    assert vectors(tmp_path) >= 1


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from ap_remote.semantic import build
from tests.unit.semantic.planted import PlantedEncoder
from tests.unit.semantic.running import made
from tests.unit.semantic.test_pipeline import Endless

build.FLUSH_ROWS = 32

class Mortal(PlantedEncoder):
    def encode_images(self, images):
        if self.seen >= 100:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode_images(images)

asyncio.run(made(Endless(200), Path(sys.argv[1]), Mortal()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
async def test_a_build_that_is_killed_goes_on_where_it_was(tmp_path):
    code = textwrap.dedent(KILLED)
    paths = os.pathsep.join(sys.path)
    env = {**os.environ, "PYTHONPATH": paths}
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code, str(tmp_path)], env=env, check=False, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    kept = vectors(tmp_path)
    assert 64 <= kept < 200
    encoder = PlantedEncoder()
    report = await made(Endless(200), tmp_path, encoder)
    assert (report.encoded, report.reused, report.failed) == (200 - kept, kept, ())
    assert encoder.seen == 200 - kept
    assert vectors(tmp_path) == 200
