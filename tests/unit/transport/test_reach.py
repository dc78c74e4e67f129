"""Where a service that lies would lead us, and where Amazon's and our own do."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pytest_httpx import HTTPXMock

from ap_remote.api import content
from ap_remote.errors import ProtocolError
from ap_remote.transport import Address, Call, Hosts, Pacer, Retry, Session, Transport
from ap_remote.transport.reach import refusal
from tests.unit.transport.raw import answer, says, serving

AMAZON = Hosts.for_marketplace("com")
OWN = Hosts.for_service("http://127.0.0.1:8400")
ORIGINAL = content.content("abc")
THUMBNAIL = content.thumbnail("abc", None, 256)
SIGNED = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=s"


@pytest.mark.parametrize(
    "url",
    [
        "https://content-na.drive.amazonaws.com/cdproxy/nodes/abc",
        "https://www.amazon.com/drive/v1/blob",
        f"https://photos-store.s3.us-east-1.amazonaws.com/x?{SIGNED}",
        f"https://d1a2b3c4.cloudfront.net/x?{SIGNED}",
        "https://storage.example.com./x",
        "https://xn--bcher-kva.example/x",
    ],
)
@pytest.mark.parametrize("call", [ORIGINAL, content.linked("abc", Address("https://x.example/a"))])
def test_bytes_may_come_from_whatever_store_of_the_public_network_amazon_names(url: str, call: Call[Any]) -> None:
    assert refusal(httpx.URL(url), call, AMAZON) is None


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "0x7f.1", "0x7f.0.0.1", "2130706433", "10.0.0.1", "169.254.169.254", "8.8.8.8"),
        *("[::1]", "[::ffff:127.0.0.1]", "[fd00:ec2::254]", "localhost", "LOCALHOST.", "a.localhost", "router"),
        *("nas.local", "nas.local.", "metadata.google.internal", "nas.home.arpa", "nas.lan"),
    ],
)
def test_no_call_of_amazons_leads_into_a_network_of_ones_own(host: str) -> None:
    assert refusal(httpx.URL(f"https://{host}/x"), ORIGINAL, AMAZON) == "a host without a public name"
    assert refusal(httpx.URL(f"http://{host}/x"), ORIGINAL, AMAZON) == "an unprotected address"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8401/x", "http://localhost:8400/x", "https://127.0.0.1:8400/x", "https://www.amazon.com/x"],
)
@pytest.mark.parametrize("call", [ORIGINAL, THUMBNAIL])
def test_a_service_of_ones_own_leads_to_itself_alone(url: str, call: Call[Any]) -> None:
    assert refusal(httpx.URL(url), call, OWN) == "a host that is not this service"
    assert refusal(httpx.URL("http://127.0.0.1:8400/nodes/abc/content?signature=s"), call, OWN) is None


def test_a_thumbnail_stays_with_the_hosts_of_the_account() -> None:
    assert refusal(httpx.URL(f"https://store.example.com/x?{SIGNED}"), THUMBNAIL, AMAZON) is not None
    assert refusal(httpx.URL(f"{AMAZON.thumbnails}v1/other"), THUMBNAIL, AMAZON) is None


async def test_what_is_within_is_never_asked(cookies: dict[str, str], retry: Retry) -> None:
    async with (
        serving(says(answer(b"SECRET"))) as within,
        serving(says(answer(b"", b"location: " + within.url.encode() + b"/private", status=b"302 Found"))) as service,
        Transport(Session(cookies, Hosts.for_service(service.url)), retry=retry) as transport,
    ):
        calls = (ORIGINAL, THUMBNAIL, content.linked("abc", Address(f"{within.url}/private")))
        for call in calls:
            with pytest.raises(ProtocolError, match="a host that is not this service") as caught:
                await transport.send(call)
            assert within.url not in str(caught.value)
        with pytest.raises(ProtocolError):
            async with transport.stream(ORIGINAL):
                raise AssertionError("nothing is to be read")
    assert within.connections == 0
    assert len(service.heads) == len(calls), "the link was not tried, the stream was"


async def test_a_redirect_of_a_service_to_itself_is_followed(cookies: dict[str, str], retry: Retry) -> None:
    first = says(answer(b"", b"location: /nodes/abc/content?X-Amz-Signature=s", status=b"302 Found"))
    async with (
        serving(first, says(answer(b"bytes"))) as service,
        Transport(Session(cookies, Hosts.for_service(service.url)), retry=retry) as transport,
    ):
        assert await transport.send(ORIGINAL) == b"bytes"


async def test_a_way_that_is_refused_is_not_remembered(session: Session, retry: Retry, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=302, headers={"location": "https://127.0.0.1/x"})
    call = Call(method="GET", path="nodes/abc/contentRedirection", reply=ORIGINAL.reply, idempotent=True, leads="abc 1")
    async with Transport(session, retry=retry, pacer=Pacer.unlimited()) as transport:
        with pytest.raises(ProtocolError, match="without a public name"):
            await transport.send(call)
        assert repr(transport._sender._onward) == "Onward(0)"
