"""What other clients got wrong and this one cannot, as far as it is about bytes; each named by its row of the list."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.errors import AuthenticationError, TransportError
from ap_remote.transport import Hosts, Pacer, Retry, RetryPolicy, Session, Transport
from ap_remote.transport.answer import filename
from tests.unit.backends.odd_service import COOKIES

PACKAGE = Path(__file__).parents[3] / "ap_remote"


async def test_row_14_a_service_whose_certificate_nobody_vouches_for_gets_no_cookie():
    heard = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(4096))
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    session = Session(COOKIES, Hosts.for_service(f"https://localhost:{port}"))
    from ap_remote.api import account

    async with server, Transport(session, retry=Retry(RetryPolicy(tries=1))) as transport:
        with pytest.raises(TransportError) as caught:
            await transport.send(account.info())
    assert "certificate" in f"{caught.value} {caught.value.__cause__}".lower()
    assert bytes(heard) == b""


def test_row_14_no_line_turns_verification_off():
    source = "\n".join(file.read_text("utf-8") for file in PACKAGE.rglob("*.py"))
    assert "verify=False" not in source
    assert "CERT_NONE" not in source


@settings(max_examples=60)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=30))
def test_row_15_any_name_survives_its_header(name: str):
    from urllib.parse import quote

    assert filename(f"attachment; filename=\"x\"; filename*=UTF-8''{quote(name, safe='')}") == (name.strip() or None)


@pytest.mark.parametrize("name", ["a=b.jpg", "a;b.jpg", "a; filename=x.jpg", "ä.jpg"])
def test_row_15_a_name_with_signs_in_it_is_read_whole(name: str):
    assert filename(f'attachment; filename="{name}"') == name


async def test_row_19_requests_are_few_at_a_time_and_few_a_second():
    pacer = Pacer()
    running = most = 0

    async def one() -> None:
        nonlocal running, most
        async with pacer.slot():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*[one() for _ in range(10)])
    assert 1 < most <= 10
    async with Transport(Session(COOKIES, Hosts.for_marketplace("com"))) as transport:
        network = transport._client._transport
        pool = network._rest._pool
        assert max(pool._max_connections, network._limits.max_connections) <= 100
        assert not pool._http2


async def test_row_19_an_upload_may_take_its_time():
    async with Transport(Session(COOKIES, Hosts.for_marketplace("com"))) as transport:
        timeout = transport._client.timeout
    assert timeout.write >= 60.0
    assert timeout.read >= 60.0


async def test_row_3_an_expired_session_is_said_at_once_by_an_upload_too(tmp_path: Path):
    from tests.unit.backends.odd_service import Clock, OddService, remote_over

    service = OddService(Clock())
    async with remote_over(service, tmp_path / "cache") as remote:
        await remote.stat("")
        service.lacks = {"POST v2/upload": 401}
        with pytest.raises(AuthenticationError):
            await remote.put(b"a", "a.jpg")
    assert service.asked["POST v2/upload"] <= 2
    assert service.asked["POST cdproxy/nodes"] == 0
