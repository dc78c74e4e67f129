"""The folders of this machine that a server may touch: where uploads come from and downloads go.

They are given when the server starts (``--root``). A path counts by where it really is: links are followed first, also
in what exists of a path whose end does not.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_NUL: Final = "\0"


class OutsideRootsError(Exception):
    """A path that the server may not touch; ``reason`` is a clause for the model, without the path's real place."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Roots:
    """Says which local paths may be touched.

    Args:
        folders: they exist; none of them means that nothing may be.
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self.folders = tuple(Path(os.path.realpath(each)) for each in folders)

    def to_read(self, given: str) -> Path:
        """Return the real path of a file to be sent.

        Raises:
            OutsideRootsError: it lies elsewhere, is hidden, is no plain file, or is not there.
        """
        path = self._inside(given)
        try:
            kind = path.lstat().st_mode
        except OSError as exc:
            raise OutsideRootsError("there is no such file inside the server's folders") from exc
        if not stat.S_ISREG(kind):
            raise OutsideRootsError("it is no plain file")
        if path.stat().st_nlink > 1:
            raise OutsideRootsError("it has several names on this disk, so that it may be another's file")
        return path

    def to_write(self, given: str) -> Path:
        """Return the real path of a folder that files may be put in; what is missing of it may be made.

        Raises:
            OutsideRootsError: it lies elsewhere, is hidden, or something that is no folder stands in its place.
        """
        path = self._inside(given)
        standing = path
        while not standing.exists():
            standing = standing.parent
        if not standing.is_dir():
            raise OutsideRootsError("a file stands where the folder would be")
        return path

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
        if not path.is_absolute() and first.startswith("root") and first[4:].isdigit():
            number = int(first[4:])
            if not 1 <= number <= len(self.folders):
                raise OutsideRootsError(f"there are {len(self.folders)} roots")
            path = self.folders[number - 1] / given.partition("/")[2]
        elif not path.is_absolute():
            path = self.folders[0] / path
        try:
            real = Path(os.path.realpath(path))
        except (OSError, ValueError) as exc:
            raise OutsideRootsError("it is no path") from exc
        root = next((each for each in self.folders if real == each or each in real.parents), None)
        if root is None:
            raise OutsideRootsError("it lies outside the folders that the server was started with")
        if any(part.startswith(".") for part in real.relative_to(root).parts):
            raise OutsideRootsError("hidden files and folders are left alone")
        return real
