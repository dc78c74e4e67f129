"""The remote in memory keeps the contract, and what it promises beyond."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from PIL import Image

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import (
    AccessDeniedError,
    AmbiguousError,
    DuplicateContentError,
    InvalidNameError,
    NotFoundError,
    UnsupportedError,
)
from ap_remote.model import Kind, NodeId, Place
from tests.contracts.base import collect, names, paths_of
from tests.contracts.memory import InMemory
from tests.contracts.pictures import FILM, VANCOUVER, jpeg
from tests.contracts.remote import RemoteContract, WordsContract


class TestMemoryRemote(InMemory, RemoteContract, WordsContract):
    @pytest.fixture
    def plant(self, remote):
        async def plant(node_id, people):
            remote.plant(node_id, people=tuple(people))

        return plant

    async def test_ids_look_like_amazons(self, remote, seed):
        ids = {await seed(f"box/{number}.txt", b"x") for number in range(50)}
        assert len(ids) == 50
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", each) for each in ids)

    async def test_the_clock_that_is_given_stamps_the_nodes(self):
        now = datetime(2024, 5, 6, tzinfo=UTC)
        remote = MemoryRemote(clock=lambda: now)
        entry = await remote.put(b"a", "a.txt")
        assert (entry.created, entry.modified) == (now, now)

    async def test_a_photograph_says_who_took_it_where_and_how_large_it_is(self, remote):
        entry = await remote.put(jpeg(size=(60, 40), make="Canon", orientation=6, position=VANCOUVER), "a.jpg")
        assert (entry.media.width, entry.media.height, entry.media.make) == (60, 40, "Canon")
        assert entry.media.exif["orientation"] == "6"
        assert entry.media.place.latitude == pytest.approx(VANCOUVER[0], abs=1e-4)
        assert entry.media.place.longitude == pytest.approx(VANCOUVER[1], abs=1e-4)
        assert entry.media.place.label is None

    async def test_a_place_is_named_by_whoever_can(self):
        remote = MemoryRemote(place_of=lambda latitude, _: Place(label="CAN#BC#Vancouver") if latitude > 0 else None)
        named = await remote.put(jpeg(position=VANCOUVER), "a.jpg")
        assert named.media.place.label == "CAN#BC#Vancouver"
        assert named.media.place.latitude == pytest.approx(VANCOUVER[0], abs=1e-4)
        unnamed = await remote.put(jpeg(position=(-33.9, 18.4)), "b.jpg")
        assert unnamed.media.place.label is None
        assert await names(remote.search("location:(CAN)")) == ["a.jpg"]

    @pytest.mark.parametrize(
        ("name", "data", "content_type"),
        [
            ("picture.txt", jpeg(), "image/jpeg"),
            ("broken.jpg", b"\xff\xd8\xff nonsense", "image/jpeg"),
            ("table.csv", b"a,b\n", "text/csv"),
            ("film.mp4", FILM, "video/mp4"),
            ("raw.heic", b"?", "image/heic"),
            ("no extension", b"?", "application/octet-stream"),
        ],
    )
    async def test_the_content_type_is_what_the_bytes_say_else_the_name(self, remote, name, data, content_type):
        assert (await remote.put(data, name)).content_type == content_type

    async def test_seeded_marks_are_searched_and_counted(self, remote):
        remote.seed("a.jpg", jpeg(), things=("cat", "sofa"), people=("P1",), place=Place(label="CAN#BC#Vancouver"))
        remote.seed("b.jpg", jpeg(color="red"), things=("cat",), favorite=True)
        assert await names(remote.search("things:(cat AND sofa) location:(CAN#BC) people:(P1)")) == ["a.jpg"]
        things = await remote.aggregations("things")
        assert [(each.value, each.count) for each in things] == [("cat", 2), ("sofa", 1)]
        assert [each.value for each in await remote.aggregations("location")] == ["CAN#BC#Vancouver"]
        assert [each.value for each in await remote.aggregations("clusterId")] == ["P1"]
        with pytest.raises(UnsupportedError, match="known are"):
            await remote.aggregations("colour")

    async def test_a_seeded_folder_may_be_empty(self, remote):
        remote.seed("box/empty", None)
        assert (await remote.stat("box/empty")).kind is Kind.FOLDER
        assert remote.raw("box/empty") is None

    async def test_a_failed_put_makes_no_folders(self, remote):
        await remote.put(b"same", "a.txt")
        with pytest.raises(DuplicateContentError):
            await remote.put(b"same", "new/b.txt", duplicates="refuse")
        assert await names(remote.list()) == ["a.txt"]

    async def test_a_local_file_that_is_not_there_is_said_to_be_missing(self, remote, tmp_path):
        with pytest.raises(FileNotFoundError):
            await remote.put(tmp_path / "absent", "a.txt")
        assert await names(remote.list()) == []

    async def test_views_and_the_root_are_written_by_nobody(self, remote):
        with pytest.raises(UnsupportedError):
            await remote.put(b"a", ".views/trash/a.txt")
        with pytest.raises(UnsupportedError):
            await remote.mkdir(".views/trash/Rome")
        with pytest.raises(AccessDeniedError):
            await remote.move("", "a")
        with pytest.raises(NotFoundError):
            await remote.stat(".views/absent")

    async def test_what_is_in_the_bin_is_neither_moved_nor_marked_nor_put_into_albums(self, remote):
        node = NodeId(remote.seed("a.jpg", jpeg()))
        await remote.trash(node)
        with pytest.raises(NotFoundError):
            await remote.move(node, "b.jpg")
        with pytest.raises(NotFoundError):
            await remote.mark(node, favorite=True)
        with pytest.raises(NotFoundError):
            await remote.create_album("Rome", members=[node])

    async def test_a_folder_cannot_be_moved_into_itself(self, remote):
        await remote.mkdir("a/b")
        with pytest.raises(InvalidNameError):
            await remote.move("a", "a/b/a")
        assert await paths_of(remote.list("", recursive=True)) == ["a", "a/b"]

    async def test_an_album_is_renamed_by_moving_it_within_its_view(self, remote):
        album = await remote.create_album("Rome")
        renamed = await remote.move(".views/albums/Rome", ".views/albums/Roma")
        assert (renamed.id, renamed.name) == (album.id, "Roma")
        with pytest.raises(UnsupportedError):
            await remote.move(NodeId(album.id), "Pictures/Roma")

    async def test_equal_names_in_a_view_are_told_apart_by_id(self, remote):
        ids = {remote.seed(f"{folder}/a.b.jpg", folder.encode()) for folder in ("one", "two")}
        album = await remote.create_album("Rome", members=[NodeId(each) for each in ids])
        listed = await collect(remote.list(NodeId(album.id)))
        seen = await collect(remote.list(".views/albums/Rome"))
        assert {entry.id for entry in listed} == {entry.id for entry in seen} == ids
        for entry in seen:
            assert entry.path == f".views/albums/Rome/a.b {{{entry.id[:8]}}}.jpg"
            assert (await remote.stat(entry.path)).id == entry.id
        with pytest.raises(AmbiguousError):
            await remote.stat(".views/albums/Rome/a.b.jpg")

    async def test_what_a_folder_took_along_lies_below_it_in_the_bin(self, remote):
        remote.seed("box/inner/a.txt", b"a")
        await remote.trash("box")
        assert [entry.path for entry in await collect(remote.trashed())] == ["box"]
        assert await paths_of(remote.list(".views/trash", recursive=True)) == [
            ".views/trash/box",
            ".views/trash/box/inner",
            ".views/trash/box/inner/a.txt",
        ]
        await remote.restore(".views/trash/box/inner/a.txt")
        assert await paths_of(remote.list("", recursive=True)) == ["box", "box/inner", "box/inner/a.txt"]

    async def test_what_stays_in_the_bin_when_a_folder_leaves_it_is_there_by_itself(self, remote):
        for name in ("a.txt", "b.txt", "deep/c.txt"):
            remote.seed(f"box/{name}", name.encode())
        await remote.trash("box")
        await remote.restore("box/a.txt")
        assert sorted([entry.path for entry in await collect(remote.trashed())]) == ["box/b.txt", "box/deep"]
        await remote.restore("box/deep", "box/b.txt")
        assert await paths_of(remote.list("box", recursive=True)) == [
            "box/a.txt",
            "box/b.txt",
            "box/deep",
            "box/deep/c.txt",
        ]

    @pytest.mark.parametrize(
        ("name", "first", "second"),
        [
            ("a.b.jpg", "a.b (1).jpg", "a.b (2).jpg"),
            (".hidden", ".hidden (1)", ".hidden (2)"),
            ("x" * 252 + ".jpg", "x" * 248 + " (1).jpg", "x" * 248 + " (2).jpg"),
        ],
    )
    async def test_a_restored_name_counts_upwards_and_keeps_within_the_limit(self, remote, name, first, second):
        ids = []
        for _ in range(2):
            ids.append(NodeId((await remote.put(b"old", name)).id))
            await remote.trash(name)
        await remote.put(b"new", name)
        rows = await remote.restore(*ids)
        assert [row.entry.name for row in rows] == [first, second]

    async def test_a_thumbnail_of_a_transparent_picture_lies_on_white(self, remote):
        target = io.BytesIO()
        Image.new("RGBA", (40, 40), (255, 0, 0, 0)).save(target, "PNG")
        await remote.put(target.getvalue(), "clear.png")
        with Image.open(io.BytesIO(await remote.thumbnail("clear.png"))) as image:
            assert min(image.convert("L").getextrema()) > 250

    async def test_usage_leaves_out_the_bin(self, remote):
        remote.seed("a.csv", b"1234")
        remote.seed("b.bin", b"12")
        remote.seed("c.txt", b"1")
        await remote.trash("c.txt")
        usage = await remote.usage()
        assert (usage.documents, usage.document_bytes, usage.others, usage.other_bytes) == (1, 4, 1, 2)

    async def test_a_restored_entry_stays_out_of_a_further_folder_where_its_name_was_taken(self, remote):
        node_id = remote.seed("one/a.txt", b"a")
        await remote.mkdir("two")
        await remote.mkdir("three")
        for folder in ("two", "three"):
            await remote.link(NodeId(node_id), folder)
        await remote.trash(NodeId(node_id))
        await remote.put(b"other", "two/a.txt")
        (row,) = await remote.restore(NodeId(node_id))
        assert (row.entry.path, len(row.entry.parents)) == ("one/a.txt", 2)
        assert (remote.raw("two/a.txt"), remote.raw("three/a.txt")) == (b"other", b"a")
