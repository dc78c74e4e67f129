from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.backends.readonly import ReadOnlyRemote
from ap_remote.errors import (
    ConfigError,
    IncompleteListingError,
    IsFileError,
    NotFoundError,
    PlanError,
    UnsupportedError,
)
from ap_remote.model import NodeId
from ap_remote.transfer.account import Account
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.filters import Filters
from ap_remote.transfer.options import Options
from ap_remote.transfer.planner import make_plan
from ap_remote.transfer.sides import Listing, Unread

if TYPE_CHECKING:
    from ap_remote.transfer.plan import Plan

KEEP = Options(duplicates="keep")


def tree(root: Path, files: dict[str, bytes | None]) -> Disk:
    root.mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        place = root / path
        if data is None:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    return Disk(root)


def account(files: dict[str, bytes | None], target: str = "", name: str = "home") -> Account:
    remote = MemoryRemote(name)
    for path, data in files.items():
        remote.seed(path, data)
    return Account(remote, target)


def told(plan: Plan) -> list[tuple[str, str]]:
    return [(step.action, step.path) for step in plan.steps]


def why(plan: Plan) -> dict[str, str]:
    return {note.path: note.reason for note in plan.skipped}


def wrong(plan: Plan) -> dict[str, str]:
    return {note.path: note.reason for note in plan.problems}


class Gappy(Disk):
    """A disk of which something could not be looked at."""

    async def listing(self, filters, **wishes):
        whole = await super().listing(filters, **wishes)
        return Listing(items=whole.items, unread=(Unread(path="shut", reason="no permission"),))


# -- copy --------------------------------------------------------------------------------------------------------------


async def test_a_copy_makes_folders_first_and_brings_what_is_missing(tmp_path: Path):
    source = tree(tmp_path, {"trip/a.jpg": b"a", "trip/deep/b.jpg": b"bb", "empty": None})
    plan = await make_plan("copy", source, account({}))
    assert told(plan) == [
        ("mkdir", "empty"),
        ("mkdir", "trip"),
        ("mkdir", "trip/deep"),
        ("copy", "trip/a.jpg"),
        ("copy", "trip/deep/b.jpg"),
    ]
    assert plan.size == 3
    assert (plan.verb, plan.source, plan.target) == ("copy", str(tmp_path), "home:")
    assert plan.steps[-1].source.stamp
    assert plan.steps[-1].source.md5 is not None


async def test_what_is_there_byte_for_byte_is_skipped_and_what_differs_is_replaced(tmp_path: Path):
    source = tree(tmp_path, {"a": b"same", "b": b"new!", "c": b"longer"})
    plan = await make_plan("copy", source, account({"a": b"same", "b": b"old!", "c": b"x"}))
    assert told(plan) == [("replace", "b"), ("replace", "c")]
    assert why(plan) == {"a": "already there, byte for byte"}
    assert [step.reason for step in plan.steps] == ["same size, other content", "6 bytes here, 1 at the target"]
    assert plan.steps[0].there.id is not None


async def test_a_copy_down_brings_an_account_to_a_disk_that_is_not_there_yet(tmp_path: Path):
    source = account({"trip/a.jpg": b"a", "trip/sub/b": b"b", "other": b"o"}, "trip")
    plan = await make_plan("copy", source, Disk(tmp_path / "new"))
    assert told(plan) == [("mkdir", "sub"), ("copy", "a.jpg"), ("copy", "sub/b")]
    assert not (tmp_path / "new").exists()


async def test_a_name_of_other_case_at_the_target_is_the_same_file_and_keeps_its_name(tmp_path: Path):
    plan = await make_plan("copy", tree(tmp_path, {"Trip/A.JPG": b"2"}), account({"trip/a.jpg": b"1"}))
    assert told(plan) == [("replace", "trip/a.jpg")]
    plan = await make_plan("copy", account({"Trip/B": b"1"}), tree(tmp_path, {"trip/c": b""}))
    assert told(plan) == [("copy", "Trip/B")]


async def test_a_decomposed_name_meets_the_composed_one(tmp_path: Path):
    plan = await make_plan("copy", tree(tmp_path, {"caf\u0065\u0301.jpg": b"x"}), account({"caf\u00e9.jpg": b"x"}))
    assert plan.steps == ()


async def test_two_names_that_the_account_takes_for_one_are_a_problem_that_names_the_first(tmp_path: Path):
    source = tree(tmp_path, {"A.jpg": b"1", "a.jpg": b"2", "Dir/x": b"x", "dir/X": b"y", "dir/z": b"z"})
    plan = await make_plan("copy", source, account({}))
    assert told(plan) == [("mkdir", "Dir"), ("copy", "A.jpg"), ("copy", "Dir/x"), ("copy", "Dir/z")]
    assert "'A.jpg'" in wrong(plan)["a.jpg"]
    assert "'Dir/x'" in wrong(plan)["dir/X"]


async def test_a_file_where_a_folder_is_is_a_problem_and_so_is_all_below_the_reverse(tmp_path: Path):
    source = tree(tmp_path, {"a": b"file", "b/c": b"in a folder", "b/d/e": b"deep"})
    there = account({"a/x": b"", "b": b"file"})
    for verb in ("copy", "sync"):
        plan = await make_plan(verb, source, there)
        assert plan.steps == ()
        assert set(wrong(plan)) == {"a", "b", "b/c", "b/d", "b/d/e"}


async def test_two_folders_that_are_one_there_share_what_is_in_their_way(tmp_path: Path):
    source = tree(tmp_path, {"A/x": b"1", "a/y": b"2"})
    plan = await make_plan("copy", source, account({"a": b"file"}))
    assert plan.steps == ()
    assert set(wrong(plan)) == {"A", "A/x", "a", "a/y"}


async def test_a_file_that_cannot_be_read_is_a_problem_of_a_copy(tmp_path: Path, monkeypatch):
    source = tree(tmp_path, {"a": b"1", "b": b"2"})
    real = os.open

    def refuse(path, *rest):
        if str(path).endswith("/a"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *rest)

    monkeypatch.setattr(os, "open", refuse)
    plan = await make_plan("copy", source, account({}))
    assert told(plan) == [("copy", "b")]
    assert "Permission denied" in wrong(plan)["a"]


async def test_what_could_not_be_looked_at_is_a_problem_of_a_copy_and_ends_a_sync_or_a_move(tmp_path: Path):
    source = tree(tmp_path, {"a": b"1"})
    plan = await make_plan("copy", Gappy(source.root), account({}))
    assert told(plan) == [("copy", "a")]
    assert wrong(plan) == {"shut": "no permission"}
    for verb in ("sync", "move"):
        with pytest.raises(IncompleteListingError, match="shut: no permission"):
            await make_plan(verb, Gappy(source.root), account({}))
    with pytest.raises(IncompleteListingError):
        await make_plan("sync", account({"a": b""}), Gappy(source.root))
    plan = await make_plan("copy", account({"shut/x": b"", "b": b""}), Gappy(source.root))
    assert told(plan) == [("copy", "b")]
    assert set(wrong(plan)) == {"shut", "shut/x"}


async def test_options_of_comparing(tmp_path: Path):
    source, there = tree(tmp_path, {"a": b"1", "b": b"22"}), account({"a": b"2", "b": b"3"})
    assert told(await make_plan("copy", source, there, options=Options(compare="size"))) == [("replace", "b")]
    assert told(await make_plan("copy", source, there, options=Options(ignore_existing=True))) == []
    os.utime(tmp_path / "a", (1, 1))
    assert told(await make_plan("copy", source, there, options=Options(update=True, compare="checksum"))) == []
    os.utime(tmp_path / "a", (2**32, 2**32))
    assert told(await make_plan("copy", source, there, options=Options(update=True))) == [("replace", "a")]


async def test_files_are_sent_in_the_order_that_is_wished_for(tmp_path: Path):
    source = tree(tmp_path, {"a": b"22", "b": b"1", "c": b"333"})
    plan = await make_plan("copy", source, account({}), options=Options(order_by="size,desc"))
    assert told(plan) == [("copy", "c"), ("copy", "a"), ("copy", "b")]


async def test_empty_folders_may_be_left_out(tmp_path: Path):
    source = tree(tmp_path, {"empty/er": None, "full/a": b"1"})
    plan = await make_plan("copy", source, account({}), options=Options(empty_folders=False))
    assert told(plan) == [("mkdir", "full"), ("copy", "full/a")]


async def test_one_file_is_a_source_under_its_own_name(tmp_path: Path):
    tree(tmp_path, {"a.jpg": b"1", "b.jpg": b"2"})
    plan = await make_plan("copy", Disk(tmp_path / "a.jpg"), account({}, "Pictures"))
    assert told(plan) == [("copy", "a.jpg")]
    plan = await make_plan("copy", account({"x/y.jpg": b"1"}, "x/y.jpg"), Disk(tmp_path / "down"))
    assert told(plan) == [("copy", "y.jpg")]


# -- duplicates --------------------------------------------------------------------------------------------------------


async def test_bytes_that_the_account_holds_elsewhere_are_not_sent_again(tmp_path: Path):
    source = tree(tmp_path, {"new.jpg": b"known", "other.jpg": b"fresh", "twin.jpg": b"fresh", "none": b""})
    there = account({"album/old.jpg": b"known"}, "Pictures")
    plan = await make_plan("copy", source, there)
    assert told(plan) == [("copy", "none"), ("copy", "other.jpg")]
    assert why(plan) == {
        "new.jpg": "the account holds these bytes at 'album/old.jpg'",
        "twin.jpg": "the same bytes as 'other.jpg', which is sent",
    }
    plan = await make_plan("copy", source, there, options=KEEP)
    assert plan.count("copy") == 4


async def test_the_account_is_asked_once_for_all(tmp_path: Path, monkeypatch):
    asked = []
    real = MemoryRemote.known

    async def known(self, digests):
        asked.append(len(digests))
        return await real(self, digests)

    monkeypatch.setattr(MemoryRemote, "known", known)
    source = tree(tmp_path, {f"f{number}": bytes([number]) for number in range(50)})
    plan = await make_plan("copy", source, account({}))
    assert (plan.count("copy"), asked) == (50, [50])


async def test_bytes_of_a_file_that_is_replaced_are_no_reason_to_leave_another_out(tmp_path: Path):
    source = tree(tmp_path, {"a": b"new", "b": b"old"})
    plan = await make_plan("copy", source, account({"a": b"old"}))
    assert told(plan) == [("copy", "b"), ("replace", "a")] or told(plan) == [("replace", "a"), ("copy", "b")]
    plan = await make_plan("copy", tree(tmp_path, {"b": b"new"}), account({"a": b"xxx"}))
    assert why(plan) == {"b": "the same bytes as 'a', which is sent"}


# -- sync --------------------------------------------------------------------------------------------------------------


async def test_a_sync_removes_last_what_the_source_lacks_and_a_whole_folder_in_one_step(tmp_path: Path):
    source = tree(tmp_path, {"keep/a": b"1", "new": b"n"})
    there = account({"keep/a": b"1", "keep/b": b"2", "gone/x/y": b"33", "gone/z": b"4", "gone/e": None, "loose": b"5"})
    plan = await make_plan("sync", source, there)
    assert told(plan) == [("copy", "new"), ("remove", "keep/b"), ("remove", "gone"), ("remove", "loose")]
    assert plan.steps[2].there.size == 3
    assert plan.steps[1].at == "target"


async def test_a_sync_that_would_remove_more_than_is_allowed_is_refused_as_a_whole(tmp_path: Path):
    source, there = tree(tmp_path, {"a": b"1"}), account({"d/1": b"x", "d/2": b"y", "a": b"0"})
    with pytest.raises(PlanError, match="remove 2 files") as caught:
        await make_plan("sync", source, there, options=Options(max_delete=1))
    assert caught.value.exit_code == 14
    plan = await make_plan("sync", source, there, options=Options(max_delete=2))
    assert told(plan) == [("replace", "a"), ("remove", "d")]


async def test_what_filters_leave_out_at_the_target_is_kept(tmp_path: Path):
    source = tree(tmp_path, {"a": b"1"})
    there = account({"d/small": b"x", "d/large": b"x" * 100, "e/large": b"y" * 100})
    plan = await make_plan("sync", source, there, filters=Filters(max_size=10))
    assert told(plan) == [("copy", "a"), ("remove", "d/small")]


async def test_what_filters_leave_out_at_the_source_is_not_taken_for_missing(tmp_path: Path):
    source = tree(tmp_path, {"a": b"1", "grown": b"x" * 100})
    plan = await make_plan("sync", source, account({"grown": b"x", "old": b"o"}), filters=Filters(max_size=10))
    assert told(plan) == [("copy", "a"), ("remove", "old")]


async def test_filters_that_let_nothing_through_do_nothing_and_say_so(tmp_path: Path):
    source, there = tree(tmp_path, {"a/b": b"1"}), account({"old": b"x"})
    plan = await make_plan("sync", source, there, filters=Filters(min_size=10))
    assert (plan.steps, plan.problems) == ((), ())
    assert [note.path for note in plan.skipped] == [""]
    assert "let nothing" in plan.skipped[0].reason


async def test_junk_at_either_side_is_neither_sent_nor_removed(tmp_path: Path):
    source = tree(tmp_path, {"a": b"1", "@eaDir/t": b"t", "Thumbs.db": b"t", ".ap-trash/x/y": b"old"})
    there = account({"old/Thumbs.db": b"x", "old/b": b"b"})
    assert told(await make_plan("sync", source, there)) == [("copy", "a"), ("remove", "old/b")]
    junk = await make_plan("sync", source, there, options=Options(junk=True, duplicates="keep"))
    assert told(junk)[-1] == ("remove", "old")
    assert ("copy", "Thumbs.db") in told(junk)
    assert not any(".ap-trash" in path for _, path in told(junk))


async def test_a_file_that_only_has_another_path_is_moved_at_the_target(tmp_path: Path):
    source = tree(tmp_path, {"2024/a.jpg": b"picture"})
    there = account({"inbox/a.jpg": b"picture"})
    plan = await make_plan("sync", source, there)
    assert told(plan) == [("mkdir", "2024"), ("move", "2024/a.jpg"), ("remove", "inbox")]
    assert plan.steps[1].source.path == "inbox/a.jpg"
    assert plan.steps[1].at == "target"
    down = await make_plan("sync", account({"x": b"12"}), tree(tmp_path / "down", {"y": b"12", "z": b"13"}))
    assert told(down) == [("move", "x"), ("remove", "z")]


async def test_a_sync_down_trashes_on_the_disk_only_what_the_account_lacks(tmp_path: Path):
    there = tree(tmp_path, {"a": b"1", "b/c": b"2", "d": b"3"})
    plan = await make_plan("sync", account({"a": b"1", "d": b"4"}), there)
    assert told(plan) == [("replace", "d"), ("remove", "b")]


# -- move --------------------------------------------------------------------------------------------------------------


async def test_a_move_removes_from_the_source_what_the_target_has_by_then(tmp_path: Path):
    source = tree(tmp_path, {"a": b"same", "b": b"new", "c": b"elsewhere", "d": b"changed"})
    there = account({"in/a": b"same", "x": b"elsewhere", "in/d": b"0"}, "in")
    plan = await make_plan("move", source, there)
    assert [(step.action, step.path, step.at) for step in plan.steps] == [
        ("replace", "d", "target"),
        ("copy", "b", "target"),
        ("remove", "a", "source"),
        ("remove", "d", "source"),
        ("remove", "b", "source"),
    ]
    assert "c" in why(plan)


async def test_a_move_keeps_what_is_not_proven_to_be_there(tmp_path: Path):
    source = tree(tmp_path, {"a": b"1"})
    plan = await make_plan("move", source, account({"a": b"2"}), options=Options(ignore_existing=True))
    assert plan.steps == ()


async def test_a_move_within_one_account_sends_no_bytes(tmp_path: Path):
    source = account({"from/whole/x": b"1", "from/part/y": b"2", "to/part/y": b"2", "to/part/z": b"3", "from/w": b"4"})
    plan = await make_plan("move", Account(source.remote, "from"), Account(source.remote, "to"))
    assert [(step.action, step.path, step.at) for step in plan.steps] == [
        ("move", "whole", "source"),
        ("move", "w", "source"),
        ("remove", "part/y", "source"),
    ]
    assert plan.size == 0


async def test_a_move_within_an_account_onto_another_file_says_what_stands_there(tmp_path: Path):
    source = account({"from/a": b"1", "to/a": b"2"})
    plan = await make_plan("move", Account(source.remote, "from"), Account(source.remote, "to"))
    (step,) = plan.steps
    assert (step.action, step.at, step.source.path, step.there.path) == ("move", "source", "a", "a")


async def test_between_two_accounts_files_are_copied_and_the_film_of_a_live_photo_keeps_its_photo(tmp_path: Path):
    source = account({"a": b"1"}, name="one")
    await source.remote.put(b"still", "b.heic")
    source.remote.seed_film("b.heic", "b.mov", b"film")
    plan = await make_plan("move", source, account({}, name="two"))
    assert [(step.action, step.path) for step in plan.steps] == [("copy", "a"), ("copy", "b.heic"), ("remove", "a")]
    assert "film" in why(plan)["b.heic"]


# -- films -------------------------------------------------------------------------------------------------------------


async def test_films_come_along_and_do_not_go_back_as_videos(tmp_path: Path):
    there = account({})
    await there.remote.put(b"still", "trip/a.heic")
    there.remote.seed_film("trip/a.heic", "a.mov", b"film")
    plan = await make_plan("copy", there, Disk(tmp_path / "down"))
    assert told(plan) == [("mkdir", "trip"), ("copy", "trip/a.heic"), ("copy", "trip/a.mov")]
    assert (await make_plan("copy", there, Disk(tmp_path / "n"), options=Options(films=False))).count("copy") == 1
    back = tree(tmp_path / "down", {"trip/a.heic": b"still", "trip/a.mov": b"film", "trip/b.mov": b"own"})
    plan = await make_plan("sync", back, there)
    assert told(plan) == [("copy", "trip/b.mov")]
    assert "film of the live photo" in why(plan)["trip/a.mov"]


async def test_moving_a_live_photo_down_trashes_it_once_its_film_is_down_too(tmp_path: Path):
    there = account({})
    await there.remote.put(b"still", "a.heic")
    there.remote.seed_film("a.heic", "a.mov", b"film")
    plan = await make_plan("move", there, Disk(tmp_path))
    assert told(plan) == [("copy", "a.heic"), ("copy", "a.mov"), ("remove", "a.heic")]
    (tmp_path / "a.mov").mkdir()
    assert told(await make_plan("move", there, Disk(tmp_path))) == [("copy", "a.heic")]


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "source", "target", "refused"),
    [
        ("copy", "a", "a", True),
        ("copy", "a", "A/b", True),
        ("copy", "a/b", "a", False),
        ("sync", "a/b", "a", True),
        ("move", "a/b", "a", True),
        ("sync", "a", "a/b", True),
        ("copy", "a", "ab", False),
        ("sync", "", "a", True),
        ("copy", "a/b/f", "a/b", True),
        ("move", "a/b/f", "a", False),
    ],
)
async def test_a_target_in_its_source_is_refused(verb, source, target, refused):
    remote = account({"a/b/f": b"1", "ab/x": b"2"}).remote
    sides = Account(remote, source), Account(remote, target)
    if refused:
        with pytest.raises(ConfigError):
            await make_plan(verb, *sides)
    else:
        await make_plan(verb, *sides)


async def test_two_disks_are_not_for_us_least_of_all_one_in_the_other(tmp_path: Path):
    source = tree(tmp_path / "a", {"b/c": b""})
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for target in (tmp_path / "a" / "b", tmp_path / "link", tmp_path / "other"):
        with pytest.raises(ConfigError):
            await make_plan("copy", source, Disk(target))


async def test_a_target_that_is_a_file_or_can_only_be_read_is_refused(tmp_path: Path):
    source = tree(tmp_path, {"a": b"1"})
    with pytest.raises(IsFileError):
        await make_plan("copy", source, account({"f": b""}, "f"))
    with pytest.raises(IsFileError):
        await make_plan("copy", account({"f": b""}), Disk(tmp_path / "a"))
    for target in (Account(ReadOnlyRemote(MemoryRemote())), Account(MemoryRemote(), ".views/albums")):
        with pytest.raises(UnsupportedError, match="only be read"):
            await make_plan("copy", source, target)
    with pytest.raises(UnsupportedError, match="copy it instead"):
        await make_plan("move", Account(MemoryRemote(), ".views/albums"), Disk(tmp_path / "n"))


async def test_a_source_that_is_not_there_is_not_found_by_path_or_by_id(tmp_path: Path):
    for source in (Disk(tmp_path / "no"), Account(MemoryRemote(), "no"), Account(MemoryRemote(), NodeId("no"))):
        target = Account(MemoryRemote("other")) if source.is_local else Disk(tmp_path / "down")
        with pytest.raises(NotFoundError):
            await make_plan("sync", source, target)


async def test_a_backup_folder_in_the_target_is_refused(tmp_path: Path):
    source = tree(tmp_path / "s", {"a": b"1"})
    for folder in ("Pictures/old", "home:pictures", "Pictures"):
        with pytest.raises(ConfigError, match="beside"):
            await make_plan("sync", source, account({}, "Pictures"), options=Options(backup_dir=folder))
    await make_plan("sync", source, account({}, "Pictures"), options=Options(backup_dir="home:Pictures-old"))
    with pytest.raises(ConfigError, match="beside"):
        await make_plan(
            "sync", account({}), Disk(tmp_path / "t"), options=Options(backup_dir=str(tmp_path / "t" / "old"))
        )


async def test_a_plan_of_another_verb_is_none_of_ours(tmp_path: Path):
    with pytest.raises(ConfigError):
        await make_plan("dedupe", Disk(tmp_path), account({}))


# -- odd and many ------------------------------------------------------------------------------------------------------

ODD_NAMES = [
    "a b.jpg", "'q\".jpg", "-rf", "~", "%41.jpg", "caf\u00e9.jpg", "\u5199\u771f.jpg", "\U0001f389.png",
    "\u202egpj.exe", "new\nline", "tab\t", "back\\slash", "semi;colon", "$HOME", "*?[a]", "...", " lead", "trail ",
    ".hidden", "\uff0ftwin", "\u201bquote", "x" * 251 + ".jpg",
]  # fmt: skip


async def test_odd_names_go_up_and_come_down_as_they_are(tmp_path: Path):
    source = tree(tmp_path / "up", {name: name.encode() for name in ODD_NAMES})
    remote = MemoryRemote()
    plan = await make_plan("sync", source, Account(remote))
    assert plan.problems == ()
    for step in plan.steps:
        await remote.put(source.file(step.source.path), step.path)
    assert (await make_plan("sync", source, Account(remote))).steps == ()
    target = Disk(tmp_path / "down")
    plan = await make_plan("sync", Account(remote), target)
    for step in plan.steps:
        place = target.file(step.path)
        assert place.parent == target.root
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(remote.raw(step.source.path))
    assert (await make_plan("sync", Account(remote), target)).steps == ()
    assert (await make_plan("sync", target, Account(remote))).steps == ()


async def test_a_name_that_is_too_long_for_a_disk_comes_back_to_the_file_it_is(tmp_path: Path):
    names = ["\u5199" * 200 + ".jpg", "\u5199" * 201 + ".jpg"]
    source, target = account({name: name.encode() for name in names}), Disk(tmp_path)
    plan = await make_plan("sync", source, target)
    for step in plan.steps:
        target.file(step.path).write_bytes(source.remote.raw(step.source.path))
    assert len(os.listdir(tmp_path)) == 2  # noqa: PTH208 - nothing waits for a disk in a test
    assert (await make_plan("sync", source, target)).steps == ()
    back = await make_plan("sync", target, source)
    assert (back.steps, back.problems) == ((), ())


async def test_ten_thousand_files_in_one_folder_are_planned(tmp_path: Path):
    source = tree(tmp_path, {f"IMG_{number:05}.jpg": b"" for number in range(10_000)})
    plan = await make_plan("copy", source, account({}), options=KEEP)
    assert plan.count("copy") == 10_000


async def test_a_name_that_is_no_text_is_said_and_its_neighbours_are_copied(tmp_path: Path):
    tree(tmp_path, {"good": b"1"})
    (tmp_path / os.fsdecode(b"bad\xff.jpg")).write_bytes(b"2")
    plan = await make_plan("copy", Disk(tmp_path), account({}))
    assert told(plan) == [("copy", "good")]
    assert list(wrong(plan)) == ["bad\ufffd.jpg"]
    with pytest.raises(IncompleteListingError, match="UTF-8"):
        await make_plan("sync", Disk(tmp_path), account({}))


async def test_what_a_killed_replacement_left_under_its_passing_name_gets_its_own(tmp_path: Path) -> None:
    new = b"the new content"
    digest = hashlib.md5(new, usedforsecurity=False).hexdigest()
    source = tree(tmp_path, {"a.bin": new})
    remote = MemoryRemote()
    await remote.put(new, f"a.ap-{digest[:12]}.bin")
    plan = await make_plan("copy", source, Account(remote, "", label="memory:"))
    assert [(step.action, step.path) for step in plan.steps] == [("move", "a.bin")]
