"""Changes that have the same effect twice are sent again, unless it was promised that they are not."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from pytest_httpx import HTTPXMock

from ap_remote.api import account, bulk, nodes, trash
from ap_remote.errors import OutcomeUnknownError
from ap_remote.remote.once import once
from ap_remote.transport import Transport
from ap_remote.transport.call import Call

INFO = {"status": "ACTIVE", "region": "NA", "marketPlaceAtSignup": "ATVPDKIKX0DER"}
NODE = "A" * 22
CHANGES = [trash.trash([NODE]), trash.restore([NODE]), nodes.patch(NODE, name="b.jpg")]


@pytest.mark.parametrize("call", CHANGES, ids=lambda call: call.title)
@pytest.mark.parametrize("lost", ["gateway", "connection"])
async def test_a_lost_answer_is_told_where_that_was_promised(
    transport: Transport, httpx_mock: HTTPXMock, slept: list[float], call: Call[Any], lost: str
) -> None:
    if lost == "gateway":
        httpx_mock.add_response(status_code=504)
    else:
        httpx_mock.add_exception(httpx.ReadTimeout("slow"))
    with once(), pytest.raises(OutcomeUnknownError):
        await transport.send(call)
    assert (len(httpx_mock.get_requests()), slept) == (1, [])


async def test_without_the_promise_it_is_sent_again(transport: Transport, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(status_code=504)
    httpx_mock.add_response(json={})
    await transport.send(trash.trash([NODE]))
    assert len(httpx_mock.get_requests()) == 2


@pytest.mark.parametrize("call", [account.info(), bulk.nodes_by_digest(["a" * 32])], ids=lambda call: call.title)
async def test_questions_are_asked_again_all_the_same(
    transport: Transport, httpx_mock: HTTPXMock, call: Call[Any]
) -> None:
    httpx_mock.add_response(status_code=502)
    httpx_mock.add_response(json=INFO if call.method == "GET" else {})
    with once():
        await transport.send(call)
    assert len(httpx_mock.get_requests()) == 2


async def test_the_promise_holds_in_tasks_that_begin_there_and_ends_with_the_block(
    transport: Transport, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(status_code=500)
    with once(), pytest.raises(OutcomeUnknownError):
        await asyncio.create_task(transport.send(trash.trash([NODE])))
    httpx_mock.add_response(status_code=500)
    httpx_mock.add_response(json={})
    await transport.send(trash.trash([NODE]))
