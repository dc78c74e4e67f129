from __future__ import annotations

from pathlib import Path

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.backends.readonly import ReadOnlyRemote
from ap_remote.errors import AlreadyExistsError, NotFoundError, PreconditionFailedError, UnsupportedError
from ap_remote.model import NodeId
from ap_remote.transfer.account import Account
from ap_remote.transfer.filters import EVERYTHING, Filters
from ap_remote.transfer.sides import Item, Listing


def remote(*files: str) -> MemoryRemote:
    made = MemoryRemote("home")
    for path in files:
        made.seed(path, path.encode())
    return made


async def listed(side: Account, filters: Filters = EVERYTHING, **wishes) -> Listing:
    return await side.listing(filters, **wishes)


async def shown(side: Account, **wishes) -> list[str]:
    return [item.path + "/" * item.is_folder for item in (await listed(side, **wishes)).items]


async def item_at(side: Account, path: str) -> Item:
    return next(item for item in (await listed(side)).items if item.path == path)


async def test_a_listing_has_what_a_plan_needs(tmp_path: Path):
    side = Account(remote("Pictures/trip/a.jpg", "other"), "Pictures")
    assert await shown(side) == ["trip/", "trip/a.jpg"]
    item = await item_at(side, "trip/a.jpg")
    assert (item.size, len(item.md5), item.version) == (19, 32, 1)
    assert item.id
    assert item.modified is not None
    assert (side.label, side.is_local) == ("home:Pictures", False)


async def test_the_roots_name_may_differ_in_case(tmp_path: Path):
    side = Account(remote("Pictures/a"), "PICTURES/")
    assert await shown(side) == ["a"]
    assert side.path("a") == "Pictures/a"


async def test_a_root_may_be_named_by_id(tmp_path: Path):
    made = remote("Pictures/a")
    side = Account(made, NodeId((await made.stat("Pictures")).id))
    with pytest.raises(NotFoundError):
        _ = side.root
    await side.mkdir("new")
    assert side.root == "Pictures"
    assert await shown(side) == ["a", "new/"]
    await made.trash("Pictures")
    with pytest.raises(NotFoundError):
        await listed(side)


async def test_a_root_that_is_a_file_is_its_only_item(tmp_path: Path):
    side = Account(remote("x/a.jpg"), "x/a.jpg")
    assert await shown(side) == ["a.jpg"]
    assert side.path("a.jpg") == "x/a.jpg"


async def test_a_root_that_is_not_there_is_not_found(tmp_path: Path):
    with pytest.raises(NotFoundError):
        await listed(Account(remote(), "no"))


async def test_an_album_is_a_source_and_members_of_one_name_are_told_apart(tmp_path: Path):
    made = remote("x/a.jpg", "y/a.jpg", "y/b.jpg")
    album = await made.create_album("Rome", members=["x/a.jpg", "y/a.jpg", "y/b.jpg"])
    for target in (".views/albums/Rome", NodeId(album.id)):
        side = Account(made, target)
        first, second, third = await shown(side)
        assert {first, second} == {f"a {{{(await made.stat(path)).id[:8]}}}.jpg" for path in ("x/a.jpg", "y/a.jpg")}
        assert third == "b.jpg"
        assert await shown(side) == [first, second, third]
    assert await shown(Account(made, ".views/albums")) == [
        "Rome/",
        *(f"Rome/{each}" for each in (first, second, third)),
    ]


async def test_entries_of_one_path_are_told_apart_by_their_ids(tmp_path: Path):
    made = remote("a.jpg", "b.jpg")
    real = made.list

    async def one_path(target="", *, recursive=False, fresh=False):
        async for entry in real(target, recursive=recursive):
            yield type(entry)(**{name: getattr(entry, name) for name in entry.__struct_fields__} | {"path": "same.jpg"})

    made.list = one_path
    names = await shown(Account(made))
    assert sorted(names) == sorted([f"same {{{(await made.stat(path)).id[:8]}}}.jpg" for path in ("a.jpg", "b.jpg")])


async def test_junk_and_what_filters_refuse_is_left_out_and_counted(tmp_path: Path):
    made = remote("a", "@eaDir/deep/x", "d/Thumbs.db", ".ap-trash/y", "long name")
    found = await listed(Account(made), Filters(min_size=2))
    assert [item.path for item in found.items] == ["d", "long name"]
    assert set(found.outside) == {"a", "@eaDir", "d/Thumbs.db", ".ap-trash"}
    assert found.left_out == 4
    assert "@eaDir/deep/x" in await shown(Account(made), junk=True)


async def test_films_are_listed_beside_their_pictures_where_they_are_wanted(tmp_path: Path):
    made = MemoryRemote()
    await made.put(b"still", "trip/a.heic")
    made.seed_film("trip/a.heic", "a.mov", b"film")
    await made.put(b"other", "trip/A.MOV")
    side = Account(made)
    assert len(await shown(side)) == 3
    films = [item for item in (await listed(side, films=True)).items if item.film_of]
    (film,) = films
    assert film.path == "trip/a (1).mov"
    assert film.film_of == (await made.stat("trip/a.heic")).id
    assert b"".join([piece async for piece in made.get(NodeId(film.id))]) == b"film"
    with pytest.raises(UnsupportedError, match="photograph"):
        await side.remove(film)


async def test_removing_is_trashing(tmp_path: Path):
    made = remote("d/a", "d/b")
    side = Account(made, "d")
    item = await item_at(side, "a")
    assert await side.remove(item) == f"id:{item.id}"
    assert [entry.id async for entry in made.trashed()] == [item.id]
    assert await shown(side) == ["b"]
    with pytest.raises(NotFoundError):
        await side.remove(item)


async def test_what_lies_in_two_folders_leaves_the_one_it_is_removed_from(tmp_path: Path):
    made = remote("x/a", "y/b")
    await made.link("x/a", "y")
    side = Account(made, "y")
    await side.remove(await item_at(side, "a"))
    assert await shown(side) == ["b"]
    assert (await made.stat("x/a")).parents == ((await made.stat("x")).id,)
    assert [entry async for entry in made.trashed()] == []


async def test_what_has_come_to_the_path_of_one_of_several_is_not_taken_for_it(tmp_path: Path):
    made = remote("x/a", "y/b")
    await made.link("x/a", "y")
    side = Account(made, "y")
    item = await item_at(side, "a")
    await made.unlink("y/a", "y")
    await made.link("x/a", "")
    made.seed("y/a", b"another")
    with pytest.raises(PreconditionFailedError):
        await side.remove(item)
    assert "a" in await shown(side)


async def test_a_move_makes_the_way_and_keeps_the_id(tmp_path: Path):
    made = remote("d/a", "d/b", "e/c")
    side = Account(made, "d")
    item = await item_at(side, "a")
    moved = await side.move(item, "x/y/a2")
    assert (moved.path, moved.id) == ("x/y/a2", item.id)
    with pytest.raises(AlreadyExistsError):
        await side.move(moved, "b")
    elsewhere = await side.move_to(moved, "e/c2", "c2")
    assert (elsewhere.path, (await made.stat("e/c2")).id) == ("c2", item.id)


async def test_what_can_only_be_read_refuses_in_one_sentence(tmp_path: Path):
    for side in (
        Account(ReadOnlyRemote(remote("a")), label="home:"),
        Account(remote("a"), ".views/albums"),
    ):
        assert not side.is_writable
        for deed in (side.mkdir("x"), side.remove(Item(path="a")), side.move(Item(path="a"), "b")):
            with pytest.raises(UnsupportedError, match="can only be read"):
                await deed


async def test_a_digest_is_what_the_account_says(tmp_path: Path):
    side = Account(remote("a"))
    item = await item_at(side, "a")
    assert await side.digest(item, again=True) == item.md5 is not None
