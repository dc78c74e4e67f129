"""What every part of the filesystem stands on: its remote, its paths, its lifetime."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, ClassVar, Final

from fsspec.asyn import AsyncFileSystem, sync_wrapper  # type: ignore[import-untyped]  # fsspec ships no types
from fsspec.utils import stringify_path  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.fs.remotes import Remotes

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from ap_remote.remote.base import Remote

BATCH: Final = 8
"""Files that are moved at once; fsspec's own 1280 would be taken for an attack."""


class RemoteBase(AsyncFileSystem):  # type: ignore[misc]  # untyped base
    """A filesystem that owns one remote per event loop and closes them when it goes."""

    protocol: ClassVar[str | tuple[str, ...]] = "ap-remote"
    root_marker = "/"

    def __init__(
        self,
        factory: Callable[[], Remote],
        *,
        fresh: bool = False,
        asynchronous: bool = False,
        loop: AbstractEventLoop | None = None,
        batch_size: int | None = None,
        **options: Any,
    ) -> None:
        """Keep *factory*, which is called inside the first coroutine that needs the remote.

        Args:
            factory: returns a remote that opens lazily.
            fresh: ask the service even where the node cache could answer.
            asynchronous: the caller awaits the underscored methods on a loop of its own.
            loop: the loop that the synchronous methods use; fsspec's own by default.
            batch_size: how many files are moved at once, 8 by default.
            options: fsspec's own (``skip_instance_cache`` ...).
        """
        super().__init__(asynchronous=asynchronous, loop=loop, batch_size=batch_size or BATCH, **options)
        self.fresh = fresh
        self._remotes = Remotes(factory)
        weakref.finalize(self, self._remotes.shutdown)

    def _remote(self) -> Remote:
        """Return the running loop's remote."""
        return self._remotes.here().remote

    def _is_fresh(self, options: dict[str, Any]) -> bool:
        return bool(self.fresh or options.get("fresh") or options.get("refresh"))

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        """Return the absolute path of a URL or a path, without a slash at its end; of a list, the list of them."""
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        text = stringify_path(path)
        protocols = (cls.protocol,) if isinstance(cls.protocol, str) else cls.protocol
        for mark in (f"{protocol}{separator}" for protocol in protocols for separator in ("://", "::")):
            if text.startswith(mark):
                text = text[len(mark) :]
                break
        return "/" + "/".join(part for part in text.split("/") if part)

    async def _close(self) -> None:
        """Close the remotes. The filesystem may be used again; it then opens anew."""
        await self._remotes.close()

    close = sync_wrapper(_close)
