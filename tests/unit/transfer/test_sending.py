from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import DuplicateContentError, IntegrityError, PreconditionFailedError
from ap_remote.model import NodeId, Status
from ap_remote.transfer.matching import passing_path
from ap_remote.transfer.sending import Outgoing, send


async def nothing(_: int) -> None:
    """Let all pass."""


class Watched(MemoryRemote):
    """Does something to the file after it was read."""

    def __init__(self, act) -> None:
        super().__init__()
        self.act = act

    async def put(self, *args, **kwargs):  # type: ignore[override]
        entry = await super().put(*args, **kwargs)
        self.act()
        return entry


async def trashed(remote: MemoryRemote) -> list[str]:
    return [each.path async for each in remote.trashed()]


async def test_a_file_that_is_written_while_it_is_sent_does_not_stay(tmp_path: Path):
    file = tmp_path / "film.mp4"
    file.write_bytes(b"the beginning")
    remote = Watched(lambda: file.write_bytes(b"the beginning, and more"))
    with pytest.raises(IntegrityError, match="in the trash"):
        await send(remote, Outgoing(file=file, size=13, watch=nothing), "film.mp4")
    assert await trashed(remote) == ["film.mp4"]


async def test_a_file_that_is_removed_while_it_is_sent_was_sent_whole_if_its_md5_says_so(tmp_path: Path):
    file = tmp_path / "film.mp4"
    file.write_bytes(b"the beginning")
    remote = Watched(file.unlink)
    md5 = hashlib.md5(b"the beginning", usedforsecurity=False).hexdigest()
    entry = await send(remote, Outgoing(file=file, size=13, md5=md5, watch=nothing), "film.mp4")
    assert (await remote.stat("film.mp4")).id == entry.id
    file.write_bytes(b"the beginning")
    with pytest.raises(IntegrityError, match="in the trash"):
        await send(remote, Outgoing(file=file, size=13, watch=nothing, duplicates="keep"), "other.mp4")
    assert await trashed(remote) == ["other.mp4"]


async def test_in_place_there_is_nothing_to_trash(tmp_path: Path):
    file = tmp_path / "film.mp4"
    file.write_bytes(b"the beginning")
    remote = Watched(lambda: file.write_bytes(b"more"))
    node = remote.seed("film.mp4", b"old")
    with pytest.raises(IntegrityError, match="holds what it was before"):
        await send(remote, Outgoing(file=file, size=13, watch=nothing), "film.mp4", if_exists="overwrite")
    assert (await remote.stat(NodeId(node))).status is Status.AVAILABLE


async def test_another_size_than_planned_is_told_before_a_byte_is_sent(tmp_path: Path):
    file = tmp_path / "a"
    file.write_bytes(b"shrunk")
    remote = MemoryRemote()
    with pytest.raises(PreconditionFailedError, match="changed since"):
        await send(remote, Outgoing(file=file, size=100, watch=nothing), "a")
    assert [each async for each in remote.list("")] == []


@pytest.mark.parametrize(
    ("path", "passing"),
    [
        ("a.jpg", "a.ap-0123456789ab.jpg"),
        ("deep/er/a.b.HEIC", "deep/er/a.b.ap-0123456789ab.HEIC"),
        (".hidden", ".hidden.ap-0123456789ab"),
        ("no extension", "no extension.ap-0123456789ab"),
        ("a.notanextension", "a.notanextension.ap-0123456789ab"),
    ],
)
def test_a_passing_name_keeps_what_tells_the_kind(path: str, passing: str):
    assert passing_path(path, "0123456789abcdef") == passing


def test_a_passing_name_is_never_too_long():
    assert len(passing_path("x" * 256, "0123456789abcdef")) <= 256


async def test_bytes_that_only_the_bin_holds_are_sent_again(tmp_path: Path):
    file = tmp_path / "a"
    file.write_bytes(b"once more")
    remote = MemoryRemote()
    await remote.put(b"once more", "old")
    await remote.trash("old")
    out = Outgoing(file=file, size=9, watch=nothing, duplicates="refuse")
    await send(remote, out, "new")
    assert [each.path async for each in remote.list("") if not each.is_folder] == ["new"]
    with pytest.raises(DuplicateContentError):
        await send(remote, out, "twin")
