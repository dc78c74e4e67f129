"""A whole session at DEBUG, and a search for what must not be seen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest
from pytest_httpx import HTTPXMock

from ap_remote.api import account, content, nodes, trash
from ap_remote.errors import RemoteError
from ap_remote.transport import Hosts, Retry, Session, Transport

SECRETS = ("canary", "Atza|", "X-Amz-Signature", "storage.example.com/")
SIGNED = "https://storage.example.com/canary-path?X-Amz-Algorithm=AWS4&X-Amz-Signature=canary-signature"


def said(error: BaseException) -> str:
    """Everything an error can say, down its chain of causes."""
    chain: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        chain += [str(seen), repr(seen), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(chain)


async def test_no_cookie_and_no_signed_address_is_ever_shown(
    transport: Transport, httpx_mock: HTTPXMock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = [repr(transport), repr(transport.session)]
    echo = "no: " + transport.session.headers()["cookie"]
    httpx_mock.add_response(
        json={},
        headers=[("set-cookie", "at-main=canary-rotated"), ("x-amzn-requestid", "canary-111-2222222-3333333")],
    )
    await transport.send(account.info())
    for status in (400, 401, 403, 404, 409, 412, 418, 500, 507):
        httpx_mock.add_response(status_code=status, json={"message": echo}, headers={"x-amzn-requestid": "r-1"})
        with pytest.raises(RemoteError) as caught:
            await transport.send(trash.purge(["abc"]))
        shown.append(said(caught.value))
    for reply in (
        {"json": ["canary"]},
        {"text": "canary"},
        {"html": "<p>canary"},
        {"content": b"\xffcanary"},
        {"content": b'{"id": "\xffcanary"}'},
    ):
        httpx_mock.add_response(**reply)
        with pytest.raises(RemoteError) as caught:
            await transport.send(nodes.node("abc"))
        shown.append(said(caught.value))
    httpx_mock.add_response(status_code=302, headers={"location": SIGNED})
    httpx_mock.add_response(content=b"x", headers={"content-length": "5"})
    async with transport.stream(content.content("abc")) as download:
        shown.append(repr(download))
        with pytest.raises(RemoteError) as caught:
            [piece async for piece in download.aiter()]
        shown.append(said(caught.value))
    httpx_mock.add_response(status_code=302, headers={"location": SIGNED}, is_reusable=True)
    httpx_mock.add_response(status_code=403, json={"message": SIGNED}, url=SIGNED)
    with pytest.raises(RemoteError) as caught:
        await transport.send(content.content("abc"))
    shown.append(said(caught.value))
    everything = "\n".join([caplog.text, *shown])
    assert "GET account/info -> 200" in caplog.text
    assert "r-1" in caplog.text
    for secret in SECRETS:
        assert secret not in everything


class Server:
    """A real socket that answers with whatever it is told, for what the HTTP libraries themselves log."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.answers.pop(0))
            await writer.drain()
        writer.close()


def answer(status: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", "connection: close", *headers, "", ""]).encode()


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    each = Server()
    listening = await asyncio.start_server(each.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    yield each, f"http://127.0.0.1:{port}"
    listening.close()
    await listening.wait_closed()


@pytest.mark.httpx_mock(should_mock=lambda request: False)
async def test_the_libraries_beneath_show_nothing_either(
    server: tuple[Server, str], cookies: dict[str, str], retry: Retry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    each, url = server
    each.answers = [
        answer("200 OK", "set-cookie: at-main=canary-rotated", "content-length: 2") + b"{}",
        answer("302 Found", "location: /blob?X-Amz-Signature=canary-signature", "content-length: 0"),
        answer("200 OK", "content-length: 10") + b"abc",
        b"",
    ]
    shown: list[str] = []
    async with Transport(Session(cookies, Hosts.for_service(url)), retry=retry) as transport:
        await transport.send(account.info())
        async with transport.stream(content.content("abc")) as download:
            with pytest.raises(RemoteError, match="3 of 10") as caught:
                [piece async for piece in download.aiter()]
        shown.append(said(caught.value))
        with pytest.raises(RemoteError) as caught:
            await transport.send(nodes.create_folder("x", "p"))
        shown.append(said(caught.value))
    assert b"cookie: session-id=canary" in each.requests[1]
    assert b"canary" not in each.requests[2].partition(b"\r\n")[2], "a signed address must see no cookie"
    assert "httpcore" in {record.name.partition(".")[0] for record in caplog.records}
    everything = "\n".join([caplog.text, *shown])
    for secret in SECRETS:
        assert secret not in everything


async def test_others_who_use_the_same_libraries_keep_their_logs(
    transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    logging.getLogger("httpx").info("HTTP Request: %s", "of somebody else")
    assert "of somebody else" in caplog.text
