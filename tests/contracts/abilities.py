"""The contract of the optional abilities. A subject that lacks one overrides its tests with the reason."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from ap_remote.errors import AlreadyExistsError, AmbiguousError, IsFileError, NotFoundError, UnsupportedError
from ap_remote.model import Kind, NodeId, Status
from ap_remote.remote.features import (
    SupportsAlbums,
    SupportsFolders,
    SupportsMarks,
    SupportsThumbnails,
    SupportsTrashListing,
    SupportsUsage,
)
from tests.contracts.base import Subject, able, collect, names, paths_of
from tests.contracts.pictures import FILM, SPRING_2023, jpeg


class Facts(Subject):
    async def test_features_claim_no_more_than_the_abilities_that_are_there(self, remote):
        facts = remote.features
        assert facts.server_side_move <= isinstance(remote, SupportsFolders)
        assert facts.trash <= isinstance(remote, SupportsTrashListing)
        assert not facts.read_only
        assert facts.max_name == 256

    async def test_the_promised_hashes_are_those_of_entries(self, remote, seed):
        await seed("box/a.txt", b"a")
        assert "md5" in remote.features.hashes
        assert (await remote.stat("box/a.txt")).md5


class Folders(Subject):
    async def test_a_made_folder_is_there_and_empty(self, remote):
        entry = await able(remote, SupportsFolders).mkdir("box/inner")
        assert (entry.path, entry.name, entry.kind) == ("box/inner", "inner", Kind.FOLDER)
        assert (await remote.stat("box/inner")).id == entry.id
        assert await names(remote.list("box/inner")) == []

    async def test_a_folder_that_is_there_is_returned_or_refused(self, remote):
        folders = able(remote, SupportsFolders)
        first = await folders.mkdir("box/inner")
        assert (await folders.mkdir("box/INNER")).id == first.id
        with pytest.raises(AlreadyExistsError):
            await folders.mkdir("box/inner", exist_ok=False)

    async def test_missing_parents_are_made_or_refused(self, remote):
        folders = able(remote, SupportsFolders)
        with pytest.raises(NotFoundError):
            await folders.mkdir("box/one/two", parents=False)
        await folders.mkdir("box/one/two")
        await folders.mkdir("box/one/three", parents=False)
        assert await names(remote.list("box/one")) == ["three", "two"]

    @pytest.mark.parametrize("path", ["box/a.txt", "box/a.txt/inner"])
    async def test_no_folder_is_made_at_or_below_a_file(self, remote, seed, path):
        await seed("box/a.txt", b"a")
        with pytest.raises(IsFileError):
            await able(remote, SupportsFolders).mkdir(path)

    @pytest.mark.parametrize("path", ["box/b.txt", "box/two/a.txt", "box/two/b.txt", "box/one/A.TXT"])
    async def test_moving_keeps_id_and_content(self, remote, seed, peek, path):
        node_id = await seed("box/one/a.txt", b"a")
        await seed("box/two/other.txt", b"other")
        entry = await able(remote, SupportsFolders).move("box/one/a.txt", path)
        assert (entry.id, entry.path) == (node_id, path)
        assert (await remote.stat(path)).path == path
        assert await peek(path) == b"a"
        everything = await paths_of(remote.list("box", recursive=True))
        assert [each for each in everything if each.casefold() == "box/one/a.txt"] == [
            each for each in [path] if each.casefold() == "box/one/a.txt"
        ]

    async def test_a_moved_folder_takes_its_content_along(self, remote, seed, peek):
        await seed("box/one/inner/a.txt", b"a")
        await seed("box/two/b.txt", b"b")
        folder = await remote.stat("box/one")
        await able(remote, SupportsFolders).move(NodeId(folder.id), "box/two/uno")
        assert await paths_of(remote.list("box", recursive=True)) == [
            "box/two",
            "box/two/b.txt",
            "box/two/uno",
            "box/two/uno/inner",
            "box/two/uno/inner/a.txt",
        ]
        assert await peek("box/two/uno/inner/a.txt") == b"a"

    async def test_moving_onto_a_taken_name_is_refused(self, remote, seed, peek):
        await seed("box/a.txt", b"a")
        await seed("box/b.txt", b"b")
        with pytest.raises(AlreadyExistsError):
            await able(remote, SupportsFolders).move("box/a.txt", "box/B.txt")
        assert (await peek("box/a.txt"), await peek("box/b.txt")) == (b"a", b"b")

    async def test_moving_nothing_or_to_nowhere_is_refused(self, remote, seed, peek):
        folders = able(remote, SupportsFolders)
        await seed("box/a.txt", b"a")
        with pytest.raises(NotFoundError):
            await folders.move("box/absent.txt", "box/b.txt")
        with pytest.raises(NotFoundError):
            await folders.move("box/a.txt", "box/absent/a.txt")
        assert await peek("box/a.txt") == b"a"


class Albums(Subject):
    @pytest.fixture
    async def pair(self, seed):
        return [NodeId(await seed(f"box/{name}.jpg", jpeg(color=name))) for name in ("red", "blue")]

    async def test_an_album_holds_members_that_stay_in_their_folders(self, remote, pair):
        album = await able(remote, SupportsAlbums).create_album("Rome", members=pair)
        assert (album.name, album.kind, album.path) == ("Rome", Kind.ALBUM, ".views/albums/Rome")
        for target in (NodeId(album.id), ".views/albums/Rome"):
            assert await names(remote.list(target)) == ["blue.jpg", "red.jpg"]
        assert await names(remote.list("box")) == ["blue.jpg", "red.jpg"]
        assert [each.id for each in await collect(remote.list(".views/albums"))] == [album.id]
        assert (await remote.stat(".views/albums/Rome")).id == album.id
        assert (await remote.stat(".views/albums/Rome/red.jpg")).id == pair[0].value

    async def test_an_album_is_in_no_folder(self, remote, seed):
        await seed("box/a.txt", b"a")
        await able(remote, SupportsAlbums).create_album("Rome")
        assert "Rome" not in await names(remote.list("", recursive=True))

    async def test_albums_are_listed_and_may_share_a_name(self, remote):
        albums = able(remote, SupportsAlbums)
        made = [await albums.create_album(name) for name in ("Rome", "Rome", "Oslo")]
        found = await collect(albums.albums())
        assert sorted((each.name, each.id) for each in found) == sorted((each.name, each.id) for each in made)
        with pytest.raises(AmbiguousError) as caught:
            await remote.stat(".views/albums/Rome")
        assert set(caught.value.ids) == {made[0].id, made[1].id}

    async def test_a_member_that_is_added_twice_is_in_once(self, remote, pair):
        albums = able(remote, SupportsAlbums)
        album = await albums.create_album("Rome", members=pair[:1])
        await albums.add_to_album(NodeId(album.id), pair)
        await albums.add_to_album(".views/albums/Rome", ["box/red.jpg"])
        assert await names(remote.list(NodeId(album.id))) == ["blue.jpg", "red.jpg"]

    async def test_a_member_that_is_taken_out_stays_in_its_folder(self, remote, pair, peek):
        albums = able(remote, SupportsAlbums)
        album = await albums.create_album("Rome", members=pair)
        await albums.remove_from_album(NodeId(album.id), ["box/red.jpg"])
        assert await names(remote.list(NodeId(album.id))) == ["blue.jpg"]
        assert await peek("box/red.jpg") == jpeg(color="red")

    async def test_a_trashed_album_keeps_its_photographs(self, remote, pair):
        albums = able(remote, SupportsAlbums)
        album = await albums.create_album("Rome", members=pair)
        await remote.trash(NodeId(album.id))
        assert await collect(albums.albums()) == []
        assert await names(remote.list("box")) == ["blue.jpg", "red.jpg"]
        await remote.restore(NodeId(album.id))
        assert await names(remote.list(NodeId(album.id))) == ["blue.jpg", "red.jpg"]

    async def test_a_deleted_album_leaves_its_photographs(self, remote, pair):
        album = await able(remote, SupportsAlbums).create_album("Rome", members=pair)
        await remote.trash(NodeId(album.id))
        await remote.delete(NodeId(album.id))
        with pytest.raises(NotFoundError):
            await remote.stat(NodeId(album.id))
        assert (await remote.stat("box/red.jpg")).status is Status.AVAILABLE

    async def test_a_trashed_photograph_is_in_no_album(self, remote, pair):
        album = await able(remote, SupportsAlbums).create_album("Rome", members=pair)
        await remote.trash("box/red.jpg")
        assert await names(remote.list(NodeId(album.id))) == ["blue.jpg"]

    async def test_an_album_of_nothing_is_refused_and_not_made(self, remote):
        albums = able(remote, SupportsAlbums)
        with pytest.raises(NotFoundError):
            await albums.create_album("Rome", members=["box/absent.jpg"])
        assert await collect(albums.albums()) == []


class Marks(Subject):
    async def test_marks_are_set_and_cleared_one_without_the_other(self, remote, seed):
        marks = able(remote, SupportsMarks)
        node_id = await seed("box/a.jpg", jpeg())
        both = await marks.mark("box/a.jpg", favorite=True, hidden=True)
        assert (both.id, both.favorite, both.hidden) == (node_id, True, True)
        await marks.mark(NodeId(node_id), hidden=False)
        entry = await remote.stat("box/a.jpg")
        assert (entry.favorite, entry.hidden) == (True, False)
        await marks.mark("box/a.jpg", favorite=False)
        assert not (await remote.stat("box/a.jpg")).favorite

    async def test_marking_nothing_is_an_error(self, remote, seed):
        await seed("box/a.jpg", jpeg())
        with pytest.raises(NotFoundError):
            await able(remote, SupportsMarks).mark("box/absent.jpg", favorite=True)


class Thumbnails(Subject):
    @pytest.mark.parametrize("size", [16, 64, 4096])
    async def test_a_thumbnail_is_a_jpeg_no_larger_than_asked(self, remote, seed, size):
        await seed("box/a.jpg", jpeg(size=(300, 200)))
        data = await able(remote, SupportsThumbnails).thumbnail("box/a.jpg", size=size)
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == "JPEG"
            assert max(image.size) <= size
            assert image.width > image.height

    async def test_a_thumbnail_is_upright(self, remote, seed):
        # Orientation 6: the stored picture must be turned to the right, so its bright corner is then the upper right.
        await seed("box/a.jpg", jpeg(size=(300, 200), color="black", orientation=6))
        data = await able(remote, SupportsThumbnails).thumbnail("box/a.jpg", size=100)
        with Image.open(io.BytesIO(data)) as image:
            assert image.height > image.width
            assert image.getexif().get(0x0112, 1) == 1
            gray = image.convert("L")
            assert gray.getpixel((gray.width - 3, 2)) > 200
            assert gray.getpixel((2, 2)) < 50

    @pytest.mark.parametrize(("name", "data"), [("notes.txt", b"text"), ("broken.jpg", b"\xff\xd8\xff nonsense")])
    async def test_what_is_no_readable_picture_has_no_thumbnail(self, remote, seed, name, data):
        await seed(f"box/{name}", data)
        with pytest.raises(UnsupportedError):
            await able(remote, SupportsThumbnails).thumbnail(f"box/{name}")


class Space(Subject):
    async def test_usage_counts_what_was_added(self, remote, seed):
        account = able(remote, SupportsUsage)
        before = await account.usage()
        photograph = jpeg(taken=SPRING_2023)
        await seed("box/a.jpg", photograph)
        await seed("box/film.mp4", FILM)
        after = await account.usage()
        assert (after.photos - before.photos, after.photo_bytes - before.photo_bytes) == (1, len(photograph))
        assert (after.videos - before.videos, after.video_bytes - before.video_bytes) == (1, len(FILM))
