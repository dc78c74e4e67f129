"""The folders of this machine that a server may touch: where uploads come from and downloads go.

They are given when the server starts (``--root``). A path counts by where it really is: links are followed first, also
in what exists of a path whose end does not. What is then opened is opened from its root down, folder by folder and
without following a link, so that nobody can put another thing in its place meanwhile.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ap_remote.errors import ConfigError
from ap_remote_mcp.policy.localpaths import NotLocalError, plain

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
_NUMBERED: Final = re.compile(r"root([0-9]+)", re.ASCII)
_JOKERS: Final = frozenset("*?[")
_NAMED: Final = 3
"""Files that are named where a folder or a pattern was given."""
_SHOWN: Final = 60
"""Characters of a name that is repeated; longer ones are only counted."""


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

    @property
    def names(self) -> dict[str, str]:
        """How answers call the roots, and their own names; a person's home is ``~``."""
        home = Path(os.path.realpath(os.path.expanduser("~")))  # noqa: PTH111 - an account need not have one
        return {f"root{at}": "~" if each == home else each.name for at, each in enumerate(self.folders, 1)}

    @classmethod
    def given(cls, folders: Sequence[Path], *, private: Sequence[Path] = ()) -> Roots:
        """Return the roots that a person named.

        Raises:
            ConfigError: one is no folder, has a name that is no text, or lies in a private one.
        """
        try:
            roots = cls([Path(plain(str(each))).expanduser() for each in folders], private=private)
        except NotLocalError as exc:
            raise ConfigError(f"--root takes a folder of this machine: {exc.reason}") from exc
        for named, real in zip(folders, roots.folders, strict=True):
            if not real.is_dir():
                raise ConfigError(f"--root takes a folder, and {str(named)!r} is none")
            if not _is_text(real):
                raise ConfigError(f"--root {str(named)!r} has a name that is no text (UTF-8)")
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
            raise OutsideRootsError(self._several(path))
        folder = self._descend(path.parent, make=False)
        try:
            file = os.open(path.name, _FILE, dir_fd=folder)
        except OSError as exc:
            if _JOKERS.intersection(path.name):
                raise OutsideRootsError(self._several(path.parent, path.name)) from exc
            raise OutsideRootsError(f"there is no such file inside {self._called()}") from exc
        finally:
            os.close(folder)
        try:
            found = os.fstat(file)
            if stat.S_ISDIR(found.st_mode):
                raise OutsideRootsError(self._several(path))
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
        try:
            written = plain(given)
        except NotLocalError as exc:
            raise OutsideRootsError(exc.reason) from exc
        if not written or _NUL in written:
            raise OutsideRootsError("it is no path")
        path = Path(written)
        if ".." in path.parts:
            raise OutsideRootsError("a path with .. is not followed")
        if not path.is_absolute():
            path = self._below(path)
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError) as exc:
            raise OutsideRootsError("it is no path") from exc
        root = self._root_of(real)
        if not _is_text(real):
            raise OutsideRootsError("a name in it is no text (UTF-8)")
        if any(part.startswith(".") for part in real.relative_to(root).parts):
            raise OutsideRootsError("hidden files and folders are left alone")
        if any(len(os.fsencode(part)) > _NAME_BYTES for part in real.parts):
            raise OutsideRootsError("a name in it is too long")
        return real

    def _below(self, path: Path) -> Path:
        """Return where a relative path is meant to be: below a root by its number or its name, or below the only one.

        What lies in the only root is meant before the root itself, where both have the name.
        """
        first = path.parts[0] if path.parts else ""
        rest = Path(*path.parts[1:])
        numbered = _NUMBERED.fullmatch(first)
        if numbered is not None:
            number = int(numbered[1])
            if not 1 <= number <= len(self.folders):
                raise OutsideRootsError(f"there is no {first}: begin with {self._called()}")
            return self.folders[number - 1] / rest
        named = [each for each in self.folders if _same(each.name, first)]
        only = self.folders[0] if len(self.folders) == 1 else None
        if only is not None and (not named or os.path.lexists(only / first)):
            return only / path
        if len(named) == 1:
            return named[0] / rest
        raise OutsideRootsError(f"the server has several folders: begin with {self._called()}")

    def _called(self) -> str:
        """Return the roots as a sentence names them, without the way to them."""
        return " or ".join(f"{root} ({name})" for root, name in self.names.items())

    def _several(self, folder: Path, pattern: str = "") -> str:
        """Return what is said of a folder, or of a pattern in one, where a file is meant: which files it would be."""
        opened = self._descend(folder, make=False)
        try:
            names = os.listdir(opened)  # noqa: PTH208 - what is opened may have another path by now
            fitting = sorted(name for name in names if _fits(name, pattern, opened))
        finally:
            os.close(opened)
        said = "patterns are not followed" if pattern else "it is a folder"
        if not fitting:
            return f"{said}, and {'no file fits this one' if pattern else 'no file lies directly in it'}"
        shown = [self.shown(folder / name) for name in fitting if name.isprintable() and len(name) <= _SHOWN][:_NAMED]
        examples = f", as {', '.join(shown)}" if shown else ""
        what = "files that fit" if pattern else "files in it"
        return f"{said}: list the {what} one by one, {len(fitting)} here{examples}"

    def _root_of(self, real: Path) -> Path:
        for each in self.folders:
            if real == each or each in real.parents:
                return each
        raise OutsideRootsError(f"it lies outside {self._called()}")

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
            if _JOKERS.intersection(str(path.relative_to(root))):
                raise OutsideRootsError("patterns are not followed: list the files one by one") from exc
            raise OutsideRootsError(f"there is no such folder inside {self._called()}") from exc
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


def _is_text(path: Path) -> bool:
    """Whether a path can be written down: jobs and answers are JSON."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _same(one: str, other: str) -> bool:
    """Whether two names are one; some disks and hosts write accents apart."""
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def _fits(name: str, pattern: str, folder: int) -> bool:
    """Whether a name in an opened folder is that of a file that is meant and may be sent."""
    if name.startswith(".") or (pattern and not fnmatchcase(name, pattern)):
        return False
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False  # it went away meanwhile
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def _make(name: str, folder: int) -> None:
    try:
        os.mkdir(name, dir_fd=folder)
    except FileExistsError:
        return  # opening it tells whether it is a folder
