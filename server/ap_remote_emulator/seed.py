"""Many synthetic nodes at once: rows without bytes, for benchmarks, paging tests and demonstrations."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Sequence
from operator import itemgetter
from random import Random
from typing import Any, Final

import msgspec

from ap_remote_emulator.errors import BadRequestError, NameTakenError
from ap_remote_emulator.library import Store, assets, families, names, people, shares
from ap_remote_emulator.library.nodes import ALBUM, insert, make_path
from ap_remote_emulator.library.rendering import render_row
from ap_remote_emulator.library.store import SERVICE, Write, new_id
from ap_remote_emulator.library.synthetic import NAMES, ODD_NAMES, PLACES, File, Maker, Shape
from ap_remote_emulator.query import name_key

MAX_COUNT: Final = 1_000_000
_BATCH: Final = 10_000
_COLUMNS: Final = (
    *("id", "kind", "name", "name_key", "status", "trash_root", "created", "modified", "seq", "created_by"),
    *("favorite", "hidden", "md5", "size", "content_version", "content_type", "extension", "content_date"),
    *("year", "month", "day", "media", "location", "location_key", "image", "video", "address", "keywords"),
    *("family_id", "uploader", "asset_type", "asset_types", "body"),
)
_INSERT: Final = f"INSERT INTO nodes ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - own names
_VALUES: Final = itemgetter(*_COLUMNS)
_UNTOLD: Final[dict[str, Any]] = {
    **dict.fromkeys((*_COLUMNS, "description", "labels", "properties", "covers", "access_rules", "signatures")),
    "created_by": SERVICE,
    "version": 1,
    "content_version": 1,
    "is_root": 0,
    "favorite": 0,
    "hidden": 0,
}
"""What a row says of itself where the order says nothing."""
_LIVE: Final = "LIVE_VIDEO"
_EVERY_UNNAMED: Final = 5
"""One cluster in five has no name."""


class ShareOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """What to share: nodes, or without any the folder that is seeded; with a group or by a plain link."""

    node_ids: tuple[str, ...] = ()
    name: str = "Shared"
    group: bool = False
    share_id: str = ""
    secret: str = ""

    def __repr__(self) -> str:
        """Show what is shared, without what opens it."""
        return f"ShareOrder(name={self.name!r}, group={self.group!r})"


class Order(Shape, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """What to make: the body of ``POST /_internal/seed``.

    Attributes:
        count: files.
        folder: where, as a path.
        per_folder: how many to a subfolder ``0000``, ``0001``, …; 0 puts all into *folder* itself.
        people: clusters, of which every fifth has no name.
        odd_names: one more file for every name that breaks clients, in the subfolder ``Odd names``.
        albums: albums, each of files that follow each other.
        album_size: at most so many in each.
        family: members beside the owner.
        family_photos: what these have put into the vault, all together.
        share: what to share at the end.
    """

    count: int = 0
    folder: str = "Pictures/Seed"
    per_folder: int = 1000
    people: int = 0
    odd_names: bool = False
    albums: int = 0
    album_size: int = 20
    family: int = 0
    family_photos: int = 0
    share: ShareOrder | None = None


def seed(store: Store, order: Order | int, *, folder: str = "", per_folder: int | None = None) -> dict[str, Any]:
    """Make what is ordered.

    Args:
        store: where.
        order: a number alone stands for so many photographs.
        folder: replaces the order's.
        per_folder: replaces the order's.

    Returns:
        How many of what, and the ids that nobody could guess: ``familyId``, ``share``.

    Raises:
        BadRequestError: a number out of range, or nothing to share.
        NameTakenError: it was made there before.
    """
    if isinstance(order, int):
        order = Order(count=order)
    if folder:
        order = msgspec.structs.replace(order, folder=folder)
    if per_folder is not None:
        order = msgspec.structs.replace(order, per_folder=per_folder)
    _check(order)
    return _Seeding(store, order).run()


def _check(order: Order) -> None:
    if not 0 <= order.count <= MAX_COUNT or order.per_folder < 0:
        raise BadRequestError(f"count is 0 to {MAX_COUNT}, perFolder is not negative")
    numbers = (order.people, order.albums, order.album_size, order.family, order.family_photos)
    if not all(0 <= number <= MAX_COUNT for number in numbers) or not order.is_possible():
        raise BadRequestError("A number is out of range: shares are 0 to 1")
    if order.family_photos and not order.family:
        raise BadRequestError("familyPhotos needs members")


class _Seeding:
    """One order on its way. Everything that is made of many rows goes batch by batch, a transaction each."""

    def __init__(self, store: Store, order: Order) -> None:
        self.store = store
        self.order = order
        self.path = [part for part in order.folder.split("/") if part]
        self.maker = Maker(order, order.folder)
        self.family_id = families.family_id(store)
        self.clusters: list[str] = []
        self.albums: list[str] = []
        self._dice = None if order.seed_number is None else Random(f"{order.seed_number}/{order.folder}")  # noqa: S311 - no secret

    def run(self) -> dict[str, Any]:
        order = self.order
        with self.store.write() as write:
            self._prepare(write)
        made = self._files()
        if order.odd_names:
            with self.store.write() as write:
                made["oddNames"] = self._odd_names(write)
        if order.family_photos:
            made["familyPhotos"] = self._family_photos()
        if order.family or order.vault:
            made["familyId"] = self.family_id
        if self.albums:
            made["albums"] = len(self.albums)
        if self.clusters:
            made["people"] = len(self.clusters)
        if order.share is not None:
            made["share"] = self._share(order.share)
        return made

    def _new_id(self) -> str:
        if self._dice is None:
            return new_id()
        return base64.urlsafe_b64encode(self._dice.randbytes(16)).decode().rstrip("=")

    def _prepare(self, write: Write) -> None:
        for location, city, state, code, country, iso3 in PLACES:
            info = {"city": city, "state": state, "stateCode": code, "country": country, "countryIso3Code": iso3}
            write.execute("INSERT OR IGNORE INTO places VALUES (?, ?)", (location, msgspec.json.encode(info).decode()))
        self.clusters = people.make(write, [_person(number) for number in range(self.order.people)], self._new_id)
        self.albums = [
            insert(write, kind=ALBUM, name=f"Album {number:04d}", parents=[], media="ALBUMS")
            for number in range(self.order.albums)
        ]

    def _files(self) -> dict[str, Any]:
        order, made, folders, live = self.order, 0, 0, 0
        while made < order.count:
            with self.store.write() as write:
                rows = _Rows(write, self.store.owner_id)
                parent = make_path(write, *self.path)
                stop = min(order.count, made + _BATCH)
                for index in range(made, stop):
                    if order.per_folder and (index % order.per_folder == 0 or index == made):
                        parent = make_path(write, *self.path, f"{index // order.per_folder:04d}")
                        folders += index % order.per_folder == 0
                    file = self.maker.file(index)
                    node_id = self._add(rows, parent, file, index)
                    if file.live:
                        live += 1
                        self._add_film(rows, node_id, file, index)
                rows.write()
            made = stop
        return {"nodes": made, "folders": folders, **({"livePhotos": live} if live else {})}

    def _add(self, rows: _Rows, parent: str, file: File, index: int) -> str:
        node_id = self._new_id()
        columns = file.columns
        columns["family_id"] = self.family_id if columns.pop("in_vault") and not file.trashed else None
        places = {parent: "FOLDER"}
        if (album := self._album_of(index)) and columns["media"]:
            places[album] = ALBUM
        rows.node(
            node_id,
            "FILE",
            file.name,
            columns,
            places,
            trash_root=node_id if file.trashed else None,
            keywords=file.things,
            asset_types=f'["{_LIVE}"]' if file.live else None,
        )
        rows.tag("thing", file.things, node_id)
        if self.clusters:
            clusters = {self.clusters[int(each * len(self.clusters))] for each in file.people}
            rows.tag(people.PERSON, sorted(clusters), node_id)
        return node_id

    def _add_film(self, rows: _Rows, still: str, file: File, index: int) -> None:
        node_id, name = self._new_id(), f"{file.name.rpartition('.')[0]}.mov"
        columns = self.maker.content(index, "live video")
        trash_root = still if file.trashed else None
        rows.node(node_id, assets.ASSET, name, columns, {still: "FILE"}, trash_root=trash_root, asset_type=_LIVE)

    def _album_of(self, index: int) -> str:
        """Return the album that a file is in: its stretch of the files has one, and that begins with its members."""
        if not self.albums:
            return ""
        number = index * len(self.albums) // self.order.count
        first = -(-number * self.order.count // len(self.albums))
        return self.albums[number] if index - first < self.order.album_size else ""

    def _odd_names(self, write: Write) -> int:
        parent, rows = make_path(write, *self.path, "Odd names"), _Rows(write, self.store.owner_id)
        maker = Maker(Shape(seed_number=self.order.seed_number), f"{self.order.folder}/Odd names")
        for index, name in enumerate(ODD_NAMES):
            node_id = self._new_id()
            rows.node(node_id, "FILE", names.check_name(name), maker.content(index, "photo"), {parent: "FOLDER"})
        rows.write()
        return len(ODD_NAMES)

    def _family_photos(self) -> int:
        """Make what other members have put into the vault; it stands in none of our folders."""
        members = [self._member(number) for number in range(self.order.family)]
        makers = {
            each: Maker(Shape(seed_number=self.order.seed_number), f"{self.order.folder}/{each}") for each in members
        }
        made = 0
        while made < self.order.family_photos:
            stop = min(self.order.family_photos, made + _BATCH)
            with self.store.write() as write:
                rows = _Rows(write, self.store.owner_id)
                for index in range(made, stop):
                    member = members[index % len(members)]
                    node_id, file = self._new_id(), makers[member].file(index)
                    file.columns.pop("in_vault")
                    columns = {**file.columns, "favorite": 0, "family_id": self.family_id}
                    rows.node(node_id, "FILE", file.name, columns, {}, keywords=file.things, uploader=member)
                    rows.tag("thing", file.things, node_id)
                rows.write()
            made = stop
        return made

    def _member(self, number: int) -> str:
        """Return an owner id: always the same for the same order, so that a second one adds to the same family."""
        digest = hashlib.sha256(f"{self.order.seed_number or 0}/{number}".encode()).digest()
        return "A" + base64.b32encode(digest).decode()[:13]

    def _share(self, wanted: ShareOrder) -> dict[str, str]:
        with self.store.write() as write:
            ids = wanted.node_ids or ((make_path(write, *self.path),) if self.order.count else ())
            share = shares.create(
                write,
                ids,
                name=wanted.name,
                group=wanted.group,
                share_id=wanted.share_id or self._new_id(),
                secret=wanted.secret,
            )
        token = {"groupShareToken": share.group_token} if share.secret is not None else {}
        return {"shareId": share.id, "nodeId": share.node_id, **token}


class _Rows:
    """Rows of one transaction, gathered so that each table gets all of its own at once."""

    def __init__(self, write: Write, owner_id: str) -> None:
        self._write = write
        self._owner_id = owner_id
        self._nodes: list[Sequence[Any]] = []
        self._edges: list[tuple[str, str, str, int, str, int]] = []
        self._tags: list[tuple[str, str, str]] = []

    def node(
        self,
        node_id: str,
        kind: str,
        name: str,
        columns: dict[str, Any],
        places: dict[str, str],
        *,
        trash_root: str | None = None,
        keywords: Sequence[str] = (),
        **more: str | None,
    ) -> None:
        """Add a node.

        Args:
            node_id: its id.
            kind: its kind.
            name: its name.
            columns: what else is known of it, by column.
            places: the kind of each of its parents, by id.
            trash_root: what took it into the trash.
            keywords: its words.
            more: columns again.
        """
        now = self._write.now
        row = {
            **_UNTOLD,
            "id": node_id,
            "kind": kind,
            "name": name,
            "name_key": name_key(name),
            "status": "TRASH" if trash_root else "AVAILABLE",
            "trash_root": trash_root,
            "created": now,
            "modified": now,
            "seq": self._write.next_seq(),
            "keywords": msgspec.json.encode(keywords).decode() if keywords else None,
            **columns,
            **more,
        }
        parents: list[tuple[str, str]] = []
        for parent, parent_kind in places.items():
            self._edges.append(
                (parent, node_id, parent_kind, self._write.next_seq(), row["name_key"], int(not trash_root)),
            )
            parents.append((parent, parent_kind))
        row["body"] = render_row(row, parents, self._owner_id)
        self._nodes.append(_VALUES(row))

    def tag(self, category: str, values: Sequence[str], node_id: str) -> None:
        self._tags += [(category, value, node_id) for value in values]

    def write(self) -> None:
        """Insert everything.

        Raises:
            NameTakenError: a folder has a name already.
            BadRequestError: an id is taken: the same ``seedNumber`` made the same folder before.
        """
        connection = self._write.connection
        try:
            connection.executemany(_INSERT, self._nodes)
            connection.executemany(
                "INSERT INTO edges (parent_id, child_id, parent_kind, added, name_key, live) VALUES (?, ?, ?, ?, ?, ?)",
                self._edges,
            )
        except sqlite3.IntegrityError:
            self._refuse()
        connection.executemany("INSERT INTO tags VALUES (?, ?, ?)", self._tags)

    def _refuse(self) -> None:
        own = {edge[1] for edge in self._edges}
        for parent, child, kind, _, key, live in self._edges:
            if kind == "FOLDER" and live and key is not None:
                holder = names.holder(self._write, parent, key, other_than=child)
                if holder is not None and holder not in own:
                    raise NameTakenError(key, parent, holder)
        raise BadRequestError("The same seedNumber has made this folder before")


def _person(number: int) -> str | None:
    if number % _EVERY_UNNAMED == _EVERY_UNNAMED - 1:
        return None
    again = number // len(NAMES)
    return f"{NAMES[number % len(NAMES)]} {again + 1}" if again else NAMES[number]
