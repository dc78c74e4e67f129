"""How much of an answer is taken into memory, whatever the service sends."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_httpx import HTTPXMock

from ap_remote.api import account, content
from ap_remote.errors import ProtocolError, UnavailableError
from ap_remote.transport import Hosts, Retry, Session, Transport
from ap_remote.transport.answer import gathered, unpacked
from tests.unit.transport.raw import answer, says, serving

MEBIBYTE = 1 << 20
THUMBNAIL = msgspec.structs.replace(content.thumbnail("abc", None, 256), most=MEBIBYTE)


class Endless(httpx.AsyncByteStream):
    """One piece after the other, which are counted."""

    def __init__(self, piece: bytes) -> None:
        self.piece = piece
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.taken < 10_000:
            self.taken += 1
            yield self.piece


def test_thumbnails_and_everything_else_that_is_gathered_have_a_bound() -> None:
    assert content.thumbnail("abc", None, 256).most == 15 * MEBIBYTE
    assert account.info().most == content.content("abc", view_box=(1, 1)).most == 64 * MEBIBYTE


async def test_an_answer_that_does_not_end_is_given_up_as_soon_as_it_is_too_long(
    transport: Transport, httpx_mock: HTTPXMock
) -> None:
    endless = Endless(b"\xff" * 100_000)
    httpx_mock.add_response(stream=endless)
    with pytest.raises(ProtocolError, match="longer than the 1048576 bytes it may have"):
        await transport.send(THUMBNAIL)
    assert endless.taken == 11
    assert len(httpx_mock.get_requests()) == 1, "it is not asked for again"


async def test_an_answer_that_announces_too_much_is_not_read_at_all(
    transport: Transport, httpx_mock: HTTPXMock
) -> None:
    endless = Endless(b"{")
    httpx_mock.add_response(stream=endless, headers={"content-length": str(65 * MEBIBYTE)})
    with pytest.raises(ProtocolError, match="longer than"):
        await transport.send(account.info())
    assert endless.taken == 0


async def test_the_bound_holds_over_the_network_too(cookies: dict[str, str], retry: Retry) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 40
    async with (
        serving(says(chunked)) as server,
        Transport(Session(cookies, Hosts.for_service(server.url)), retry=retry) as transport,
    ):
        with pytest.raises(ProtocolError, match="longer than"):
            await transport.send(THUMBNAIL)
        server.scripts = [says(answer(b"x" * MEBIBYTE))]
        assert len(await transport.send(THUMBNAIL)) == MEBIBYTE, "what is just as long comes"


def packed(*pieces: bytes, encoding: str = "gzip") -> httpx.Response:
    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return httpx.Response(200, headers={"content-encoding": encoding}, content=stream())


async def test_a_little_that_unpacks_to_very_much_is_given_up_on_the_way() -> None:
    bomb = gzip.compress(bytes(64 * MEBIBYTE), compresslevel=9)
    assert len(bomb) < MEBIBYTE
    assert await gathered(packed(bomb), 3 * MEBIBYTE) is None
    response = packed(bomb)
    assert len(await anext(aiter(unpacked(response)))) == MEBIBYTE
    await response.aclose()


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=500), st.integers(1, 40), st.sampled_from(["gzip", "x-gzip", "deflate", "GZIP"]))
async def test_what_is_packed_arrives_as_it_was(body: bytes, size: int, encoding: str) -> None:
    whole = zlib.compress(body) if encoding == "deflate" else gzip.compress(body)
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert await gathered(packed(*pieces, encoding=encoding), 500) == body


async def test_more_than_one_piece_can_be_packed_in_one() -> None:
    body = bytes(range(256)) * 20_000
    assert await gathered(packed(gzip.compress(body)), len(body)) == body
    assert await gathered(packed(gzip.compress(bytes(MEBIBYTE))), MEBIBYTE) == bytes(MEBIBYTE)
    assert await gathered(packed(), 10) == b""


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"no gzip", "gzip"),
        (gzip.compress(b"{}", mtime=0)[:-4], "gzip"),
        (b"{}", "br"),
        (b"{}", "zstd"),
        (b"{}", "gzip, gzip"),
    ],
)
async def test_what_cannot_be_unpacked_is_no_answer(
    transport: Transport, httpx_mock: HTTPXMock, body: bytes, encoding: str
) -> None:
    httpx_mock.add_response(content=body, headers={"content-encoding": encoding}, is_reusable=True)
    with pytest.raises(UnavailableError):
        await transport.send(account.info())
    assert httpx_mock.get_requests()[0].headers["accept-encoding"] == "gzip"
