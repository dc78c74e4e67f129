"""What all families of methods stand on: the remote behind its loop, frames, and what is kept between calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from ap_remote.client.loop import Loop
from ap_remote.client.options import for_pandas, frames, leftover, opening, region_of
from ap_remote.errors import UnsupportedError
from ap_remote.tables import to_frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    import pandas as pd

    from ap_remote.model import Entry
    from ap_remote.remote.base import Remote
    from ap_remote.tables import Columns

T = TypeVar("T")
Ability = TypeVar("Ability")


class Core:
    """The constructor and the end; see :class:`ap_remote.client.photos.AmazonPhotos`."""

    def __init__(
        self,
        cookies: Mapping[str, str] | None = None,
        db_path: str | Path | None = None,
        tmp: str | Path = "",
        *,
        remote: str | Remote | None = None,
        tld: str | None = None,
        region: str | None = None,
        columns: Columns = "amazon",
        dtype_backend: str | None = None,
        engine: str = "auto",
        cdproxy_override: str | None = None,
        **kwargs: Any,
    ) -> None:
        reading, rest = for_pandas(kwargs)
        self._frames = frames(columns, dtype_backend, engine, reading)
        leftover({**rest, **({"engine": engine} if engine == "fastparquet" else {})}, where=type(self).__name__)
        if region is None and cdproxy_override is not None:
            region = region_of(cdproxy_override)
        found = opening(cookies, remote, tld=tld, region=region, tmp=tmp)
        self._name = found.name
        self.db_path = db_path
        self.tmp = tmp
        self._kept: dict[str, Any] = {}
        self._loop = Loop(found.make)
        self._loop.closed_with(self)

    def __repr__(self) -> str:
        """Show the account, no secret."""
        return f"{type(self).__name__}({self._name}:)"

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Release connections and the thread, and close the remote. Closing twice is allowed; not closing is, too."""
        self._loop.close()

    @property
    def _remote(self) -> Remote:
        return self._loop.remote

    def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        return self._loop.run(work)

    def _collect(self, listing: Callable[[], AsyncIterator[Entry]]) -> list[Entry]:
        async def collect() -> list[Entry]:
            return [entry async for entry in listing()]

        return self._run(collect)

    def _ability(self, protocol: type[Ability], what: str) -> Ability:
        remote: object = self._remote
        if not isinstance(remote, protocol):
            raise UnsupportedError(f"{self._name}: cannot {what}")
        return remote

    def _frame(
        self, entries: Iterable[Entry], columns: Columns | None = None, *, ordered: bool = False
    ) -> pd.DataFrame:
        """Return rows; Amazon's columns come last modified first as the seed's did, unless they are *ordered*."""
        rows = list(entries)
        wanted = columns or self._frames.columns
        backend = self._frames.dtype_backend
        frame: pd.DataFrame = to_frame(rows, columns=wanted, **({} if backend is None else {"dtype_backend": backend}))
        if ordered and wanted == "amazon":
            # Ids are equal only where one node was found at two paths; which of them is shown then does not matter.
            places = {id_: place for place, id_ in enumerate(frame["id"])}
            frame = frame.iloc[[places[each.id] for each in rows]].reset_index(drop=True)
        return frame

    def _settle(self) -> None:
        """Do what has to be done before the library is looked at."""

    def _keep(self, name: str, make: Callable[[], T]) -> T:
        """Return what was made before under this name, since the last change."""
        if name not in self._kept:
            self._kept[name] = make()
        return cast("T", self._kept[name])

    def _changed(self) -> None:
        """Forget what was kept: the account is another now."""
        self._kept.clear()
