"""The job behind ``photos_download``: item after item, each whole or not there, each with its line in the manifest.

Called again after a restart it goes on by the manifest: what is there as it says is not fetched again.
"""

from __future__ import annotations

import errno
import hashlib
from contextlib import aclosing
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import anyio
import anyio.to_thread
import msgspec

from ap_remote.errors import AuthenticationError, IntegrityError, NotFoundError, RemoteError, UnsupportedError
from ap_remote.model import NodeId
from ap_remote.remote.features import SupportsThumbnails
from ap_remote.transfer.stripping import Stripped, without_position
from ap_remote_mcp.errors import Code, CodedError, coded
from ap_remote_mcp.policy.filenames import portable
from ap_remote_mcp.policy.media import HEAD, kind_of
from ap_remote_mcp.policy.roots import OutsideRootsError
from ap_remote_mcp.results.pictures import PictureError, shrink
from ap_remote_mcp.results.text import clean
from ap_remote_mcp.tools.jobs import within
from ap_remote_mcp.tools.landing import Landing, Line

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ap_remote.model import Entry
    from ap_remote_mcp.context import App
    from ap_remote_mcp.jobs import Running

DOWNLOAD: Final = "download"
WEB_PX: Final = 2048
"""Pixels of the longer side of a picture for the web."""
State = Literal["downloaded", "already_there", "failed"]
ONLY_JPEG: Final = "its position can only be removed from a JPEG; take size=web, which has none"
_WEB_BYTES: Final = 4_000_000
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


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
    try:
        # Not in a thread: a job that is stopped meanwhile would leave the folder open.
        folder = app.roots.made(Path(str(job.arguments["to"])))
    except OutsideRootsError as exc:
        app.journal.end(str(job.arguments["op_id"]), ())
        raise CodedError(Code.OUTSIDE_ROOTS, f"The folder cannot be used: {exc.reason}") from exc
    with Landing(folder, job.record.job_id) as landing:
        saving = Saving(app, job, landing)
        try:
            await saving.all()
        except anyio.get_cancelled_exc_class():
            if job.scope.cancel_called:
                saving.end()
            raise
        except BaseException:
            saving.end()
            raise
        saving.end()
    return job.record.result


class Saving:
    """The items of one job and what became of them."""

    def __init__(self, app: App, job: Running, landing: Landing) -> None:
        self._app = app
        self._job = job
        self._landing = landing
        self._ids: list[str] = list(job.arguments["ids"])
        self._web = job.arguments["size"] == "web"
        self._strip = bool(job.arguments["strip_gps"])
        self._outcomes: dict[str, Saved] = {}

    async def all(self) -> None:
        """Save one after the other."""
        over = ""
        noted = await self._whole()
        for node_id in self._ids:
            if node_id in noted:
                line = noted[node_id]
                outcome = Saved(id=node_id, state="downloaded", file=line.file, sha256=line.sha256, gps=line.gps)
            elif over:
                outcome = Saved(id=node_id, state="failed", why=over)
            else:
                outcome, over = await self._one(node_id)
            self._outcomes[node_id] = outcome
            self._tell()
            self._job.report(len(self._outcomes), len(self._ids), "files")

    def end(self) -> None:
        """Write the journal and the result."""
        self._tell(ended=True)
        op_id = str(self._job.arguments["op_id"])
        done = [each.id for each in self._outcomes.values() if each.state != "failed"]
        self._app.journal.end(op_id, done)
        self._app.audit(DOWNLOAD, op_id, done=len(done), skipped=len(self._ids) - len(done))

    async def _whole(self) -> dict[str, Line]:
        """Return what the manifest says, as far as the files are there as it says."""

        def look() -> dict[str, Line]:
            lines = self._landing.lines()
            return {key: each for key, each in lines.items() if self._landing.holds(each.file, each.size, each.sha256)}

        return await anyio.to_thread.run_sync(look)

    async def _one(self, node_id: str) -> tuple[Saved, str]:
        """Return what became of an item, and why the others need not be tried, if so."""
        try:
            return await self._save(await self._app.remote.stat(NodeId(node_id))), ""
        except NotFoundError:
            return Saved(id=node_id, state="failed", why="it is not there any more"), ""
        except UnsupportedError:
            return Saved(id=node_id, state="failed", why="no picture can be made of it"), ""
        except RemoteError as exc:
            over = "not tried, since nothing can be fetched" if isinstance(exc, AuthenticationError) else ""
            return Saved(id=node_id, state="failed", why=str(coded(exc))), over
        except (PictureError, _RefusedError) as exc:
            return Saved(id=node_id, state="failed", why=str(exc)), ""
        except OSError as exc:
            full = exc.errno in _FULL
            why = "the disk is full" if full else "the file cannot be written here"
            return Saved(id=node_id, state="failed", why=why), "not tried, since the disk is full" if full else ""
        finally:
            self._landing.discard()

    async def _save(self, entry: Entry) -> Saved:
        wanted = self._wanted(entry)
        gps = ""
        if self._web:
            await self._write(await self._for_web(entry))
        elif self._strip:
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
        if self._web:
            name = f"{name.rpartition('.')[0] or name}.jpg"
        match self._job.arguments["naming"]:
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
        draft = self._landing.begin()
        async with aclosing(self._pieces(entry)) as pieces:
            async for piece in pieces:
                await anyio.to_thread.run_sync(draft.write, piece)
        _compare(entry, draft.size, draft.md5.hexdigest())

    async def _pieces(self, entry: Entry) -> AsyncGenerator[bytes]:
        """Yield the bytes of an original, no more than were promised."""
        size = 0
        async for piece in self._app.remote.get(NodeId(entry.id)):
            size += len(piece)
            if size > entry.size:
                raise IntegrityError(f"{entry.id} is longer than promised")
            yield piece

    async def _stripped(self, entry: Entry) -> Stripped:
        """Return an original without its position; the disk never has it with."""
        if entry.size > self._app.limits.rewritten_bytes:
            raise _RefusedError("it is too large to be freed of its position")
        body = BytesIO()
        async with aclosing(self._pieces(entry)) as pieces:
            async for piece in pieces:
                body.write(piece)
        data = body.getvalue()
        _compare(entry, len(data), hashlib.md5(data, usedforsecurity=False).hexdigest())
        if kind_of(data[:HEAD]) != "jpeg":
            raise _RefusedError(ONLY_JPEG)
        try:
            return await anyio.to_thread.run_sync(without_position, data)
        except PictureError as exc:
            raise _RefusedError(f"its position cannot be removed: {exc}; take size=web, which has none") from exc

    async def _for_web(self, entry: Entry) -> bytes:
        remote = self._app.remote
        if not isinstance(remote, SupportsThumbnails):
            raise UnsupportedError("this remote makes no thumbnails")
        data = await remote.thumbnail(NodeId(entry.id), size=WEB_PX)
        limits = self._app.limits
        bounds = {"max_bytes": limits.picture_bytes, "max_pixels": limits.picture_pixels, "aim": _WEB_BYTES}
        return await anyio.to_thread.run_sync(partial(shrink, data, side=WEB_PX, **bounds))

    async def _write(self, data: bytes) -> None:
        await anyio.to_thread.run_sync(lambda: self._landing.begin().write(data))

    def _tell(self, *, ended: bool = False) -> None:
        """Say what became of the items so far: each with its sha256, or the manifest's where they are too many."""
        states = [each.state for each in self._outcomes.values()]
        failed_first = sorted(self._outcomes.values(), key=lambda each: each.state != "failed")
        room = self._app.limits.result_bytes // 2
        shown, left = within(failed_first, room)
        digest = ""
        if left:
            shown, left = within([msgspec.structs.replace(each, sha256="") for each in failed_first], room)
            digest = self._landing.manifest_sha256() if ended else ""
        told: dict[str, Any] = {
            state: states.count(state) for state in ("downloaded", "already_there", "failed") if state in states
        }
        folder = self._app.roots.shown(Path(str(self._job.arguments["to"])))
        self._job.record.result = {
            "op_id": self._job.arguments["op_id"],
            "to": clean(folder, 200),
            "manifest": clean(f"{folder}/{self._landing.manifest}", 250),
            **({"manifest_sha256": digest} if digest else {}),
            **told,
            "files": msgspec.to_builtins(shown),
            **({"left_out": left} if left else {}),
        }


def _compare(entry: Entry, size: int, md5: str) -> None:
    if size != entry.size or (entry.md5 is not None and md5 != entry.md5):
        raise IntegrityError(f"{entry.id} has other bytes than promised")
