"""Files that are being written through a mount: whole on the local disk, sent when they are closed."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ap_remote.atomic import make_private
from ap_remote.errors import RemoteError
from ap_remote.remote.paths import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fsspec.spec import AbstractFileSystem  # type: ignore[import-untyped]  # fsspec ships no types

_log = logging.getLogger("ap_remote.mount")


class Draft:
    """One file that somebody writes. All who have it open share it.

    Args:
        path: where it will be sent, absolute.
        file: its bytes, on the local disk.
        new: whether the account has no such file yet, so that even an empty one must be sent.
    """

    def __init__(self, path: str, file: Path, *, new: bool) -> None:
        """Open the file, which is made if it is not there."""
        self.path = path
        self.file = file
        self.users = 0
        self.changed = time.time()
        self._new = new
        self._dirty = False
        self._given_up = False
        self._lock = threading.RLock()
        self.is_closed = False
        self._fd = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return os.fstat(self._fd).st_size

    @property
    def is_unsent(self) -> bool:
        """Whether the account lacks it as it is now."""
        return (self._dirty or self._new) and not self._given_up

    @property
    def is_idle(self) -> bool:
        """Whether nobody has it open, and its local file still is."""
        return self.users == 0 and not self.is_closed

    def read(self, size: int, offset: int) -> bytes:
        """Return bytes as they were written."""
        return os.pread(self._fd, size, offset)

    def write(self, data: bytes, offset: int) -> int:
        """Take bytes in; nothing leaves before :meth:`send`."""
        with self._lock:
            done = 0
            while done < len(data):
                done += os.pwrite(self._fd, data[done:], offset + done)
            self._touch()
        return done

    def truncate(self, length: int) -> None:
        """Cut it, or make it longer with zeros."""
        with self._lock:
            os.ftruncate(self._fd, length)
            self._touch()

    def send(self, fs: AbstractFileSystem, *, empty: bool) -> None:
        """Send it, if the account lacks it.

        Args:
            fs: takes it.
            empty: also where nothing was written yet; a shell closes a file once before it writes.

        Raises:
            RemoteError: it was refused, or did not get through. The bytes stay here.
        """
        with self._lock:
            if self._given_up or not (self._dirty or (self._new and empty)):
                return
            fs.put_file(str(self.file), self.path)
            self._dirty = self._new = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nobody send it while the block runs, for its path changes there."""
        with self._lock:
            yield

    def give_up(self) -> None:
        """Send nothing any more."""
        with self._lock:
            self._given_up = True

    def close(self, *, keep: bool) -> None:
        """Let go of the file; *keep* leaves its bytes on the disk."""
        self.is_closed = True
        os.close(self._fd)
        if not keep:
            self.file.unlink(missing_ok=True)

    def _touch(self) -> None:
        self._dirty = True
        self.changed = time.time()


class Drafts:
    """All files that are being written.

    Args:
        fs: where they go.
        folder: a local folder that is ours alone. What could not be sent stays there, and a warning says where.
    """

    def __init__(self, fs: AbstractFileSystem, folder: Path) -> None:
        """Make the folder when the first file is written."""
        self._fs = fs
        self._folder = folder
        self._lock = threading.RLock()
        self._open: dict[str, Draft] = {}

    def find(self, path: str) -> Draft | None:
        """Return the draft of a path, if it is being written."""
        with self._lock:
            return self._open.get(fold(path))

    def open(self, path: str, *, new: bool, truncate: bool) -> Draft:
        """Return the draft of a path, shared; the account's bytes are fetched unless they are cut off anyway.

        Raises:
            RemoteError: the bytes cannot be fetched.
            OSError: the local disk does not take them.
        """
        # Outside the lock: what takes long must not hold up those who ask for other files.
        file = None if self.find(path) else self._fetched(path, fetch=not (new or truncate))
        with self._lock:
            draft = self._open.get(fold(path))
            if draft is None:
                draft = Draft(path, file or self._fetched(path, fetch=not (new or truncate)), new=new)
                self._open[fold(path)] = draft
            elif file is not None:
                file.unlink(missing_ok=True)
            if truncate and not new:
                draft.truncate(0)
            draft.users += 1
            return draft

    def release(self, draft: Draft) -> None:
        """Give a draft back; the last one who does sends what is left, and its bytes leave this disk.

        Raises:
            RemoteError: they could not be sent, and stay on this disk.
        """
        with self._lock:
            draft.users -= 1
            if draft.users:
                return
        try:
            # Until it has arrived it can be found here: the kernel does not wait for a release.
            draft.send(self._fs, empty=True)
        except (RemoteError, OSError) as exc:
            _log.warning("%s was not uploaded (%s); its bytes are in %s", draft.path, exc, draft.file)
            raise
        finally:
            with self._lock:
                if draft.is_idle:
                    if self._open.get(fold(draft.path)) is draft:
                        del self._open[fold(draft.path)]
                    draft.close(keep=draft.is_unsent)

    def send(self, draft: Draft) -> None:
        """Send what was written.

        Raises:
            RemoteError: it did not get through; the draft stays.
        """
        draft.send(self._fs, empty=False)

    def moved(self, old: str, new: str) -> None:
        """Let drafts below *old* go to *new* when they are sent."""
        with self._lock:
            for draft in list(self._open.values()):
                if fold(draft.path) == fold(old) or fold(draft.path).startswith(fold(old) + "/"):
                    del self._open[fold(draft.path)]
                    draft.path = new + draft.path[len(old) :]
                    self._open[fold(draft.path)] = draft

    def forget(self, path: str) -> None:
        """A file is removed while it is open: nothing is sent any more."""
        with self._lock:
            draft = self._open.pop(fold(path), None)
            if draft is not None:
                draft.give_up()

    def names(self, folder: str) -> list[str]:
        """Return the names of new files in a folder that the account does not know yet."""
        with self._lock:
            drafts = [draft.path.rpartition("/") for draft in self._open.values() if draft.is_unsent]
        return [name for above, _, name in drafts if fold(above) == fold(folder.rstrip("/"))]

    def close(self) -> list[Path]:
        """Send all that is left, at the end, and return the files that could not be sent."""
        kept = []
        for draft in list(self._open.values()):
            draft.users = 1
            try:
                self.release(draft)
            except (RemoteError, OSError):
                kept.append(draft.file)
        return kept

    def _fetched(self, path: str, *, fetch: bool) -> Path:
        make_private(self._folder)
        name = path.rpartition("/")[2]
        file = self._folder / f"{time.time_ns():x}-{os.urandom(3).hex()}-{_short(name)}"
        if fetch:
            try:
                with self._fs.open(path, "rb") as source, file.open("xb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
            except BaseException:
                # What stays in this folder is what somebody wrote and could not be sent.
                file.unlink(missing_ok=True)
                raise
        return file


def _short(name: str) -> str:
    """Return the end of a name, for a person who looks for a file that was not sent."""
    return name.encode("utf-8", "replace")[-100:].decode("utf-8", "ignore")
