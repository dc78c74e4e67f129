from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpx import HTTPXMock

from ap_remote.api import account, content
from ap_remote.errors import AuthenticationError, ConfigError, ProtocolError
from ap_remote.transport import Discovery, Hosts, Pacer, Retry, Session, Transport
from ap_remote.transport.discovery import LIFE
from ap_remote.wire.account import Endpoint

COOKIES = {"session-id": "canary-1", "ubid-acbau": "canary-2", "at-acbau": "canary-3"}
CONTENT = "https://content-fe.drive.amazonaws.com/cdproxy/"
ANSWER = {"contentUrl": CONTENT, "metadataUrl": "https://cdws.us-west-2.amazonaws.com/drive/v1/", "region": "FE"}
AU = Hosts.as_known("com.au")


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "account" / "endpoint.json"


@pytest.fixture
def opened(file: Path, clock: Clock, retry: Retry) -> Any:
    def opened(table: Hosts = AU) -> Transport:
        discovery = Discovery(file, table, clock=clock)
        session = Session(COOKIES, discovery.hosts)
        return Transport(session, retry=retry, pacer=Pacer.unlimited(), discovery=discovery)

    return opened


def paths(httpx_mock: HTTPXMock) -> list[tuple[str, str]]:
    return [(each.url.host, each.url.path) for each in httpx_mock.get_requests()]


def test_the_table_tells_what_it_does_not_know() -> None:
    assert AU.content == ""
    assert AU.metadata == "https://www.amazon.com.au/drive/v1/"
    assert Hosts.as_known("co.uk") == Hosts.for_marketplace("co.uk")
    with pytest.raises(ConfigError, match=r"amazon\.zz.*--tld and --region"):
        Hosts.as_known("zz")


async def test_an_unknown_region_is_asked_for_once_and_kept(
    opened: Any, httpx_mock: HTTPXMock, file: Path, clock: Clock
) -> None:
    httpx_mock.add_response(json=ANSWER)
    httpx_mock.add_response(content=b"x", is_reusable=True)
    async with opened() as transport:
        await asyncio.gather(*(transport.send(content.thumbnail("a", None, 5)) for _ in range(3)))
        assert transport.session.hosts.content == "https://content-fe.drive.amazonaws.com/"
    asked = [("www.amazon.com.au", "/drive/v1/account/endpoint")]
    assert paths(httpx_mock) == asked + [("thumbnails-photos.amazon.com.au", "/v1/thumbnail/a")] * 3
    async with opened() as transport:
        assert transport.session.hosts.content == "https://content-fe.drive.amazonaws.com/"
        clock.now += LIFE - 1
        await transport.send(content.thumbnail("a", None, 5))
    assert len(paths(httpx_mock)) == 5
    kept = await asyncio.to_thread(file.read_text)
    assert json.loads(kept)["region"] == "FE"
    assert "canary" not in kept


async def test_calls_to_the_site_itself_wait_for_nothing(opened: Any, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json={"status": "ACTIVE"})
    async with opened() as transport:
        await transport.send(account.info())
    assert len(httpx_mock.get_requests()) == 1


async def test_after_three_days_it_is_asked_again_and_the_old_answer_holds_until_there_is_one(
    opened: Any, httpx_mock: HTTPXMock, clock: Clock
) -> None:
    httpx_mock.add_response(json=ANSWER)
    httpx_mock.add_response(content=b"x")
    async with opened() as transport:
        await transport.send(content.thumbnail("a", None, 5))
    clock.now += LIFE
    httpx_mock.add_response(status_code=404)
    httpx_mock.add_response(content=b"x", is_reusable=True)
    async with opened() as transport:
        await transport.send(content.thumbnail("a", None, 5))
        assert transport.session.hosts.content == "https://content-fe.drive.amazonaws.com/"
        await transport.send(content.thumbnail("a", None, 5))
    assert [path for _, path in paths(httpx_mock)].count("/drive/v1/account/endpoint") == 2


async def test_an_account_whose_region_is_known_is_not_asked(opened: Any, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(content=b"x")
    async with opened(Hosts.for_marketplace("de")) as transport:
        await transport.send(content.thumbnail("a", None, 5))
    assert len(httpx_mock.get_requests()) == 1


@pytest.mark.parametrize("answer", [{"status_code": 404}, {"json": {}}, {"json": {"contentUrl": "https://evil.com/"}}])
async def test_no_answer_is_said_with_what_to_do(
    opened: Any, httpx_mock: HTTPXMock, answer: dict[str, Any], file: Path
) -> None:
    httpx_mock.add_response(**answer)
    async with opened() as transport:
        with pytest.raises(ConfigError, match="--tld, or its region with --region"):
            await transport.send(content.upload_simple("a", "p" * 22, b"x"))
    assert len(httpx_mock.get_requests()) == 1


async def test_a_refused_session_is_said_as_such(opened: Any, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=401, json={})
    async with opened() as transport:
        with pytest.raises(AuthenticationError):
            await transport.send(content.thumbnail("a", None, 5))


@pytest.mark.parametrize(
    "kept",
    [
        b"not json",
        b"[]",
        b"\xff",
        b'{"asked": "x"}',
        b'{"asked": 1700000000, "site": "https://www.amazon.de/drive/v1/", "content_url": "https://a.amazon.de/"}',
        b'{"asked": 1700000000, "site": "https://www.amazon.com.au/drive/v1/", "content_url": "https://evil.com/"}',
    ],
)
def test_a_file_that_makes_no_sense_is_as_good_as_none(file: Path, clock: Clock, kept: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(kept)
    discovery = Discovery(file, AU, clock=clock)
    assert discovery.hosts == AU
    assert discovery.is_due()


def test_a_file_from_the_future_is_asked_for_again(file: Path, clock: Clock) -> None:
    file.parent.mkdir()
    kept = {"asked": clock.now + 5, "site": AU.metadata, "content_url": "https://content-fe.drive.amazonaws.com/"}
    file.write_text(json.dumps(kept))
    assert Discovery(file, AU, clock=clock).is_due()


async def test_a_full_disk_costs_the_memory_not_the_answer(
    file: Path, clock: Clock, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    file.parent.write_text("in the way")

    async def send(call: object) -> Endpoint:
        return Endpoint(content_url=CONTENT)

    await Discovery(file, AU, clock=clock).settle(session, send)
    assert session.hosts.content == "https://content-fe.drive.amazonaws.com/"
    assert "could not be kept" in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "http://content-na.drive.amazonaws.com/",
        "https://evil.com/",
        "https://amazon.com.evil.com/",
        "https://evilamazon.com/",
        "https://notamazonaws.com/",
        "https://www.amazon.evil/",
        "https://user@content-na.drive.amazonaws.com/",
        "https://content-na.drive.amazonaws.com:8443/",
        "https://mybucket.s3.amazonaws.com/",
        "https://mybucket.s3-eu-west-1.amazonaws.com/",
        "https://ec2-1-2-3-4.compute-1.amazonaws.com/",
        "https://x.execute-api.us-east-1.amazonaws.com/",
        "https://amazon.com\\@evil.com/",
        "javascript:alert(1)",
        "//evil.com/",
    ],
)
def test_a_host_that_is_not_amazons_gets_no_cookies(url: str) -> None:
    with pytest.raises(ProtocolError, match="not Amazon's"):
        Hosts.for_marketplace("com").corrected(Endpoint(content_url=url))
    with pytest.raises(ProtocolError):
        Hosts.for_marketplace("com").corrected(Endpoint(thumbnail_service_url=url))


@given(st.text(st.sampled_from("abz.-@:/\\ 1%?#"), max_size=20))
def test_no_odd_spelling_gets_past(middle: str) -> None:
    url = f"https://{middle}evil.example"
    with pytest.raises(ProtocolError):
        Hosts.for_marketplace("com").corrected(Endpoint(content_url=url))


def test_a_services_own_origin_is_taken() -> None:
    own = Hosts.for_service("http://127.0.0.1:8400")
    assert own.corrected(Endpoint(content_url="http://127.0.0.1:8400/cdproxy/")) == own
    with pytest.raises(ProtocolError):
        own.corrected(Endpoint(content_url="http://127.0.0.1:8401/cdproxy/"))
