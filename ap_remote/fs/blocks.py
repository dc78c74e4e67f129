"""Blocks of files on the local disk: what was read once need not be read again, by any process of this machine.

A block is named by a hash of its file's id, version and md5 and of its place in it, never by a path: a file that
changed is another file here, and its old blocks age out. Each block is one file, written under another name and
renamed, with a digest in front that is compared at every read; what is torn or damaged is thrown away and counts as
missing. The time of a block's last use is its modification time, so that nothing has to be kept in step beside the
blocks but one sum, which may only be too large and is counted anew before anything is evicted.

The folder is a cache: it may be removed at any time, also while it is used. Where it cannot be written, reading goes on
without it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote.fs.blocks_shelf import FORMAT, Shelf, cost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LIMIT: Final = 10 * 2**30
"""Bytes that are kept where no limit is given (own choice)."""

_MAGIC: Final = b"APB1"
_HEAD: Final = len(_MAGIC) + 20
_SPARE: Final = 10
"""One part in so many of the limit is made free at once, so that not every block has to look for room."""
_PATIENCE: Final = 5.0
"""Seconds that a block waits for its turn to be kept; after that it is not kept."""
_POLL: Final = 0.005
_REST: Final = 60.0
"""Seconds for which nothing is kept after the disk refused."""

_log = logging.getLogger(__name__)


class Version(msgspec.Struct, frozen=True):
    """The bytes of one version of one node: what blocks are kept under."""

    id: str
    version: int
    md5: str | None
    size: int

    def has_bytes_of(self, other: Version) -> bool:
        """Whether both have the same bytes; a file that was renamed or marked meanwhile has another version."""
        if self.md5 is not None and other.md5 is not None:
            return (self.md5, self.size) == (other.md5, other.size)
        return self == other


class BlockUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a cache of blocks holds."""

    folder: Path
    blocks: int
    size: int
    """Bytes on the disk, in whole pages of it."""
    limit: int


class BlockCache:
    """Blocks in a folder. Opens nothing before its first use; threads and processes may share the folder.

    The limit holds for all that is in the folder, but for what is being written at the moment. Where two processes
    have different limits, each makes room by its own when it keeps something.

    Args:
        folder: where; only its owner can look into it.
        limit: bytes on the disk. The blocks that were used longest ago make way.
        clock: nanoseconds since 1970.
    """

    def __init__(self, folder: str | Path, limit: int = LIMIT, *, clock: Callable[[], int] = time.time_ns) -> None:
        if limit <= 0:
            raise ValueError(f"a limit is a number of bytes above nought, not {limit}")
        self.folder = Path(folder)
        self.limit = limit
        self._clock = clock
        self._shelf = Shelf(self.folder / FORMAT)
        self._turn = threading.Lock()
        self._resumes = 0.0
        self._told = False

    def __repr__(self) -> str:
        return f"BlockCache({str(self.folder)!r}, {self.limit})"

    def __reduce__(self) -> tuple[type[BlockCache], tuple[str, int]]:
        return type(self), (str(self.folder), self.limit)

    def get(self, version: Version, place: str) -> bytes | None:
        """Return a block, or ``None`` where it is not here (any more) or is damaged.

        Args:
            version: of which file.
            place: which part of it, in the caller's words.
        """
        name = _name(version, place)
        file = self._shelf.file(name)
        try:
            number = os.open(file, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            with open(number, "rb", buffering=0) as stream:  # noqa: PTH123 - it is open already
                kept = stream.read()
                with suppress(OSError):  # on a disk that cannot be written blocks do not age
                    now = self._clock()
                    os.utime(number if os.utime in os.supports_fd else file, ns=(now, now))
        except FileNotFoundError:
            return None
        except OSError as exc:
            self._tell("read", exc)
            return None
        body = kept[_HEAD:]
        if kept[:_HEAD] != _head(name, body):
            _log.info("a damaged block was thrown away; its bytes are read anew")
            with suppress(OSError):
                file.unlink()
            return None
        return body

    def put(self, version: Version, blocks: Mapping[str, bytes]) -> None:
        """Keep parts of a file, by their places; what finds no room, or no disk that takes it, is not kept."""
        if time.monotonic() < self._resumes:
            return
        named = {_name(version, place): body for place, body in blocks.items() if body}
        costs = {name: cost(_HEAD + len(body)) for name, body in named.items()}
        # What fills more than half of the limit at once would push everything out, and is seldom read again.
        if sum(costs.values()) > (self.limit if len(costs) == 1 else self.limit // 2):
            return
        written: dict[str, Path] = {}
        try:
            for name, body in named.items():
                if not self._shelf.file(name).exists():
                    written[name] = self._shelf.write(name, _head(name, body), body)
            if written:
                with self._locked():
                    self._make_room(sum(costs[name] for name in written))
                    for name, partial in written.items():
                        now = self._clock()
                        os.utime(partial, ns=(now, now))
                        partial.replace(self._shelf.file(name))
        except (FileNotFoundError, TimeoutError) as exc:
            # The folder was removed between two steps, or somebody holds it for long.
            _log.debug("blocks were not kept: %s", exc)
        except OSError as exc:
            self._resumes = time.monotonic() + _REST
            self._tell("written", exc)
        finally:
            for partial in written.values():
                with suppress(OSError):
                    partial.unlink(missing_ok=True)

    def usage(self) -> BlockUsage:
        """Count what is there, while nobody changes it: a count beside evictions would add up what never lay together.

        Raises:
            OSError: the folder cannot be read, or somebody holds it for long.
        """
        if os.access(self.folder, os.W_OK):
            with self._locked():
                blocks = self._shelf.blocks()
        else:  # there is none yet, or it is another's to change: what is seen is told
            blocks = self._shelf.blocks()
        size = sum(each.cost for each in blocks)
        return BlockUsage(folder=self.folder, blocks=len(blocks), size=size, limit=self.limit)

    def clear(self) -> None:
        """Remove all blocks.

        Raises:
            OSError: the folder cannot be changed.
        """
        if self.folder.exists():
            with self._locked():
                self._shelf.clear()

    def _make_room(self, wanted: int) -> None:
        """Let *wanted* bytes more be there, and count them."""
        now = self._clock()
        total = self._shelf.total(now)
        if total is not None and total + wanted <= self.limit:
            self._shelf.note(total + wanted)
            return
        blocks = self._shelf.blocks(now=now)
        total = sum(each.cost for each in blocks)
        if total + wanted > self.limit:
            target = max(0, self.limit - wanted - self.limit // _SPARE)
            for each in sorted(blocks):
                if total <= target:
                    break
                Path(each.file).unlink(missing_ok=True)
                total -= each.cost
        self._shelf.note(total + wanted, counted=now)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock

        # Threads of one process wait for each other without polling.
        if not self._turn.acquire(timeout=_PATIENCE):
            raise TimeoutError(f"{self.folder} is busy")
        try:
            with FileLock(self.folder / "lock", timeout=_PATIENCE, mode=0o600, poll_interval=_POLL):
                yield
        finally:
            self._turn.release()

    def _tell(self, done: str, exc: OSError) -> None:
        if not self._told:
            self._told = True
            _log.warning("blocks cannot be %s in %s, reading goes on without: %s", done, self.folder, exc.strerror)


def _name(version: Version, place: str) -> str:
    told = "\0".join((version.id, str(version.version), version.md5 or "", str(version.size), place))
    return hashlib.blake2b(told.encode(), digest_size=20).hexdigest()


def _head(name: str, body: bytes) -> bytes:
    digest = hashlib.sha1(name.encode(), usedforsecurity=False)
    digest.update(body)
    return _MAGIC + digest.digest()
