from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.api.changes import lines
from ap_remote.cache import NodeCache, Stale
from ap_remote.cache.state import RECONSIDERED
from ap_remote.errors import (
    AccessDeniedError,
    AuthenticationError,
    NotFoundError,
    ProtocolError,
    RateLimitedError,
    UnavailableError,
    UnsupportedError,
)
from ap_remote.model import Entry, Kind, Status
from ap_remote.sync import synchronise
from ap_remote.transport.call import Call
from ap_remote.wire.changes import ChangeLine, Splitter
from tests.unit.sync.test_sync import Service, files

END = {"end": True}
TOP = {"id": "root", "kind": "FOLDER"}


class Killed(BaseException):
    """Ends a sync at once."""


def node(node_id: str, name: str = "", *parents: str, version: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": node_id,
        "name": name or f"{node_id}.jpg",
        "kind": more.pop("kind", "FILE"),
        "parents": list(parents or ("root",)),
        "version": version,
        "status": more.pop("status", "AVAILABLE"),
        **more,
    }


def folder(node_id: str, *parents: str, **more: Any) -> dict[str, Any]:
    return node(node_id, node_id, *parents, kind="FOLDER", **more)


def line(checkpoint: str | None, *nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = {} if checkpoint is None else {"checkpoint": checkpoint}
    return {**said, "nodes": list(nodes), "statusCode": 200, **more}


def whole(*nodes: dict[str, Any], checkpoint: str = "c1") -> list[dict[str, Any]]:
    return [line(checkpoint, TOP, *nodes, reset=True), END]


class Answer:
    def __init__(self, said: list[Any], content_type: str, pieces: int) -> None:
        self.content_type = content_type
        self._said = said
        self._pieces = pieces

    async def aiter(self) -> AsyncIterator[bytes]:
        for each in self._said:
            if isinstance(each, BaseException):
                raise each
            data = each if isinstance(each, bytes) else msgspec.json.encode(each) + b"\n"
            for start in range(0, len(data), self._pieces):
                yield data[start : start + self._pieces]


class Stream:
    """Answers with what it was given, one answer per request."""

    def __init__(self, *answers: list[Any] | Exception, content_type: str = "application/json") -> None:
        self.answers = list(answers)
        self.asked: list[str | None] = []
        self.content_type = content_type

    @asynccontextmanager
    async def __call__(self, call: Call[Any]) -> AsyncIterator[Any]:
        assert (call.method, call.path) == ("POST", "changes")
        self.asked.append(msgspec.json.decode(call.json or b"{}").get("checkpoint"))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        yield Answer(answer, self.content_type, 7)


class Lister(Service):
    """A listing that must not be needed, unless it is expected."""

    def __init__(self, *, listed: bool = False) -> None:
        super().__init__(files(3))
        self.before = lambda call: (
            None if listed or call.params.get("filters") == "isRoot:true" else pytest.fail("listed")
        )


@pytest.fixture
def cache(tmp_path: Path):
    opened = NodeCache(tmp_path / "cache")
    yield opened
    opened.close()


async def sync(cache: NodeCache, *answers: Any, listed: bool = False, now: float = 1000.0, **options: Any) -> Any:
    stream = answers[0] if answers and isinstance(answers[0], Stream) else Stream(*answers)
    report = await synchronise(Lister(listed=listed), cache, stream=stream, clock=lambda: now, **options)
    assert not stream.answers
    return report


def names(cache: NodeCache, at: str = "root") -> list[str]:
    return [each.name for each in cache.children(at)]


async def test_everything_is_told_and_what_is_not_told_goes(cache: NodeCache):
    cache.put([Entry(path="", name="old", id="old", kind=Kind.FILE, parents=("root",))])
    report = await sync(cache, whole(node("a", "a.jpg", "P"), folder("P")))
    assert (report.mode, report.seen, report.removed, report.resumed) == ("delta", 3, 1, False)
    assert cache.resolve("P/a.jpg") == "a"
    assert cache.get("old") is None
    assert cache.completed_since(1000.0)
    assert cache.sync_state().checkpoint == "c1"
    assert cache.facts()["changes"].value == "yes"


async def test_a_second_sync_asks_for_what_changed_and_drops_nothing_else(cache: NodeCache):
    await sync(cache, whole(node("a"), node("b"), node("c")))
    stream = Stream([line("c2", node("b", "new.jpg", version=2), node("c", status="PURGED", version=2)), END])
    report = await sync(cache, stream, now=2000.0)
    assert stream.asked == ["c1"]
    assert (report.changed, report.removed, names(cache)) == (2, 0, ["a.jpg", "new.jpg"])
    assert cache.listed_since("root", 2000.0)
    assert cache.sync_state().checkpoint == "c2"


async def test_nothing_new_still_vouches_for_everything(cache: NodeCache):
    await sync(cache, whole(node("a")))
    report = await sync(cache, [line("c1"), END], now=5000.0)
    assert (report.changed, report.requests) == (0, 2)
    assert cache.completed_since(5000.0)


async def test_a_stream_that_is_cut_off_goes_on_from_its_last_checkpoint(cache: NodeCache):
    half = msgspec.json.encode(line("c3", node("c")))[:-20]
    stream = Stream(
        [line("c1", TOP, node("a"), reset=True), line("c2", node("b")), half],
        [line("c3", node("c")), UnavailableError("the connection broke")],
        [END],
    )
    report = await sync(cache, stream)
    assert stream.asked == [None, "c2", "c3"]
    assert names(cache) == ["a.jpg", "b.jpg", "c.jpg"]
    assert report.requests == 4


async def test_a_stream_without_an_end_gives_way_to_a_listing_and_what_it_told_stays(cache: NodeCache):
    report = await sync(cache, [line("c1", node("a"), reset=True)], [], [], [], listed=True)
    assert report.mode == "pages"
    assert set(cache.ids()) == {"root", "n0", "n1", "n2"}


async def test_an_interrupted_stream_through_everything_is_gone_on_with_and_only_its_end_drops(cache: NodeCache):
    cache.put([Entry(path="", name="old", id="old", kind=Kind.FILE, parents=("root",))])

    with pytest.raises(Killed):
        await sync(cache, [line("c1", TOP, node("a"), reset=True), line("c2", node("b")), Killed()])
    assert cache.get("old") is not None
    assert not cache.completed_since(0.0)
    stream = Stream([line("c3", node("c")), END])
    report = await sync(cache, stream, now=1500.0)
    assert stream.asked == ["c2"]
    assert (report.resumed, report.removed, names(cache)) == (True, 1, ["a.jpg", "b.jpg", "c.jpg"])
    assert cache.completed_since(1000.0)
    assert not cache.completed_since(1001.0)


async def test_an_interrupted_stream_is_too_old_after_a_day(cache: NodeCache):
    with pytest.raises(Killed):
        await sync(cache, [line("c1", node("a"), reset=True), Killed()])
    stream = Stream(whole(node("b")))
    report = await sync(cache, stream, now=1000.0 + 86_400)
    assert (stream.asked, report.resumed, names(cache)) == ([None], False, ["b.jpg"])


async def test_a_reset_in_the_middle_begins_anew(cache: NodeCache):
    await sync(cache, whole(node("a"), node("b")))
    report = await sync(cache, whole(node("b"), checkpoint="d1"), now=2000.0)
    assert (report.removed, names(cache)) == (1, ["b.jpg"])
    assert cache.sync_state().checkpoint == "d1"


async def test_a_checkpoint_that_is_refused_is_given_up(cache: NodeCache):
    await sync(cache, whole(node("a")))
    stream = Stream(ProtocolError("Invalid checkpoint"), whole(node("b")))
    await sync(cache, stream, now=2000.0)
    assert stream.asked == ["c1", None]
    assert names(cache) == ["b.jpg"]


async def test_a_line_that_failed_is_asked_for_again(cache: NodeCache):
    bad = line("c2", node("x", status="PURGED"), statusCode=500)
    stream = Stream([line("c1", node("x"), reset=True), bad, END], [line("c2", node("y")), END])
    await sync(cache, stream)
    assert stream.asked == [None, "c1"]
    assert names(cache) == ["x.jpg", "y.jpg"]


async def test_a_checkpoint_that_only_ever_fails_is_forgotten_by_the_next_sync(cache: NodeCache):
    await sync(cache, whole(node("a")))
    bad = [line("c1", statusCode=400), END]
    report = await sync(cache, bad, bad, bad, listed=True, now=2000.0)
    assert report.mode == "pages"
    stream = Stream(whole(node("b")))
    await sync(cache, stream, now=3000.0)
    assert stream.asked == [None]


async def test_an_older_version_or_the_same_once_more_changes_nothing(cache: NodeCache):
    await sync(cache, whole(node("a", "new.jpg", version=5)))
    again = [line("c2", node("a", "old.jpg", version=3)), line("c3", node("a", "new.jpg", version=5)), END]
    report = await sync(cache, again, now=2000.0)
    assert (report.changed, names(cache)) == (0, ["new.jpg"])


async def test_what_was_purged_does_not_come_back_with_an_older_line(cache: NodeCache):
    await sync(cache, whole(node("a"), node("b")))
    stream = [line("c2", node("a", status="PURGED", version=9), node("a", version=8)), line("c3", node("a")), END]
    await sync(cache, stream, now=2000.0)
    assert names(cache) == ["b.jpg"]
    await sync(cache, [line("c4", node("a")), END], now=2010.0)
    assert names(cache) == ["b.jpg"]


async def test_trashed_and_marked_nodes_are_told(cache: NodeCache):
    await sync(cache, whole(node("a"), node("b"), node("c")))
    marks = node("b", version=2, settings={"favorite": True, "hidden": True})
    await sync(cache, [line("c2", node("a", version=2, status="TRASH"), marks), END], now=2000.0)
    trashed, marked = cache.get("a"), cache.get("b")
    assert trashed is not None
    assert marked is not None
    assert (trashed.status, marked.favorite, marked.hidden) == (Status.TRASHED, True, True)
    assert names(cache) == ["b.jpg", "c.jpg"]


async def test_children_before_their_folder_are_nowhere_until_it_is_told(cache: NodeCache):
    with pytest.raises(Killed):
        await sync(cache, [line("c1", TOP, node("a", "a.jpg", "P"), reset=True), Killed()])
    assert cache.resolve("a.jpg") is None
    assert cache.path_of("a") is None
    await sync(cache, [line("c2", folder("P")), END])
    assert cache.path_of("a") == "P/a.jpg"


async def test_a_folder_that_came_back_is_listed_before_it_is_served(cache: NodeCache):
    await sync(cache, whole(folder("P"), node("a", "a.jpg", "P")))
    await sync(cache, [line("c2", folder("P", version=2, status="TRASH")), END], now=2000.0)
    assert cache.get("a") is None
    await sync(cache, [line("c3", folder("P", version=3)), END], now=3000.0)
    assert cache.find("P/a.jpg", since=2500.0) == Stale("P", "P")
    assert not cache.listed_since("P", 0.0)
    assert cache.listed_since("root", 3000.0)


async def test_a_node_of_two_folders_is_told_in_both(cache: NodeCache):
    await sync(cache, whole(folder("P"), folder("Q"), node("a", "a.jpg", "P", "Q")))
    assert cache.resolve("P/a.jpg") == cache.resolve("Q/a.jpg") == "a"


async def test_an_album_is_told_without_its_members(cache: NodeCache):
    album = {"id": "A", "name": "Rome", "kind": "VISUAL_COLLECTION", "version": 1}
    await sync(cache, whole(album, node("a", parentMap={"VISUAL_COLLECTION": ["A"], "FOLDER": ["root"]})))
    assert cache.path_of("A") == ".views/albums/Rome"
    assert cache.children("A") == []


@pytest.mark.parametrize(
    "answer",
    [
        NotFoundError("changes"),
        UnsupportedError("the service does not offer POST changes"),
        ProtocolError("the service did not accept the request"),
        AccessDeniedError("the account may not do this"),
        [b"<html>what?</html>\n"],
        [b'{"data":[],"count":0}\n'],
        [b"[]\n"],
    ],
)
async def test_an_account_without_a_stream_is_asked_once_in_thirty_days(cache: NodeCache, answer: Any):
    report = await sync(cache, answer, listed=True)
    assert report.mode == "pages"
    assert cache.facts()["changes"].value == "no"
    stream = Stream()
    await sync(cache, stream, listed=True, now=1000.0 + RECONSIDERED - 1)
    assert stream.asked == []
    await sync(cache, whole(node("a")), now=1000.0 + RECONSIDERED)
    assert cache.facts()["changes"].value == "yes"


async def test_a_page_of_html_is_no_stream(cache: NodeCache):
    stream = Stream([b"{}"], content_type="text/html; charset=utf-8")
    assert (await sync(cache, stream, listed=True)).mode == "pages"
    assert cache.facts()["changes"].value == "no"


@pytest.mark.parametrize("error", [UnavailableError("503"), RateLimitedError("429")])
async def test_a_passing_failure_is_not_remembered(cache: NodeCache, error: Exception):
    assert (await sync(cache, error, listed=True)).mode == "pages"
    assert "changes" not in cache.facts()


async def test_an_expired_session_is_said_and_not_remembered(cache: NodeCache):
    with pytest.raises(AuthenticationError):
        await sync(cache, AuthenticationError("expired"))
    assert "changes" not in cache.facts()


async def test_a_checkpoint_without_a_complete_base_is_not_built_upon(cache: NodeCache):
    state = msgspec.structs.replace(cache.sync_state(), checkpoint="c9")
    cache.put_batch((), seen=1.0, state=state)
    stream = Stream(whole(node("a")))
    await sync(cache, stream)
    assert stream.asked == [None]


async def test_batches_are_stored_as_they_come(cache: NodeCache):
    told: list[tuple[int, int | None]] = []
    many = [line(f"c{at}", *(node(f"n{at + i}") for i in range(600)), reset=at == 0) for at in range(0, 3000, 600)]
    await sync(cache, [*many, END], progress=lambda done, total: told.append((done, total)))
    assert told == [(1200, None), (2400, None), (3000, None)]
    assert cache.count() == 3001


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([b"a", b"\n", b"bc", b"  ", b"\r\n"]), max_size=30), st.integers(1, 9))
def test_lines_are_cut_alike_whatever_the_pieces(parts: list[bytes], size: int):
    data = b"".join(parts)
    splitter, found = Splitter(), []
    for start in range(0, len(data), size):
        found += splitter.feed(data[start : start + size])
    *lines_, rest = data.split(b"\n")
    assert [each.strip() for each in found] == [each.strip() for each in lines_ if each.strip()]
    assert splitter.rest() == rest.strip()


async def test_the_last_line_needs_no_newline_and_half_of_one_is_left_out():
    async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    assert [each async for each in lines(pieces(b'{"en', b'd":true}'))] == [ChangeLine(end=True)]
    assert [each async for each in lines(pieces(b'{"checkpoint":"c"}\n{"nodes":[{"id'))] == [ChangeLine(checkpoint="c")]
    with pytest.raises(msgspec.DecodeError):
        assert [each async for each in lines(pieces(b'{"nodes":[{"id\n'))] == []


@pytest.mark.parametrize("said", [[END], [line("c1", reset=True), END]])
async def test_a_stream_that_tells_of_nothing_drops_nothing(cache: NodeCache, said: list[Any]):
    cache.put([Entry(path="", name="n0", id="n0", kind=Kind.FILE, parents=("root",))])
    report = await sync(cache, said, listed=True)
    assert report.mode == "pages"
    assert set(cache.ids()) == {"root", "n0", "n1", "n2"}
