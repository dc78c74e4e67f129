"""What writing through the virtual tree promises: albums are changed, the trash is left, everything else is refused."""

from __future__ import annotations

import asyncio

import pytest

from ap_remote.errors import (
    AlreadyExistsError,
    AmbiguousError,
    BatchError,
    DuplicateContentError,
    IsFileError,
    IsFolderError,
    NotFoundError,
    RemoteError,
    UnavailableError,
    UnsupportedError,
)
from ap_remote.model import Kind, NodeId, Status
from ap_remote.remote.features import SupportsAlbums, SupportsFolders, SupportsMarks
from tests.contracts.base import Subject, able, collect, content, names, paths_of
from tests.contracts.pictures import jpeg

ROME = ".views/albums/Rome"


class PuttingIntoAlbums(Subject):
    async def test_a_file_that_is_put_into_an_album_lies_in_a_folder_and_in_the_album(self, remote, peek):
        album = await able(remote, SupportsAlbums).create_album("Rome")
        entry = await remote.put(b"new", f"{ROME}/a.jpg")
        assert (entry.path, entry.name, entry.kind) == (f"{ROME}/a.jpg", "a.jpg", Kind.FILE)
        assert await peek("Pictures/Rome/a.jpg") == b"new"
        assert [each.id for each in await collect(remote.list(NodeId(album.id)))] == [entry.id]
        assert (await remote.stat(NodeId(entry.id))).path == "Pictures/Rome/a.jpg"
        assert await content(remote.get(f"{ROME}/a.jpg")) == b"new"

    async def test_an_album_that_is_missing_is_made(self, remote):
        await remote.put(b"new", f"/{ROME}/a.jpg")
        assert await names(able(remote, SupportsAlbums).albums()) == ["Rome"]

    async def test_files_that_are_put_side_by_side_make_one_album(self, remote):
        await asyncio.gather(*(remote.put(bytes([each]), f"{ROME}/{each}.jpg") for each in range(6)))
        assert await names(able(remote, SupportsAlbums).albums()) == ["Rome"]
        assert await names(remote.list(ROME)) == [f"{each}.jpg" for each in range(6)]

    async def test_a_local_file_is_put_into_an_album(self, remote, peek, tmp_path):
        file = tmp_path / "local"
        file.write_bytes(b"bytes")
        await remote.put(file, f"{ROME}/a.jpg")
        assert await peek("Pictures/Rome/a.jpg") == b"bytes"

    @pytest.mark.parametrize("name", ["a.jpg", "A.JPG"])
    async def test_what_the_account_has_under_that_name_is_added_and_not_sent(self, remote, seed, peek, name):
        node_id = await seed("box/deep/a.jpg", b"same")
        entry = await remote.put(b"same", f"{ROME}/{name}", duplicates="refuse")
        assert (entry.id, entry.path) == (node_id, f"{ROME}/a.jpg")
        assert await peek("Pictures/Rome/a.jpg") is None
        assert await names(remote.list(ROME)) == ["a.jpg"]

    async def test_what_has_the_same_bytes_and_another_name_or_is_in_the_bin_is_not_added(self, remote, seed, peek):
        await seed("box/b.jpg", b"same")
        await seed("box/a.jpg", b"same")
        await remote.trash("box/a.jpg")
        await remote.put(b"same", f"{ROME}/a.jpg")
        assert await peek("Pictures/Rome/a.jpg") == b"same"

    async def test_duplicates_under_other_names_are_refused_where_that_is_wished(self, remote, seed, peek):
        node_id = await seed("box/b.jpg", b"same")
        with pytest.raises(DuplicateContentError) as caught:
            await remote.put(b"same", f"{ROME}/a.jpg", duplicates="refuse")
        assert (caught.value.path, caught.value.node_id) == (f"{ROME}/a.jpg", node_id)
        assert await peek("Pictures/Rome/a.jpg") is None
        assert await collect(able(remote, SupportsAlbums).albums()) == []

    async def test_another_photograph_in_the_folder_keeps_its_name_and_bytes(self, remote, seed, peek):
        await seed("Pictures/Rome/a.jpg", b"theirs")
        await seed("Pictures/Rome (2)", b"a file of that name")
        await remote.put(b"ours", f"{ROME}/a.jpg")
        assert await peek("Pictures/Rome/a.jpg") == b"theirs"
        assert await peek("Pictures/Rome (3)/a.jpg") == b"ours"
        assert await content(remote.get(f"{ROME}/a.jpg")) == b"ours"

    async def test_a_member_of_that_name_is_in_the_way(self, remote, seed, peek):
        node_id = await seed("box/a.jpg", b"old")
        await able(remote, SupportsAlbums).create_album("Rome", members=["box/a.jpg"])
        with pytest.raises(AlreadyExistsError) as caught:
            await remote.put(b"new", f"{ROME}/A.jpg")
        assert (caught.value.path, caught.value.node_id) == (f"{ROME}/A.jpg", node_id)
        assert await peek("box/a.jpg") == b"old"

    async def test_a_member_that_is_overwritten_stays_where_it_is_with_its_id(self, remote, seed, peek):
        node_id = await seed("box/a.jpg", b"old")
        await able(remote, SupportsAlbums).create_album("Rome", members=["box/a.jpg"])
        entry = await remote.put(b"new", f"{ROME}/a.jpg", if_exists="overwrite")
        assert (entry.id, entry.path) == (node_id, f"{ROME}/a.jpg")
        assert await peek("box/a.jpg") == b"new"
        assert await peek("Pictures/Rome/a.jpg") is None
        assert [each.id for each in await collect(remote.list(ROME))] == [node_id]

    async def test_of_two_members_of_one_name_the_one_that_is_meant_is_overwritten(self, remote, seed, peek):
        ids = [await seed(f"box/{folder}/a.jpg", folder.encode()) for folder in ("one", "two")]
        await able(remote, SupportsAlbums).create_album("Rome", members=[NodeId(each) for each in ids])
        for if_exists in ("fail", "overwrite"):
            with pytest.raises(AmbiguousError):
                await remote.put(b"new", f"{ROME}/a.jpg", if_exists=if_exists)
        await remote.put(b"new", f"{ROME}/a {{{ids[1][:8]}}}.jpg", if_exists="overwrite")
        assert [await peek("box/one/a.jpg"), await peek("box/two/a.jpg")] == [b"one", b"new"]

    async def test_two_albums_of_one_name_are_no_place_to_put_anything(self, remote, peek):
        for _ in range(2):
            await able(remote, SupportsAlbums).create_album("Rome")
        with pytest.raises(AmbiguousError):
            await remote.put(b"new", f"{ROME}/a.jpg")
        assert await peek("Pictures/Rome/a.jpg") is None

    async def test_an_upload_that_could_not_be_added_says_where_the_file_is_and_may_be_put_again(
        self, remote, peek, monkeypatch
    ):
        async def refused(*_: object) -> None:
            raise UnavailableError("the service is away")

        with monkeypatch.context() as patch:
            patch.setattr(type(remote), "add_to_album", refused)
            with pytest.raises(UnavailableError) as caught:
                await remote.put(b"new", f"{ROME}/a.jpg", duplicates="refuse")
        assert "'Pictures/Rome/a.jpg'" in str(caught.value)
        assert "the service is away" in str(caught.value)
        assert await peek("Pictures/Rome/a.jpg") == b"new"
        first = await remote.stat("Pictures/Rome/a.jpg")
        entry = await remote.put(b"new", f"{ROME}/a.jpg", duplicates="refuse")
        assert (entry.id, entry.version) == (first.id, first.version)
        assert await names(remote.list("Pictures/Rome")) == ["a.jpg"]
        assert await names(remote.list(ROME)) == ["a.jpg"]

    async def test_bytes_that_arrived_and_are_not_known_by_their_digest_yet_are_not_sent_again(
        self, remote, seed, monkeypatch
    ):
        node_id = await seed("Pictures/Rome/a.jpg", b"new")

        async def nobody(*_: object) -> list[object]:
            return []

        monkeypatch.setattr(type(remote), "_holders", nobody)
        assert (await remote.put(b"new", f"{ROME}/a.jpg")).id == node_id
        assert [each.id for each in await collect(remote.list(ROME))] == [node_id]

    @pytest.mark.parametrize(
        ("path", "told"),
        [
            (".views/a.jpg", "<album>"),
            (".views/albums/a.jpg", "<album>"),
            (f"{ROME}/sub/a.jpg", "no folders"),
            (".views/trash/a.jpg", "trash"),
            (".views/by-date/2023/05/01/a.jpg", "<album>"),
            (".views/favorites/a.jpg", "<album>"),
        ],
    )
    async def test_no_file_can_be_put_anywhere_else_in_the_views(self, remote, path, told):
        await able(remote, SupportsAlbums).create_album("Rome")
        with pytest.raises(UnsupportedError, match=told):
            await remote.put(b"new", path)
        assert [each for each in await collect(remote.list("", recursive=True)) if each.name == "a.jpg"] == []


class MakingAlbums(Subject):
    async def test_an_album_is_made_as_a_folder_is(self, remote):
        folders = able(remote, SupportsFolders)
        album = await folders.mkdir(ROME)
        assert (album.kind, album.path, album.name) == (Kind.ALBUM, ROME, "Rome")
        assert (await folders.mkdir(ROME)).id == album.id
        assert await names(able(remote, SupportsAlbums).albums()) == ["Rome"]
        with pytest.raises(AlreadyExistsError):
            await folders.mkdir(ROME, exist_ok=False)

    async def test_who_race_for_one_album_get_one_album(self, remote):
        made = await asyncio.gather(*(able(remote, SupportsFolders).mkdir(ROME) for _ in range(5)))
        assert len({each.id for each in made}) == 1
        assert await names(able(remote, SupportsAlbums).albums()) == ["Rome"]

    async def test_a_virtual_folder_is_there_already(self, remote):
        folders = able(remote, SupportsFolders)
        for path in (".views", ".views/albums", ".views/trash"):
            assert (await folders.mkdir(path)).path == path
            with pytest.raises(AlreadyExistsError):
                await folders.mkdir(path, exist_ok=False)

    async def test_nothing_else_is_made_in_the_views(self, remote, seed):
        folders = able(remote, SupportsFolders)
        await seed("box/a.jpg", b"a")
        await able(remote, SupportsAlbums).create_album("Rome", members=["box/a.jpg"])
        with pytest.raises(IsFileError):
            await folders.mkdir(f"{ROME}/a.jpg")
        for path in (f"{ROME}/sub", ".views/trash/new", ".views/new"):
            with pytest.raises(UnsupportedError, match="cannot be made"):
                await folders.mkdir(path)


class LeavingAlbums(Subject):
    @pytest.fixture
    async def members(self, remote, seed):
        ids = [await seed(f"box/{name}.jpg", name.encode()) for name in ("a", "b", "c")]
        await able(remote, SupportsAlbums).create_album("Rome", members=[NodeId(each) for each in ids])
        return ids

    async def test_a_member_that_is_trashed_in_its_album_only_leaves_the_album(self, remote, members, peek):
        (row,) = await remote.trash(f"{ROME}/a.jpg")
        assert (row.target, row.action, row.id, row.error) == (f"{ROME}/a.jpg", "remove", members[0], None)
        assert row.entry is not None
        assert (row.entry.path, row.entry.status) == ("box/a.jpg", Status.AVAILABLE)
        assert await names(remote.list(ROME)) == ["b.jpg", "c.jpg"]
        assert await peek("box/a.jpg") == b"a"
        assert await collect(remote.list(".views/trash")) == []

    async def test_an_album_goes_to_the_bin_without_its_members(self, remote, members, peek):
        (row,) = await remote.trash(ROME)
        assert row.action == "trash"
        assert await names(remote.list(".views/trash")) == ["Rome"]
        assert [await peek(f"box/{name}.jpg") for name in "abc"] == [b"a", b"b", b"c"]
        await remote.restore(".views/trash/Rome")
        assert len(await collect(remote.list(ROME))) == len(members)

    async def test_each_of_several_is_treated_as_it_is(self, remote, members, seed):
        await seed("box/d.jpg", b"d")
        rows = await remote.trash("box/d.jpg", f"{ROME}/B.jpg", NodeId(members[2]), f"{ROME}/a.jpg")
        assert [(row.target, row.action) for row in rows] == [
            ("box/d.jpg", "trash"),
            (f"{ROME}/B.jpg", "remove"),
            (f"id:{members[2]}", "trash"),
            (f"{ROME}/a.jpg", "remove"),
        ]
        assert await names(remote.list("box")) == ["a.jpg", "b.jpg"]
        assert await collect(remote.list(ROME)) == []

    async def test_those_that_fail_do_not_hold_up_the_others(self, remote, members):
        with pytest.raises(BatchError) as caught:
            await remote.trash(f"{ROME}/absent.jpg", ".views/albums", f"{ROME}/a.jpg", "box/absent.jpg")
        assert [row.error is None for row in caught.value.outcomes] == [False, False, True, False]
        assert await names(remote.list(ROME)) == ["b.jpg", "c.jpg"]
        with pytest.raises(NotFoundError):
            await remote.trash(f"{ROME}/a.jpg")

    async def test_of_two_members_of_one_name_the_one_that_is_meant_leaves(self, remote, members, seed):
        other = await seed("box/two/a.jpg", b"other")
        await able(remote, SupportsAlbums).add_to_album(ROME, [NodeId(other)])
        with pytest.raises(AmbiguousError):
            await remote.trash(f"{ROME}/a.jpg")
        await remote.trash(f"{ROME}/a {{{other[:8]}}}.jpg")
        assert (await remote.stat(f"{ROME}/a.jpg")).id == members[0]

    async def test_a_removal_that_the_service_refuses_is_an_error_and_nothing_is_lost(
        self, remote, members, monkeypatch
    ):
        async def refused(*_: object) -> None:
            raise UnavailableError("the service is away")

        with monkeypatch.context() as patch:
            patch.setattr(type(remote), "remove_from_album", refused)
            with pytest.raises(UnavailableError):
                await remote.trash(f"{ROME}/a.jpg")
        assert await names(remote.list(ROME)) == ["a.jpg", "b.jpg", "c.jpg"]

    async def test_what_is_in_the_bin_is_trashed_already(self, remote, seed):
        await seed("box/d.jpg", b"d")
        await remote.trash("box/d.jpg")
        (row,) = await remote.trash(".views/trash/d.jpg")
        assert row.action == "trash"
        assert await names(remote.list(".views/trash")) == ["d.jpg"]

    async def test_what_a_trashed_album_shows_is_refused_with_its_own_path(self, remote, members):
        await remote.trash(ROME)
        with pytest.raises(UnsupportedError, match=r"'box/a\.jpg'"):
            await remote.trash(".views/trash/Rome/a.jpg")
        assert await names(remote.list("box")) == ["a.jpg", "b.jpg", "c.jpg"]

    async def test_a_virtual_folder_is_not_trashed(self, remote):
        for path in (".views", ".views/albums", ".views/trash"):
            with pytest.raises(UnsupportedError, match="virtual folder"):
                await remote.trash(path)


class MovingThroughViews(Subject):
    async def test_what_is_moved_out_of_the_trash_is_restored_there(self, remote, seed, peek):
        node_id = await seed("box/x.jpg", b"x")
        await remote.trash("box/x.jpg")
        entry = await able(remote, SupportsFolders).move(".views/trash/x.jpg", "box/y.jpg")
        assert (entry.id, entry.path, entry.status) == (node_id, "box/y.jpg", Status.AVAILABLE)
        assert (await peek("box/y.jpg"), await peek("box/x.jpg")) == (b"x", None)
        assert await collect(remote.list(".views/trash")) == []

    async def test_what_is_moved_back_to_its_own_path_is_restored(self, remote, seed):
        await seed("box/x.jpg", b"x")
        await remote.trash("box/x.jpg")
        assert (await able(remote, SupportsFolders).move(".views/trash/x.jpg", "box/x.jpg")).path == "box/x.jpg"

    async def test_what_a_folder_took_along_is_moved_out_by_itself(self, remote, seed, peek):
        await seed("box/inner/x.jpg", b"x")
        await seed("box/inner/y.jpg", b"y")
        await remote.trash("box/inner")
        await able(remote, SupportsFolders).move(".views/trash/inner/x.jpg", "box/x.jpg")
        assert await peek("box/x.jpg") == b"x"
        assert (await peek("box/inner/x.jpg"), await peek("box/inner/y.jpg")) == (None, None)

    async def test_what_could_not_be_moved_afterwards_stays_in_the_trash(self, remote, seed):
        folders = able(remote, SupportsFolders)
        await seed("box/x.jpg", b"x")
        await seed("box/taken.jpg", b"t")
        await remote.trash("box/x.jpg")
        for goal, error in (
            ("box/taken.jpg", AlreadyExistsError),
            ("absent/x.jpg", NotFoundError),
            ("box/taken.jpg/x.jpg", IsFileError),
            ("", IsFolderError),
            (f"{ROME}/x.jpg", UnsupportedError),
            (".views/trash/y.jpg", UnsupportedError),
        ):
            with pytest.raises(error):
                await folders.move(".views/trash/x.jpg", goal)
            assert await names(remote.list(".views/trash")) == ["x.jpg"]

    async def test_a_move_that_fails_after_the_restore_says_where_the_file_is(self, remote, seed, monkeypatch):
        await seed("box/x.jpg", b"x")
        await remote.trash("box/x.jpg")

        async def refused(*_: object) -> None:
            raise UnavailableError("the service is away")

        monkeypatch.setattr(type(remote), "_move", refused)
        with pytest.raises(UnavailableError, match=r"lies at 'box/x\.jpg'.*the service is away"):
            await able(remote, SupportsFolders).move(".views/trash/x.jpg", "box/y.jpg")
        assert (await remote.stat("box/x.jpg")).status is Status.AVAILABLE

    async def test_an_album_is_moved_out_of_the_trash_under_another_name(self, remote):
        album = await able(remote, SupportsAlbums).create_album("Rome")
        await remote.trash(ROME)
        folders = able(remote, SupportsFolders)
        with pytest.raises(UnsupportedError, match="no folder"):
            await folders.move(".views/trash/Rome", "box")
        entry = await folders.move(".views/trash/Rome", ".views/albums/Roma")
        assert (entry.id, entry.path) == (album.id, ".views/albums/Roma")

    async def test_a_member_changes_from_one_album_to_another(self, remote, seed, peek):
        node_id = await seed("box/a.jpg", b"a")
        albums = able(remote, SupportsAlbums)
        await albums.create_album("Rome", members=["box/a.jpg"])
        await albums.create_album("Oslo")
        entry = await able(remote, SupportsFolders).move(f"{ROME}/a.jpg", ".views/albums/Oslo/a.jpg")
        assert (entry.id, entry.path) == (node_id, ".views/albums/Oslo/a.jpg")
        assert (await names(remote.list(ROME)), await names(remote.list(".views/albums/Oslo"))) == ([], ["a.jpg"])
        assert await peek("box/a.jpg") == b"a"

    async def test_a_member_is_in_both_albums_where_it_could_not_leave_the_first(self, remote, seed, monkeypatch):
        await seed("box/a.jpg", b"a")
        albums = able(remote, SupportsAlbums)
        await albums.create_album("Rome", members=["box/a.jpg"])
        await albums.create_album("Oslo")

        async def refused(*_: object) -> None:
            raise BatchError("the service refused 1 of 1 members")

        monkeypatch.setattr(type(remote), "remove_from_album", refused)
        with pytest.raises(RemoteError, match=r"in both albums.*refused 1 of 1"):
            await able(remote, SupportsFolders).move(f"{ROME}/a.jpg", ".views/albums/Oslo/a.jpg")
        assert await names(remote.list(ROME)) == await names(remote.list(".views/albums/Oslo")) == ["a.jpg"]

    async def test_a_name_that_is_taken_in_the_other_album_is_refused(self, remote, seed):
        albums = able(remote, SupportsAlbums)
        for folder, album in (("one", "Rome"), ("two", "Oslo")):
            node_id = await seed(f"box/{folder}/a.jpg", folder.encode())
            await albums.create_album(album, members=[NodeId(node_id)])
        with pytest.raises(AlreadyExistsError):
            await able(remote, SupportsFolders).move(f"{ROME}/a.jpg", ".views/albums/Oslo/a.jpg")
        with pytest.raises(NotFoundError):
            await able(remote, SupportsFolders).move(f"{ROME}/a.jpg", ".views/albums/Bern/a.jpg")
        assert await names(remote.list(ROME)) == ["a.jpg"]

    async def test_an_album_does_not_get_the_name_of_another(self, remote):
        folders = able(remote, SupportsFolders)
        album = await able(remote, SupportsAlbums).create_album("Rome")
        await able(remote, SupportsAlbums).create_album("Oslo")
        for source in (ROME, NodeId(album.id)):
            with pytest.raises(AlreadyExistsError):
                await folders.move(source, ".views/albums/oslo")
        assert (await folders.move(ROME, ".views/albums/ROME")).name == "ROME"

    @pytest.mark.parametrize(
        ("source", "goal", "told"),
        [
            ("box/b.jpg", f"{ROME}/b.jpg", "copy it"),
            ("box/b.jpg", ".views/favorites/b.jpg", "copy it"),
            ("box", ".views/albums/box", "a view is no folder"),
            ("box/b.jpg", ".views/trash/b.jpg", "a view is no folder; trash it$"),
            (f"{ROME}/a.jpg", "box/sub.jpg", "'box/a.jpg'"),
            (f"{ROME}/a.jpg", f"{ROME}/z.jpg", "rename 'box/a.jpg'"),
            (f"{ROME}/a.jpg", ".views/albums/Oslo/z.jpg", "rename 'box/a.jpg'"),
            (f"{ROME}/a.jpg", ".views/trash/a.jpg", "trash"),
            (ROME, "box/Rome", "an album has no folder"),
            (".views/albums", ".views/other", "virtual folder"),
        ],
    )
    async def test_other_moves_are_refused_with_what_would_work(self, remote, seed, source, goal, told):
        for name in "ab":
            await seed(f"box/{name}.jpg", name.encode())
        await able(remote, SupportsAlbums).create_album("Rome", members=["box/a.jpg"])
        with pytest.raises(UnsupportedError, match=told):
            await able(remote, SupportsFolders).move(source, goal)
        assert await paths_of(remote.list("box")) == ["box/a.jpg", "box/b.jpg"]
        assert await names(remote.list(ROME)) == ["a.jpg"]


class LookingOnly(Subject):
    async def test_what_other_views_show_is_changed_by_its_own_path(self, remote, seed):
        await seed("box/a.jpg", jpeg())
        marks = able(remote, SupportsMarks)
        await marks.mark("box/a.jpg", favorite=True)
        place = ".views/favorites/a.jpg"
        assert (await remote.stat(place)).name == "a.jpg"
        with pytest.raises(UnsupportedError, match=r"trash 'box/a\.jpg'"):
            await remote.trash(place)
        with pytest.raises(UnsupportedError, match=r"move 'box/a\.jpg'"):
            await able(remote, SupportsFolders).move(place, "box/b.jpg")
        with pytest.raises(UnsupportedError):
            await remote.put(b"new", place, if_exists="overwrite")
        with pytest.raises(UnsupportedError, match="virtual folder"):
            await remote.trash(".views/favorites")
        assert (await marks.mark(place, favorite=False)).path == "box/a.jpg"
        assert await names(remote.list("box")) == ["a.jpg"]


class ViewWritingContract(PuttingIntoAlbums, MakingAlbums, LeavingAlbums, MovingThroughViews, LookingOnly):
    """Everything that writing through the views promises."""
