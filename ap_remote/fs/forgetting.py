"""Every write makes the listings cache forget what it may have touched, however the write ends."""

# fsspec fixes these signatures, positional booleans included.
# ruff: noqa: FBT001, FBT002

from __future__ import annotations

from contextlib import contextmanager
from glob import has_magic
from typing import TYPE_CHECKING, Any

from fsspec.asyn import sync_wrapper  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.fs.at_once import AtOnce

if TYPE_CHECKING:
    from collections.abc import Iterator


class Forgetting(AtOnce):
    """The verbs that write, each with what it may change. Those that fail may have changed it all the same."""

    async def _mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        with self._touching(path):
            await super()._mkdir(path, create_parents, **kwargs)

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        with self._touching(path):
            await super()._makedirs(path, exist_ok)

    async def _cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        with self._touching(path2):
            await super()._cp_file(path1, path2, **kwargs)

    async def _store(self, path: str, *args: Any, **kwargs: Any) -> None:
        with self._touching(path):
            await super()._store(path, *args, **kwargs)

    async def _rm_file(self, path: str, **kwargs: Any) -> None:
        with self._touching(path):
            await super()._rm_file(path, **kwargs)

    async def _rm(self, path: str | list[str], *args: Any, **kwargs: Any) -> None:
        with self._touching(path):
            await super()._rm(path, *args, **kwargs)

    async def _rmdir(self, path: str) -> None:
        with self._touching(path):
            await super()._rmdir(path)

    rmdir = sync_wrapper(_rmdir)

    async def _move(self, source: str, target: str) -> None:
        with self._touching([source, target]):
            await super()._move(source, target)

    @contextmanager
    def _touching(self, path: str | list[str]) -> Iterator[None]:
        """Forget paths, what is above and what is below, after the block; of a pattern nobody knows what it meant."""
        try:
            yield
        finally:
            for each in [path] if isinstance(path, str) else path:
                self.invalidate_cache(None if has_magic(each) else each)
