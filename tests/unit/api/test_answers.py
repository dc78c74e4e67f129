"""What answers become on their way through the transport, where other clients went wrong."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpx import HTTPXMock

from ap_remote.api import content, nodes, people, trash
from ap_remote.errors import AlreadyExistsError, DuplicateContentError, NotFoundError, ProtocolError
from ap_remote.transport import Hosts, Pacer, Retry, Session, Transport

COOKIES = {"session-id": "111-2222222-3333333", "ubid-main": "444-5555555-6666666", "at-main": "Atza|made-up"}
NODE = {"id": "HeMReF-vvJiTTkdPIeWuoP", "kind": "FILE", "name": "a.jpg", "status": "AVAILABLE"}


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    async def sleep(_: float) -> None:
        """Time does not pass."""

    session = Session(COOKIES, Hosts.for_service("http://local.invalid"))
    async with Transport(session, retry=Retry(sleep=sleep), pacer=Pacer.unlimited()) as opened:
        yield opened


def upload(body: bytes | Path, size: int) -> Any:
    return content.upload("a.jpg", "p", body, md5="0" * 32, size=size)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (NODE, ProtocolError),
        ({"data": NODE}, ProtocolError),
        ({"message": "duplicate", "code": "X", "info": {"nodeId": NODE["id"]}}, DuplicateContentError),
        ({"code": "NAME_ALREADY_EXISTS", "message": "", "info": {"nodeId": NODE["id"]}}, AlreadyExistsError),
        ({"errorCode": "X", "errorDetails": {"conflictNodeIds": [NODE["id"]]}}, DuplicateContentError),
    ],
)
async def test_the_body_of_a_conflict_is_never_taken_for_the_node(transport, httpx_mock: HTTPXMock, body, error):
    """Bug 22: the body of a 409 was returned as the uploaded node."""
    httpx_mock.add_response(status_code=409, json=body)
    with pytest.raises(error):
        await transport.send(upload(b"abc", 3))


async def test_a_large_file_is_sent_in_pieces(transport, httpx_mock: HTTPXMock, tmp_path: Path, monkeypatch):
    """Bug 22: files were read into memory as a whole."""
    file = tmp_path / "large.bin"
    file.write_bytes(bytes(range(256)) * 40_000)

    def whole(_: Path) -> bytes:
        pytest.fail("the file was read as a whole")

    monkeypatch.setattr(Path, "read_bytes", whole)
    httpx_mock.add_response(json=NODE)
    await transport.send(upload(file, file.stat().st_size))
    (request,) = httpx_mock.get_requests()
    assert request.headers["content-length"] == str(file.stat().st_size)
    assert request.url.params["parentNodeId"] == "p"
    assert hashlib.md5(request.content).hexdigest() == hashlib.md5(bytes(range(256)) * 40_000).hexdigest()


@pytest.mark.parametrize("make", [nodes.link, nodes.unlink])
@pytest.mark.parametrize(("status", "body"), [(200, NODE), (202, None), (204, None), (202, {"message": "accepted"})])
async def test_child_add_remove_status_202_vs_200_any_success_will_do(
    transport, httpx_mock: HTTPXMock, make, status, body
):
    httpx_mock.add_response(status_code=status, **({} if body is None else {"json": body}))
    found = await transport.send(make("p", NODE["id"]))
    assert (found is not None) == (status == 200)


@pytest.mark.parametrize(
    "call",
    [people.name("c", "Ada"), people.merge(["c", "d"], "Ada"), people.hero("c", "n"), trash.trash(["a"])],
    ids=lambda call: call.title,
)
@pytest.mark.parametrize("answer", [{"status_code": 204}, {"json": []}, {"json": "ok"}, {"json": {"clusterId": 5}}])
async def test_a_write_whose_answer_nobody_recorded_is_done_when_the_status_says_so(
    transport, httpx_mock: HTTPXMock, call, answer
):
    httpx_mock.add_response(**answer)
    assert (await transport.send(call)).error_map == {}


async def test_an_unknown_person_is_said(transport, httpx_mock: HTTPXMock):
    httpx_mock.add_response(status_code=404, json={"message": "unknown", "code": "CLUSTER_NOT_FOUND"})
    with pytest.raises(NotFoundError, match="person c9"):
        await transport.send(people.name("c9", "Ada"))
