"""The job behind ``photos_download``: item after item, each whole or not there, each with its line in the manifest.

Called again after a restart it goes on by the manifest: what is there as it says is not fetched again.
"""

from __future__ import annotations

import hashlib
from contextlib import aclosing
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import anyio.to_thread
import msgspec

from ap_remote.errors import AuthenticationError, NotFoundError, RemoteError, UnsupportedError
from ap_remote.model import NodeId
from ap_remote.remote.features import SupportsThumbnails
from ap_remote.transfer.fetching import Wanted, check_whole, pieces
from ap_remote.transfer.pool import is_full
from ap_remote.transfer.stripping import Stripped, without_position
from ap_remote_mcp.changes.terms import Action
from ap_remote_mcp.errors import Code, CodedError, coded
from ap_remote_mcp.policy.filenames import portable
from ap_remote_mcp.policy.media import HEAD, kind_of
from ap_remote_mcp.policy.roots import OutsideRootsError
from ap_remote_mcp.results.pictures import PictureError, shrink
from ap_remote_mcp.results.text import clean
from ap_remote_mcp.tools.carrying import Carrying, Order
from ap_remote_mcp.tools.jobs import within
from ap_remote_mcp.tools.landing import Landing, Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.model import Entry
    from ap_remote_mcp.context import App
    from ap_remote_mcp.jobs import Running

WEB_PX: Final = 2048
"""Pixels of the longer side of a picture for the web."""
State = Literal["downloaded", "already_there", "failed"]
Naming = Literal["name", "date_name", "id_name"]
Size = Literal["original", "web"]
ONLY_JPEG: Final = "its position can only be removed from a JPEG; take size=web, which has none"
_WEB_BYTES: Final = 4_000_000


class DownloadOrder(Order, frozen=True, kw_only=True):
    """What is saved, and how; ``to`` is the folder's real path."""

    ids: tuple[str, ...]
    naming: Naming
    size: Size
    strip_gps: bool


class Saved(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of one item; ``gps`` is ``removed``, or ``none`` where there was no position."""

    id: str
    state: State
    file: str = ""
    sha256: str = ""
    gps: str = ""
    why: str = ""


class _RefusedError(Exception):
    """An item that is not saved; the text is a clause for the model."""


async def download(app: App, job: Running) -> dict[str, Any]:
    """Save the items of a job; called again after a restart, those that are not whole yet."""
    order = msgspec.convert(dict(job.arguments), DownloadOrder)
    try:
        # Not in a thread: a job that is stopped meanwhile would leave the folder open.
        folder = app.roots.made(Path(order.to))
    except OutsideRootsError as exc:
        app.journal.end(order.op_id, ())
        raise CodedError(Code.OUTSIDE_ROOTS, f"The folder cannot be used: {exc.reason}") from exc
    with Landing(folder, job.record.job_id) as landing:
        await Saving(app, job, order, landing).run()
    return job.record.result


class Saving(Carrying[str, Saved]):
    """The items of one job by their ids, and what became of them."""

    action: ClassVar[Action] = Action.DOWNLOAD
    states: ClassVar[tuple[str, ...]] = ("downloaded", "already_there", "failed")
    rest: ClassVar[str] = "call photos_download again with their ids"

    def __init__(self, app: App, job: Running, order: DownloadOrder, landing: Landing) -> None:
        super().__init__(app, job, order.op_id, order.ids)
        self._order = order
        self._landing = landing

    async def recalled(self) -> dict[str, Saved]:
        """Return what the manifest says, as far as the files are there as it says."""

        def look() -> dict[str, Saved]:
            lines = self._landing.lines().values()
            whole = (each for each in lines if self._landing.holds(each.file, each.size, each.sha256))
            return {
                each.id: Saved(id=each.id, state="downloaded", file=each.file, sha256=each.sha256, gps=each.gps)
                for each in whole
            }

        return await anyio.to_thread.run_sync(look)

    def untried(self, key: str, why: str) -> Saved:
        """Return the outcome of an item that is not tried."""
        return Saved(id=key, state="failed", why=why)

    def made(self) -> tuple[Sequence[str], None]:
        """Return the ids of what is there."""
        return [each.id for each in self.outcomes.values() if each.state != "failed"], None

    async def one(self, key: str) -> tuple[Saved, str]:
        """Return what became of an item, and why the others need not be tried, if so."""
        try:
            return await self._save(await self.app.remote.stat(NodeId(key))), ""
        except NotFoundError:
            return Saved(id=key, state="failed", why="it is not there any more"), ""
        except UnsupportedError:
            return Saved(id=key, state="failed", why="no picture can be made of it"), ""
        except RemoteError as exc:
            over = "not tried, since nothing can be fetched" if isinstance(exc, AuthenticationError) else ""
            return Saved(id=key, state="failed", why=str(coded(exc))), over
        except (PictureError, _RefusedError) as exc:
            return Saved(id=key, state="failed", why=str(exc)), ""
        except OSError as exc:
            full = is_full(exc)
            why = "the disk is full" if full else "the file cannot be written here"
            return Saved(id=key, state="failed", why=why), "not tried, since the disk is full" if full else ""
        finally:
            self._landing.discard()

    async def _save(self, entry: Entry) -> Saved:
        wanted = self._wanted(entry)
        gps = ""
        if self._order.size == "web":
            await self._write(await self._for_web(entry))
        elif self._order.strip_gps:
            stripped = await self._stripped(entry)
            gps = "removed" if stripped.had else "none"
            await self._write(stripped.data)
        else:
            standing = await anyio.to_thread.run_sync(self._standing, wanted, entry)
            if standing is not None:
                return standing
            await self._fetch(entry)
        return await anyio.to_thread.run_sync(self._settle, entry, wanted, gps)

    def _wanted(self, entry: Entry) -> str:
        name = entry.name
        if self._order.size == "web":
            name = f"{name.rpartition('.')[0] or name}.jpg"
        match self._order.naming:
            case "date_name":
                name = f"{entry.taken:%Y-%m-%d}_{name}" if entry.taken else f"undated_{name}"
            case "id_name":
                name = f"{entry.id}_{name}"
        return portable(name)

    def _standing(self, wanted: str, entry: Entry) -> Saved | None:
        """Return the same file if it is there, and see to its line in the manifest."""
        name = self._landing.standing(wanted, entry.size, entry.md5) if entry.md5 else ""
        if not name:
            return None
        digest = self._landing.sha256(name)
        self._landing.note(self._line(entry, name, entry.size, digest, ""))
        return Saved(id=entry.id, state="already_there", file=name, sha256=digest)

    def _settle(self, entry: Entry, wanted: str, gps: str) -> Saved:
        """Name the file and note it. One that cannot be noted is taken away again, lest it be fetched twice."""
        name, was_there, size, digest = self._landing.settle(wanted)
        try:
            self._landing.note(self._line(entry, name, size, digest, gps))
        except OSError:
            if not was_there:
                self._landing.remove(name)
            raise
        state: State = "already_there" if was_there else "downloaded"
        return Saved(id=entry.id, state=state, file=name, sha256=digest, gps=gps)

    @staticmethod
    def _line(entry: Entry, name: str, size: int, digest: str, gps: str) -> Line:
        return Line(id=entry.id, name=clean(entry.name, 256), file=name, size=size, sha256=digest, gps=gps)

    async def _fetch(self, entry: Entry) -> None:
        """Write an original to the disk, and compare it with what the service promised.

        Raises:
            IntegrityError: it is something else.
        """
        wanted = Wanted.of(entry)
        draft = self._landing.begin()
        async with aclosing(pieces(self.app.remote, wanted)) as body:
            async for piece in body:
                await anyio.to_thread.run_sync(draft.write, piece)
        check_whole(wanted, draft.size, draft.md5.hexdigest())

    async def _stripped(self, entry: Entry) -> Stripped:
        """Return an original without its position; the disk never has it with."""
        if entry.size > self.app.limits.rewritten_bytes:
            raise _RefusedError("it is too large to be freed of its position")
        wanted = Wanted.of(entry)
        held = BytesIO()
        async with aclosing(pieces(self.app.remote, wanted)) as body:
            async for piece in body:
                held.write(piece)
        data = held.getvalue()
        check_whole(wanted, len(data), hashlib.md5(data, usedforsecurity=False).hexdigest())
        if kind_of(data[:HEAD]) != "jpeg":
            raise _RefusedError(ONLY_JPEG)
        try:
            return await anyio.to_thread.run_sync(without_position, data)
        except PictureError as exc:
            raise _RefusedError(f"its position cannot be removed: {exc}; take size=web, which has none") from exc

    async def _for_web(self, entry: Entry) -> bytes:
        remote = self.app.remote
        if not isinstance(remote, SupportsThumbnails):
            raise UnsupportedError("this remote makes no thumbnails")
        data = await remote.thumbnail(NodeId(entry.id), size=WEB_PX)
        limits = self.app.limits
        bounds = {"max_bytes": limits.picture_bytes, "max_pixels": limits.picture_pixels, "aim": _WEB_BYTES}
        return await anyio.to_thread.run_sync(partial(shrink, data, side=WEB_PX, **bounds))

    async def _write(self, data: bytes) -> None:
        await anyio.to_thread.run_sync(lambda: self._landing.begin().write(data))

    def shown(self, rows: Sequence[Saved], *, ended: bool) -> tuple[Sequence[Saved], int, dict[str, Any]]:
        """Return the rows, each with its sha256, or the manifest's where they are too many; and where all of it is."""
        fitting, left, beside = super().shown(rows, ended=ended)
        digest = ""
        if left:
            bare = [msgspec.structs.replace(each, sha256="") for each in rows]
            fitting, left = within(bare, self.app.limits.result_bytes // 2)
            digest = self._landing.manifest_sha256() if ended else ""
        folder = self.app.roots.shown(Path(self._order.to))
        beside |= {"to": clean(folder, 200), "manifest": clean(f"{folder}/{self._landing.manifest}", 250)}
        return fitting, left, beside | ({"manifest_sha256": digest} if digest else {})
