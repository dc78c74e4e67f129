"""What a build has to do: the photographs of a listing whose content has no vector yet.

Contents are told apart by md5, so that copies, renames and moves cost no fetch. Of what failed before, only what was
transient is tried again, each time later than the last.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ap_remote.model import Entry, Media
from ap_remote.semantic.encoder import SupportsProvenance
from ap_remote.semantic.results import ItemFailure

if TYPE_CHECKING:
    from ap_remote.semantic.encoder import Encoder
    from ap_remote.semantic.store import EmbeddingStore
    from ap_remote.semantic.thumbnails import UnreadableError

WAITS: Final = (timedelta(0), timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=7))
"""After which time something transient is tried again: by the next build at first, once a week in the end."""


class Item(NamedTuple):
    """A content that needs vectors, and the entries that have it."""

    md5: str
    entries: list[Entry]
    first: int = 0
    """The first picture that is missing: 0 but for films, whose earlier pictures may be there."""
    tries: int = 0
    """How often it failed before."""


class Plan:
    """Takes a listing, entry by entry, and keeps no more of it than what must be done."""

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
        self._store = store
        self._fingerprint = one
        self._frames = frames
        self._retry = retry
        self._now = now
        self._known = store.catalog.known(one)
        self._before = store.catalog.failures(one)
        self._nodes: list[tuple[str, str, str]] = []
        self._films: dict[str, list[Entry]] = {}
        self._work: dict[str, Item] = {}
        self.failed: list[ItemFailure] = []
        self.total = 0

    def take(self, entry: Entry) -> None:
        """Look at a photograph or a film of the listing."""
        self.total += 1
        if entry.md5 is None:
            reason = "the service has no checksum of it yet"
            self.failed.append(ItemFailure(path=entry.path, reason=reason, status="transient"))
            return
        self._nodes.append((entry.id, entry.md5, entry.path))
        before = self._before.get(entry.md5)
        if before is not None and not self._is_due(before):
            self.failed.append(msgspec.structs.replace(before, path=entry.path))
        elif entry.md5 not in self._known:
            tries = 0 if before is None else before.tries
            self._work.setdefault(entry.md5, Item(entry.md5, [], tries=tries)).entries.append(_slim(entry))
        elif self._frames and entry.is_video:
            self._films.setdefault(entry.md5, []).append(_slim(entry))

    def close(self, *, complete: bool) -> list[Item]:
        """Point photographs at their contents and return what is to be done; with *complete* others are forgotten."""
        self._store.point(self._nodes, complete=complete)
        self._nodes.clear()
        catalog = self._store.catalog
        records = catalog.contents_of(self._fingerprint, catalog.all_rows_of(self._fingerprint, self._films))
        last: dict[str, int] = {}
        for record in records.values():
            last[record.md5] = max(record.frame, last.get(record.md5, 0))
        for md5, frame in last.items():
            if frame < self._frames:
                before = self._before.get(md5)
                tries = 0 if before is None else before.tries
                self._work[md5] = Item(md5, self._films[md5], frame + 1, tries)
        return list(self._work.values())

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


def _slim(entry: Entry) -> Entry:
    """Return an entry without what a build does not need: a first build keeps all of them until it ends."""
    media = entry.media and Media(width=entry.media.width, height=entry.media.height)
    return Entry(
        path=entry.path,
        name=entry.name,
        id=entry.id,
        kind=entry.kind,
        size=entry.size,
        md5=entry.md5,
        content_type=entry.content_type,
        media=media,
    )
