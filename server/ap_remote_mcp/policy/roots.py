"""The folders of this machine that a server may touch: where uploads come from and downloads go.

They are given when the server starts (``--root``). A path counts by where it really is: links are followed first, also
in what exists of a path whose end does not. What is then opened is opened from its root down, folder by folder and
without following a link, so that nobody can put another thing in its place meanwhile.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ap_remote.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NUL: Final = "\0"
_NAME_BYTES: Final = 255
SAFE: Final = os.open in os.supports_dir_fd and os.link in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
"""Whether this system can open a file below an opened folder without following links; Windows cannot."""
_CLOSED: Final = getattr(os, "O_CLOEXEC", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | _CLOSED
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_LINK
_FILE: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _NO_LINK
"""A pipe that took a file's place must not be waited for."""


class OutsideRootsError(Exception):
    """A path that the server may not touch; ``reason`` is a clause for the model, without the path's real place."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Roots:
    """Says which local paths may be touched, and opens them.

    Args:
        folders: they exist; none of them means that nothing may be.
        private: folders that stay closed even where they lie below a root, such as the one with the credentials.
    """

    def __init__(self, folders: Sequence[Path] = (), *, private: Sequence[Path] = ()) -> None:
        self.folders = tuple(Path(os.path.realpath(each)) for each in folders)
        self._private = tuple(Path(os.path.realpath(each)) for each in private)

    @classmethod
    def given(cls, folders: Sequence[Path], *, private: Sequence[Path] = ()) -> Roots:
        """Return the roots that a person named.

        Raises:
            ConfigError: one is no folder, or lies in a private one.
        """
        roots = cls([each.expanduser() for each in folders], private=private)
        for named, real in zip(folders, roots.folders, strict=True):
            if not real.is_dir():
                raise ConfigError(f"--root takes a folder, and {str(named)!r} is none")
            if any(real == each or each in real.parents for each in roots._private):
                raise ConfigError(f"--root {str(named)!r} lies in the folder where credentials are kept")
        return roots

    def to_read(self, given: str) -> Path:
        """Return the real path of a file to be sent.

        Raises:
            OutsideRootsError: as for :meth:`opened`.
        """
        with self.opened(given) as (path, _):
            return path

    @contextmanager
    def opened(self, given: str) -> Iterator[tuple[Path, int]]:
        """Open a file to be sent; yield its real path and its descriptor.

        Raises:
            OutsideRootsError: it lies elsewhere, is hidden, is no plain file, has several names, or is not there.
        """
        path = self._inside(given)
        if path in self.folders:
            raise OutsideRootsError("it is no plain file")
        folder = self._descend(path.parent, make=False)
        try:
            file = os.open(path.name, _FILE, dir_fd=folder)
        except OSError as exc:
            raise OutsideRootsError("there is no such file inside the server's folders") from exc
        finally:
            os.close(folder)
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                raise OutsideRootsError("it is no plain file")
            if found.st_nlink > 1:
                raise OutsideRootsError("it has several names on this disk, so that it may be another's file")
            yield path, file
        finally:
            os.close(file)

    def to_write(self, given: str) -> Path:
        """Return the real path of a folder that files may be put in; what is missing of it may be made.

        Raises:
            OutsideRootsError: it lies elsewhere, is hidden, or something that is no folder stands in its place.
        """
        path = self._inside(given)
        standing = path
        try:
            # A link that leads in a circle is there as well, and is no folder.
            while not os.path.lexists(standing):
                standing = standing.parent
            is_folder = standing.is_dir()
        except (OSError, ValueError) as exc:
            raise OutsideRootsError("it cannot be looked at") from exc
        if not is_folder:
            raise OutsideRootsError("a file stands where the folder would be")
        os.close(self._descend(standing, make=False))
        return path

    def made(self, path: Path) -> int:
        """Make what is missing of a folder and return its descriptor, which the caller closes.

        Args:
            path: from :meth:`to_write`.

        Raises:
            OutsideRootsError: something else stands in its way by now.
        """
        return self._descend(self._inside(str(path)), make=True)

    def shown(self, path: Path) -> str:
        """Return a path as an answer may name it: below its root, without the way to it."""
        for number, root in enumerate(self.folders, 1):
            if path == root or root in path.parents:
                below = path.relative_to(root).as_posix()
                return f"root{number}/{below}" if below != "." else f"root{number}"
        return path.name

    def _inside(self, given: str) -> Path:
        if not self.folders:
            raise OutsideRootsError("this server was started without --root, so it touches no local file")
        if not given or _NUL in given:
            raise OutsideRootsError("it is no path")
        path = Path(given)
        if ".." in path.parts:
            raise OutsideRootsError("a path with .. is not followed")
        first = given.partition("/")[0]
        if not path.is_absolute() and first.startswith("root") and first[4:].isdecimal() and first.isascii():
            number = int(first[4:])
            if not 1 <= number <= len(self.folders):
                raise OutsideRootsError(f"there are {len(self.folders)} roots")
            path = self.folders[number - 1] / given.partition("/")[2].lstrip("/")
        elif not path.is_absolute():
            path = self.folders[0] / path
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError) as exc:
            raise OutsideRootsError("it is no path") from exc
        root = self._root_of(real)
        if any(part.startswith(".") for part in real.relative_to(root).parts):
            raise OutsideRootsError("hidden files and folders are left alone")
        if any(len(os.fsencode(part)) > _NAME_BYTES for part in real.parts):
            raise OutsideRootsError("a name in it is too long")
        return real

    def _root_of(self, real: Path) -> Path:
        for each in self.folders:
            if real == each or each in real.parents:
                return each
        raise OutsideRootsError("it lies outside the folders that the server was started with")

    def _descend(self, path: Path, *, make: bool) -> int:
        """Open a folder from its root down; a link that appeared since the path was resolved is not followed."""
        if not SAFE:
            raise OutsideRootsError("this system cannot open files without following links")
        root = self._root_of(path)
        private = self._identities()
        try:
            folder = os.open(root, _FOLDER)
        except OSError as exc:
            raise OutsideRootsError("the root is not there any more") from exc
        try:
            self._refuse_private(folder, private)
            for part in path.relative_to(root).parts:
                if make:
                    _make(part, folder)
                inner = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
                self._refuse_private(folder, private)
        except OSError as exc:
            os.close(folder)
            raise OutsideRootsError("there is no such folder inside the server's folders") from exc
        except OutsideRootsError:
            os.close(folder)
            raise
        return folder

    def _identities(self) -> set[tuple[int, int]]:
        found = set()
        for each in self._private:
            try:
                known = each.stat()
            except OSError:
                continue  # what is not there cannot be entered
            found.add((known.st_dev, known.st_ino))
        return found

    @staticmethod
    def _refuse_private(folder: int, private: set[tuple[int, int]]) -> None:
        # By identity: a disk that ignores case has many spellings of one folder.
        known = os.fstat(folder)
        if (known.st_dev, known.st_ino) in private:
            raise OutsideRootsError("the server's own folder is left alone")


def _make(name: str, folder: int) -> None:
    try:
        os.mkdir(name, dir_fd=folder)
    except FileExistsError:
        return  # opening it tells whether it is a folder
