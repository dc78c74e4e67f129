"""The contract of ``trash``, ``restore`` and ``delete``."""

from __future__ import annotations

import pytest

from ap_remote.errors import (
    AmbiguousError,
    BatchError,
    NotFoundError,
    NotInTrashError,
    RemoteError,
)
from ap_remote.model import NodeId, Status
from ap_remote.remote.features import SupportsTrashListing
from tests.contracts.base import Subject, able, collect, content, names, paths_of

ABSENT = NodeId("AAAAAAAAAAAAAAAAAAAAAA")


class Binning(Subject):
    async def test_what_is_trashed_is_neither_listed_nor_found_by_path(self, remote, seed, peek):
        await seed("box/a.txt", b"a")
        await seed("box/b.txt", b"b")
        await remote.trash("box/a.txt")
        assert await names(remote.list("box")) == ["b.txt"]
        with pytest.raises(NotFoundError):
            await remote.stat("box/a.txt")
        with pytest.raises(NotFoundError):
            await content(remote.get("box/a.txt"))
        assert await peek("box/a.txt") is None

    async def test_what_is_trashed_is_found_by_id_with_the_path_it_had(self, remote, seed):
        node_id = await seed("box/a.txt", b"a")
        await remote.trash(NodeId(node_id))
        entry = await remote.stat(NodeId(node_id))
        assert (entry.status, entry.path) == (Status.TRASHED, "box/a.txt")

    async def test_the_outcome_tells_what_was_done(self, remote, seed):
        node_id = await seed("box/a.txt", b"a")
        (done,) = await remote.trash("box/a.txt")
        assert (done.target, done.action, done.id, done.error) == ("box/a.txt", "trash", node_id, None)
        assert done.entry.status is Status.TRASHED
        (back,) = await remote.restore(NodeId(node_id))
        assert (back.action, back.id, back.error, back.entry.path) == ("restore", node_id, None, "box/a.txt")
        await remote.trash("box/a.txt")
        (gone,) = await remote.delete("box/a.txt")
        assert (gone.action, gone.id, gone.error, gone.entry) == ("delete", node_id, None, None)

    async def test_a_trashed_folder_takes_all_below_it_along(self, remote, seed):
        inner = await seed("box/folder/inner/a.txt", b"a")
        await seed("box/b.txt", b"b")
        await remote.trash("box/folder")
        assert await paths_of(remote.list("box", recursive=True)) == ["box/b.txt"]
        assert (await remote.stat(NodeId(inner))).status is Status.TRASHED

    async def test_trashing_twice_counts_as_done(self, remote, seed):
        node_id = await seed("box/a.txt", b"a")
        await remote.trash("box/a.txt")
        (by_path,) = await remote.trash("box/a.txt")
        (by_id,) = await remote.trash(NodeId(node_id))
        assert (by_path.error, by_id.error) == (None, None)

    async def test_the_name_of_what_is_trashed_is_free_again(self, remote, seed, peek):
        old = await seed("box/a.txt", b"old")
        await remote.trash("box/a.txt")
        entry = await remote.put(b"new", "box/a.txt")
        assert entry.id != old
        assert await peek("box/a.txt") == b"new"

    @pytest.mark.parametrize("target", ["box/absent.txt", ABSENT])
    async def test_trashing_nothing_is_an_error(self, remote, seed, target):
        await seed("box/a.txt", b"a")
        with pytest.raises(NotFoundError):
            await remote.trash(target)

    async def test_the_root_cannot_be_trashed(self, remote, seed, peek):
        await seed("box/a.txt", b"a")
        with pytest.raises(RemoteError):
            await remote.trash("")
        assert await peek("box/a.txt") == b"a"

    async def test_of_several_targets_every_one_is_tried(self, remote, seed):
        for name in ("a", "b"):
            await seed(f"box/{name}.txt", name.encode())
        with pytest.raises(BatchError) as caught:
            await remote.trash("box/a.txt", "box/absent.txt", "box/b.txt")
        assert [(row.target, row.error is None) for row in caught.value.outcomes] == [
            ("box/a.txt", True),
            ("box/absent.txt", False),
            ("box/b.txt", True),
        ]
        assert [row.failure for row in caught.value.outcomes] == [None, "missing", None]
        assert await names(remote.list("box")) == []

    async def test_several_targets_have_a_row_each(self, remote, seed):
        for name in ("a", "b", "c"):
            await seed(f"box/{name}.txt", name.encode())
        targets = ("box/a.txt", "box/b.txt", "box/c.txt")
        assert [row.target for row in await remote.trash(*targets)] == [*targets]
        assert [row.target for row in await remote.restore(*targets)] == [*targets]
        assert await names(remote.list("box")) == ["a.txt", "b.txt", "c.txt"]

    async def test_more_targets_than_one_request_takes(self, remote, seed):
        ids = [NodeId(await seed(f"box/{number:03}.txt", b"%d" % number)) for number in range(55)]
        await remote.trash(*ids)
        assert await names(remote.list("box")) == []
        await remote.restore(*ids)
        assert len(await names(remote.list("box"))) == 55
        await remote.trash(*ids)
        await remote.delete(*ids)
        with pytest.raises(NotFoundError):
            await remote.stat(ids[-1])

    @pytest.mark.parametrize("by_id", [False, True])
    async def test_restoring_brings_an_entry_back_to_its_path(self, remote, seed, peek, by_id):
        node_id = await seed("box/inner/a.txt", b"a")
        await remote.trash("box/inner/a.txt")
        await remote.restore(NodeId(node_id) if by_id else "box/inner/a.txt")
        entry = await remote.stat("box/inner/a.txt")
        assert (entry.id, entry.status) == (node_id, Status.AVAILABLE)
        assert await peek("box/inner/a.txt") == b"a"
        assert await names(remote.list("box/inner")) == ["a.txt"]

    async def test_restoring_a_folder_brings_back_what_went_with_it(self, remote, seed, peek):
        await seed("box/folder/a.txt", b"a")
        await seed("box/folder/inner/b.txt", b"b")
        await remote.trash("box/folder")
        await remote.restore("box/folder")
        assert await paths_of(remote.list("box", recursive=True)) == [
            "box/folder",
            "box/folder/a.txt",
            "box/folder/inner",
            "box/folder/inner/b.txt",
        ]
        assert await peek("box/folder/inner/b.txt") == b"b"

    async def test_restoring_a_folder_leaves_in_the_bin_what_was_there_before(self, remote, seed):
        early = await seed("box/folder/early.txt", b"early")
        await seed("box/folder/late.txt", b"late")
        await remote.trash("box/folder/early.txt")
        await remote.trash("box/folder")
        await remote.restore("box/folder")
        assert await names(remote.list("box/folder")) == ["late.txt"]
        assert (await remote.stat(NodeId(early))).status is Status.TRASHED

    async def test_a_file_comes_back_to_its_path_though_its_folder_is_in_the_bin(self, remote, seed, peek):
        node_id = await seed("box/folder/a.txt", b"a")
        await seed("box/folder/b.txt", b"b")
        await remote.trash("box/folder/a.txt")
        await remote.trash("box/folder")
        (row,) = await remote.restore(NodeId(node_id))
        assert row.entry.path == "box/folder/a.txt"
        assert await peek("box/folder/a.txt") == b"a"
        assert await names(remote.list("box/folder")) == ["a.txt"]

    async def test_a_taken_name_is_changed_when_its_former_owner_comes_back(self, remote, seed, peek):
        old = await seed("box/a.txt", b"old")
        await remote.trash("box/a.txt")
        await remote.put(b"new", "box/A.txt")
        (row,) = await remote.restore(NodeId(old))
        assert await peek("box/A.txt") == b"new"
        assert row.entry.name.casefold() != "a.txt"
        assert await peek(row.entry.path) == b"old"
        assert sorted(await names(remote.list("box"))) == sorted(["A.txt", row.entry.name])

    async def test_restoring_what_was_not_trashed_is_an_error(self, remote, seed):
        node_id = await seed("box/a.txt", b"a")
        with pytest.raises(NotInTrashError):
            await remote.restore("box/a.txt")
        with pytest.raises(NotInTrashError):
            await remote.restore(NodeId(node_id))

    @pytest.mark.parametrize("verb", ["restore", "delete"])
    @pytest.mark.parametrize("target", ["box/absent.txt", ABSENT])
    async def test_what_never_was_can_be_neither_restored_nor_deleted(self, remote, seed, verb, target):
        await seed("box/a.txt", b"a")
        with pytest.raises((NotInTrashError, NotFoundError)):
            await getattr(remote, verb)(target)

    @pytest.mark.parametrize("verb", ["restore", "delete"])
    async def test_a_path_that_several_trashed_entries_had_is_ambiguous(self, remote, seed, verb):
        first = await seed("box/a.txt", b"first")
        await remote.trash("box/a.txt")
        second = (await remote.put(b"second", "box/a.txt")).id
        await remote.trash("box/a.txt")
        with pytest.raises(AmbiguousError) as caught:
            await getattr(remote, verb)("box/a.txt")
        assert set(caught.value.ids) == {first, second}
        (row,) = await getattr(remote, verb)(NodeId(second))
        assert row.id == second

    async def test_deleting_needs_the_trash(self, remote, seed, peek):
        node_id = await seed("box/a.txt", b"a")
        for target in ("box/a.txt", NodeId(node_id)):
            with pytest.raises(NotInTrashError):
                await remote.delete(target)
        assert await peek("box/a.txt") == b"a"

    async def test_what_is_deleted_is_gone_for_good(self, remote, seed):
        node_id = await seed("box/a.txt", b"a")
        await remote.trash("box/a.txt")
        await remote.delete("box/a.txt")
        with pytest.raises(NotFoundError):
            await remote.stat(NodeId(node_id))
        with pytest.raises((NotInTrashError, NotFoundError)):
            await remote.restore(NodeId(node_id))

    async def test_what_lay_in_a_deleted_folder_is_not_left_in_the_bin(self, remote, seed):
        able(remote, SupportsTrashListing)
        await remote.put(b"a", "box/folder/inner/a.txt")
        await seed("box/b.txt", b"b")
        await remote.trash("box/b.txt")
        await remote.trash("box/folder")
        await remote.delete("box/folder")
        assert [each.path async for each in remote.trashed()] == ["box/b.txt"]

    async def test_a_deleted_folder_takes_what_went_with_it(self, remote, seed):
        node_id = await seed("box/folder/inner/a.txt", b"a")
        await remote.trash("box/folder")
        await remote.delete("box/folder")
        with pytest.raises(NotFoundError):
            await remote.stat(NodeId(node_id))

    async def test_what_outlives_its_folder_in_the_bin_has_its_name_left_and_comes_back_to_the_root(self, remote, seed):
        node_id = await seed("box/a.txt", b"a")
        await remote.trash("box/a.txt")
        await remote.trash("box")
        await remote.delete("box")
        assert (await remote.stat(NodeId(node_id), fresh=True)).path == "a.txt"
        await remote.restore("a.txt")
        assert await content(remote.get("a.txt")) == b"a"

    @pytest.mark.parametrize("verb", ["restore", "delete"])
    async def test_one_bad_target_does_not_stop_the_others(self, remote, seed, verb):
        node_id = await seed("box/a.txt", b"a")
        await seed("box/b.txt", b"b")
        await remote.trash("box/a.txt")
        with pytest.raises(BatchError) as caught:
            await getattr(remote, verb)("box/b.txt", NodeId(node_id))
        assert [row.error is None for row in caught.value.outcomes] == [False, True]
        assert (await remote.stat("box/b.txt")).status is Status.AVAILABLE

    async def test_the_bin_can_be_looked_into_last_trashed_first(self, remote, seed):
        bin_of = able(remote, SupportsTrashListing)
        for name in ("a", "b", "c"):
            await seed(f"box/{name}.txt", name.encode())
        for name in ("b", "a"):
            await remote.trash(f"box/{name}.txt")
        found = [entry for entry in await collect(bin_of.trashed()) if entry.path.startswith("box/")]
        assert [entry.path for entry in found] == ["box/a.txt", "box/b.txt"]
        assert {entry.status for entry in found} == {Status.TRASHED}

    async def test_the_bin_is_a_view(self, remote, seed):
        node_id = await seed("box/a.txt", b"hello")
        await remote.trash("box/a.txt")
        (entry,) = [each for each in await collect(remote.list(".views/trash")) if each.id == node_id]
        assert (entry.name, entry.status) == ("a.txt", Status.TRASHED)
        assert (await remote.stat(".views/trash/a.txt")).id == node_id
        assert await content(remote.get(".views/trash/a.txt")) == b"hello"

    async def test_a_view_says_when_several_entries_have_one_name(self, remote, seed):
        for folder in ("one", "two"):
            await seed(f"box/{folder}/a.txt", folder.encode())
            await remote.trash(f"box/{folder}/a.txt")
        with pytest.raises(AmbiguousError):
            await remote.stat(".views/trash/a.txt")
