"""A grid of thumbnails, as a notebook shows the result of a search."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from typing import TYPE_CHECKING, Any, Final

from ap_remote.errors import AuthenticationError, RemoteError
from ap_remote.model import Entry, Kind, NodeId
from ap_remote.notebook.text import amount, length, plain
from ap_remote.notebook.thumbnails import EDGE, data_address
from ap_remote.remote.features import SupportsThumbnails

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ap_remote.remote.base import Remote

Thumbnail = Callable[[Entry, int], bytes | None]
"""Returns a picture of an entry whose longer side has at most so many pixels."""

LIMIT: Final = 60
"""Tiles of a grid: at some 12 kB each, a notebook stays below a megabyte."""

_AT_ONCE: Final = 8
_TEXT_ROWS: Final = 20

# Greys are half transparent and texts take the page's colour, which is right on a light page and on a dark one.
_STYLE: Final = """
.ap-gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(132px,1fr));gap:10px;margin:4px 0}
.ap-gallery figure{margin:0;min-width:0}
.ap-gallery .ap-tile{position:relative;height:132px;border-radius:6px;overflow:hidden;display:flex;
align-items:center;justify-content:center;background:rgba(128,128,128,.18)}
.ap-gallery img{width:100%;height:100%;object-fit:cover;display:block;margin:0}
.ap-gallery .ap-none{opacity:.6;font:600 15px/1 sans-serif}
.ap-gallery .ap-badge{position:absolute;right:5px;bottom:5px;padding:2px 6px;border-radius:9px;
background:rgba(0,0,0,.6);color:#fff;font:11px/1.3 sans-serif}
.ap-gallery .ap-heart{left:5px;right:auto}
.ap-gallery figcaption{font:12px/1.4 sans-serif;color:inherit;white-space:nowrap;overflow:hidden;
text-overflow:ellipsis;padding-top:3px}
.ap-gallery figcaption span{display:block;opacity:.65;font-size:11px}
.ap-note{font:12px/1.4 sans-serif;opacity:.75;color:inherit}
"""


class Gallery(Sequence[Entry]):
    """Entries, and small pictures of the first of them.

    Args:
        entries: what was found.
        pictures: ``data:`` addresses by the entries' ids; an entry without one is a grey tile.
        limit: tiles that are shown.
    """

    def __init__(self, entries: Iterable[Entry], pictures: Mapping[str, str], *, limit: int = LIMIT) -> None:
        self._entries = tuple(entries)
        self._pictures = dict(pictures)
        self._limit = limit

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: Any) -> Any:
        """Return one entry, or a gallery of some."""
        if isinstance(index, slice):
            return Gallery(self._entries[index], self._pictures, limit=self._limit)
        return self._entries[index]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __repr__(self) -> str:
        if not self._entries:
            return "nothing found"
        lines = [f"{_day(each):10}  {amount(each.size):>9}  {plain(each.path)}" for each in self._entries[:_TEXT_ROWS]]
        more = len(self._entries) - _TEXT_ROWS
        return "\n".join([*lines, f"… and {more:,} more"] if more > 0 else lines)

    def _repr_html_(self) -> str:
        shown = self._entries[: self._limit]
        if not shown:
            return f'<div class="ap-note">{"nothing found" if not self._entries else f"{len(self):,} entries"}</div>'
        tiles = "".join(self._tile(each) for each in shown)
        return f'<style>{_STYLE}</style><div class="ap-gallery">{tiles}</div><div class="ap-note">{self._note()}</div>'

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None, **_: Any
    ) -> dict[str, str]:
        makers = {"text/plain": self.__repr__, "text/html": self._repr_html_}
        wanted = set(makers if include is None else include) - set(exclude or ())
        return {kind: make() for kind, make in makers.items() if kind in wanted}

    def _note(self) -> str:
        shown = self._entries[: self._limit]
        blank = sum(1 for each in shown if each.kind is Kind.FILE and each.id not in self._pictures)
        some = f"{len(shown):,} of " if len(shown) < len(self) else ""
        parts = [f"{some}{len(self):,} {'entry' if len(self) == 1 else 'entries'}"]
        return ", ".join([*parts, f"{blank:,} without a thumbnail"] if blank else parts)

    def _tile(self, entry: Entry) -> str:
        name, when = escape(plain(entry.name)), _day(entry)
        picture = self._pictures.get(entry.id)
        if picture is None:
            inside = f'<span class="ap-none" role="img" aria-label="{name}">{escape(_word(entry))}</span>'
        else:
            inside = f'<img src="{picture}" alt="{name}{f", {when}" if when else ""}">'
        heart = '<span class="ap-badge ap-heart" title="favourite">♥</span>' if entry.favorite else ""
        badge = f'<span class="ap-badge">{escape(found)}</span>' if (found := _badge(entry)) else ""
        facts = " · ".join(part for part in (plain(entry.path), when, _pixels(entry), amount(entry.size)) if part)
        return (
            f'<figure title="{escape(facts)}"><div class="ap-tile">{inside}{heart}{badge}</div>'
            f"<figcaption><bdi>{name}</bdi><span>{when or '&nbsp;'}</span></figcaption></figure>"
        )


def gallery(entries: Iterable[Entry], thumbnail: Thumbnail, *, limit: int = LIMIT) -> Gallery:
    """Return a gallery whose pictures *thumbnail* makes, some at a time in threads.

    Args:
        entries: what was found.
        thumbnail: called from several threads with an entry and a number of pixels; where it returns ``None`` or
            raises what the library raises, the entry is a grey tile.
        limit: pictures that are fetched and shown.

    Raises:
        AuthenticationError: as *thumbnail* raised it; there would be no picture at all.
    """
    found = tuple(entries)
    wanted = _pictured(found, limit)

    def one(entry: Entry) -> str | None:
        try:
            return data_address(thumbnail(entry, EDGE))
        except AuthenticationError:
            raise
        except RemoteError:
            return None

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="ap-gallery") as pool:
        made = list(pool.map(one, wanted))
    return _with_pictures(found, wanted, made, limit)


async def gallery_of(remote: Remote, listing: AsyncIterator[Entry], *, limit: int = LIMIT) -> Gallery:
    """Return a gallery of what an asynchronous listing of *remote* yields.

    Raises:
        AuthenticationError: the remote refused.
    """
    found = [each async for each in listing]
    wanted = _pictured(found, limit) if isinstance(remote, SupportsThumbnails) else []
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(entry: Entry) -> str | None:
        if not isinstance(remote, SupportsThumbnails):
            return None
        async with gate:
            try:
                picture = await remote.thumbnail(NodeId(entry.id), size=EDGE)
            except AuthenticationError:
                raise
            except RemoteError:
                return None
            return await asyncio.to_thread(data_address, picture)

    return _with_pictures(found, wanted, await asyncio.gather(*map(one, wanted)), limit)


def _pictured(entries: Sequence[Entry], limit: int) -> list[Entry]:
    """Return what a picture can be asked for: files, each once."""
    if limit < 0:
        raise ValueError("a gallery has no fewer than 0 tiles")
    return list({each.id: each for each in entries[:limit] if each.kind is Kind.FILE}.values())


def _with_pictures(
    entries: Sequence[Entry], wanted: Sequence[Entry], made: Sequence[str | None], limit: int
) -> Gallery:
    pairs = zip(wanted, made, strict=True)
    return Gallery(entries, {each.id: picture for each, picture in pairs if picture is not None}, limit=limit)


def _day(entry: Entry) -> str:
    when = entry.taken or entry.created or entry.modified
    return f"{when:%Y-%m-%d}" if when else ""


def _pixels(entry: Entry) -> str:
    media = entry.media
    return f"{media.width} \N{MULTIPLICATION SIGN} {media.height}" if media and media.width and media.height else ""


def _word(entry: Entry) -> str:
    """Return what stands on a grey tile."""
    if entry.kind is not Kind.FILE:
        return entry.kind.value
    stem, _, suffix = plain(entry.name).rpartition(".")
    return suffix[:5].upper() if stem and suffix else "file"


def _badge(entry: Entry) -> str:
    if entry.is_video:
        seconds = entry.media.duration if entry.media else None
        return f"▶ {length(seconds)}" if seconds else "▶"
    return "live" if entry.is_live else ""
