from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from ap_remote.api import content, nodes
from ap_remote.errors import IntegrityError, OutcomeUnknownError, UnavailableError
from ap_remote.transport import Call, Retry, Session, Transport
from ap_remote.transport.body import PIECE
from ap_remote.wire.content import BYTES

TOTAL = 64


class Service:
    """What the tiny application did, for the tests to look at."""

    def __init__(self) -> None:
        self.made = 0
        self.largest = 0
        self.received = 0
        self.disconnected = asyncio.Event()
        self.begun = asyncio.Event()
        self.app = Starlette(
            routes=[
                Route("/echo", self.echo, methods=["POST"]),
                Route("/big", self.big),
                Route("/v2/upload", self.upload, methods=["POST"]),
                Route("/early", self.early, methods=["POST"]),
                Route("/fails", self.fails, methods=["GET", "POST"]),
                Route("/breaks", self.breaks),
                Route("/café x", self.named),
                Route("/hangs", self.hangs),
            ],
        )

    async def echo(self, request: Request) -> Response:
        return JSONResponse(
            {"body": (await request.body()).decode(), "q": request.query_params["q"], "type": request.headers["x-k"]}
        )

    async def big(self, _request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for number in range(TOTAL):
                self.made = number + 1
                yield bytes([number]) * PIECE

        return StreamingResponse(pieces(), headers={"content-length": str(TOTAL * PIECE)})

    async def upload(self, request: Request) -> Response:
        try:
            async for piece in request.stream():
                self.received += len(piece)
                self.largest = max(self.largest, len(piece))
        except ClientDisconnect:
            self.disconnected.set()
            raise
        return JSONResponse({"id": "n" * 22}, status_code=201)

    async def early(self, _request: Request) -> Response:
        return PlainTextResponse("no", status_code=200)

    async def fails(self, _request: Request) -> Response:
        raise RuntimeError("a bug of the service")

    async def breaks(self, _request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"abc"
            raise RuntimeError("a bug midway")

        return StreamingResponse(pieces(), headers={"content-length": "10"})

    async def named(self, request: Request) -> Response:
        return PlainTextResponse(request.scope["path"])

    async def hangs(self, request: Request) -> Response:
        await request.receive()
        self.begun.set()
        while (await request.receive())["type"] != "http.disconnect":
            pass
        self.disconnected.set()
        return PlainTextResponse("nobody listens")


@pytest.fixture
async def service() -> Service:
    return Service()


@pytest.fixture
async def transport(local: Session, service: Service, retry: Retry) -> AsyncIterator[Transport]:
    async with Transport(local, app=service.app, retry=retry) as each:
        yield each


def get(path: str) -> Call[bytes]:
    return Call(method="GET", host="content", path=path, reply=BYTES, idempotent=True)


def post(path: str, body: bytes) -> Call[bytes]:
    return Call(method="POST", host="content", path=path, reply=BYTES, body=body)


async def test_a_request_arrives_whole(transport: Transport) -> None:
    call = Call(
        method="POST",
        host="content",
        path="echo",
        params={"q": "a b&c"},
        body=b"hello",
        headers={"x-k": "v"},
        reply=BYTES,
    )
    assert await transport.send(call) == b'{"body":"hello","q":"a b&c","type":"v"}'


async def test_an_answer_flows_while_the_service_makes_it(transport: Transport, service: Service) -> None:
    ahead = 0
    taken = 0
    async with transport.stream(get("big")) as download:
        assert download.length == TOTAL * PIECE
        async for piece in download.aiter():
            taken += len(piece)
            ahead = max(ahead, service.made - taken // PIECE)
    assert taken == TOTAL * PIECE
    assert ahead <= 8, "the service must wait for the reader"


async def test_a_reader_that_leaves_early_stops_the_service(transport: Transport, service: Service) -> None:
    async with transport.stream(get("big")) as download:
        async for _ in download.aiter():
            break
    await asyncio.gather(*transport._client._transport._running)
    assert service.made < TOTAL


async def test_a_file_flows_to_the_service(transport: Transport, service: Service, tmp_path: Path) -> None:
    file = tmp_path / "film"
    file.write_bytes(b"x" * (5 * PIECE + 3))
    call = content.upload(
        "film", "p" * 22, file, md5="0" * 32, size=5 * PIECE + 3, wishes=content.wishes(suppress=("DEDUPLICATION",))
    )
    assert (await transport.send(call)).id == "n" * 22
    assert service.received == 5 * PIECE + 3
    assert service.largest == PIECE


async def test_a_service_learns_that_an_upload_was_given_up(
    transport: Transport, service: Service, tmp_path: Path
) -> None:
    file = tmp_path / "film"
    file.write_bytes(b"x" * (3 * PIECE))
    call = content.upload(
        "film", "p" * 22, file, md5="0" * 32, size=3 * PIECE, wishes=content.wishes(suppress=("DEDUPLICATION",))
    )
    original = service.upload

    async def upload(request: Request) -> Response:
        with file.open("ab") as handle:
            handle.write(b"more")
        return await original(request)

    service.app.router.routes[2] = Route("/v2/upload", upload, methods=["POST"])
    with pytest.raises(IntegrityError, match="changed while it was sent"):
        await transport.send(call)
    async with asyncio.timeout(10):
        await service.disconnected.wait()
    assert service.received == 2 * PIECE


async def test_an_answer_before_the_body_was_read_is_an_answer(transport: Transport) -> None:
    assert await transport.send(post("early", b"x" * 10)) == b"no"


async def test_a_bug_of_the_service_comes_as_a_server_error(transport: Transport, slept: list[float]) -> None:
    with pytest.raises(UnavailableError, match="500"):
        await transport.send(get("fails"))
    assert len(slept) == 5
    with pytest.raises(OutcomeUnknownError):
        await transport.send(post("fails", b"x"))


async def test_a_service_that_raises_without_an_answer_is_a_broken_connection(local: Session, retry: Retry) -> None:
    async def app(scope, receive, send) -> None:
        raise RuntimeError("no answer at all")

    async with Transport(local, app=app, retry=retry) as transport:
        with pytest.raises(UnavailableError, match="the connection broke") as caught:
            await transport.send(get("x"))
    assert caught.value.__cause__ is not None
    assert isinstance(caught.value.__cause__.__cause__, RuntimeError)


async def test_a_service_that_returns_without_an_answer_is_a_broken_connection(local: Session, retry: Retry) -> None:
    async def app(scope, receive, send) -> None:
        return

    async with Transport(local, app=app, retry=retry) as transport:
        with pytest.raises(OutcomeUnknownError):
            await transport.send(nodes.create_folder("x", "p" * 22))


async def test_a_bug_midway_breaks_the_answer_off(transport: Transport) -> None:
    async with transport.stream(get("breaks")) as download:
        with pytest.raises(UnavailableError, match="3 of 10 bytes") as caught:
            [piece async for piece in download.aiter()]
    assert caught.value.__cause__ is not None
    assert isinstance(caught.value.__cause__.__cause__, RuntimeError)


async def test_a_path_is_decoded_for_the_service(transport: Transport) -> None:
    assert await transport.send(get("caf%C3%A9%20x")) == "/café x".encode()


async def test_a_caller_that_is_cancelled_leaves_the_service_a_disconnect(
    transport: Transport, service: Service
) -> None:
    task = asyncio.create_task(transport.send(get("hangs")))
    await service.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10):
        await service.disconnected.wait()


async def test_closing_ends_what_still_runs(local: Session, retry: Retry) -> None:
    cancelled = asyncio.Event()
    begun = asyncio.Event()

    async def app(scope, receive, send) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    transport = Transport(local, app=app, retry=retry)
    task = asyncio.create_task(transport.send(nodes.create_folder("x", "p" * 22)))
    await begun.wait()
    await transport.close()
    assert cancelled.is_set()
    with pytest.raises(OutcomeUnknownError):
        await task
