"""A whole session at DEBUG, and a search for what must not be seen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import re
import ssl
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pytest_httpx import HTTPXMock

import ap_remote
from ap_remote.api import account, content, nodes, trash
from ap_remote.errors import RemoteError
from ap_remote.transport import Breaker, Discovery, FileStore, Hosts, Pacer, Retry, Session, Transport
from ap_remote.transport.recording import Recorder
from tests.unit.transport.amazon import REFRESH, TOKEN, Amazon, Answer

SECRETS = ("canary", "Atza|", "X-Amz-Signature", "storage.example.com/")
SIGNED = "https://storage.example.com/canary-path?X-Amz-Algorithm=AWS4&X-Amz-Signature=canary-signature"


def said(error: BaseException) -> str:
    """Everything an error can say, down its chain of causes."""
    chain: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        chain += [str(seen), repr(seen), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    chain += traceback.format_exception(error)
    chain += traceback.format_exception(pickle.loads(pickle.dumps(error))) if isinstance(error, RemoteError) else []
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


RENEWABLE = {
    "session-id": "canary-111-2222222-3333333",
    "ubid-main": "canary-444-5555555-6666666",
    "at-main": "Atza|canary-old",
    "sess-at-main": "Atza|canary-refresh-1",
}
PAGE = b"<html>canary captcha Atza|canary</html>"


def answers(*kinds: Answer) -> Any:
    waiting = list(kinds)
    return lambda request: waiting.pop(0) if waiting else (401, {"Message": "canary"})


@pytest.mark.parametrize(
    "refresh",
    [
        None,
        (200, {"response": {"tokens": {"cookies": [{"Name": "at-main", "Value": ["canary"]}]}}}),
        (200, {"response": "canary"}),
        (200, b"canary"),
        (200, PAGE),
        (401, {"message": "no: Atza|canary-refresh-1", "source_token": "Atza|canary-refresh-1"}),
        (500, {"message": "no: Atza%7Ccanary-refresh-1"}),
        (302, b"", {"location": "/ap/signin?canary=Atza|canary"}),
        (307, b"", {"location": "https://canary.example.com/?Atza|canary"}),
    ],
)
async def test_a_renewal_shows_nothing_whether_it_succeeds_or_not(
    retry: Retry, tmp_path: Path, caplog: pytest.LogCaptureFixture, refresh: Answer | None
) -> None:
    caplog.set_level(logging.DEBUG)
    amazon = Amazon(None, sess=RENEWABLE["sess-at-main"], tokens=True)
    if refresh is not None:
        amazon.refresh = answers(refresh)
    store = FileStore(tmp_path / "credentials.json")
    store.save(RENEWABLE)
    session = Session(store.load(), Hosts.for_marketplace("com"), on_rotate=store.save, reread=store.load)
    record = Recorder(tmp_path / "recording")
    shown: list[str] = []
    uploading = content.upload_simple("a", "p" * 22, b"canary")
    async with Transport(session, app=amazon, retry=retry, lock=tmp_path / "lock", record=record) as transport:
        for call in (uploading, account.info()):
            try:
                await transport.send(call)
            except RemoteError as exc:
                shown.append(said(exc))
        shown += [repr(transport), repr(session), repr(transport._renewal), repr(vars(transport._renewal.steps()))]
    assert amazon.asked(REFRESH) or refresh is None
    kept = [each.read_text() for each in sorted((tmp_path / "recording").rglob("*")) if each.is_file()]
    everything = "\n".join([caplog.text, *shown, *kept])
    assert "ap/exchangetoken/refresh" in caplog.text
    for secret in ("canary", "Atza"):
        assert secret not in everything


async def test_an_access_token_shows_nowhere(retry: Retry, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    amazon = Amazon(RENEWABLE["at-main"], tokens=True)
    session = Session(RENEWABLE, Hosts.for_marketplace("com"))
    shown = []
    record = Recorder(tmp_path / "recording")
    async with Transport(session, app=amazon, retry=retry, record=record) as transport:
        await transport.send(content.upload_simple("a", "p" * 22, b"x"))
        assert amazon.token is not None
        echo = {"message": f"no: {amazon.token}"}
        amazon.refresh = answers((400, echo))
        amazon.overrides = {"/cdproxy/nodes": [(400, echo)] + [(401, echo)] * 9, TOKEN: [(200, echo)]}
        for _ in range(2):
            with pytest.raises(RemoteError) as caught:
                await transport.send(content.upload_simple("a", "p" * 22, b"x"))
            shown.append(said(caught.value))
        shown += [repr(transport), repr(transport._renewal), repr(transport._renewal.credentials(content=True)[1])]
    kept = [each.read_text() for each in sorted((tmp_path / "recording").rglob("*")) if each.is_file()]
    assert "photos/auth/token" in caplog.text
    assert "canary" not in "\n".join([caplog.text, *shown, *kept])


async def test_a_page_for_robots_and_a_pause_show_nothing(
    session: Session, retry: Retry, httpx_mock: HTTPXMock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    httpx_mock.add_response(status_code=503, content=PAGE, headers={"content-type": "text/html"})
    shown = []
    async with Transport(session, retry=retry, pacer=Pacer.unlimited(), breaker=Breaker()) as transport:
        for _ in range(2):
            with pytest.raises(RemoteError, match="robot") as caught:
                await transport.send(account.info())
            shown.append(said(caught.value))
    assert "canary" not in "\n".join([caplog.text, *shown])


async def test_the_file_of_hosts_has_no_secret_and_no_more_than_hosts(
    session: Session, tmp_path: Path, httpx_mock: HTTPXMock, retry: Retry
) -> None:
    url = "https://content-na.drive.amazonaws.com/cdproxy/?canary=Atza|canary"
    httpx_mock.add_response(json={"contentUrl": url, "region": "canary", "countryAtSignup": "canary"})
    file = tmp_path / "endpoint.json"
    discovery = Discovery(file, session.hosts)
    async with Transport(session, retry=retry, discovery=discovery) as transport:
        await discovery.settle(session, transport.send, force=True)
    content_host = '"content_url":"https://content-na.drive.amazonaws.com/"'
    assert content_host in await asyncio.to_thread(file.read_text)
    assert "canary" not in await asyncio.to_thread(file.read_text)
    assert "canary" not in repr(discovery)


def test_certificates_are_always_verified(session: Session) -> None:
    network: Any = Transport(session)._client._transport
    for context in (network._rest._pool._ssl_context, network._context):
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
    root = Path(ap_remote.__file__).parent
    sources = {each: each.read_text("utf-8") for each in root.rglob("*.py")}
    assert len(sources) > 50
    loose = re.compile(r"\bverify=|\bssl=False|verify_ssl|CERT_NONE|check_hostname|_create_unverified|CERT_OPTIONAL")
    assert [each.name for each, text in sources.items() if loose.search(text)] == []


@pytest.mark.parametrize("end", [b"", b"HTTP/1.1 200 OK\r\nX-Canary canary\r\n\r\n", b"canary\r\n\r\n"])
async def test_the_library_that_reads_shows_no_address_however_a_download_fails(
    server: tuple[Server, str], cookies: dict[str, str], retry: Retry, caplog: pytest.LogCaptureFixture, end: bytes
) -> None:
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    each, url = server
    redirect = answer("302 Found", "location: /canary-path?X-Amz-Signature=canary-signature", "content-length: 0")
    each.answers = [redirect, end] * 12
    async with Transport(Session(cookies, Hosts.for_service(url)), retry=retry) as transport:
        call = msgspec.structs.replace(content.content("abc"), leads="abc 1")
        with pytest.raises(RemoteError) as caught:
            async with transport.stream(call) as download:
                [piece async for piece in download.aiter()]
        each.answers = [redirect, answer("200 OK", "content-length: 10") + b"abc"]
        async with transport.stream(call) as download:
            # What is dropped half-read complains in a loop that debugs, and may not say of what.
            shown = [repr(download), repr(download._response.stream), repr(vars(download._response.stream))]
        shown += [said(caught.value), repr(transport._sender._onward), repr(transport), repr(call)]
    everything = "\n".join([caplog.text, *shown])
    for secret in SECRETS:
        assert secret not in everything


async def test_an_agent_is_named_honestly(session: Session, httpx_mock: HTTPXMock, retry: Retry) -> None:
    httpx_mock.add_response(json={})
    async with Transport(session, retry=retry) as transport:
        await transport.send(account.info())
    assert re.fullmatch(
        r"Mozilla/5\.0 \(compatible; ap-remote/[\d.]+\)", httpx_mock.get_requests()[0].headers["user-agent"]
    )
