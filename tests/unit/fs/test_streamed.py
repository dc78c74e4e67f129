"""Files of ``open_async``."""

from __future__ import annotations

import asyncio
import gc
import io

import pytest

from ap_remote.errors import IntegrityError, IsFolderError, NotFoundError, UnsupportedError
from ap_remote.fs import RemoteFileSystem


@pytest.fixture
def stream(remote):
    remote.seed("r/data", bytes(range(256)) * 16384)  # 4 MiB: it comes in several pieces
    return RemoteFileSystem(lambda: remote, asynchronous=True, skip_instance_cache=True)


async def test_it_is_read_piece_by_piece_in_one_request(stream, remote):
    async with await stream.open_async("ap-remote://r/data") as file:
        assert (file.size, file.mode, file.seekable(), file.readable()) == (4 << 20, "rb", False, True)
        assert await file.read(0) == b""
        assert await file.read(3) == b"\x00\x01\x02"
        assert file.tell() == 3
        assert len(await file.read(2 << 20)) == 2 << 20
        assert await file.read(2) == b"\x03\x04"
        assert len(await file.read()) == (2 << 20) - 5
        assert await file.read(1) == await file.read() == b""

    assert file.closed
    assert len(remote.named("get")) == 1


async def test_a_reader_that_stops_early_lets_go_of_its_request(stream, remote, monkeypatch):
    ended = []
    get = remote.get

    async def watched(target, *, span=None):
        try:
            async for piece in get(target, span=span):
                yield piece
        finally:
            ended.append(target)

    monkeypatch.setattr(remote, "get", watched)
    file = await stream.open_async("/r/data")
    await file.read(1)
    assert not ended
    await file.close()
    await file.close()

    assert ended == ["r/data"]
    with pytest.raises(ValueError, match="closed"):
        await file.read(1)


async def test_bytes_that_are_wrong_are_told_with_the_last(stream, remote, monkeypatch):
    async def broken(target, *, span=None):
        yield b"some"
        raise IntegrityError("md5 differs")

    monkeypatch.setattr(remote, "get", broken)
    async with await stream.open_async("/r/data") as file:
        assert await file.read(4) == b"some"
        with pytest.raises(IntegrityError):
            await file.read(1)


async def test_what_is_written_appears_when_it_is_closed(stream, remote):
    async with await stream.open_async("/new/file", "wb") as file:
        assert await file.write(b"one ") == 4
        assert await file.write(memoryview(b"two")) == 3
        await file.flush()
        assert file.tell() == 7
        assert remote.raw("new/file") is None

    assert remote.raw("new/file") == b"one two"
    await file.close()
    with pytest.raises(ValueError, match="closed"):
        await file.write(b"more")
    with pytest.raises(ValueError, match="closed"):
        await file.flush()
    assert len(remote.named("put")) == 1


@pytest.mark.parametrize("error", [RuntimeError("half way"), asyncio.CancelledError()])
async def test_left_by_an_exception_it_publishes_nothing(stream, remote, error):
    file = await stream.open_async("/r/new", "wb")

    async def half() -> None:
        async with file:
            await file.write(b"half")
            raise error

    with pytest.raises(type(error)):
        await half()
    assert file.closed
    assert not remote.named("put")


async def test_the_garbage_collector_publishes_nothing_and_says_so(stream, remote):
    file = await stream.open_async("/r/new", "wb")
    await file.write(b"half")
    with pytest.warns(ResourceWarning, match="never closed; it was not uploaded"):
        file = None
    gc.collect()

    assert not remote.named("put")


async def test_an_upload_that_fails_is_told_and_tried_once(stream, remote):
    remote.fail("put", "r/new", PermissionError("no"))
    file = await stream.open_async("/r/new", "wb")
    await file.write(b"x")
    with pytest.raises(PermissionError):
        await file.close()
    await file.close()

    assert len(remote.named("put")) == 1


async def test_exclusive_creation_is_refused_at_open_and_again_at_close(stream, remote):
    with pytest.raises(FileExistsError):
        await stream.open_async("/r/data", "xb")
    file = await stream.open_async("/r/new", "xb")
    remote.seed("r/new", b"theirs")
    with pytest.raises(FileExistsError):
        await file.close()

    assert remote.raw("r/new") == b"theirs"


async def test_an_overwrite_replaces_the_whole_file(stream, remote):
    async with await stream.open_async("/r/data", "wb") as file:
        await file.write(b"short")

    assert remote.raw("r/data") == b"short"


@pytest.mark.parametrize(("mode", "options"), [("r", {}), ("w", {}), ("rt", {}), ("rb", {"compression": "gzip"})])
async def test_only_binary_modes_are_known(stream, mode, options):
    with pytest.raises(ValueError, match="binary modes without compression"):
        await stream.open_async("/r/data", mode, **options)


async def test_what_cannot_be_a_stream_is_refused_with_the_reason(stream):
    with pytest.raises(UnsupportedError, match="no appending"):
        await stream.open_async("/r/data", "ab")
    for mode in ("rb", "wb"):
        with pytest.raises(IsFolderError):
            await stream.open_async("/r", mode)
    with pytest.raises(NotFoundError):
        await stream.open_async("/r/none")
    async with await stream.open_async("/r/data") as file:
        with pytest.raises(io.UnsupportedOperation, match="cat_file"):
            file.seek(0)
        with pytest.raises(ValueError, match="write mode"):
            await file.write(b"x")
        with pytest.raises(TypeError, match="async with"), file:
            pass
    file = await stream.open_async("/r/new", "wb")
    with pytest.raises(ValueError, match="read mode"):
        await file.read()
    await file.discard()
    await file.discard()
