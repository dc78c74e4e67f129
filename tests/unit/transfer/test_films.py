from __future__ import annotations

from pathlib import Path

from ap_remote.backends.memory import MemoryRemote
from ap_remote.transfer import download


async def live(remote: MemoryRemote) -> None:
    await remote.put(b"still", "trip/a.heic")
    remote.seed_film("trip/a.heic", "a.mov", b"film")
    await remote.put(b"other", "trip/A.MOV")


def content_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


async def test_the_film_of_a_live_photo_comes_along_where_that_is_asked_for(tmp_path: Path):
    remote = MemoryRemote()
    await live(remote)
    report = await download(remote, "trip", tmp_path, films=True)
    assert not [row for row in report.rows if row.result != "done"]
    found = content_of(tmp_path / "trip")
    assert (found["a.heic"], found["A.MOV"]) == (b"still", b"other")
    assert sorted(found.values()) == [b"film", b"other", b"still"]


async def test_by_itself_only_the_picture_comes(tmp_path: Path):
    remote = MemoryRemote()
    await live(remote)
    await download(remote, "trip/a.heic", tmp_path)
    assert content_of(tmp_path) == {"a.heic": b"still"}
