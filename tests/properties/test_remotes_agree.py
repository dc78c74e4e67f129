"""The remote over the service and the remote in memory, side by side: whatever is done, both must agree.

Two clients write to the one service, each with a cache of its own, so that every step of one is somebody else's change
to the other.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import RemoteError
from ap_remote.model import Entry, NodeId
from ap_remote.remote import paths
from ap_remote.transport.client import Transport
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.session import Session, load_credentials
from ap_remote_emulator.app import create_app
from ap_remote_emulator.library.store import DEFAULT_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from ap_remote.remote.base import Remote

FOLDERS = ("", "Pictures", "a", "a/b", "A/c", "Ünder")
NAMES = (
    "x.jpg",
    "X.JPG",
    "y",
    "b",
    " leading space",
    "trailing space ",
    "trailing dot.",
    "~tilde",
    "#hash? & plus+ 100%41",
    "quote ' \" \\ backslash",
    "[brackets] {braces} (round) *star* :colon;",
    "AND OR NOT TO",
    "new\nline\tand tab",
    "\u7f8e\u3057\u3044 \U0001f4f7",
    "e\u0301 decomposed",
    "\u00e9 composed",
    "stra\u00dfe",
    "STRASSE",
    "n" * 200,
)
CONTENTS = (b"", b"one", b"two", b"three")

folders = st.sampled_from(FOLDERS)
names = st.sampled_from(NAMES)
places = st.builds(paths.join, folders, names)
contents = st.sampled_from(CONTENTS)
writers = st.booleans()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run one step in the machine's own loop."""
    return _LOOP.run_until_complete(work)


_LOOP = asyncio.new_event_loop()


class Agreement(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.app = create_app(self.folder / "service")
        self.now = 1_700_000_000.0
        self.first, self.second = self._client("one"), self._client("two")
        self.memory = MemoryRemote("memory")
        for name in DEFAULT_FOLDERS:
            run(self.memory.mkdir(name))
        self.made = 0

    def _client(self, name: str) -> AmazonPhotosRemote:
        cookies = load_credentials(self.folder / "service" / "credentials.json")
        transport = Transport(Session(cookies, Hosts.for_service("http://local.invalid")), app=self.app)
        return AmazonPhotosRemote(name, transport, self.folder / name, max_age=0.0, clock=lambda: self.now)

    def teardown(self) -> None:
        for remote in (self.first, self.second, self.memory):
            run(remote.close())
        self.app.state.store.close()
        shutil.rmtree(self.folder)

    def both(self, second: bool, work: Callable[[Remote], Awaitable[Any]]) -> None:  # noqa: FBT001 - drawn by hypothesis
        """Do the same to both, and compare what came of it."""
        # Long enough for what a client wrote itself to be no longer believed against what the service lists.
        self.now += 3600
        real = self.second if second else self.first
        assert run(outcome(work, real)) == run(outcome(work, self.memory))

    @rule(second=writers, place=places, content=contents, overwrite=st.booleans(), refuse=st.booleans())
    def put(self, second: bool, place: str, content: bytes, overwrite: bool, refuse: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        async def work(remote: Remote) -> Any:
            if refuse and paths.split(place)[0]:
                # The service sees a twin that no cache knows of only once the folders are made.
                await remote.mkdir(paths.split(place)[0])
            return await remote.put(
                content,
                place,
                if_exists="overwrite" if overwrite else "fail",
                duplicates="refuse" if refuse else "keep",
            )

        self.both(second, work)

    @rule(folder=folders, chosen=st.lists(names, min_size=2, max_size=4, unique_by=paths.fold))
    def put_several_at_once(self, folder: str, chosen: list[str]) -> None:
        async def work(remote: Remote) -> Any:
            bodies = (f"{self.made} {name}".encode() for name in chosen)
            jobs = [remote.put(body, paths.join(folder, name)) for body, name in zip(bodies, chosen, strict=True)]
            return [kind_of(each) for each in await asyncio.gather(*jobs, return_exceptions=True)]

        self.made += 1
        self.both(False, work)  # noqa: FBT003 - the first client

    @rule(second=writers, place=places, parents=st.booleans(), exist_ok=st.booleans())
    def mkdir(self, second: bool, place: str, parents: bool, exist_ok: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.both(second, lambda remote: remote.mkdir(place, parents=parents, exist_ok=exist_ok))

    @rule(second=writers, source=places, onto=places)
    def move(self, second: bool, source: str, onto: str) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.both(second, lambda remote: remote.move(source, onto))

    @rule(second=writers, source=folders, onto=places)
    def move_a_folder(self, second: bool, source: str, onto: str) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.both(second, lambda remote: remote.move(source, onto))

    @rule(second=writers, place=places | folders)
    def trash(self, second: bool, place: str) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.both(second, lambda remote: remote.trash(place))

    @rule(second=writers, place=places | folders)
    def restore(self, second: bool, place: str) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.both(second, lambda remote: remote.restore(place))

    @rule(second=writers, place=places | folders)
    def delete(self, second: bool, place: str) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.both(second, lambda remote: remote.delete(place))

    @rule(second=writers, place=places, favorite=st.none() | st.booleans(), hidden=st.none() | st.booleans())
    def mark(self, second: bool, place: str, favorite: bool | None, hidden: bool | None) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.both(second, lambda remote: remote.mark(place, favorite=favorite, hidden=hidden))

    @rule(second=writers, place=places)
    def get(self, second: bool, place: str) -> None:  # noqa: FBT001 - drawn by hypothesis
        async def work(remote: Remote) -> bytes:
            return b"".join([piece async for piece in remote.get(place)])

        self.both(second, work)

    @rule(second=writers, place=places | folders)
    def stat(self, second: bool, place: str) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.both(second, lambda remote: remote.stat(place))

    @rule(second=writers, name=names, members=st.lists(places, max_size=3))
    def create_album(self, second: bool, name: str, members: list[str]) -> None:  # noqa: FBT001 - drawn by hypothesis
        self.both(second, lambda remote: remote.create_album(name, members=members))

    @invariant()
    def the_trees_are_equal(self) -> None:
        self.now += 3600
        expected = run(tree(self.memory))
        assert run(tree(self.first)) == expected
        assert run(tree(self.second)) == expected

    @invariant()
    def the_bins_are_equal(self) -> None:
        expected = run(bin_of(self.memory))
        assert run(bin_of(self.first)) == expected

    @invariant()
    def what_is_peeked_is_what_stat_says(self) -> None:
        for remote in (self.first, self.second, self.memory):
            for place in (*FOLDERS, "x.jpg", "a/X.JPG", "a/b/y", "nowhere/y"):
                before = peeked(remote, place)
                said = run(outcome(lambda each, place=place: each.stat(place), remote))
                assert before in (None, said)
                # The clock stands still, so what was just asked for is known.
                assert peeked(remote, place) == said


def peeked(remote: Any, place: str) -> Any:
    """Return what can be said of a path at once, in the form of :func:`outcome`."""
    try:
        return kind_of(remote.peek(place))
    except RemoteError as exc:
        return type(exc)


async def outcome(work: Callable[[Remote], Awaitable[Any]], remote: Remote) -> Any:
    """Return what came of it in a form that both remotes share: ids and times are each one's own."""
    try:
        return kind_of(await work(remote))
    except RemoteError as exc:
        return type(exc)


def kind_of(value: Any) -> Any:
    """Return a result without what two remotes cannot have in common."""
    if isinstance(value, Entry):
        return shown(value)
    if isinstance(value, BaseException):
        return type(value)
    if isinstance(value, (list, tuple)):
        return [kind_of(each) for each in value]
    if hasattr(value, "action"):
        return value.action, value.error is None, kind_of(value.entry)
    return value


def shown(entry: Entry) -> tuple[Any, ...]:
    """Return what two remotes must agree upon of an entry."""
    return entry.path, entry.name, entry.kind, entry.size, entry.md5, entry.status, entry.favorite, entry.hidden


async def tree(remote: Remote) -> list[tuple[Any, ...]]:
    """Return all entries, in the order of the listing, and all albums with their members."""
    found = [shown(entry) async for entry in remote.list("", recursive=True, fresh=True)]
    albums = []
    async for album in remote.albums():  # type: ignore[attr-defined]
        members = [entry.name async for entry in remote.list(NodeId(album.id), fresh=True)]
        albums.append((album.name, tuple(sorted(members))))
    return [*found, *sorted(albums)]


async def bin_of(remote: Remote) -> list[tuple[Any, ...]]:
    """Return what was put in the bin, without regard to order: two may have the same time."""
    return sorted([(entry.path, entry.kind, entry.size) async for entry in remote.trashed()])  # type: ignore[attr-defined]


TestTheRemotesAgree = Agreement.TestCase
TestTheRemotesAgree.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
