"""Folders: the root, the tree, its picture in lines, and making them as they are here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ap_remote.client.answers import Node
from ap_remote.client.core import Core
from ap_remote.errors import NotFoundError
from ap_remote.model import Kind
from ap_remote.remote import paths
from ap_remote.remote.features import SupportsFolders
from ap_remote.remote.tree import Folder, folder_tree
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.reading import be_whole
from ap_remote.transfer.walking import remote_or_raw

if TYPE_CHECKING:
    from ap_remote.model import Entry

_BLUE: Final = "\x1b[34m"
_GREY: Final = "\x1b[90m"
_PLAIN: Final = "\x1b[0m"
_NARROWEST: Final = 2


class Folders(Core):
    """Methods about folders. ``root``, ``folders`` and ``tree`` are kept until this client changes something."""

    @property
    def root(self) -> Node:
        """The root folder."""
        return self._keep("root", self.get_root)

    @property
    def folders(self) -> list[Node]:
        """All folders."""
        return self._keep("folders", self.get_folders)

    @property
    def tree(self) -> Folder:
        """The folders as a tree."""
        return self._keep("tree", self.build_tree)

    def get_root(self) -> Node:
        """Return the root folder."""
        return Node(self._run(lambda: self._remote.stat("")))

    def get_folders(self) -> list[Node]:
        """Return all folders, the root too; one that lies in two folders is there at both paths."""
        found = self._collect(lambda: self._remote.list("", recursive=True))
        return [self.get_root(), *(Node(each) for each in found if each.kind is Kind.FOLDER)]

    def find_path(self, target: str, root: Folder | None = None) -> Node | Folder | None:
        """Return what is at a path such as ``Pictures/Web``, ``None`` where nothing is.

        Args:
            target: a path.
            root: a tree of :meth:`build_tree` to look into, instead of the account.
        """
        if root is not None:
            return _inside(root, target)
        try:
            return Node(self._run(lambda: self._remote.stat(target)))
        except NotFoundError:
            return None

    def build_tree(self, folders: Iterable[Entry | Node] | None = None) -> Folder:
        """Return the folders as a tree of ``name``, ``id``, ``path`` and ``children``; *folders* stay as they are."""
        rows: Iterable[Any] = self.get_folders() if folders is None else folders
        return folder_tree([each.entry if isinstance(each, Node) else each for each in rows])

    def print_tree(  # noqa: PLR0917 - the seed's documented places
        self,
        node: Folder | None = None,
        show_id: bool = True,  # noqa: FBT001, FBT002 - the seed's documented places
        color: bool | None = None,  # noqa: FBT001 - the seed's documented places
        indent: int = 4,
        prefix: str = "",
        last: bool = True,  # noqa: FBT001, FBT002 - the seed's documented places
    ) -> None:
        """Draw the folders on standard output; the root is ``~``.

        Args:
            node: a part of :meth:`build_tree` to draw; all without it.
            show_id: with the ids.
            color: colours on or off; by default where they can be seen.
            indent: columns by which each level stands further in, at least two.
            prefix: stands before every line.
            last: of no use: a part that is drawn has nothing after it.
        """
        del last
        painted = _shows_colors() if color is None else color
        lines = _drawn(node or self.build_tree(), show_id=show_id, color=painted, indent=max(indent, _NARROWEST))
        sys.stdout.writelines(f"{prefix}{line}\n" for line in lines)

    def create_folders(self, path: str | Path, folder: str = "") -> tuple[dict[str, Node], list[Node]]:
        """Make the folders of a local folder, its own among them.

        Args:
            path: a local folder; ``trip/`` means what is in ``trip``.
            folder: where in the account.

        Returns:
            The folders by their paths, and the same as a list, parents first.
        """
        able = self._ability(SupportsFolders, "make folders")

        async def make() -> dict[str, Node]:
            return {each: Node(await able.mkdir(each)) for each in _local(path, folder)}

        made = self._run(make)
        if made:
            self._changed()
        return made, list(made.values())


def _local(local: str | Path, folder: str) -> list[str]:
    """Return where the folders of a local folder belong, parents first."""
    top = Path(local)
    if not top.is_dir():
        return []
    base = folder if os.fspath(local).endswith(("/", os.sep)) else paths.join(folder, remote_or_raw(top.resolve().name))
    side = Disk(top)
    listing = side.look()
    be_whole(side, listing, "nothing is made")
    found = [base, *(paths.join(base, item.path) for item in listing.items if item.is_folder)]
    return [each for each in found if each]


def _inside(root: Folder, target: str) -> Folder | None:
    found: Folder | None = root
    for name in paths.components(paths.normalise(target)):
        inside = found["children"] if found else []
        found = next((each for each in inside if paths.fold(each["name"]) == paths.fold(name)), None)
    return found


def _drawn(folder: Folder, *, show_id: bool, color: bool, indent: int) -> Iterator[str]:
    """Yield lines; characters that would move the cursor are replaced."""
    bar, gap = "│" + " " * (indent - 1), " " * indent
    fork, end = ("├" + "─" * (indent - 2) + " ", "└" + "─" * (indent - 2) + " ")
    todo: list[tuple[Folder, str, str]] = [(folder, "", "")]
    while todo:
        each, lead, below = todo.pop()
        name = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in each["name"])
        known = f"  {_paint(each['id'], _GREY, color=color)}" if show_id and each["id"] else ""
        yield f"{lead}{_paint(name or '~', _BLUE, color=color)}{known}"
        inside = [(child, below + fork, below + bar) for child in each["children"]]
        if inside:
            inside[-1] = (each["children"][-1], below + end, below + gap)
        todo.extend(reversed(inside))


def _paint(text: str, ink: str, *, color: bool) -> str:
    return f"{ink}{text}{_PLAIN}" if color else text


def _shows_colors() -> bool:
    """Whether standard output is a terminal or a notebook's cell, and nobody set ``NO_COLOR``."""
    if os.environ.get("NO_COLOR"):
        return False
    return sys.stdout.isatty() or type(sys.stdout).__module__.startswith("ipykernel")
