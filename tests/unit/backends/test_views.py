from __future__ import annotations

from collections.abc import Sequence

import pytest

from ap_remote.backends import views
from ap_remote.errors import AmbiguousError, IsFileError, NotFoundError
from ap_remote.model import Entry, Kind, Status


def file(node_id: str, name: str, **fields) -> Entry:
    return Entry(path=f"somewhere/{name}", name=name, id=node_id, kind=Kind.FILE, **fields)


class Source:
    """An account with two albums and a bin."""

    rome = Entry(path=".views/albums/Rome", name="Rome", id="rome", kind=Kind.ALBUM)
    oslo = Entry(path=".views/albums/Oslo", name="Oslo", id="oslo", kind=Kind.ALBUM)
    box = Entry(path="box", name="box", id="box", kind=Kind.FOLDER, status=Status.TRASHED)

    async def albums(self) -> Sequence[Entry]:
        return [self.rome, self.oslo]

    async def members(self, album: Entry) -> Sequence[Entry]:
        twins = [file("11112222x", "a.jpg"), file("33334444y", "A.jpg"), file("b", "b.jpg")]
        return twins if album.id == "rome" else []

    async def trash(self) -> Sequence[Entry]:
        return [self.box, file("c", "c.txt")]

    async def trashed_in(self, folder: Entry) -> Sequence[Entry]:
        return [file("d", "d.txt")] if folder.id == "box" else []


async def listed(path: str) -> list[str]:
    source = Source()
    return [entry.path for entry in await views.listing(source, await views.stat(source, path))]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".views", [".views/albums", ".views/trash"]),
        (".views/albums", [".views/albums/Oslo", ".views/albums/Rome"]),
        (".views/albums/Oslo", []),
        (
            ".views/albums/Rome",
            [
                ".views/albums/Rome/a {11112222}.jpg",
                ".views/albums/Rome/A {33334444}.jpg",
                ".views/albums/Rome/b.jpg",
            ],
        ),
        (".views/trash", [".views/trash/box", ".views/trash/c.txt"]),
        (".views/trash/box", [".views/trash/box/d.txt"]),
        (".views/TRASH/box", None),
    ],
)
async def test_a_place_lists(path: str, expected: list[str] | None):
    if expected is None:
        with pytest.raises(NotFoundError):
            await listed(path)
        return
    assert sorted(await listed(path)) == sorted(expected)


@pytest.mark.parametrize(
    ("path", "node_id"),
    [
        (".views", ".views"),
        (".views/albums/rome", "rome"),
        (".views/albums/Rome/B.JPG", "b"),
        (".views/albums/Rome/a {11112222}.jpg", "11112222x"),
        (".views/trash/box/d.txt", "d"),
    ],
)
async def test_a_path_leads_to(path: str, node_id: str):
    assert (await views.stat(Source(), path)).id == node_id


@pytest.mark.parametrize(
    "path",
    [
        ".views/nothing",
        ".views/albums/None",
        ".views/albums/Rome/none.jpg",
        ".views/albums/Rome/b.jpg/below",
        ".views/trash/c.txt/below",
        ".views/trash/box/none",
    ],
)
async def test_nothing_is_at(path: str):
    with pytest.raises(NotFoundError):
        await views.stat(Source(), path)


async def test_a_name_that_two_members_share_is_ambiguous():
    with pytest.raises(AmbiguousError) as caught:
        await views.stat(Source(), ".views/albums/Rome/a.jpg")
    assert set(caught.value.ids) == {"11112222x", "33334444y"}


@pytest.mark.parametrize("path", [".views/albums/Rome/b.jpg", ".views/trash/c.txt"])
async def test_a_file_cannot_be_listed(path: str):
    with pytest.raises(IsFileError):
        await listed(path)


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        (file("0123456789", "a.tar.gz"), "a.tar {01234567}.gz"),
        (file("0123456789", "README"), "README {01234567}"),
        (file("0123456789", ".hidden"), ".hidden {01234567}"),
        (Entry(path="x", name="v1.2", id="0123456789", kind=Kind.FOLDER), "v1.2 {01234567}"),
    ],
)
def test_the_mark_stands_before_the_extension(entry: Entry, shown: str):
    assert views.told_apart(entry) == shown


def test_every_folder_of_the_table_is_listed_by_the_one_above():
    directories = {row.pattern for row in views.TABLE if row.folder}
    assert all(row.list is not None for row in views.TABLE if row.folder)
    assert directories == {".views", ".views/albums", ".views/trash"}
