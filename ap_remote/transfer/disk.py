"""A local folder, or one file, as an end of a transfer.

Names are shown as the account would have them (:mod:`ap_remote.transfer.localnames`). What is removed goes to
``.ap-trash/<time>/`` in the root, on the same file system, and nothing there is ever overwritten.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ap_remote.errors import AlreadyExistsError, ConfigError, IsFileError, NotFoundError
from ap_remote.transfer.digests import digest_files, stamp_of
from ap_remote.transfer.filters import EVERYTHING
from ap_remote.transfer.localnames import local_name
from ap_remote.transfer.sides import Item, Listing
from ap_remote.transfer.walking import TRASH, Walk, is_free_name, item_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ap_remote.transfer.digests import Digests
    from ap_remote.transfer.filters import Filters
    from ap_remote.transfer.sides import Progress

_AS_IS: Final = re.compile("[ -~]{1,200}")


class Disk:
    """A local end.

    Args:
        root: a folder, which need not exist if it is a target; or a file.
        only: take these paths below the root and what lies below them, and nothing else.
        digests: the digests of earlier runs.

    Raises:
        ConfigError: the root's name is not valid UTF-8, so no plan could be written down.
    """

    is_local: Final = True

    def __init__(self, root: Path, *, only: frozenset[str] | None = None, digests: Digests | None = None) -> None:
        try:
            str(root).encode()
        except UnicodeEncodeError:
            shown = os.fsencode(root).decode(errors="replace")
            raise ConfigError(f"{shown!r} is not valid UTF-8: rename it") from None
        self.root = root
        self.only = only
        self.digests = digests
        self._bin: Path | None = None
        self._bin_lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Disk({str(self.root)!r})"

    @property
    def label(self) -> str:
        """The root as it was given."""
        return str(self.root)

    @property
    def ignores_case(self) -> bool:
        """Whether two names that differ in case alone are one here; as the system usually has it."""
        return sys.platform in ("win32", "darwin")

    @property
    def base(self) -> Path:
        """The folder that paths are relative to: the root, or where the root lies if it is a file."""
        return self.root.parent if self.root.is_file() else self.root

    def file(self, path: str) -> Path:
        """Return where a path is, or would be, on the disk; never outside the root."""
        place = self.base
        for name in filter(None, path.split("/")):
            encoded = local_name(name)
            # A name that a person gave, and that we would have written otherwise.
            plain = encoded != name and is_free_name(name) and not os.path.lexists(place / encoded)
            place = place / (name if plain and os.path.lexists(place / name) else encoded)
        return place

    async def listing(
        self, filters: Filters, *, junk: bool = False, films: bool = False, progress: Progress | None = None
    ) -> Listing:
        """Return what lies here. Links to files are followed, links to folders are not unless the root is one.

        Pipes, sockets and devices are left out.

        Raises:
            NotFoundError: the root, or one of the paths that alone were asked for, does not exist.
        """
        del films
        loop = asyncio.get_running_loop()

        def tell(count: int) -> None:
            if progress is not None:
                loop.call_soon_threadsafe(progress, count, None)

        return await asyncio.to_thread(self.look, filters, junk=junk, tell=tell)

    def look(
        self, filters: Filters = EVERYTHING, *, junk: bool = False, tell: Callable[[int], None] | None = None
    ) -> Listing:
        """Return what lies here, as :meth:`listing` does. Blocks; *tell* gets how many were seen, in this thread."""
        return Walk(self.root, self.only, filters, tell or (lambda _: None), junk=junk).listing()

    async def digest(self, item: Item, *, again: bool = False) -> str | None:
        """Return a file's md5; it is read unless an earlier digest still holds."""
        (found,) = (await self.digest_many([item], again=again)).values()
        if isinstance(found, OSError):
            raise found
        return found

    async def digest_many(
        self, items: Iterable[Item], *, checkers: int = 8, again: bool = False, progress: Progress | None = None
    ) -> dict[str, str | OSError]:
        """Return the md5 of many files by their paths, or why one could not be read; *checkers* are read at a time."""
        loop = asyncio.get_running_loop()

        def tell(done: int, total: int | None) -> None:
            if progress is not None:
                loop.call_soon_threadsafe(progress, done, total)

        def work() -> dict[str, str | OSError]:
            base = os.path.abspath(self.base)  # noqa: PTH100 - links stay what they are: the key is the path
            places = {item.path: self._place(base, item.path) for item in items}
            stamps = [(places[item.path], item.stamp or _stamp(places[item.path])) for item in items]
            found = digest_files(
                stamps, self.digests, below=base, checkers=checkers, again=again, progress=progress and tell
            )
            return {path: found[place] for path, place in places.items()}

        items = list(items)
        return await asyncio.to_thread(work)

    async def mkdir(self, path: str) -> None:
        """Make a folder and those above it.

        Raises:
            IsFileError: a file is in the way.
        """

        def make() -> None:
            place = self.file(path)
            try:
                place.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError) as exc:
                raise IsFileError(str(place)) from exc

        await asyncio.to_thread(make)

    async def remove(self, item: Item) -> str:
        """Put a file or a folder into ``.ap-trash`` and return where it is then.

        Raises:
            NotFoundError: it is not there.
        """
        return await asyncio.to_thread(self._remove, item.path)

    async def move(self, item: Item, path: str) -> Item:
        """Give a file or a folder another path in this root.

        Raises:
            NotFoundError: it is not there.
            AlreadyExistsError: the path is taken.
        """
        return await asyncio.to_thread(self._move, item, path)

    def _place(self, base: str, path: str) -> str:
        # Most names are written as they are, and there may be very many of them.
        if _AS_IS.fullmatch(path) and "/." not in "/" + path and sys.platform != "win32":
            return f"{base}/{path}"
        return os.path.abspath(self.file(path))  # noqa: PTH100 - as above

    def _remove(self, path: str) -> str:
        place = self.file(path)
        if not os.path.lexists(place):
            raise NotFoundError(str(place))
        with self._bin_lock:
            if self._bin is None:
                self._bin = _new_bin(self.base / TRASH)
            there = self._bin.joinpath(*place.relative_to(self.base).parts)
            there.parent.mkdir(parents=True, exist_ok=True)
            there = _free(there)
            place.rename(there)
        return str(there)

    def _move(self, item: Item, path: str) -> Item:
        place, there = self.file(item.path), self.file(path)
        if not os.path.lexists(place):
            raise NotFoundError(str(place))
        # On a disk that ignores case a file may be in the way of itself.
        if os.path.lexists(there) and not (place.name != there.name and there.samefile(place)):
            raise AlreadyExistsError(str(there))
        there.parent.mkdir(parents=True, exist_ok=True)
        place.rename(there)
        facts = there.stat()
        return item_of(path, facts) if not stat.S_ISDIR(facts.st_mode) else Item(path=path, is_folder=True)


def _stamp(place: str) -> str:
    try:
        return stamp_of(os.stat(place))  # noqa: PTH116 - a text, of which there are many
    except OSError:
        # Reading it will say what is wrong.
        return ""


def _new_bin(trash: Path) -> Path:
    """Make a folder that nobody else uses, named after the time."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    trash.mkdir(parents=True, exist_ok=True)
    for number in range(1, 10_000):
        place = trash / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            place.mkdir()
        except FileExistsError:
            continue
        return place
    raise AlreadyExistsError(str(trash / stamp))


def _free(place: Path) -> Path:
    """Return *place*, or one beside it, that is not taken; the caller is the only one who writes there."""
    number, free = 1, place
    while os.path.lexists(free):
        number += 1
        free = place.with_name(f"{place.name[:200]} ({number})")
    return free
