from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ap_remote.backends.amazon_download import RESUMES, OutdatedError, pieces
from ap_remote.errors import IntegrityError, ProtocolError, UnavailableError
from ap_remote.model import ByteRange, Entry, Kind
from ap_remote.transport.answer import ContentRange

DATA = bytes(range(256)) * 4


def entry(data: bytes = DATA, *, md5: str | None = "", size: int | None = None) -> Entry:
    return Entry(
        path="a.bin",
        name="a.bin",
        id="i",
        kind=Kind.FILE,
        size=len(data) if size is None else size,
        md5=hashlib.md5(data).hexdigest() if md5 == "" else md5,
    )


class Answer:
    """A download that may end too early."""

    def __init__(self, status: int, data: bytes, content_range: ContentRange | None, breaks: int | None) -> None:
        self.status = status
        self.length: int | None = len(data)
        self.content_range = content_range
        self._data = data
        self._breaks = breaks

    async def aiter(self) -> AsyncIterator[bytes]:
        data = self._data if self._breaks is None else self._data[: self._breaks]
        for start in range(0, len(data), 100):
            yield data[start : start + 100]
        if self._breaks is not None:
            raise UnavailableError("broke off")


class Service:
    """A transport whose answers break off after so many bytes each."""

    def __init__(self, data: bytes = DATA, *, breaks: tuple[int, ...] = (), ranges: bool = True) -> None:
        self.data = data
        self.breaks = [*breaks]
        self.ranges = ranges
        self.asked: list[str | None] = []

    @asynccontextmanager
    async def stream(self, call: Any, *, headers: Mapping[str, str]) -> AsyncIterator[Answer]:
        wanted = headers.get("range")
        self.asked.append(wanted)
        breaks = self.breaks.pop(0) if self.breaks else None
        if wanted is None or not self.ranges:
            yield Answer(200, self.data, None, breaks)
            return
        first, last = map(int, wanted.removeprefix("bytes=").split("-"))
        part = self.data[first : last + 1]
        if not part:
            yield Answer(416, b"", None, None)
            return
        yield Answer(206, part, ContentRange(first, first + len(part), len(self.data)), breaks)

    def forget(self, leads: str) -> None:
        """Redirects are no matter here."""


async def read(service: Any, file: Entry, span: ByteRange | None = None) -> bytes:
    return b"".join([piece async for piece in pieces(service, file, span or ByteRange())])


async def read_on(coming: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in coming])


async def test_a_whole_file_is_asked_for_without_a_range():
    service = Service()
    assert await read(service, entry()) == DATA
    assert service.asked == [None]


async def test_a_span_is_asked_for_by_its_first_and_last_byte():
    service = Service()
    assert await read(service, entry(), ByteRange(10, 20)) == DATA[10:20]
    assert service.asked == ["bytes=10-19"]


async def test_what_broke_is_resumed_from_where_it_stopped():
    service = Service(breaks=(250, 100))
    assert await read(service, entry()) == DATA
    assert service.asked == [None, "bytes=250-1023", "bytes=350-1023"]


async def test_a_service_that_knows_no_ranges_sends_all_and_the_rest_is_cut_away():
    service = Service(breaks=(250, 400), ranges=False)
    assert await read(service, entry()) == DATA
    assert await read(Service(ranges=False), entry(), ByteRange(990, 1010)) == DATA[990:1010]


async def test_a_connection_that_breaks_again_and_again_without_a_byte_is_given_up():
    service = Service(breaks=(0,) * 99)
    with pytest.raises(UnavailableError):
        await read(service, entry())
    assert len(service.asked) == RESUMES + 1


async def test_bytes_that_come_count_as_progress_however_often_it_breaks():
    service = Service(breaks=(7,) * 200)
    assert await read(service, entry()) == DATA


async def test_an_empty_file_is_read_without_asking():
    service = Service(b"")
    assert await read(service, entry(b"")) == b""
    assert service.asked == []


async def test_a_whole_read_compares_md5_after_the_last_piece():
    coming = pieces(Service(), entry(md5="0" * 32), ByteRange())  # type: ignore[arg-type] # a double
    got = b""
    while len(got) < len(DATA):
        got += await anext(coming)
    assert got == DATA
    with pytest.raises(IntegrityError, match="md5 differs"):
        await anext(coming)


async def test_a_span_has_no_md5_to_compare():
    assert await read(Service(), entry(md5="0" * 32), ByteRange(1)) == DATA[1:]


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1])
@pytest.mark.parametrize("span", [ByteRange(), ByteRange(5, 10)])
async def test_another_length_is_told_before_the_first_piece(size: int, span: ByteRange):
    with pytest.raises(OutdatedError):
        await read(Service(), entry(size=size), span)


async def test_a_span_beyond_the_end_that_the_entry_promised_is_told():
    with pytest.raises(OutdatedError):
        await read(Service(), entry(size=9999), ByteRange(5000))


async def test_a_file_that_grows_shorter_midway_is_an_error():
    service = Service(breaks=(250,))
    coming = pieces(service, entry(), ByteRange())  # type: ignore[arg-type] # a double
    await anext(coming)
    service.data = DATA[:100]
    with pytest.raises(IntegrityError):
        await read_on(coming)


async def test_a_part_that_was_not_asked_for_is_refused():
    class Wrong(Service):
        @asynccontextmanager
        async def stream(self, call: Any, *, headers: Mapping[str, str]) -> AsyncIterator[Answer]:
            yield Answer(206, DATA[500:600], ContentRange(500, 600, len(DATA)), None)

    with pytest.raises(ProtocolError):
        await read(Wrong(), entry(), ByteRange(10, 20))


async def test_an_answer_of_unknown_length_that_ends_early_is_an_error():
    class Silent(Service):
        @asynccontextmanager
        async def stream(self, call: Any, *, headers: Mapping[str, str]) -> AsyncIterator[Answer]:
            answer = Answer(200, DATA[:100], None, None)
            answer.length = None
            yield answer

    with pytest.raises(IntegrityError, match="ended after 100 of 1024"):
        await read(Silent(), entry())
