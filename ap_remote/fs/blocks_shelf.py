"""Where blocks lie on the disk: one file each, in 256 folders, and beside them the sum of their sizes.

Whoever changes anything but a partial file of its own holds the lock of the cache.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT: Final = "1"
"""The name of the folder: another format is another folder, and leaves this one alone."""

PAGE: Final = 4096
"""Bytes in which disks give out room. No block costs less, so that very many tiny ones are not had for nothing."""

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_PARTIAL: Final = ".partial"
_SUM: Final = "sum"
_STALE: Final = 3_600_000_000_000
"""Nanoseconds after which nobody is still writing a partial file: its writer was killed."""
_DAY: Final = 86_400_000_000_000
"""Nanoseconds for which the sum is believed."""


class Kept(NamedTuple):
    """A block on the disk. In their order they make way."""

    used: int
    """Nanoseconds since 1970."""
    cost: int
    """Bytes, in whole pages."""
    file: str


def cost(size: int) -> int:
    """Return what a file of *size* bytes takes of the disk."""
    return PAGE * -(-size // PAGE)


class Shelf:
    """The files of a cache of blocks.

    Args:
        folder: where they lie; made when the first one is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def file(self, name: str) -> Path:
        """Return where a block lies, or would."""
        return self._folder / name[:2] / name[2:]

    def write(self, name: str, head: bytes, body: bytes) -> Path:
        """Write a file beside the place of a block, and return it.

        It is not fsynced: after a power failure the digest in its head tells whether it arrived.

        Raises:
            OSError: the disk is full or cannot be written; nothing is left.
        """
        partial = self.file(name).with_name(f".{secrets.token_hex(8)}{_PARTIAL}")
        try:
            number = os.open(partial, _NEW, 0o600)
        except FileNotFoundError:
            self._make(partial.parent)
            number = os.open(partial, _NEW, 0o600)
        try:
            with open(number, "wb") as stream:  # noqa: PTH123 - it is open already
                stream.write(head)
                stream.write(body)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return partial

    def blocks(self, *, now: int | None = None) -> list[Kept]:
        """Return all blocks.

        Args:
            now: nanoseconds since 1970; what was left half-written an hour ago is removed.
        """
        found = []
        for folder in _scan(self._folder):
            if not folder.is_dir(follow_symlinks=False):
                continue
            for each in _scan(folder.path):
                with suppress(FileNotFoundError):  # evicted or renamed meanwhile
                    facts = each.stat(follow_symlinks=False)
                    if not each.name.endswith(_PARTIAL):
                        found.append(Kept(facts.st_mtime_ns, cost(facts.st_size), each.path))
                    elif now is not None and facts.st_mtime_ns < now - _STALE:
                        Path(each.path).unlink()
        return found

    def total(self, now: int) -> int | None:
        """Return what the blocks cost together, or ``None`` where they have to be counted.

        It is the sum that was written last; counting may show less, where blocks were damaged or removed by hand.
        """
        found = self._sum()
        return None if found is None or not 0 <= now - found[1] < _DAY else found[0]

    def note(self, total: int, *, counted: int | None = None) -> None:
        """Write the sum down, and when it was counted if it was."""
        when = counted
        if when is None:
            found = self._sum()
            when = 0 if found is None else found[1]
        # Cut off by a kill the time is too small or missing, and the blocks are counted anew.
        (self._folder / _SUM).write_bytes(b"%d %d" % (total, when))

    def clear(self) -> None:
        """Remove everything. Who is writing meanwhile loses what it writes."""
        gone = self._folder.with_name(f".{secrets.token_hex(8)}.gone")
        with suppress(FileNotFoundError):
            self._folder.rename(gone)
            shutil.rmtree(gone)

    def _sum(self) -> tuple[int, int] | None:
        try:
            words = (self._folder / _SUM).read_bytes().split()
        except OSError:
            return None
        if len(words) != 2 or not all(each.isdigit() for each in words):  # noqa: PLR2004 - sum and time
            return None
        return int(words[0]), int(words[1])

    def _make(self, folder: Path) -> None:
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        # Photographs are private, whoever made the folder before.
        self._folder.chmod(0o700)
        folder.mkdir(mode=0o700, exist_ok=True)


def _scan(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except FileNotFoundError:
        return
