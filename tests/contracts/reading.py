"""The contract of ``list``, ``stat`` and ``get``."""

from __future__ import annotations

import hashlib
import unicodedata
from functools import partial

import pytest

from ap_remote.errors import InvalidNameError, IsFileError, IsFolderError, NotFoundError
from ap_remote.model import ByteRange, Kind, NodeId, Status
from ap_remote.remote.features import SupportsMany
from ap_remote.remote.many import side_by_side
from tests.contracts.base import Subject, able, collect, content, names, paths_of

ODD_NAMES = (
    "two words.txt",
    " blanks around .txt ",
    'it\'s "quoted".txt',
    "IMG[1](2){3}.txt",
    "Café über Ørsted.txt",
    unicodedata.normalize("NFC", "é composed.txt"),
    unicodedata.normalize("NFD", "é decomposed.txt"),
    "東京 😀.txt",
    ".hidden",
    "...",
    "trailing dot.",
    "100%.txt",
    "%2F.txt",
    "a#b.txt",
    "what?.txt",
    "star*.txt",
    "plus+and&equals=.txt",
    "back\\slash.txt",
    "semi;colon:,~!^.txt",
    "id:looks-like-one",
    "x" * 252 + ".txt",
)
IMPOSSIBLE_PATHS = ("box/../a.txt", "box/./a.txt", "box/nul\0.txt", "box/" + "x" * 257)


class Reading(Subject):
    async def test_the_root_has_neither_path_nor_name(self, remote):
        root = await remote.stat("")
        assert (root.path, root.name, root.kind) == ("", "", Kind.FOLDER)

    async def test_a_listing_is_ordered_by_name_without_regard_to_case(self, remote, seed):
        for name in ("cherry.txt", "Banana.txt", "apple.txt", "Damson.txt"):
            await seed(f"box/{name}", name.encode())
        assert await names(remote.list("box")) == ["apple.txt", "Banana.txt", "cherry.txt", "Damson.txt"]

    async def test_a_listing_has_only_what_lies_directly_below(self, remote, seed):
        await seed("box/a.txt", b"a")
        await seed("box/inner/b.txt", b"b")
        assert await paths_of(remote.list("box")) == ["box/a.txt", "box/inner"]

    async def test_a_recursive_listing_has_everything_below_and_parents_come_first(self, remote, seed):
        for path in ("box/b/deep/1.txt", "box/a/2.txt", "box/3.txt", "box/b/4.txt"):
            await seed(path, path.encode())
        found = await paths_of(remote.list("box", recursive=True))
        assert sorted(found) == sorted(
            ["box/3.txt", "box/a", "box/a/2.txt", "box/b", "box/b/4.txt", "box/b/deep", "box/b/deep/1.txt"]
        )
        for position, path in enumerate(found):
            assert path.rpartition("/")[0] in ("box", *found[:position])

    async def test_a_recursive_listing_keeps_the_order_within_each_folder(self, remote, seed):
        for name in ("b.txt", "C.txt", "a.txt"):
            await seed(f"box/inner/{name}", name.encode())
        found = await paths_of(remote.list("box", recursive=True))
        assert [path for path in found if path.startswith("box/inner/")] == [
            "box/inner/a.txt",
            "box/inner/b.txt",
            "box/inner/C.txt",
        ]

    async def test_listings_of_the_root_leave_out_the_views(self, remote, seed):
        await seed("box/a.txt", b"a")
        found = await paths_of(remote.list("", recursive=True))
        assert "box/a.txt" in found
        assert not [path for path in found if path.startswith(".views")]

    async def test_a_folder_can_be_listed_by_its_id(self, remote, seed):
        await seed("box/a.txt", b"a")
        folder = await remote.stat("box")
        assert await names(remote.list(NodeId(folder.id))) == ["a.txt"]

    async def test_paths_are_normalised(self, remote, seed):
        node_id = await seed("box/inner/a.txt", b"a")
        assert (await remote.stat("//box/inner//a.txt/")).id == node_id
        assert await paths_of(remote.list("/box//inner/")) == ["box/inner/a.txt"]

    async def test_a_fresh_listing_and_a_fresh_stat_see_what_the_others_see(self, remote, seed):
        node_id = await seed("box/a.txt", b"a")
        assert [entry.id for entry in await collect(remote.list("box", fresh=True))] == [node_id]
        assert (await remote.stat("box/a.txt", fresh=True)).id == node_id

    async def test_listing_nothing_is_an_error(self, remote, seed):
        await seed("box/a.txt", b"a")
        with pytest.raises(NotFoundError):
            await collect(remote.list("box/absent"))

    async def test_listing_an_unknown_id_is_an_error(self, remote):
        with pytest.raises(NotFoundError):
            await collect(remote.list(NodeId("AAAAAAAAAAAAAAAAAAAAAA")))

    async def test_listing_a_file_is_an_error(self, remote, seed):
        await seed("box/a.txt", b"a")
        with pytest.raises(IsFileError):
            await collect(remote.list("box/a.txt"))

    async def test_stat_tells_size_md5_and_parent(self, remote, seed):
        node_id = await seed("box/a.txt", b"hello")
        entry = await remote.stat("box/a.txt")
        folder = await remote.stat("box")
        assert (entry.path, entry.name, entry.id, entry.kind) == ("box/a.txt", "a.txt", node_id, Kind.FILE)
        assert (entry.size, entry.md5) == (5, hashlib.md5(b"hello").hexdigest())
        assert entry.parents == (folder.id,)
        assert entry.status is Status.AVAILABLE

    async def test_listed_entries_are_those_that_stat_returns(self, remote, seed):
        await seed("box/a.txt", b"a")
        await seed("box/inner/b.txt", b"b")
        for entry in await collect(remote.list("box", recursive=True)):
            assert await remote.stat(entry.path) == entry

    async def test_stat_by_id_returns_the_path(self, remote, seed):
        node_id = await seed("box/inner/a.txt", b"a")
        assert (await remote.stat(NodeId(node_id))).path == "box/inner/a.txt"

    @pytest.mark.parametrize("path", ["box/absent.txt", "absent/a.txt", "box/a.txt/below-a-file"])
    async def test_stat_of_nothing_is_an_error_that_names_the_path(self, remote, seed, path):
        await seed("box/a.txt", b"a")
        with pytest.raises(NotFoundError) as caught:
            await remote.stat(path)
        assert caught.value.path == path

    async def test_stat_of_an_unknown_id_is_an_error(self, remote):
        with pytest.raises(NotFoundError):
            await remote.stat(NodeId("AAAAAAAAAAAAAAAAAAAAAA"))

    @pytest.mark.parametrize("path", IMPOSSIBLE_PATHS)
    async def test_a_path_that_cannot_be_one_is_refused_by_every_reading_verb(self, remote, path):
        with pytest.raises(InvalidNameError):
            await remote.stat(path)
        with pytest.raises(InvalidNameError):
            await collect(remote.list(path))
        with pytest.raises(InvalidNameError):
            await content(remote.get(path))

    @pytest.mark.parametrize("name", ODD_NAMES)
    async def test_an_odd_name_is_listed_found_and_read_as_it_is_stored(self, remote, seed, name):
        await seed(f"box/{name}", name.encode())
        assert await names(remote.list("box")) == [name]
        assert (await remote.stat(f"box/{name}")).path == f"box/{name}"
        assert await content(remote.get(f"box/{name}")) == name.encode()

    async def test_get_yields_the_whole_file_in_pieces_that_are_never_empty(self, remote, seed):
        data = bytes(range(256)) * 20_000
        await seed("box/big.bin", data)
        pieces = [piece async for piece in remote.get("box/big.bin")]
        assert b"".join(pieces) == data
        assert all(pieces)

    async def test_get_by_id(self, remote, seed):
        node_id = await seed("box/a.txt", b"hello")
        assert await content(remote.get(NodeId(node_id))) == b"hello"

    async def test_an_empty_file_has_no_pieces(self, remote, seed):
        await seed("box/empty.txt", b"")
        assert [piece async for piece in remote.get("box/empty.txt")] == []

    @pytest.mark.parametrize(
        ("span", "expected"),
        [
            (ByteRange(), b"0123456789"),
            (ByteRange(0, 1), b"0"),
            (ByteRange(3, 7), b"3456"),
            (ByteRange(7), b"789"),
            (ByteRange(7, 99), b"789"),
            (ByteRange(10), b""),
            (ByteRange(99), b""),
            (ByteRange(99, 120), b""),
            (ByteRange(4, 4), b""),
        ],
    )
    async def test_a_span_includes_its_start_and_not_its_stop(self, remote, seed, span, expected):
        await seed("box/digits.txt", b"0123456789")
        assert await content(remote.get("box/digits.txt", span=span)) == expected

    async def test_getting_nothing_is_an_error(self, remote, seed):
        await seed("box/a.txt", b"a")
        with pytest.raises(NotFoundError):
            await content(remote.get("box/absent.txt"))

    @pytest.mark.parametrize("path", ["", "box"])
    async def test_getting_a_folder_is_an_error(self, remote, seed, path):
        await seed("box/a.txt", b"a")
        with pytest.raises(IsFolderError):
            await content(remote.get(path))

    @pytest.mark.parametrize("fresh", [False, True])
    async def test_many_are_told_in_the_order_in_which_they_were_asked_for(self, remote, seed, fresh):
        able(remote, SupportsMany)
        one, two = await seed("box/a.txt", b"a"), await seed("box/in/b.txt", b"bb")
        await seed("box/c.txt", b"c")
        targets = [NodeId(two), "box/c.txt", NodeId("nobody"), NodeId(one), "box/absent.txt", NodeId(two)]
        for look in (remote.stat_many, partial(side_by_side, remote)):
            found = await look(targets, fresh=fresh)
            paths = [each and each.path for each in found]
            assert paths == ["box/in/b.txt", "box/c.txt", None, "box/a.txt", None, "box/in/b.txt"]
            assert [await remote.stat(each) for each in (targets[0], targets[1], targets[3])] == [
                found[0],
                found[1],
                found[3],
            ]
        assert list(await remote.stat_many([])) == []

    async def test_what_is_in_the_trash_is_among_many(self, remote, seed):
        one, two = await seed("box/a.txt", b"a"), await seed("box/b.txt", b"b")
        await remote.trash(NodeId(one))
        found = await able(remote, SupportsMany).stat_many([NodeId(one), NodeId(two)], fresh=True)
        assert [each.status for each in found] == [Status.TRASHED, Status.AVAILABLE]

    async def test_closing_twice_is_allowed(self, remote):
        await remote.close()
        await remote.close()
