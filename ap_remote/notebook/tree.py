"""A tree of folders: lines where there is only text, folds where there is HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final, Self

from ap_remote.notebook.text import plain
from ap_remote.remote.tree import draw, folder_tree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ap_remote.model import Entry
    from ap_remote.remote.tree import Folder

_OPEN: Final = 2
"""Levels that are unfolded at first."""

_STYLE: Final = """
.ap-tree{font:13px/1.6 monospace;color:inherit}
.ap-tree ul{list-style:none;margin:0 0 0 7px;padding:0 0 0 12px;border-left:1px solid rgba(128,128,128,.4)}
.ap-tree li{margin:0}
.ap-tree summary{cursor:pointer}
.ap-tree .ap-leaf{padding-left:14px}
.ap-tree code{opacity:.55;background:none;color:inherit;font-size:11px;margin-left:8px}
"""


class TreeView:
    """Folders under the root, which is ``~``.

    Args:
        root: as :func:`~ap_remote.remote.tree.folder_tree` makes it.
        show_id: whether ids stand beside the names.
    """

    def __init__(self, root: Folder, *, show_id: bool = True) -> None:
        self.root = root
        self.show_id = show_id

    @classmethod
    def of(cls, folders: Iterable[Entry], *, show_id: bool = True) -> Self:
        """Return the tree of folders that come in any order."""
        return cls(folder_tree(folders), show_id=show_id)

    def __str__(self) -> str:
        return "\n".join(draw(self.root, show_id=self.show_id))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        pieces = [f'<style>{_STYLE}</style><div class="ap-tree">']
        todo: list[tuple[Folder, int] | str] = ["</div>", (self.root, 0)]
        while todo:
            step = todo.pop()
            if isinstance(step, str):
                pieces.append(step)
                continue
            folder, level = step
            label = self._label(folder)
            if not folder["children"]:
                pieces.append(f'<div class="ap-leaf">{label}</div>')
                continue
            pieces.append(f"<details{' open' if level < _OPEN else ''}><summary>{label}</summary><ul>")
            todo.append("</ul></details>")
            for child in reversed(folder["children"]):
                todo += ["</li>", (child, level + 1), "<li>"]
        return "".join(pieces)

    def _label(self, folder: Folder) -> str:
        name = f"<bdi>{escape(plain(folder['name']) or '~')}</bdi>"
        return f"{name}<code>{escape(plain(folder['id']))}</code>" if self.show_id and folder["id"] else name
