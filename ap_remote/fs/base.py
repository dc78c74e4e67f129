"""What every part of the filesystem stands on: its remote, its paths, its lifetime."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, ClassVar, Final

from fsspec.asyn import AsyncFileSystem, sync_wrapper  # type: ignore[import-untyped]  # fsspec ships no types
from fsspec.utils import stringify_path  # type: ignore[import-untyped]  # fsspec ships no types

from ap_remote.errors import ConfigError
from ap_remote.fs.known import Known
from ap_remote.fs.listings import EXPIRY, Listings
from ap_remote.fs.remotes import Remotes

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable
    from types import UnionType

    from ap_remote.remote.base import Remote

BATCH: Final = 8
"""Files that are moved at once; fsspec's own 1280 would be taken for an attack."""
_UNSIGNED: Final = frozenset({"max_paths", "skip_instance_cache"})
"""Options of fsspec's own that no signature names."""
_OF_OPEN: Final = frozenset({"block_size", "cache_options", "cache_type"})
"""What other filesystems take as options and this one when a file is opened."""


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
        use_listings_cache: bool = False,
        listings_expiry_time: float | None = EXPIRY,
        signed_links: bool = False,
        **options: Any,
    ) -> None:
        """Keep *factory*, which is called inside the first coroutine that needs the remote.

        Args:
            factory: returns a remote that opens lazily.
            fresh: ask the service even where the node cache could answer.
            asynchronous: the caller awaits the underscored methods on a loop of its own.
            loop: the loop that the synchronous methods use; fsspec's own by default.
            batch_size: how many files are moved at once, 8 by default.
            use_listings_cache: keep listings here as well; what other processes change is then seen late.
            listings_expiry_time: seconds for which a listing is kept, 60 by default; ``None`` is for ever.
            signed_links: let :meth:`sign` and :meth:`url` give out addresses that anybody can read.
            options: fsspec's own (``skip_instance_cache`` ...).

        Raises:
            ConfigError: an option is not known or of the wrong type, or ``max_paths`` was given.
        """
        _refuse_unknown(type(self), options)
        _refuse_wrong(batch_size=(batch_size, int), listings_expiry_time=(listings_expiry_time, int | float))
        if options.get("max_paths") is not None:
            raise ConfigError(
                "max_paths is not offered: fsspec's cache loses its entries with it (fsspec issue 2095); "
                "use listings_expiry_time",
            )
        super().__init__(
            asynchronous=asynchronous,
            loop=loop,
            batch_size=batch_size or BATCH,
            use_listings_cache=use_listings_cache,
            listings_expiry_time=listings_expiry_time,
            **options,
        )
        self.fresh = fresh
        self.signed_links = signed_links
        self._listings = Listings(self.dircache)
        self._known = Known()
        self._remotes = Remotes(factory)
        weakref.finalize(self, self._remotes.shutdown)

    def _remote(self) -> Remote:
        """Return the running loop's remote."""
        return self._remotes.here().remote

    def _is_fresh(self, options: dict[str, Any]) -> bool:
        return bool(self.fresh or options.get("fresh") or options.get("refresh"))

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget the listings of a path, of all above and of all below it; without a path, all.

        That is the listings cache alone: the node cache learns of writes by itself, and ``refresh=True`` asks anew.
        """
        self._listings.forget(None if path is None else self._strip_protocol(path))
        super().invalidate_cache(path)  # within a transaction it is forgotten again at its end

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


def _refuse_unknown(kind: type, options: dict[str, Any]) -> None:
    """Let no option pass that nobody reads: it is a typing error, and what it asks for would silently not be done.

    Raises:
        ConfigError: there is one.
    """
    known = _UNSIGNED.union(
        *(getattr(vars(each).get("__init__"), "__kwdefaults__", None) or () for each in kind.__mro__)
    )
    unknown = sorted(options.keys() - known)
    if not unknown:
        return
    name = unknown[0]
    if name in _OF_OPEN:
        raise ConfigError(f"{name!r} is no option of the filesystem: give it to the filesystem's open()")
    from difflib import get_close_matches

    offered = sorted(known - {"max_paths"})
    near = get_close_matches(name, offered, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(offered)}"
    raise ConfigError(f"{name!r} is no option of this filesystem; {hint}")


def _refuse_wrong(**options: tuple[object, type | UnionType]) -> None:
    for name, (value, kind) in options.items():
        if value is not None and not isinstance(value, kind):
            raise ConfigError(f"{name} is a number, not {value!r}")
