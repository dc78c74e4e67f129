"""Changing: upload and download, the trash, marks."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import msgspec

from ap_remote.client.answers import Downloaded, Node
from ap_remote.client.folders import Folders
from ap_remote.client.ids import GoneWarning, ids_of
from ap_remote.client.options import leftover
from ap_remote.client.table import Table
from ap_remote.errors import (
    BatchError,
    ConfigError,
    NotFoundError,
    NotInTrashError,
    RemoteError,
)
from ap_remote.model import NodeId, Outcome
from ap_remote.query import matches, parse_nodes
from ap_remote.remote import paths
from ap_remote.remote.features import SupportsAssets, SupportsFolders, SupportsMarks
from ap_remote.transfer import Report, Row, Upload, download, plan_upload, upload
from ap_remote.transfer.bandwidth import Bandwidth, Flow
from ap_remote.transfer.engine import sentence
from ap_remote.transfer.hashing import md5_of
from ap_remote.transfer.localnames import local_name
from ap_remote.transfer.pool import Patience, run_all
from ap_remote.transfer.report import SilentMeter
from ap_remote.transfer.simple import bring

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ap_remote.model import Entry, Ref
    from ap_remote.remote.base import Remote
    from ap_remote.transfer.report import Deed, Result

_TRANSFERS: Final = 4
_AT_ONCE: Final = 8
"""Requests that are on their way at a time, where each is about one node."""

Naming = Literal["id", "name", "path"]
"""What a downloaded file is called: ``ID_NAME`` as in the seed, its name alone, or its folders and its name."""


class Writing(Table, Folders):
    """Methods that change the account, or this computer. Ids are taken in every form of :func:`ids_of`."""

    def upload(
        self,
        path: str | Path,
        md5s: Iterable[str] | None = None,
        refresh: bool = True,  # noqa: FBT001, FBT002 - the seed's documented places
        chunk_size: int | None = None,
        *,
        folder: str = "",
        duplicates: bool = False,
        skip_dedup: bool = False,
        max_workers: int | None = None,
        **kwargs: Any,
    ) -> Report:
        """Upload a file or a folder; bytes that the account holds already are skipped unless *duplicates*.

        A folder arrives as a folder of its name with all that is below it, empty folders too.

        Args:
            path: what to upload; ``trip/`` means what is in ``trip``.
            md5s: digests of further files to be skipped.
            refresh: let :attr:`db` show what was uploaded; it takes no request.
            chunk_size: of the seed, without effect.
            folder: where in the account.
            duplicates: send bytes again that the account holds elsewhere.
            skip_dedup: do not look at *md5s*. The account is asked all the same, see *duplicates*.
            max_workers: files that are on their way at a time.
            kwargs: further options of the seed without effect.

        Raises:
            NotFoundError: there is no such file.
            BatchError: some files failed, all others are done; its ``outcomes`` are the report's rows.
        """
        leftover({**kwargs, **({} if chunk_size is None else {"chunk_size": chunk_size})}, where="upload()")
        plan, known = plan_upload([path], folder), list[Upload]()
        if md5s is not None and not skip_dedup:
            plan, known = self._split(plan, set(md5s), max_workers or _AT_ONCE)
        if isinstance(self._remote, SupportsFolders):
            self.create_folders(path, folder)
        keep: Literal["keep", "refuse"] = "keep" if duplicates else "refuse"
        workers = max_workers or _TRANSFERS
        try:
            report = self._run(lambda: upload(self._remote, plan, duplicates=keep, transfers=workers))
        finally:
            self._uploaded(refresh=refresh)
        rows = [
            Row(source=str(each.source), target=each.path, result="skipped", size=each.size, reason="md5 is in md5s")
            for each in known
        ]
        return _whole(msgspec.structs.replace(report, rows=(*report.rows, *rows)), "upload")

    def dedup_files(
        self, path: str | Path, md5s: Iterable[str] | None = None, max_workers: int | None = None
    ) -> list[Path]:
        """Return the files at and below *path* whose md5 is not in *md5s*; without these, not in :attr:`db`."""
        known = set(self.db["md5"].dropna()) if md5s is None else set(md5s)
        unknown, _ = self._split(plan_upload([path], ""), known, max_workers or _AT_ONCE)
        return [each.source for each in unknown]

    def download(
        self,
        node_ids: Any,
        out: str | Path = "media",
        chunk_size: int | None = None,
        *,
        naming: Naming = "id",
        overwrite: bool = False,
        films: bool = True,
        max_workers: int = _AT_ONCE,
        **kwargs: Any,
    ) -> Downloaded:
        """Download nodes into a folder, each to a partial name, verified by md5, dated, then renamed.

        Args:
            node_ids: which; a folder brings all that is below it, under its own name.
            out: the folder.
            chunk_size: of the seed, without effect.
            naming: what files are called.
            overwrite: replace a file of that name that has other content.
            films: bring the film of a live photo along.
            max_workers: nodes that are on their way at a time.
            kwargs: further options of the seed without effect.

        Raises:
            NotFoundError: the only id names nothing. Of several, those are told by :class:`GoneWarning`.
            BatchError: a file did not come, all others did; its ``outcomes`` are the report's rows.
        """
        leftover({**kwargs, **({} if chunk_size is None else {"chunk_size": chunk_size})}, where="download()")
        if naming not in get_args(Naming):
            raise ConfigError(f"naming is one of {', '.join(get_args(Naming))}, not {naming!r}")
        begun, stamp = time.monotonic(), time.time_ns()
        ids, folder = ids_of(node_ids), Path(out).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        gone: dict[str, NotFoundError] = {}
        patience = Patience()

        async def one(node_id: str) -> tuple[Row, ...]:
            try:
                entry = await self._remote.stat(NodeId(node_id))
                return await self._fetch(entry, folder, naming, patience, overwrite=overwrite, films=films)
            except NotFoundError as exc:
                gone[node_id] = exc
                return ()

        found = self._run(lambda: run_all(ids, one, workers=max_workers))
        if gone and isinstance(node_ids, str):
            raise gone[node_ids]
        _warn_of([*gone], "download", level=1)
        rows = tuple(row for each in found for row in each)
        report = _whole(Report(rows=rows, seconds=time.monotonic() - begun), "download")
        return Downloaded(report, timestamp=stamp, nodes=[each for each in ids if each not in gone], missing=[*gone])

    def trash(self, node_ids: Any, filters: str = "", **kwargs: Any) -> list[Outcome]:
        """Put nodes in the trash; with *filters* only those that match, in the grammar of :meth:`nodes`."""
        leftover(kwargs, where="trash()")
        wanted = node_ids if not filters else self._matching(ids_of(node_ids), filters)
        return self._bin("trash", wanted, self._remote.trash)

    def restore(self, node_ids: Any) -> list[Outcome]:
        """Take nodes out of the trash."""
        return self._bin("restore", node_ids, self._remote.restore)

    def delete(self, node_ids: Any, **kwargs: Any) -> list[Outcome]:
        """Delete trashed nodes for ever. What is not in the trash is refused."""
        leftover(kwargs, where="delete()")
        return self._bin("delete", node_ids, self._remote.delete)

    def favorite(self, node_ids: Any, **kwargs: Any) -> list[Node]:
        """Mark nodes as favourites."""
        return self._mark("favorite()", node_ids, kwargs, favorite=True)

    def unfavorite(self, node_ids: Any, **kwargs: Any) -> list[Node]:
        """Unmark favourites."""
        return self._mark("unfavorite()", node_ids, kwargs, favorite=False)

    def hide(self, node_ids: Any, **kwargs: Any) -> list[Node]:
        """Hide nodes."""
        return self._mark("hide()", node_ids, kwargs, hidden=True)

    def unhide(self, node_ids: Any, **kwargs: Any) -> list[Node]:
        """Show hidden nodes again."""
        return self._mark("unhide()", node_ids, kwargs, hidden=False)

    def _mark(
        self,
        where: str,
        node_ids: Any,
        options: dict[str, Any],
        *,
        favorite: bool | None = None,
        hidden: bool | None = None,
    ) -> list[Node]:
        leftover(options, where=where, level=2)
        marks = self._ability(SupportsMarks, "mark entries")

        async def one(node_id: str) -> Node:
            return Node(await marks.mark(NodeId(node_id), favorite=favorite, hidden=hidden))

        ids = ids_of(node_ids)
        try:
            return self._run(lambda: run_all(ids, one, workers=_AT_ONCE))
        finally:
            self._changed()

    def _bin(
        self,
        action: Literal["trash", "restore", "delete"],
        node_ids: Any,
        verb: Callable[..., Awaitable[Sequence[Outcome]]],
    ) -> list[Outcome]:
        """Do it to all; of several, those that exist no longer are told by a warning, as nothing is lost by them."""
        ids = ids_of(node_ids)
        if not ids:
            return []
        targets: list[Ref] = [NodeId(each) for each in ids]
        try:
            return list(self._run(lambda: verb(*targets)))
        except (NotFoundError, NotInTrashError) as exc:
            if isinstance(node_ids, str) or not self._gone(ids):
                raise
            _warn_of(ids, action)
            return [Outcome(target=str(targets[0]), action=action, error=str(exc))]
        except BatchError as exc:
            failed = {each.target for each in exc.outcomes if each.error is not None}
            ids = [each for each, target in zip(ids, targets, strict=True) if str(target) in failed]
            if self._gone(ids) != ids:
                raise
            _warn_of(ids, action)
            return list(exc.outcomes)
        finally:
            self._changed()

    def _gone(self, ids: Sequence[str]) -> list[str]:
        """Return those that the account does not have, neither in the trash."""

        async def one(node_id: str) -> str | None:
            try:
                await self._remote.stat(NodeId(node_id), fresh=True)
            except NotFoundError:
                return node_id
            return None

        return [each for each in self._run(lambda: run_all(ids, one, workers=_AT_ONCE)) if each is not None]

    def _matching(self, ids: Sequence[str], filters: str) -> list[str]:
        query = parse_nodes(filters)

        async def one(node_id: str) -> Entry:
            return await self._remote.stat(NodeId(node_id))

        return [each.id for each in self._run(lambda: run_all(ids, one, workers=_AT_ONCE)) if matches(query, each)]

    def _split(self, plan: list[Upload], known: set[str], workers: int) -> tuple[list[Upload], list[Upload]]:
        """Return the files whose bytes are not *known*, and the others."""

        async def one(each: Upload) -> bool:
            return await asyncio.to_thread(md5_of, each.source) in known

        told = self._run(lambda: run_all(plan, one, workers=workers))
        pairs = list(zip(plan, told, strict=True))
        return [each for each, held in pairs if not held], [each for each, held in pairs if held]

    def _uploaded(self, *, refresh: bool) -> None:
        if refresh:
            self._changed()
        for each in ("folders", "tree"):
            self._kept.pop(each, None)

    async def _fetch(
        self, entry: Entry, folder: Path, naming: Naming, patience: Patience, *, overwrite: bool, films: bool
    ) -> tuple[Row, ...]:
        """Bring one node into *folder* under the name that *naming* gives it."""
        remote = self._remote
        if naming == "path":
            above = [local_name(each) for each in paths.components(paths.split(entry.path)[0])]
            folder = folder.joinpath(*above)
        if naming != "id" or entry.is_folder:
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
            return (await download(remote, NodeId(entry.id), folder, overwrite=overwrite, films=films)).rows
        parts = [entry]
        if films and entry.is_live and isinstance(remote, SupportsAssets):
            parts += await remote.assets(NodeId(entry.id))
        named = [(each, folder / local_name(f"{entry.id}_{each.name}")) for each in parts]
        return tuple([await _one_file(remote, each, file, patience, overwrite=overwrite) for each, file in named])


async def _one_file(remote: Remote, entry: Entry, file: Path, patience: Patience, *, overwrite: bool) -> Row:
    """Bring one file to a place of its own, unless it is there.

    Raises:
        NotFoundError: the node is gone.
    """

    def row(result: Result, deed: Deed = "", reason: str = "") -> Row:
        return Row(source=entry.path, target=str(file), result=result, deed=deed, size=entry.size, reason=reason)

    flow = Flow(entry.path, entry.size, Bandwidth(None), SilentMeter())
    try:
        outcome = await patience.bear(lambda: bring(remote, entry, file, flow=flow, overwrite=overwrite))
    except NotFoundError:
        raise
    except (RemoteError, OSError) as exc:
        if patience.is_out(exc):
            raise
        return row("failed", reason=sentence(exc))
    return row(*outcome)


def _whole(report: Report, verb: str) -> Report:
    """Return a report without failures.

    Raises:
        BatchError: it has some.
    """
    failed = report.select("failed")
    if failed:
        first = f"{failed[0].source}: {failed[0].reason}"
        raise BatchError(f"{verb}: {len(failed)} of {len(report.rows)} files failed; the first: {first}", report.rows)
    return report


def _warn_of(gone: Sequence[str], verb: str, *, level: int = 2) -> None:
    if gone:
        some = ", ".join(gone[:3]) + (" …" if len(gone) > 3 else "")  # noqa: PLR2004 - as many as are read
        warnings.warn(f"{verb}: {len(gone)} ids name nothing any more: {some}", GoneWarning, stacklevel=level + 2)
