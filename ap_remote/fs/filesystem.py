"""fsspec's filesystem over any remote."""

# fsspec fixes these signatures, positional booleans included.
# ruff: noqa: FBT001, FBT002

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fsspec.asyn import sync_wrapper  # type: ignore[import-untyped]  # fsspec ships no types
from fsspec.compression import compr  # type: ignore[import-untyped]  # fsspec ships no types
from fsspec.core import get_compression  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.fs.at_once import checksum_of, ukey_of
from ap_remote.fs.files import RemoteFile
from ap_remote.fs.forgetting import Forgetting
from ap_remote.fs.info import key
from ap_remote.fs.streamed import StreamedFile
from ap_remote.fs.streams import CompressedWriter, TextWriter
from ap_remote.remote.features import SupportsLinks

if TYPE_CHECKING:
    from datetime import datetime


class RemoteFileSystem(Forgetting):
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
        """Open a file as fsspec does; what is written is published when it is closed without an error.

        Raises:
            ValueError: *mode* is none that Python knows.
            UnsupportedError: a file cannot be changed in place.
        """
        if not set(mode) <= set("rwxabt+") or len(set("rwxa") & set(mode)) != 1:
            raise ValueError(
                f"invalid mode {mode!r}: r reads, w writes, x writes what is not there yet; b is for bytes"
            )
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
        created: datetime | None = (await self._info(path))["created"]
        return created

    async def _modified(self, path: str) -> datetime | None:
        modified: datetime | None = (await self._info(path))["mtime"]
        return modified

    async def _ukey(self, path: str) -> str:
        return ukey_of(await self._info(path))

    async def _checksum(self, path: str) -> int:
        return checksum_of(await self._info(path))

    async def open_async(self, path: str, mode: str = "rb", **kwargs: Any) -> StreamedFile:
        """Open a file whose ``read``, ``write`` and ``close`` are coroutines; modes ``rb``, ``wb`` and ``xb``.

        Raises:
            ValueError: text or compression was asked for; both are had by :meth:`open`.
        """
        if "b" not in mode or kwargs.pop("compression", None):
            raise ValueError("open_async knows binary modes without compression: 'rb', 'wb', 'xb'")
        return await StreamedFile.opened(self, self._strip_protocol(path), mode, **kwargs)

    async def _sign(self, path: str, expiration: int | None = None, **kwargs: Any) -> str:
        """Return an address that gives a file's bytes to anybody, for as long as the service chooses.

        Raises:
            NotImplementedError: the filesystem was not made with ``signed_links=True``; or the service makes no such
                links; or *expiration* was given: how long a link lives is the service's own choice and in no source.
        """
        del kwargs
        if not self.signed_links:
            raise NotImplementedError(
                f"no signed links are given out; read {path!r} through this filesystem, or make it with "
                "signed_links=True",
            )
        if expiration is not None:
            raise NotImplementedError("how long a link lives is the service's own choice: leave expiration out")
        remote = self._remote()
        if not isinstance(remote, SupportsLinks):
            raise NotImplementedError(f"{remote.name}: no links are made here")
        return await remote.temporary_link(key(self._strip_protocol(path)))

    sign = sync_wrapper(_sign)

    async def _url(self, path: str, **kwargs: Any) -> str:
        """Return what :meth:`sign` returns."""
        return await self._sign(path, **kwargs)

    url = sync_wrapper(_url)
