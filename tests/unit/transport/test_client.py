from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpx import HTTPXMock, IteratorStream

from ap_remote.api import account, content, nodes, trash
from ap_remote.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    AuthenticationError,
    DuplicateContentError,
    IncompleteListingError,
    IntegrityError,
    NotFoundError,
    OutcomeUnknownError,
    PreconditionFailedError,
    ProtocolError,
    QuerySyntaxError,
    QuotaExceededError,
    RateLimitedError,
    RemoteError,
    ServiceFullError,
    UnavailableError,
    UnsupportedError,
)
from ap_remote.transport import Call, ContentRange, Pacer, Retry, Session, Transport
from ap_remote.transport.answer import filename
from ap_remote.transport.body import PIECE, opened

INFO = {"status": "ACTIVE"}
NODE = {"id": "n" * 22, "name": "a.jpg", "kind": "FILE"}
SIGNED = "https://storage.example.com/x?X-Amz-Algorithm=AWS4&X-Amz-Signature=canary-signature"


def upload(body: bytes | Path = b"bytes", *, keep: bool = False, size: int = 5) -> Call[Any]:
    digest = hashlib.md5(b"bytes").hexdigest()
    return content.upload(
        "a.jpg",
        "p" * 22,
        body,
        md5=digest,
        size=size,
        wishes=content.wishes(suppress=("DEDUPLICATION",) if keep else ()),
    )


async def test_a_call_goes_to_its_host_with_cookies_and_session_id(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=INFO)
    assert (await transport.send(account.info())).status == "ACTIVE"
    request = httpx_mock.get_requests()[0]
    assert request.url.copy_with(query=None) == "https://www.amazon.com/drive/v1/account/info"
    assert request.url.params["resourceVersion"] == "V2"
    assert request.headers["x-amzn-sessionid"] == "canary-111-2222222-3333333"
    assert request.headers["cookie"].startswith("session-id=canary-111-2222222-3333333; ubid-main=")
    assert request.headers["accept"] == "application/json"


async def test_a_write_carries_the_version_inside_its_body(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=201, json=NODE)
    made = await transport.send(nodes.create_folder("holiday", "p" * 22))
    assert made.id == "n" * 22
    request = httpx_mock.get_requests()[0]
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content)["resourceVersion"] == "V2"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"message": "Invalid Kind FOO"}, ProtocolError),
        (400, {}, ProtocolError),
        (400, {"message": "Invalid filter: kind:"}, QuerySyntaxError),
        (400, {"message": "Next token is expired"}, IncompleteListingError),
        (400, {"message": "Offset + limit cannot be greater than 9999"}, IncompleteListingError),
        (401, {"Message": "No Auth Method Provided"}, AuthenticationError),
        (403, {"message": "Insufficient permissions granted"}, AccessDeniedError),
        (403, {"message": "Storage quota exceeded"}, QuotaExceededError),
        (404, {"code": "NODE_NOT_FOUND"}, NotFoundError),
        (405, {}, UnsupportedError),
        (410, {}, NotFoundError),
        (412, {}, PreconditionFailedError),
        (418, {}, ProtocolError),
        (501, {}, UnsupportedError),
        (507, {"message": "no space left for blobs"}, ServiceFullError),
    ],
)
async def test_what_another_try_cannot_heal_is_raised_at_once(
    transport: Transport,
    httpx_mock: HTTPXMock,
    status: int,
    body: dict[str, str],
    error: type[RemoteError],
) -> None:
    httpx_mock.add_response(status_code=status, json=body)
    with pytest.raises(error) as caught:
        await transport.send(nodes.nodes("kind:"))
    assert type(caught.value) is error
    assert len(httpx_mock.get_requests()) == 1


async def test_a_full_service_is_quoted(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=507, json={"message": "no space left for blobs"})
    with pytest.raises(UnavailableError, match="no space left for blobs"):
        await transport.send(upload())


async def test_an_unknown_node_is_named_by_its_id(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=404)
    with pytest.raises(NotFoundError) as caught:
        await transport.send(nodes.node("abc"))
    assert caught.value.path == "id:abc"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_read_is_made_again_with_growing_waits(
    transport: Transport, httpx_mock: HTTPXMock, slept: list[float], status: int
) -> None:
    httpx_mock.add_response(status_code=status)
    httpx_mock.add_response(status_code=status)
    httpx_mock.add_response(json=INFO)
    assert (await transport.send(account.info())).status == "ACTIVE"
    assert slept == [0.5, 1.0]


async def test_the_last_failure_tells_verb_path_tries_and_seconds(
    transport: Transport, httpx_mock: HTTPXMock, slept: list[float]
) -> None:
    httpx_mock.add_response(status_code=503, text="<html>busy</html>", is_reusable=True)
    with pytest.raises(UnavailableError, match=r"\(GET nodes: 6 tries, 1\.0 s\)") as caught:
        await transport.send(nodes.nodes("name:secret"))
    assert "secret" not in str(caught.value)
    assert slept == [0.5, 1.0, 2.0, 4.0, 8.0]


async def test_retry_after_is_waited_for(transport: Transport, httpx_mock: HTTPXMock, slept: list[float]) -> None:
    httpx_mock.add_response(status_code=429, headers={"retry-after": "17"})
    httpx_mock.add_response(json=INFO)
    await transport.send(account.info())
    assert slept == [17.0]


async def test_a_retry_after_beyond_patience_ends_the_call(
    transport: Transport, httpx_mock: HTTPXMock, slept: list[float]
) -> None:
    httpx_mock.add_response(status_code=429, headers={"retry-after": "3600"})
    with pytest.raises(RateLimitedError, match="1 try"):
        await transport.send(account.info())
    assert slept == []


async def test_a_refused_write_is_made_again(transport: Transport, httpx_mock: HTTPXMock, slept: list[float]) -> None:
    httpx_mock.add_response(status_code=429, json={"message": "Rate exceeded"})
    httpx_mock.add_response(status_code=201, json=NODE)
    await transport.send(nodes.create_folder("x", "p" * 22))
    assert slept == [0.5]


@pytest.mark.parametrize("status", [408, 500, 502, 504])
async def test_a_write_that_may_have_happened_is_not_made_again(
    transport: Transport, httpx_mock: HTTPXMock, slept: list[float], status: int
) -> None:
    httpx_mock.add_response(status_code=status)
    with pytest.raises(OutcomeUnknownError, match=r"a\.jpg"):
        await transport.send(upload())
    assert slept == []


async def test_an_overloaded_service_did_not_do_the_write(
    transport: Transport, httpx_mock: HTTPXMock, slept: list[float]
) -> None:
    httpx_mock.add_response(status_code=503, json={"message": "System unavailable. Please back off"})
    with pytest.raises(UnavailableError, match="back off"):
        await transport.send(upload())
    assert slept == []


@pytest.mark.parametrize(
    ("problem", "error", "tries"),
    [
        (httpx.ConnectError("refused"), UnavailableError, 6),
        (httpx.ReadTimeout("slow"), OutcomeUnknownError, 1),
        (httpx.RemoteProtocolError("Server disconnected"), OutcomeUnknownError, 1),
        (httpx.ReadError("reset"), OutcomeUnknownError, 1),
    ],
)
async def test_a_write_whose_connection_breaks_is_judged_by_what_had_left(
    transport: Transport,
    httpx_mock: HTTPXMock,
    problem: httpx.HTTPError,
    error: type[RemoteError],
    tries: int,
) -> None:
    httpx_mock.add_exception(problem, is_reusable=True)
    with pytest.raises(error) as caught:
        await transport.send(nodes.create_folder("x", "p" * 22))
    assert type(caught.value) is error
    assert str(problem) in str(caught.value.__cause__)
    assert len(httpx_mock.get_requests()) == tries


async def test_a_read_whose_connection_breaks_is_made_again(
    transport: Transport, httpx_mock: HTTPXMock, slept: list[float]
) -> None:
    httpx_mock.add_exception(httpx.ReadTimeout("slow"))
    httpx_mock.add_response(json=INFO)
    await transport.send(account.info())
    assert slept == [0.5]


async def test_a_purge_without_an_answer_is_never_repeated(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_exception(httpx.ReadTimeout("slow"))
    with pytest.raises(OutcomeUnknownError):
        await transport.send(trash.purge(["n" * 22]))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"message": "taken", "code": "NAME_ALREADY_EXISTS", "info": {"nodeId": "N"}}, AlreadyExistsError),
        ({"message": "Node with the name a.jpg already exists", "info": {"nodeId": "N"}}, AlreadyExistsError),
        ({"message": "known", "code": "SOMETHING", "info": {"nodeId": "N"}}, DuplicateContentError),
        ({"message": "known", "errorCode": "X", "errorDetails": {"conflictNodeIds": ["N"]}}, DuplicateContentError),
    ],
)
async def test_a_taken_name_and_known_bytes_are_told_apart(
    transport: Transport, httpx_mock: HTTPXMock, body: dict[str, object], error: type[RemoteError]
) -> None:
    httpx_mock.add_response(status_code=409, json=body)
    with pytest.raises(error) as caught:
        await transport.send(upload())
    assert type(caught.value) is error
    assert getattr(caught.value, "node_id", None) == "N"
    assert getattr(caught.value, "path", None) == "a.jpg"


async def test_a_conflict_of_a_new_folder_is_about_its_name(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=409, json={"info": {"nodeId": "N"}})
    with pytest.raises(AlreadyExistsError):
        await transport.send(nodes.create_folder("x", "p" * 22))


async def test_a_sign_in_page_means_that_the_session_is_over(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(html="<html><form name='signIn'>Password</form></html>")
    with pytest.raises(AuthenticationError, match="log in again"):
        await transport.send(account.info())


async def test_a_redirect_to_the_sign_in_page_means_the_same(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=302, headers={"location": "/ap/signin?openid.assoc_handle=x"})
    with pytest.raises(AuthenticationError):
        await transport.send(nodes.create_folder("x", "p" * 22))


async def test_another_page_in_place_of_json_is_no_answer(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(html="<html>Sorry! Something went wrong.</html>")
    with pytest.raises(ProtocolError, match="text/html"):
        await transport.send(account.info())


async def test_json_of_another_shape_is_no_answer(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json={"name": "no id"})
    with pytest.raises(ProtocolError, match="id"):
        await transport.send(nodes.node("abc"))


async def test_an_empty_success_answers_a_call_that_needs_nothing(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=204)
    assert (await transport.send(trash.trash(["a"]))).error_map == {}


async def test_a_short_answer_is_asked_for_again(
    transport: Transport, httpx_mock: HTTPXMock, slept: list[float]
) -> None:
    httpx_mock.add_response(headers={"content-length": "999"}, stream=IteratorStream([b'{"status"']))
    httpx_mock.add_response(json=INFO)
    assert (await transport.send(account.info())).status == "ACTIVE"
    assert slept == [0.5]


async def test_rotated_cookies_are_sent_from_then_on(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(
        json=INFO,
        headers=[
            ("set-cookie", "session-id=999-NEW; Domain=.amazon.com; Path=/; Secure"),
            ("set-cookie", 'session-token="quoted|value"; Path=/'),
            ("set-cookie", "at-main=gone; Max-Age=0"),
            ("set-cookie", "lc-main=en_US"),
        ],
    )
    httpx_mock.add_response(json=INFO)
    await transport.send(account.info())
    await transport.send(account.info())
    headers = httpx_mock.get_requests()[1].headers
    assert headers["x-amzn-sessionid"] == "999-NEW"
    assert "session-id=999-NEW" in headers["cookie"]
    assert 'session-token="quoted|value"' in headers["cookie"]
    assert "at-main=Atza|canary-token" in headers["cookie"]
    assert "lc-main" not in headers["cookie"]


async def test_bytes_come_from_a_signed_address_that_never_sees_the_cookies(
    transport: Transport, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(status_code=302, headers={"location": SIGNED})
    httpx_mock.add_response(
        status_code=206,
        content=b"cd",
        headers={"content-range": "bytes 2-3/10", "content-disposition": "attachment; filename*=UTF-8''%C3%A9%3B.jpg"},
    )
    async with transport.stream(content.content("abc"), headers={"range": "bytes=2-3"}) as download:
        assert b"".join([piece async for piece in download.aiter()]) == b"cd"
    assert (download.status, download.length, download.filename) == (206, 2, "é;.jpg")
    assert download.content_range is not None
    assert (download.content_range.start, download.content_range.stop, download.content_range.total) == (2, 4, 10)
    first, second = httpx_mock.get_requests()
    assert "cookie" in first.headers
    assert first.headers["range"] == second.headers["range"] == "bytes=2-3"
    assert {"cookie", "x-amzn-sessionid", "authorization"}.isdisjoint(second.headers)


async def test_a_signed_address_of_our_own_host_sees_no_cookies_either(
    transport: Transport, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(status_code=302, headers={"location": "/drive/v1/blob?X-Amz-Signature=abc"})
    httpx_mock.add_response(content=b"x")
    assert await transport.send(content.content("abc")) == b"x"
    assert "cookie" not in httpx_mock.get_requests()[1].headers


async def test_a_foreign_host_cannot_plant_cookies(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=302, headers={"location": SIGNED})
    httpx_mock.add_response(content=b"x", headers={"set-cookie": "at-main=planted"})
    await transport.send(content.content("abc"))
    assert transport.session.cookies["at-main"] == "Atza|canary-token"


async def test_redirects_end(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=302, headers={"location": "/drive/v1/again"}, is_reusable=True)
    with pytest.raises(ProtocolError, match="more than 5 redirects"):
        await transport.send(content.content("abc"))
    assert len(httpx_mock.get_requests()) == 6


async def test_a_redirect_to_an_unprotected_address_is_refused(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=302, headers={"location": "http://storage.example.com/x"})
    with pytest.raises(ProtocolError, match="unprotected"):
        await transport.send(content.content("abc"))


async def test_a_write_is_not_sent_elsewhere(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=307, headers={"location": "https://elsewhere.example.com/"})
    with pytest.raises(ProtocolError, match="sent elsewhere"):
        await transport.send(upload())


async def test_a_redirect_to_nowhere_is_no_answer(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=302, headers={"location": "http://["})
    with pytest.raises(ProtocolError):
        await transport.send(content.content("abc"))


async def test_a_range_past_the_end_yields_nothing(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=416, headers={"content-range": "bytes */10"}, content=b"<Error/>")
    async with transport.stream(content.content("abc"), headers={"range": "bytes=99-"}) as download:
        assert [piece async for piece in download.aiter()] == []
        assert download.content_range is not None
        assert download.content_range.total == 10


async def test_a_download_that_breaks_off_is_noticed(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(headers={"content-length": "10"}, stream=IteratorStream([b"abc"]))
    async with transport.stream(content.content("abc")) as download:
        with pytest.raises(UnavailableError, match="3 of 10 bytes"):
            [piece async for piece in download.aiter()]


async def test_a_download_that_never_ends_is_noticed(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(headers={"content-length": "2"}, stream=IteratorStream([b"ab", b"cd"]))
    async with transport.stream(content.content("abc")) as download:
        with pytest.raises(ProtocolError, match="more than the announced 2"):
            [piece async for piece in download.aiter()]


async def test_a_stream_is_opened_again_until_it_answers(
    transport: Transport, httpx_mock: HTTPXMock, slept: list[float]
) -> None:
    httpx_mock.add_response(status_code=503)
    httpx_mock.add_response(content=b"abc")
    async with transport.stream(content.content("abc")) as download:
        assert b"".join([piece async for piece in download.aiter()]) == b"abc"
    assert slept == [0.5]


async def test_a_web_page_of_the_user_is_a_file_like_any_other(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=302, headers={"location": SIGNED})
    httpx_mock.add_response(html="<form name='signIn'>")
    assert await transport.send(content.content("abc")) == b"<form name='signIn'>"


async def test_a_web_page_of_the_metadata_host_is_the_sign_in_page(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(html="<form name='signIn'>")
    with pytest.raises(AuthenticationError):
        await transport.send(content.content("abc"))


async def test_a_local_file_is_streamed_and_opened_anew_for_a_retry(
    transport: Transport, httpx_mock: HTTPXMock, tmp_path: Path
) -> None:
    file = tmp_path / "big"
    data = bytes(range(256)) * 10_000
    file.write_bytes(data)
    httpx_mock.add_response(status_code=429)
    httpx_mock.add_response(status_code=201, json=NODE)
    await transport.send(upload(file, size=len(data)))
    for request in httpx_mock.get_requests():
        assert request.headers["content-length"] == str(len(data))
        assert "transfer-encoding" not in request.headers
        assert request.content == data
    assert len(data) > 2 * PIECE


async def test_an_empty_file_is_uploaded(transport: Transport, httpx_mock: HTTPXMock, tmp_path: Path) -> None:
    file = tmp_path / "empty"
    file.touch()
    httpx_mock.add_response(status_code=201, json=NODE)
    await transport.send(upload(file, size=0))
    assert httpx_mock.get_requests()[0].headers["content-length"] == "0"


async def test_a_file_of_another_length_is_not_sent(
    transport: Transport, httpx_mock: HTTPXMock, tmp_path: Path
) -> None:
    file = tmp_path / "changed"
    file.write_bytes(b"four")
    with pytest.raises(IntegrityError, match="5 bytes became 4"):
        await transport.send(upload(file, size=5))
    assert httpx_mock.get_requests() == []


@pytest.mark.parametrize("change", [b"longer than before", b"x"])
async def test_a_file_that_changes_while_it_is_sent_never_arrives_whole(
    transport: Transport, httpx_mock: HTTPXMock, tmp_path: Path, change: bytes
) -> None:
    file = tmp_path / "changing"
    file.write_bytes(b"a" * (PIECE + 10))
    got = bytearray()

    async def read_slowly(request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for piece in request.stream:
            got.extend(piece)
            size = PIECE + 10 + (1 if len(change) > 1 else -1)
            with file.open("r+b") as handle:
                handle.truncate(size)
        return httpx.Response(201, json=NODE)

    transport._client._transport = _Direct(read_slowly)
    with pytest.raises(IntegrityError, match="changed while it was sent"):
        await transport.send(upload(file, size=PIECE + 10))
    assert len(got) < PIECE + 10


class _Direct(httpx.AsyncBaseTransport):
    """Hands the request over unread, which pytest-httpx does not."""

    def __init__(self, handler) -> None:
        self._handler = handler

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._handler(request)


async def test_a_missing_local_file_is_an_error_of_the_local_side(transport: Transport, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await transport.send(upload(tmp_path / "absent"))


async def test_an_upload_cut_short_did_not_happen(transport: Transport, tmp_path: Path) -> None:
    file = tmp_path / "big"
    file.write_bytes(b"a" * (2 * PIECE))

    async def read_half(request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for _ in request.stream:
            raise httpx.WriteError("broken pipe")
        raise AssertionError

    transport._client._transport = _Direct(read_half)
    with pytest.raises(UnavailableError, match="the connection broke"):
        await transport.send(upload(file, size=2 * PIECE))


async def test_closing_twice_is_allowed(transport: Transport) -> None:
    await transport.close()
    await transport.close()


async def test_bytes_that_are_not_the_promised_ones_are_said_so(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=400, json={"message": "Cannot complete upload: wrong x-amzn-file-md5"})
    with pytest.raises(IntegrityError, match="not what was promised"):
        await transport.send(upload())


async def test_a_body_that_the_service_did_not_get_may_be_sent_again(
    transport: Transport, httpx_mock: HTTPXMock, slept: list[float]
) -> None:
    httpx_mock.add_response(status_code=400, json={"message": "Cannot read from request."})
    httpx_mock.add_response(json=NODE)
    await transport.send(content.overwrite("abc", b"bytes", md5="0" * 32, size=5))
    assert slept == [0.5]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (None, None),
        ("", None),
        ("attachment", None),
        ('attachment; filename=""', None),
        ("attachment; filename*=%00''name", None),
        ("attachment; filename*=idna''%ff", None),
        ("attachment; filename*=undefined''name", None),
        ("attachment; filename=plain.jpg", "plain.jpg"),
        ('attachment; filename="a;b=c.jpg"', "a;b=c.jpg"),
        ('attachment; filename="a \\"b\\".jpg"', 'a "b".jpg'),
        ("attachment; filename*=UTF-8''%E2%82%AC%20rates", "\u20ac rates"),
        ("attachment; filename=\"EURO rates\"; filename*=utf-8''%e2%82%ac%20rates", "\u20ac rates"),
        ("attachment; filename*=utf-8''%e2%82%ac%20rates; filename=\"EURO rates\"", "\u20ac rates"),
        ("attachment; filename*=nonsense''x.jpg", "x.jpg"),
        ("inline; FileName=x.jpg", "x.jpg"),
        (";;;===", None),
    ],
)
def test_a_file_name_is_read_in_all_its_notations(header: str | None, name: str | None) -> None:
    assert filename(header) == name


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40))
def test_a_disposition_of_any_text_is_read_without_an_exception(text: str) -> None:
    found = filename(f"attachment; {text}")
    assert found is None or found


@pytest.mark.parametrize("value", [None, "", "bytes", "bytes 5/10", "bytes x-y/z", "items 1-2/3"])
def test_a_range_that_makes_no_sense_is_none(value: str | None) -> None:
    assert ContentRange.parse(value) is None


def test_a_range_of_a_file_of_unknown_length_is_read() -> None:
    assert ContentRange.parse("bytes 0-9/*") == ContentRange(0, 10, None)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"status": "ACTIVE", "x": ' + b"[" * 100_000])
async def test_an_answer_that_is_nested_too_deeply_is_not_understood(
    transport: Transport, httpx_mock: HTTPXMock, body: bytes
) -> None:
    httpx_mock.add_response(content=body, headers={"content-type": "application/json"})
    with pytest.raises(ProtocolError, match="nested too deeply"):
        await transport.send(account.info())


async def test_an_upload_that_is_cancelled_at_once_leaves_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"bytes")
    handles = []
    real = Path.open

    def watched(path: Path, *args: Any) -> Any:
        handles.append(real(path, *args))
        return handles[-1]

    monkeypatch.setattr(Path, "open", watched)

    async def hold() -> None:
        async with opened(upload(file)):
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.get_running_loop().shutdown_default_executor()
    assert [handle.closed for handle in handles] == [True]


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://example.com/a", "data:text/plain,x"])
async def test_a_redirect_to_no_web_address_is_not_followed(
    local: Session, retry: Retry, httpx_mock: HTTPXMock, location: str
) -> None:
    httpx_mock.add_response(status_code=302, headers={"location": location})
    async with Transport(local, retry=retry, pacer=Pacer.unlimited()) as transport:
        with pytest.raises(ProtocolError, match="a redirect leads to"):
            await transport.send(content.content("abc"))
    assert len(httpx_mock.get_requests()) == 1
