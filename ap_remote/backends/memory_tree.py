"""The nodes of a remote that lives in memory: places, names, and the bin. No verb is known here, and no bytes are read.

What is available has a place: a parent and a name, unique without regard to case. What is in the bin has none; it
remembers the path it had, and what took it along.
"""

from __future__ import annotations

import dataclasses
import itertools
import secrets
from typing import TYPE_CHECKING, Final

from ap_remote.errors import IsFileError, NotFoundError
from ap_remote.model import LIVE_VIDEO, Entry, Kind, Media, Status
from ap_remote.remote import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

OWNER: Final = "A1MEMORY0OWNER"


@dataclasses.dataclass(slots=True, eq=False)
class Node:
    """What is stored. It changes in place; :meth:`Tree.entry` is the view that leaves the remote."""

    id: str
    name: str
    kind: Kind
    parent: Node | None
    """The first of its folders; of an album and of the root there is none."""
    created: datetime
    modified: datetime
    data: bytes = b""
    md5: str | None = None
    content_type: str | None = None
    taken: datetime | None = None
    media: Media | None = None
    version: int = 1
    status: Status = Status.AVAILABLE
    favorite: bool = False
    hidden: bool = False
    description: str | None = None
    labels: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    family_id: str | None = None
    properties: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    cover: str | None = None
    """Of an album: the id of the photograph that stands for it."""
    links: list[Node] = dataclasses.field(default_factory=list)
    """The further folders in which it lies, under the same name."""
    children: dict[str, Node] = dataclasses.field(default_factory=dict)
    """Of a folder: what is available in it, by folded name."""
    members: dict[str, None] = dataclasses.field(default_factory=dict)
    """Of an album: ids, in the order in which they came."""
    former_path: str = ""
    """In the bin: the path it had."""
    taken_along: list[Node] = dataclasses.field(default_factory=list)
    """In the bin: what lay below and was trashed with it."""
    trashed_with: Node | None = None
    """In the bin: the folder that took it along."""
    trashed_at: int = 0
    """In the bin: a count that grows."""

    @property
    def folders(self) -> list[Node]:
        """All folders in which it lies, or lay before it was trashed."""
        return [] if self.parent is None else [self.parent, *self.links]


class Tree:
    """Folders, files and albums by id and by path."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """Begin with a root."""
        self._clock = clock
        self._count = itertools.count(1)
        self.changes = 0
        """Grows with everything that is done here; whoever changes a node behind the tree's back counts it."""
        self._nodes: dict[str, Node] = {}
        self.root = self.add(None, "", Kind.FOLDER)

    def add(self, parent: Node | None, name: str, kind: Kind) -> Node:
        """Make a node; with a parent, at a place that must be free."""
        now = self._clock()
        # 16 bytes are 22 characters, as Amazon's ids are [amazon-photos-api.md 6.1].
        node = Node(secrets.token_urlsafe(16), name, kind, parent, now, now)
        self._nodes[node.id] = node
        self.changes += 1
        if parent is not None:
            parent.children[paths.fold(name)] = node
        return node

    def touch(self, node: Node) -> None:
        """Note that the node changed."""
        node.modified = self._clock()
        node.version += 1
        self.changes += 1

    def by_id(self, node_id: str) -> Node | None:
        """Return a node in any state."""
        return self._nodes.get(node_id)

    def find(self, path: str) -> Node | None:
        """Return what is available at a path."""
        node = self.root
        for name in paths.components(path):
            below = node.children.get(paths.fold(name))
            if below is None:
                return None
            node = below
        return node

    def path(self, node: Node) -> str:
        """Return the path a node has, or had before it was trashed."""
        if node.status is Status.TRASHED:
            # It would go back to its folder, wherever that is by now.
            above = node.parent
            return node.former_path if above is None else paths.join(self.path(above), node.name)
        names = []
        at: Node | None = node
        while at is not None:
            names.append(at.name)
            at = at.parent
        return paths.join(*reversed(names))

    def folder_for(self, path: str, *, make: bool) -> Node:
        """Return the folder at *path*; missing ones are made if *make* is set.

        Raises:
            NotFoundError: it is missing and is not to be made.
            IsFileError: a file is at *path* or above it.
        """
        node = self.root
        for depth, name in enumerate(paths.components(path), 1):
            here = "/".join(paths.components(path)[:depth])
            below = node.children.get(paths.fold(name))
            if below is None:
                if not make:
                    raise NotFoundError(here)
                below = self.add(node, name, Kind.FOLDER)
            if below.kind is not Kind.FOLDER:
                raise IsFileError(here)
            node = below
        return node

    def check_parents(self, path: str) -> None:
        """Make sure that folders could be made down to *path*, without making any.

        Raises:
            IsFileError: a file stands in the way.
        """
        for depth in range(1, len(paths.components(path)) + 1):
            here = "/".join(paths.components(path)[:depth])
            node = self.find(here)
            if node is not None and node.kind is not Kind.FOLDER:
                raise IsFileError(here)

    def move(self, node: Node, old: Node, new: Node, name: str) -> None:
        """Exchange one folder of a node for another, and give it a name; the places must be free.

        Its other folders stay, and have it under the new name. In a folder that has it already it stays once.
        """
        self._hide(node)
        folders = [each for each in node.folders if each is new or each is not old or new in node.folders]
        if new not in folders:
            folders.insert(node.folders.index(old), new)
        node.name = name
        self._lie_in(node, folders)
        self.touch(node)

    def link(self, node: Node, folder: Node) -> None:
        """Let a node lie in one more folder, where its name must be free."""
        self._lie_in(node, [*node.folders, folder])
        self.touch(node)

    def unlink(self, node: Node, folder: Node) -> None:
        """Take a node out of one of several folders."""
        self._hide(node)
        self._lie_in(node, [each for each in node.folders if each is not folder])
        self.touch(node)

    def ordered(self, folder: Node) -> list[Node]:
        """Return what is in a folder, by name without regard to case; for a trashed one what went along with it."""
        inside = list(folder.children.values())
        if folder.status is Status.TRASHED:
            top = folder.trashed_with or folder
            inside = [node for node in top.taken_along if folder in node.folders]
        return sorted(inside, key=lambda node: (paths.fold(node.name), node.name))

    def below(self, folder: Node) -> Iterator[Node]:
        """Yield everything under a folder, parents first."""
        for node in self.ordered(folder):
            yield node
            yield from self.below(node)

    def available(self) -> Iterator[Node]:
        """Yield everything that has not been trashed, albums too, the root and parts of files not."""
        found = (node for node in self._nodes.values() if node.status is Status.AVAILABLE and node is not self.root)
        return (node for node in found if node.kind is not Kind.ASSET)

    def everything(self) -> Iterator[Node]:
        """Yield everything, what is in the bin too."""
        return iter(self._nodes.values())

    def albums(self) -> list[Node]:
        """Return the albums, by name."""
        found = [node for node in self.available() if node.kind is Kind.ALBUM]
        return sorted(found, key=lambda node: (paths.fold(node.name), node.id))

    def members(self, album: Node) -> list[Node]:
        """Return what is in an album and not in the bin, by name."""
        found = [self._nodes[each] for each in album.members if each in self._nodes]
        inside = [node for node in found if node.status is Status.AVAILABLE]
        return sorted(inside, key=lambda node: (paths.fold(node.name), node.id))

    def trashed(self) -> list[Node]:
        """Return what was put in the bin, last first; what a folder took along lies below that folder."""
        found = [node for node in self._nodes.values() if node.status is Status.TRASHED and node.trashed_with is None]
        return sorted(found, key=lambda node: -node.trashed_at)

    def trashed_from(self, path: str) -> list[Node]:
        """Return all in the bin that had this path."""
        wanted = paths.fold(path)
        binned = [node for node in self._nodes.values() if node.status is Status.TRASHED]
        return [node for node in binned if paths.fold(self.path(node)) == wanted]

    def trash(self, node: Node) -> None:
        """Put a node in the bin with all below it that lies nowhere else; what does stays there (own choice)."""
        along = self._only_below(node)
        for each in (node, *along):
            each.former_path = (
                self.path(each) if each.kind is not Kind.ALBUM else paths.join(paths.ALBUMS_VIEW, each.name)
            )
        gone = {id(each) for each in (node, *along)}
        for each in self.below(node):
            if id(each) not in gone:
                self._lie_in(each, [folder for folder in each.folders if id(folder) not in gone])
        for each in (node, *along):
            self._hide(each)
        for each in (node, *along):
            each.status = Status.TRASHED
            each.trashed_at = next(self._count)
            each.trashed_with = None if each is node else node
            each.children = {}
            self.touch(each)
        node.taken_along = along

    def restore(self, node: Node) -> None:
        """Take a node, and what went with it, out of the bin; a taken name is changed.

        Folders above it that are in the bin come back too, without their other content; deleted ones are made anew.
        """
        along = self._leave(node)
        if node.kind is Kind.ALBUM:
            self._appear(node)
            return
        self._place(node)
        for each in along:
            self._lie_in(each, self._free_among(each, each.folders))
            self._appear(each)

    def delete(self, node: Node) -> None:
        """Remove a trashed node for ever, with what went along with it."""
        self.changes += 1
        for each in (node, *self._leave(node)):
            del self._nodes[each.id]
            for album in self._nodes.values():
                album.members.pop(each.id, None)
        for each in self._nodes.values():
            left = [folder for folder in each.folders if folder.id in self._nodes]
            if len(left) < len(each.folders):
                each.parent, each.links = (left[0], left[1:]) if left else (None, [])
                each.former_path = each.former_path if left else each.name  # nobody knows any more where it was

    def entry(self, node: Node, path: str | None = None) -> Entry:
        """Return the view of a node, at its own path or at the one that is given."""
        own = paths.join(paths.ALBUMS_VIEW, node.name) if node.kind is Kind.ALBUM else self.path(node)
        return Entry(
            path=own if path is None else path,
            name=node.name,
            id=node.id,
            kind=node.kind,
            size=len(node.data),
            md5=node.md5,
            modified=node.modified,
            created=node.created,
            taken=node.taken,
            content_type=node.content_type,
            version=node.version,
            status=node.status,
            parents=tuple(each.id for each in node.folders),
            owner_id=OWNER,
            favorite=node.favorite,
            hidden=node.hidden,
            description=node.description,
            labels=node.labels,
            things=node.things,
            people=node.people,
            media=node.media,
            family_id=node.family_id,
            properties={owner: dict(pairs) for owner, pairs in node.properties.items()},
            assets=(LIVE_VIDEO,) if any(each.kind is Kind.ASSET for each in node.children.values()) else (),
        )

    def _lie_in(self, node: Node, folders: list[Node]) -> None:
        """Let a node lie in these folders, the first of them its parent."""
        node.parent, node.links = folders[0], folders[1:]
        for each in folders:
            each.children[paths.fold(node.name)] = node

    def _hide(self, node: Node) -> None:
        """Let no folder show a node any more."""
        for each in node.folders:
            each.children.pop(paths.fold(node.name), None)

    def _only_below(self, top: Node) -> list[Node]:
        """Return what lies below a node and in no living folder elsewhere, parents first."""
        inside = {id(each): each for each in (top, *self.below(top))}
        changed = True
        while changed:
            staying = [
                key
                for key, each in inside.items()
                if each is not top and any(id(folder) not in inside for folder in each.folders)
            ]
            for key in staying:
                del inside[key]
            changed = bool(staying)
        return [each for each in inside.values() if each is not top]

    def _free_among(self, node: Node, folders: list[Node]) -> list[Node]:
        """Return those of *folders* that live and have room for a node's name; always the first."""
        key = paths.fold(node.name)
        living = [each for each in folders[1:] if each.id in self._nodes and each.status is Status.AVAILABLE]
        return folders[:1] + [each for each in living if key not in each.children]

    def _leave(self, node: Node) -> list[Node]:
        """Cut a node loose in the bin and return what goes with it, parents first."""
        top = node.trashed_with
        if top is None:
            along = node.taken_along
        else:
            along = [each for each in top.taken_along if _lies_below(each, node)]
            top.taken_along = [each for each in top.taken_along if each is not node and each not in along]
        node.taken_along, node.trashed_with = [], None
        return along

    def _appear(self, node: Node) -> None:
        node.status = Status.AVAILABLE
        node.trashed_with = None
        self.touch(node)

    def _place(self, node: Node) -> None:
        """Give a node that leaves the bin a place in the folders it was in."""
        living = [each for each in node.folders if each.id in self._nodes and each.status is Status.AVAILABLE]
        folder = living[0] if living else node.parent
        if folder is None:
            folder = self.root
        elif folder.status is Status.TRASHED:
            self._restore_alone(folder)
        node.name = _free_name(folder, node.name)
        self._lie_in(node, self._free_among(node, [folder, *living[1:]]))
        self._appear(node)

    def _restore_alone(self, folder: Node) -> None:
        """Take a folder out of the bin and leave there what went with it, each piece now by itself."""
        along = self._leave(folder)
        for top in along:
            if top.parent is folder:
                top.trashed_with = None
                top.taken_along = [each for each in along if _lies_below(each, top)]
                for each in top.taken_along:
                    each.trashed_with = top
        self._place(folder)


def _lies_below(node: Node, folder: Node) -> bool:
    at = node.parent
    while at is not None and at is not folder:
        at = at.parent
    return at is folder


def _free_name(folder: Node, name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    stem, ending = (stem, dot + extension) if stem else (name, "")
    candidates = itertools.chain([name], (_numbered(stem, ending, number) for number in itertools.count(1)))
    return next(each for each in candidates if paths.fold(each) not in folder.children)


def _numbered(stem: str, ending: str, number: int) -> str:
    addition = f" ({number}){ending}"
    return stem[: paths.NAME_LIMIT - len(addition)] + addition
