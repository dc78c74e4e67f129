"""Folders as a tree, and as lines on a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from ap_remote.remote import paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ap_remote.model import Entry


class Folder(TypedDict):
    """A folder and those in it, by name; the root's name is empty."""

    name: str
    id: str
    path: str
    children: list[Folder]


def folder_tree(folders: Iterable[Entry]) -> Folder:
    """Return folders as a tree; one that lies in two is there twice, and one whose parent is missing is at the top.

    The folders come in any order and are left as they are.
    """
    rows: dict[str, Folder] = {"": {"name": "", "id": "", "path": "", "children": []}}
    for each in sorted(folders, key=lambda entry: (entry.path.count("/"), paths.fold(entry.name))):
        if not each.path:
            rows[""]["id"] = each.id
            continue
        row: Folder = {"name": each.name, "id": each.id, "path": each.path, "children": []}
        rows[each.path] = row
        rows.get(paths.split(each.path)[0], rows[""])["children"].append(row)
    return rows[""]


def draw(folder: Folder, *, show_id: bool = True) -> Iterator[str]:
    """Yield the lines of a tree, the root as ``~``; characters that would move the cursor are replaced."""
    todo: list[tuple[Folder, str, str]] = [(folder, "", "")]
    while todo:
        each, lead, below = todo.pop()
        name = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in each["name"])
        yield f"{lead}{name or '~'}" + (f"  {each['id']}" if show_id and each["id"] else "")
        inside = [(child, f"{below}├── ", f"{below}│   ") for child in each["children"]]
        if inside:
            inside[-1] = (each["children"][-1], f"{below}└── ", f"{below}    ")
        todo.extend(reversed(inside))
