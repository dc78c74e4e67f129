from __future__ import annotations

import builtins
import io

import numpy as np
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import ConfigError, MissingExtraError, StoreError, UnavailableError, UnsupportedError
from ap_remote.semantic import frames, wishes
from ap_remote.semantic.store import EmbeddingStore
from ap_remote.semantic.thumbnails import UnreadableError
from tests.contracts.pictures import FILM
from tests.unit.semantic.films import film
from tests.unit.semantic.planted import PlantedEncoder, picture, vector
from tests.unit.semantic.running import made


def ranged(data):
    return frames.RangedFile(lambda start, stop: data[start:stop], len(data))


@pytest.mark.parametrize("faststart", [True, False], ids=["directory in front", "directory at the end"])
def test_the_pictures_of_a_film_are_those_of_their_moments(faststart):
    data = film("red", "lime", "blue", faststart=faststart)
    found = list(frames.pictures(ranged(data), frames.shares(3), size=32))
    assert [moment for moment, _ in found] == pytest.approx([0.5, 1.5, 2.5], abs=0.11)
    assert [np.asarray(image).reshape(-1, 3).mean(axis=0).argmax() for _, image in found] == [0, 1, 2]
    assert {image.size for _, image in found} == {(32, 24)}


def test_of_a_long_film_only_what_lies_around_the_moments_is_fetched(monkeypatch):
    monkeypatch.setattr(frames, "BLOCK", 2048)
    data = film(*["red", "lime", "blue", "yellow"] * 5, grain=0.5)
    file = ranged(data)
    list(frames.pictures(file, [0.5], size=32))
    assert file.fetched < len(data) / 4


def test_a_ranged_file_reads_as_the_bytes_do(monkeypatch):
    monkeypatch.setattr(frames, "BLOCK", 7)
    data = bytes(range(100))
    file, plain = io.BufferedReader(ranged(data), 16), io.BytesIO(data)
    for offset, whence, count in ((3, 0, 20), (-30, 1, 5), (-4, 2, 50), (200, 0, 5), (0, 0, 100)):
        assert file.seek(offset, whence) == plain.seek(offset, whence)
        assert file.read(count) == plain.read(count)


def test_a_film_whose_pictures_lie_too_far_apart_is_too_large(monkeypatch):
    monkeypatch.setattr(frames, "BYTE_LIMIT", 1000)
    with pytest.raises(UnreadableError, match="too far apart") as caught:
        list(frames.pictures(ranged(film("red")), [0.0], size=32))
    assert caught.value.status == "too_large"


def test_a_film_with_huge_pictures_is_not_decoded(monkeypatch):
    monkeypatch.setattr(frames, "PIXEL_LIMIT", 1000)
    with pytest.raises(UnreadableError, match="64 x 48") as caught:
        list(frames.pictures(ranged(film("red")), [0.0], size=32))
    assert caught.value.status == "too_large"


@pytest.mark.parametrize(
    "data",
    [b"", FILM, b"no film", film("red")[:300], b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", picture("red")],
    ids=["empty", "its beginning", "text", "cut", "playlist", "picture"],
)
def test_what_is_no_film_is_unreadable(data):
    with pytest.raises(UnreadableError):
        list(frames.pictures(ranged(data), [0.0], size=32))


class Cinema(MemoryRemote):
    """Makes posters of films, and counts what is read of them."""

    def __init__(self, poster="yellow", error=None):
        super().__init__()
        self.poster = poster
        self.error = error
        self.read = 0

    async def thumbnail(self, target, *, size=512):
        if (await self.stat(target)).is_video:
            if self.poster is None:
                raise UnsupportedError("no rendition")
            return picture(self.poster, kind="JPEG", size=(size, size))
        return await super().thumbnail(target, size=size)

    async def get(self, target, *, span=None):
        if self.error is not None:
            raise self.error
        async for piece in super().get(target, span=span):
            self.read += len(piece)
            yield piece


def rows(folder):
    with EmbeddingStore(folder) as store:
        active = store.active()
        numbers, vectors = store.vectors(active)
        records = store.catalog.contents_of(active.fingerprint, numbers.tolist())
        return [(records[row], each) for row, each in zip(numbers.tolist(), vectors, strict=True)]


async def test_a_film_is_found_by_its_poster_without_being_fetched(tmp_path):
    remote = Cinema()
    remote.seed("a.mp4", film("red", "blue"))
    report = await made(remote, tmp_path)
    assert (report.total, report.encoded, report.failed, remote.read) == (1, 1, (), 0)
    ((record, found),) = rows(tmp_path)
    assert (record.frame, record.moment) == (0, 0.0)
    assert float(found @ vector((255, 255, 0))) > 0.98


async def test_pictures_of_a_film_are_rows_of_their_own_beside_the_poster_and_later_builds_keep_to_it(tmp_path):
    remote = Cinema()
    remote.seed("a.mp4", film("red", "lime", "blue"))
    await made(remote, tmp_path)
    wishes.write(tmp_path, frames=3)
    encoder = PlantedEncoder()
    report = await made(remote, tmp_path, encoder)
    assert (report.total, report.encoded, report.reused, encoder.seen) == (1, 1, 0, 3)
    found = sorted(rows(tmp_path), key=lambda each: each[0].frame)
    assert [record.frame for record, _ in found] == [0, 1, 2, 3]
    assert [record.moment for record, _ in found[1:]] == pytest.approx([0.5, 1.5, 2.5], abs=0.11)
    for (_, each), rgb in zip(found[1:], ((255, 0, 0), (0, 255, 0), (0, 0, 255)), strict=True):
        assert float(each @ vector(rgb)) > 0.95
    assert (await made(remote, tmp_path, encoder)).reused == 1
    assert encoder.seen == 3


async def test_without_a_poster_a_film_is_found_by_its_beginning(tmp_path):
    remote = Cinema(poster=None)
    remote.seed("a.mp4", film("lime", "blue"))
    report = await made(remote, tmp_path)
    assert (report.encoded, report.failed) == (1, ())
    ((_, found),) = rows(tmp_path)
    assert float(found @ vector((0, 255, 0))) > 0.95


async def test_a_film_that_cannot_be_decoded_keeps_its_poster_and_says_why_once_and_for_all(tmp_path):
    remote = Cinema()
    remote.seed("a.mp4", FILM)
    wishes.write(tmp_path, frames=2)
    report = await made(remote, tmp_path)
    ((path, reason),) = [(each.path, each.reason) for each in report.failed]
    assert path == "a.mp4"
    assert "first picture only" in reason
    assert (report.total, report.encoded, report.reused) == (1, 0, 0)
    assert len(rows(tmp_path)) == 1
    read = remote.read
    assert len((await made(remote, tmp_path)).failed) == 1
    assert remote.read == read


async def test_a_film_without_poster_that_cannot_be_decoded_is_unreadable(tmp_path):
    remote = Cinema(poster=None)
    remote.seed("a.mp4", FILM)
    (failure,) = (await made(remote, tmp_path)).failed
    assert failure.status == "unreadable"


async def test_a_connection_that_breaks_while_a_film_is_read_is_transient(tmp_path):
    remote = Cinema(poster=None, error=UnavailableError("503 after 5 tries"))
    remote.seed("a.mp4", film("red"))
    (failure,) = (await made(remote, tmp_path)).failed
    assert (failure.status, failure.reason) == ("transient", "503 after 5 tries")
    remote.error = None
    assert (await made(remote, tmp_path)).encoded == 1


@pytest.fixture
def no_av(monkeypatch):
    inner = builtins.__import__

    def missing(name, *rest, **named):
        if name == "av":
            raise ModuleNotFoundError(name)
        return inner(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", missing)


async def test_where_nothing_reads_films_one_sentence_names_the_extra(tmp_path, no_av):
    remote = Cinema(poster=None)
    remote.seed("a.mp4", film.__doc__.encode())
    (failure,) = (await made(remote, tmp_path)).failed
    assert "ap-remote[video]" in failure.reason
    assert "--retry" in failure.reason
    wishes.write(tmp_path, frames=2)
    with pytest.raises(MissingExtraError, match="video"):
        await made(remote, tmp_path)


def test_wishes_are_kept_and_checked(tmp_path):
    assert wishes.read(tmp_path) == wishes.Wishes()
    wishes.write(tmp_path, frames=4)
    wishes.write(tmp_path, switch_at=0.9)
    assert wishes.read(tmp_path) == wishes.Wishes(frames=4, switch_at=0.9)
    with pytest.raises(ConfigError, match="64"):
        wishes.write(tmp_path, frames=65)
    (tmp_path / wishes.FILE).write_text("{")
    with pytest.raises(StoreError, match="take it away"):
        wishes.read(tmp_path)
