"""What a build has to do: the photographs of a listing whose content has no vector yet.

Contents are told apart by md5, so that copies, renames and moves cost no fetch. Of what failed before, only what was
transient is tried again, each time later than the last. What a plan knows of the library is on the disk
(:mod:`ap_remote.semantic.agenda`): memory stays the same from ten photographs to ten million.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import msgspec

from ap_remote.model import Entry, Kind, Media
from ap_remote.semantic.agenda import Agenda, Pending
from ap_remote.semantic.encoder import SupportsProvenance
from ap_remote.semantic.results import ItemFailure
from ap_remote.semantic.store import CATALOG

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from ap_remote.semantic.encoder import Encoder
    from ap_remote.semantic.store import EmbeddingStore
    from ap_remote.semantic.thumbnails import UnreadableError

WAITS: Final = (timedelta(0), timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=7))
"""After which time something transient is tried again: by the next build at first, once a week in the end."""
_ENCODER: Final = msgspec.msgpack.Encoder()
_ENTRY: Final = msgspec.msgpack.Decoder(Entry)


class Item(NamedTuple):
    """A content that needs vectors, and the entries that have it."""

    md5: str
    entries: list[Entry]
    first: int = 0
    """The first picture that is missing: 0 but for films, whose earlier pictures may be there."""
    tries: int = 0
    """How often it failed before."""


class Plan:
    """Takes a listing, piece by piece, and keeps what must be done on the disk; close it in the end."""

    def __init__(self, store: EmbeddingStore, encoder: Encoder, *, frames: int, retry: bool, now: datetime) -> None:
        """Plan for an encoder, whose generation is begun and repaired here.

        Args:
            store: an open writer.
            encoder: whose vectors are wanted.
            frames: pictures of each film beside its poster.
            retry: try again whatever failed.
            now: what is due by then is tried again.

        Raises:
            StoreError: the disk is full or cannot be written.
        """
        one = encoder.fingerprint
        made_with = encoder.provenance if isinstance(encoder, SupportsProvenance) else None
        store.begin(one, encoder.spec, encoder.dim, made_with)
        self._frames = frames
        self._retry = retry
        self._now = now
        self.failed: list[ItemFailure] = []
        self.total = 0
        self.count = 0
        """Contents that are to be done, once it is settled."""
        self.later = 0
        """Photographs that a limit leaves."""
        self._all = 0
        self._agenda = Agenda(store.folder / CATALOG, one)

    def __enter__(self) -> Self:
        """Return the plan itself."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the plan."""
        self.close()

    def close(self) -> None:
        """Take away what it kept on the disk. Closing twice is allowed."""
        self._agenda.close()

    def take(self, entries: Sequence[Entry]) -> None:
        """Look at up to :data:`~ap_remote.semantic.agenda.CHUNK` photographs and films of the listing.

        Raises:
            StoreError: the disk is full or cannot be written.
        """
        self.total += len(entries)
        listed: list[tuple[str, str, str]] = []
        pending: list[Pending] = []
        last, failed = self._agenda.known([entry.md5 for entry in entries if entry.md5 is not None])
        for entry in entries:
            if entry.md5 is None:
                reason = "the service has no checksum of it yet"
                self.failed.append(ItemFailure(path=entry.path, reason=reason, status="transient"))
                continue
            listed.append((entry.id, entry.md5, entry.path))
            before, first = failed.get(entry.md5), last.get(entry.md5, -1) + 1
            if before is not None and not self._is_due(before):
                self.failed.append(msgspec.structs.replace(before, path=entry.path))
            elif not first or (entry.is_video and first <= self._frames):
                tries = 0 if before is None else before.tries
                pending.append(Pending(entry.md5, first, tries, _slim(entry)))
        self._agenda.note(listed, pending)

    def settle(self, *, complete: bool, limit: int | None = None) -> None:
        """Point photographs at their contents and count what is to be done; with *complete* others are forgotten.

        Raises:
            StoreError: the disk is full or cannot be written.
        """
        self._all = self.count = self._agenda.settle(complete=complete)
        if limit is not None:
            self.count = min(self.count, max(limit, 0))
            self.later = self._agenda.after(self.count)

    def pieces(self) -> Iterator[list[Item]]:
        """Read what is to be done, some hundred contents at a time: as it was listed, and last what failed before."""
        for piece in self._agenda.work(self.count):
            yield [_item(found) for found in piece]

    def elsewhere(self) -> tuple[Entry, ...]:
        """Return a few photographs that lie apart, one that the service has shown before among them, if there are any.

        They tell whether the service is down or only has no picture of those that it is asked for.
        """
        shown = self._agenda.served()
        known = [] if shown is None else [Entry(path=shown[1], name=shown[1], id=shown[0], kind=Kind.FILE)]
        return (*known, *(_ENTRY.decode(each.entry) for each in self._agenda.spread(self._all)))

    def _is_due(self, failure: ItemFailure) -> bool:
        if self._retry:
            return True
        return failure.status == "transient" and (failure.again is None or failure.again <= self._now)


def failure(item: Item, exc: UnreadableError, *, seen: int, now: datetime) -> ItemFailure:
    """Return what is kept of a content that failed once more, or of a film whose first *seen* pictures are there."""
    tries = item.tries + 1
    wait = WAITS[min(tries, len(WAITS)) - 1]
    again = now + wait if exc.status == "transient" and wait else None
    reason = f"{exc}; it is found by its first picture only" if seen else str(exc)
    return ItemFailure(path=item.entries[0].path, reason=reason, status=exc.status, tries=tries, again=again)


def _slim(entry: Entry) -> bytes:
    """Return an entry without what a build does not need."""
    media = entry.media and Media(width=entry.media.width, height=entry.media.height)
    slim = Entry(
        path=entry.path,
        name=entry.name,
        id=entry.id,
        kind=entry.kind,
        size=entry.size,
        md5=entry.md5,
        content_type=entry.content_type,
        media=media,
    )
    return _ENCODER.encode(slim)


def _item(found: Sequence[Pending]) -> Item:
    md5, first, tries, _ = found[0]
    return Item(md5, [_ENTRY.decode(each.entry) for each in found], first, tries)
