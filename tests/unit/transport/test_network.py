"""What reads goes through aiohttp; nobody may notice but the processor."""

from __future__ import annotations

import asyncio
import gc
import gzip
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from ap_remote.transport import network
from ap_remote.transport.network import Network
from tests.unit.transport.raw import answer, says, serving

TIMEOUT = httpx.Timeout(5.0)
LIMITS = httpx.Limits(max_connections=4, max_keepalive_connections=4, keepalive_expiry=30.0)
SIGNED = (
    "/b%2Fc/a~b+c%20d/e%c3%a9.jpg?X-Amz-Signature=ab%2fCD%2B+~'()*!@:,;$&X-Amz-Credential=A%2F2026%2Fs3&empty=&flag",
    "//twice//a/./b/../c%2e%2E/d?x=a//b/../c?d=%7E%5f",
    "/plain",
    "/?",
    "/caf\u00e9 with spaces?q=\u00fc [1]",
    "/p;v=1,2|3?q=%zz&r=100%",
)


@asynccontextmanager
async def opened(carrier: httpx.AsyncBaseTransport | None = None, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client as the library has it; without *carrier* on the network under test."""
    ours = carrier or Network(httpx.create_ssl_context(), LIMITS)
    async with httpx.AsyncClient(transport=ours, timeout=TIMEOUT, follow_redirects=False, **options) as client:
        yield client


def plain() -> httpx.AsyncHTTPTransport:
    """What httpx itself would do."""
    return httpx.AsyncHTTPTransport(limits=LIMITS, trust_env=False)


def only_fast(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Let nothing through by the other way."""
    carrier: Any = client._transport
    carrier._rest = httpx.MockTransport(lambda _: pytest.fail("it went by the slow way"))
    return client


# -- what is on the wire -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SIGNED)
async def test_the_bytes_of_an_address_are_those_that_httpx_would_send(path: str) -> None:
    async with serving(says(answer())) as server, opened() as ours, opened(plain()) as theirs:
        for client in (ours, theirs):
            await client.get(server.url + path, headers={"range": "bytes=1-2"})
    mine, other = (head.split(b"\r\n") for head in server.heads)
    assert mine[0] == other[0]
    assert sorted(mine) == sorted(other)


async def test_addresses_of_every_kind_but_one_go_the_fast_way() -> None:
    async with serving(says(answer())) as server, opened() as client:
        for path in SIGNED:
            if path != "/?":  # yarl drops a question mark that nothing follows
                await only_fast(client).get(server.url + path)
    assert len(server.heads) == len(SIGNED) - 1


async def test_no_header_is_sent_that_was_not_given() -> None:
    async with serving(says(answer())) as server, opened() as client:
        bare = httpx.Request("GET", f"{server.url}/a", headers={"host": "x"})
        response = await only_fast(client)._transport.handle_async_request(bare)
        await response.aread()
    assert server.heads == [b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"]


async def test_no_cookie_is_kept() -> None:
    async with serving(says(answer(b"", b"Set-Cookie: at-main=canary; Path=/"))) as server:
        carrier = Network(httpx.create_ssl_context(), LIMITS)
        async with carrier:
            for _ in range(2):
                response = await carrier.handle_async_request(httpx.Request("GET", server.url))
                await response.aread()
    assert response.headers.get_list("set-cookie") == ["at-main=canary; Path=/"]
    assert not any(b"cookie" in head.lower() for head in server.heads)


async def test_a_redirect_is_given_and_not_followed() -> None:
    moved = answer(b"", b"Location: /b", status=b"302 Found")
    async with serving(says(moved)) as server, opened() as client:
        response = await only_fast(client).get(server.url)
    assert (response.status_code, response.headers["location"], len(server.heads)) == (302, "/b", 1)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("POST", {"content": b"x"}),
        ("PUT", {"content": b"x"}),
        ("PATCH", {"content": b"x"}),
        ("DELETE", {}),
        ("HEAD", {}),
        ("GET", {"content": b"x"}),
        ("GET", {"headers": {"x-odd": "a\x01b"}}),
        ("GET", {"headers": {"x-odd": " a"}}),
        ("GET", {"headers": {"x-odd": "\u00e9".encode("latin-1")}}),
    ],
)
async def test_what_may_change_something_and_what_is_odd_goes_through_httpx(method: str, options: Any) -> None:
    seen: list[str] = []
    async with opened() as client:
        carrier: Any = client._transport
        carrier._rest = httpx.MockTransport(lambda request: (seen.append(request.method), httpx.Response(200))[1])
        await client.request(method, "http://127.0.0.1:9/never", **options)
        assert carrier._gets is None
    assert seen == [method]


# -- answers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "then", "status", "body"),
    [
        (answer(b"body"), "", 200, b"body"),
        (answer(b"part", b"Content-Range: bytes 1-4/9", status=b"206 Partial Content"), "", 206, b"part"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + answer(b"late"), "", 200, b"late"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
            "",
            200,
            b"abcde",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", "close", 200, b"to the end"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "close", 200, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "", 204, b""),
        (answer(gzip.compress(b"packed", mtime=0), b"Content-Encoding: gzip"), "", 200, b"packed"),
        (answer(b"x", b"Location: /" + b"l" * 60_000, status=b"307 Temporary Redirect"), "", 307, b"x"),
        (answer(b"x", *(b"X-%d: 1" % number for number in range(300))), "", 200, b"x"),
    ],
    ids=["whole", "part", "early hints", "chunks", "to the end", "old", "no body", "packed", "long line", "many lines"],
)
async def test_an_answer_reads_as_it_would_by_httpx(said: bytes, then: str, status: int, body: bytes) -> None:
    async with serving(says(said, then=then)) as server, opened() as ours, opened(plain()) as theirs:
        mine, other = [await client.get(server.url) for client in (only_fast(ours), theirs)]
    assert (mine.status_code, mine.content) == (status, body) == (other.status_code, other.content)
    assert sorted(mine.headers.multi_items()) == sorted(other.headers.multi_items())
    assert mine.reason_phrase == other.reason_phrase


BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN: dict[str, tuple[bytes, str, tuple[type[httpx.HTTPError], ...]]] = {
    "closes at once": (b"", "close", (httpx.RemoteProtocolError,)),
    "resets at once": (b"", "reset", (httpx.ReadError,)),
    "ends too soon": (BEGUN, "close", (httpx.RemoteProtocolError,)),
    "is reset midway": (BEGUN, "reset", (httpx.ReadError, httpx.RemoteProtocolError)),
    "is reset, and no length was said": (b"HTTP/1.1 200 OK\r\n\r\nabc", "reset", (httpx.ReadError,)),
    "ends within a chunk": (CHUNKED + b"5\r\nab", "close", (httpx.RemoteProtocolError,)),
    "ends before the last chunk": (CHUNKED + b"2\r\nab\r\n", "close", (httpx.RemoteProtocolError,)),
    "has a chunk of no size": (CHUNKED + b"zz\r\nab\r\n", "", (httpx.RemoteProtocolError,)),
    "is no HTTP": (b"220 ftp ready\r\n\r\n", "", (httpx.RemoteProtocolError,)),
    "has a header that is none": (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "", (httpx.RemoteProtocolError,)),
    "has a length that is none": (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "", (httpx.RemoteProtocolError,)),
    "has an endless head": (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 400_000, "", (httpx.RemoteProtocolError,)),
    "never comes": (b"", "", (httpx.ReadTimeout,)),
    "stops coming": (BEGUN, "", (httpx.ReadTimeout,)),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_answer_is_the_error_that_it_is_by_httpx(name: str) -> None:
    said, then, kinds = BROKEN[name]
    async with serving(says(said, then=then)) as server, opened() as ours, opened(plain()) as theirs:
        for client in (only_fast(ours), theirs):
            client.timeout = httpx.Timeout(5.0, read=0.2 if kinds == (httpx.ReadTimeout,) else 5.0)
            with pytest.raises(httpx.HTTPError) as caught:
                await client.get(f"{server.url}/canary?X-Amz-Signature=canary")
            assert type(caught.value) in kinds
        assert len(server.heads) == 2, "each asked once"


async def test_a_kept_connection_that_dies_is_an_error_and_no_second_request() -> None:
    async with serving(says(answer(b"x")), says(b"", then="close")) as server, opened() as client:
        assert (await only_fast(client).get(server.url)).content == b"x"
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(server.url)
        assert (len(server.heads), server.connections) == (2, 1)


async def test_a_service_that_is_not_there_was_never_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with opened() as client:
        with pytest.raises(httpx.ConnectError):
            await only_fast(client).get(f"http://127.0.0.1:{port}/")

        async def unknown(*_: Any, **__: Any) -> Any:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
        with pytest.raises(httpx.ConnectError, match="Name or service not known"):
            await client.get("http://nowhere.invalid/")


async def test_who_waits_for_a_connection_too_long_was_never_sent() -> None:
    limits = httpx.Limits(max_connections=1)
    async with serving(says(BEGUN)) as server, opened(Network(httpx.create_ssl_context(), limits)) as client:
        async with client.stream("GET", server.url):
            with pytest.raises(httpx.ConnectTimeout):
                await client.get(server.url, timeout=httpx.Timeout(5.0, connect=0.1, pool=0.1))
        assert len(server.heads) == 1


def test_a_long_download_has_no_time_limit_of_its_own() -> None:
    from ap_remote.transport.network_gets import _timeout

    limits = _timeout(15.0, 60.0, 120.0)
    assert (limits.total, limits.sock_connect, limits.sock_read, limits.connect) == (None, 15.0, 60.0, 135.0)


async def test_a_reader_who_stops_stops_the_service() -> None:
    total, sent = 64 * 2**20, 0

    async def pour(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        while sent < total:
            writer.write(bytes(2**18))
            await writer.drain()
            sent += 2**18

    async with serving(pour) as server, opened() as client, only_fast(client).stream("GET", server.url) as response:
        pieces = response.aiter_raw()
        got = len(await anext(pieces))
        for _ in range(2000):
            await asyncio.sleep(0)
        assert sent < total // 2, "what nobody takes stays with the service"
        largest = 0
        async for piece in pieces:
            got, largest = got + len(piece), max(largest, len(piece))
    assert (got, sent) == (total, total)
    assert largest <= 2**20


# -- certificates, proxies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "trusted"), [(["localhost"], True), (["elsewhere.example"], True), (["localhost"], False)]
)
async def test_certificates_are_verified_as_the_environment_says(
    names: list[str], *, trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's own view of a refused handshake
    carrier = network.carrier(limits=LIMITS, trust_env=True)
    async with serving(says(answer(b"x")), context=context) as server, opened(carrier) as client:
        if trusted and names == ["localhost"]:
            assert (await only_fast(client).get(server.url)).content == b"x"
        else:
            with pytest.raises(httpx.ConnectError):
                await only_fast(client).get(server.url)
            assert server.heads == []


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_in_the_environment_leaves_all_to_httpx(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(each, raising=False)
        monkeypatch.delenv(each.lower(), raising=False)
    assert isinstance(network.carrier(limits=LIMITS, trust_env=True), Network)
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert network.carrier(limits=LIMITS, trust_env=True) is None
    assert isinstance(network.carrier(limits=LIMITS, trust_env=False), Network)


# -- lives -------------------------------------------------------------------------------------------------------------


async def test_connections_are_kept_and_closed_with_the_client() -> None:
    async with serving(says(answer(b"x"))) as server:
        async with opened() as client:
            for _ in range(3):
                await only_fast(client).get(server.url)
            assert server.connections == 1
        await asyncio.wait_for(server.ended.wait(), 5)
        with pytest.raises(RuntimeError, match="closed"):
            await client._transport.handle_async_request(httpx.Request("GET", server.url))


async def test_an_answer_that_is_left_midway_gives_its_connection_up() -> None:
    async with serving(says(BEGUN)) as server, opened() as client:
        async with client.stream("GET", server.url) as response:
            assert response.status_code == 200
        await asyncio.wait_for(server.ended.wait(), 5)


async def test_what_nobody_closes_is_let_go_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(says(answer(b"x"))) as server:
        carrier = Network(httpx.create_ssl_context(), LIMITS)
        await (await carrier.handle_async_request(httpx.Request("GET", server.url))).aread()
        del carrier
        gc.collect()
        await asyncio.wait_for(server.ended.wait(), 5)
    assert caplog.records == []


@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")  # asyncio's, of the first loop's connection
def test_another_event_loop_gets_connections_of_its_own() -> None:
    carrier = Network(httpx.create_ssl_context(), LIMITS)

    async def ask() -> bytes:
        async with serving(says(answer(b"x"))) as server:
            response = await carrier.handle_async_request(httpx.Request("GET", server.url))
            return await response.aread()

    assert [asyncio.run(ask()), asyncio.run(ask())] == [b"x", b"x"]
    asyncio.run(carrier.aclose())
    gc.collect()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_that_ends_leaves_its_parents_connections_alone() -> None:
    async def ask(client: httpx.AsyncClient, url: str) -> bytes:
        return (await only_fast(client).get(url)).content

    with asyncio.Runner() as runner:
        served, used = serving(says(answer(b"x"))), opened()
        server, client = runner.run(served.__aenter__()), runner.run(used.__aenter__())
        runner.run(ask(client, server.url))
        child = os.fork()
        if not child:
            code = 1
            try:
                carrier: Any = client._transport
                carrier._gets._end()
                del carrier._gets
                gc.collect()
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        assert runner.run(ask(client, server.url)) == b"x"
        assert server.connections == 1
        runner.run(used.__aexit__(None, None, None))
        runner.run(served.__aexit__(None, None, None))


def test_what_speaks_to_the_embedded_service_never_loads_aiohttp(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from ap_remote.cli.main import main\n"
        "try: main()\n"
        "finally: sys.stderr.write(' '.join(sorted(set(sys.modules) & {'aiohttp', 'yarl'})))"
    )
    for words in (["--version"], ["ls", "local:"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env={**os.environ, "AP_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
