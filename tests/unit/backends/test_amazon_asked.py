"""Answers that are kept: as old as is allowed, asked for once at a time, and not past a word to forget them."""

from __future__ import annotations

import asyncio

import pytest

from ap_remote.backends.amazon_asked import Asked


class Service:
    """Counts the questions; they wait until it is let go."""

    def __init__(self) -> None:
        self.now = 100.0
        self.asked = 0
        self.go = asyncio.Event()
        self.go.set()

    async def answer(self) -> int:
        self.asked += 1
        number = self.asked
        await self.go.wait()
        return number


async def test_an_answer_is_good_until_it_is_too_old():
    service = Service()
    asked = Asked(lambda: service.now)
    assert await asked.get("key", 40.0, service.answer) == (100.0, 1)
    service.now = 150.0
    assert await asked.get("key", 100.0, service.answer) == (100.0, 1)
    assert await asked.get("key", 100.1, service.answer) == (150.0, 2)
    assert await asked.get("other", 100.1, service.answer) == (150.0, 3)


async def test_many_who_ask_at_once_cause_one_question():
    service = Service()
    service.go.clear()
    asked = Asked(lambda: service.now)
    waiting = [asyncio.create_task(asked.get("key", 40.0, service.answer)) for _ in range(5)]
    await asyncio.sleep(0)
    service.go.set()
    assert await asyncio.gather(*waiting) == [(100.0, 1)] * 5


async def test_an_answer_to_a_question_from_before_a_write_is_not_kept():
    service = Service()
    service.go.clear()
    asked = Asked(lambda: service.now)
    before = asyncio.create_task(asked.get("key", 40.0, service.answer))
    await asyncio.sleep(0)
    version = asked.version
    asked.forget("key")
    assert asked.version > version
    service.go.set()
    assert await before == (100.0, 1)
    assert await asked.get("key", 40.0, service.answer) == (100.0, 2)


async def test_a_question_that_fails_is_asked_again():
    service = Service()
    asked = Asked(lambda: service.now)

    async def fail() -> int:
        raise ConnectionError("away")

    with pytest.raises(ConnectionError):
        await asked.get("key", 40.0, fail)
    assert await asked.get("key", 40.0, service.answer) == (100.0, 1)
