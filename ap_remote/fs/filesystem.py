"""fsspec's filesystem over any remote."""

# fsspec fixes these signatures, positional booleans included.
# ruff: noqa: FBT001, FBT002

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from fsspec.asyn import sync_wrapper  # type: ignore[import-untyped]  # fsspec ships no types
from fsspec.compression import compr  # type: ignore[import-untyped]  # fsspec ships no types
from fsspec.core import get_compression  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.fs.changes import Changes
from ap_remote.fs.files import RemoteFile
from ap_remote.fs.streams import CompressedWriter, TextWriter

if TYPE_CHECKING:
    from datetime import datetime


class RemoteFileSystem(Changes):
    """A filesystem over the remote that a factory makes.

    The underscored methods are coroutines, the others their synchronous faces. Paths are absolute. ``rm`` puts in the
    trash, ``mv`` moves on the service, ``cp`` goes through here. Errors are those of :mod:`ap_remote.errors`, which
    are also the builtin ones that fsspec's callers expect.
    """

    def open(
        self,
        path: Any,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Open a file as fsspec does; what is written is published when it is closed without an error."""
        if "r" in mode:
            return super().open(path, mode, block_size, cache_options, compression, **kwargs)
        text = {name: kwargs.pop(name) for name in ("encoding", "errors", "newline") if name in kwargs}
        binary = mode.replace("t", "").replace("b", "") + "b"
        file = super().open(path, binary, block_size, cache_options, **kwargs)
        packing = get_compression(file.path, compression)
        if packing is not None:
            file = CompressedWriter(compr[packing](file, mode="w"), file)
        return file if "b" in mode else TextWriter(file, **text)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> RemoteFile:
        return RemoteFile(
            self,
            path,
            mode=mode,
            block_size=block_size,
            autocommit=autocommit,
            cache_options=cache_options,
            **kwargs,
        )

    async def _created(self, path: str) -> datetime | None:
        """Return when the entry came to be on the service, in UTC."""
        created: datetime | None = (await self._info(path))["created"]
        return created

    created = sync_wrapper(_created)

    async def _modified(self, path: str) -> datetime | None:
        """Return when the entry last changed on the service, in UTC."""
        modified: datetime | None = (await self._info(path))["mtime"]
        return modified

    modified = sync_wrapper(_modified)

    async def _ukey(self, path: str) -> str:
        """Return a text that changes whenever the content does, and only with the entry."""
        info = await self._info(path)
        return f"{info['id']}-{info['version']}-{info['md5']}"

    ukey = sync_wrapper(_ukey)

    async def _checksum(self, path: str) -> int:
        """Return the md5 as a number; a folder, which has none, gives its version's."""
        info = await self._info(path)
        return int(info["md5"], 16) if info["md5"] else int(info["version"])

    checksum = sync_wrapper(_checksum)

    def sign(self, path: str, expiration: int = 100, **kwargs: Any) -> NoReturn:
        """Refuse: a signed link would let anybody who sees it read the photograph."""
        del expiration, kwargs
        raise NotImplementedError(f"no signed links are given out; read {path!r} through this filesystem")
