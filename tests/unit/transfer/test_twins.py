"""Files of one content: which is kept, and what happens to the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import ConfigError, IncompleteListingError, UnsupportedError
from ap_remote.transfer.account import Account
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.engine import run_plan
from ap_remote.transfer.filters import Filters, parse_rules
from ap_remote.transfer.sides import Item, Listing, Unread
from ap_remote.transfer.twins import Facts, Keep, choose, plan_dedupe, saved

if TYPE_CHECKING:
    from ap_remote.transfer.plan import Plan

MODES: tuple[Keep, ...] = ("first", "newest", "oldest", "largest", "smallest")


class Clock:
    """A day later each time it is asked."""

    def __init__(self) -> None:
        self.now = datetime(2024, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(days=1)
        return self.now


@pytest.fixture
async def remote() -> MemoryRemote:
    """Three twins, two twins, and files without any."""
    remote = MemoryRemote(clock=Clock())
    for path, content in {
        "b/1.jpg": b"three of it",
        "a/1.jpg": b"three of it",
        "c/1.jpg": b"three of it",
        "a/2.jpg": b"twice",
        "b/2.jpg": b"twice",
        "a/alone.jpg": b"alone",
        "a/empty": b"",
        "b/empty": b"",
    }.items():
        await remote.put(content, path)
    return remote


def removed(plan: Plan) -> list[str]:
    assert all(step.action == "remove" and step.at == "target" for step in plan.steps)
    return [step.path for step in plan.steps]


def left(plan: Plan) -> dict[str, str]:
    return {note.path: note.reason for note in plan.skipped}


async def test_the_first_by_path_is_kept_and_the_others_are_removed(remote) -> None:
    plan = await plan_dedupe(Account(remote), keep="first")
    assert removed(plan) == ["b/1.jpg", "c/1.jpg", "b/2.jpg"]
    assert plan.steps[0].reason == "the same bytes as 'a/1.jpg', which is kept: it is the first by path"
    assert saved(plan) == 2 * 11 + 5
    assert (plan.verb, plan.source, plan.target) == ("dedupe", "memory:", "memory:")
    assert plan.id


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ("oldest", ["a/1.jpg", "c/1.jpg", "b/2.jpg"]),
        ("newest", ["b/1.jpg", "a/1.jpg", "a/2.jpg"]),
        ("largest", ["b/1.jpg", "c/1.jpg", "b/2.jpg"]),
        ("smallest", ["b/1.jpg", "c/1.jpg", "b/2.jpg"]),
    ],
)
async def test_the_mode_says_which_one_is_kept(remote, keep: Keep, expected: list[str]) -> None:
    assert sorted(removed(await plan_dedupe(Account(remote), keep=keep))) == sorted(expected)


@pytest.mark.parametrize("keep", ["list", "skip"])
async def test_a_list_names_the_twins_and_removes_nothing(remote, keep: Keep) -> None:
    plan = await plan_dedupe(Account(remote), keep=keep)
    assert not plan.steps
    assert left(plan) == {
        "b/1.jpg": "the same bytes as 'a/1.jpg'",
        "c/1.jpg": "the same bytes as 'a/1.jpg'",
        "b/2.jpg": "the same bytes as 'a/2.jpg'",
    }
    assert saved(plan) == 27


async def test_a_favourite_is_kept_whatever_the_mode(remote) -> None:
    await remote.mark("c/1.jpg", favorite=True)
    for keep in MODES:
        plan = await plan_dedupe(Account(remote), keep=keep)
        assert {"a/1.jpg", "b/1.jpg"} <= set(removed(plan))
        assert "c/1.jpg" not in removed(plan)
    assert plan.steps[0].reason == "the same bytes as 'c/1.jpg', which is kept: it is a favourite"


async def test_members_of_albums_and_described_ones_are_kept(remote) -> None:
    await remote.create_album("Rome", members=["b/1.jpg"])
    await remote.describe("b/2.jpg", description="the sea")
    plan = await plan_dedupe(Account(remote), keep="first")
    assert removed(plan) == ["a/1.jpg", "c/1.jpg", "a/2.jpg"]
    assert "is in the album 'Rome'" in plan.steps[0].reason
    assert "is described as 'the sea'" in plan.steps[2].reason


async def test_a_mark_that_the_kept_one_lacks_is_not_lost(remote) -> None:
    await remote.create_album("Rome", members=["a/1.jpg"])
    await remote.create_album("Rome", members=["b/1.jpg"])
    plan = await plan_dedupe(Account(remote), keep="first")
    assert removed(plan) == ["c/1.jpg", "b/2.jpg"]
    assert left(plan)["b/1.jpg"].startswith("the same bytes as 'a/1.jpg', but it is in the album 'Rome' (id:")


async def test_the_last_that_is_not_hidden_is_kept(remote) -> None:
    await remote.mark("a/2.jpg", hidden=True)
    assert "a/2.jpg" in removed(await plan_dedupe(Account(remote), keep="first"))


async def test_a_live_photo_is_kept_with_its_film(remote) -> None:
    remote.seed_film("b/2.jpg", "2.mov", b"film")
    assert "a/2.jpg" in removed(await plan_dedupe(Account(remote), keep="first"))


async def test_marks_count_for_nothing_on_request(remote) -> None:
    await remote.mark("c/1.jpg", favorite=True)
    plan = await plan_dedupe(Account(remote), keep="first", spare_marked=False)
    assert removed(plan) == ["b/1.jpg", "c/1.jpg", "b/2.jpg"]


async def test_a_file_that_lies_in_two_folders_is_no_twin_of_itself(remote) -> None:
    await remote.link("a/alone.jpg", "b")
    plan = await plan_dedupe(Account(remote), keep="first")
    assert removed(plan) == ["b/1.jpg", "c/1.jpg", "b/2.jpg"]


async def test_filters_say_where_twins_are_looked_for(remote) -> None:
    filters = Filters(rules=parse_rules(exclude=["a/"]))
    assert removed(await plan_dedupe(Account(remote), keep="first", filters=filters)) == ["c/1.jpg"]


async def test_by_name_nothing_is_found_and_the_plan_says_why(remote) -> None:
    plan = await plan_dedupe(Account(remote), by="name", keep="first")
    assert not plan.steps
    assert "unique" in left(plan)[""]


@pytest.mark.parametrize("wishes", [{"keep": "rename"}, {"keep": "best"}, {"by": "size"}])
async def test_modes_without_a_meaning_are_refused(remote, wishes) -> None:
    with pytest.raises(ConfigError):
        await plan_dedupe(Account(remote), **wishes)


async def test_a_view_can_be_listed_and_not_changed(remote) -> None:
    await remote.create_album("Rome", members=["a/2.jpg", "b/2.jpg"])
    side = Account(remote, ".views/albums/Rome")
    assert len((await plan_dedupe(side, keep="list", spare_marked=False)).skipped) == 1
    with pytest.raises(UnsupportedError, match="only be read"):
        await plan_dedupe(side, keep="first")


async def test_an_incomplete_listing_is_an_error() -> None:
    class Half:
        is_local = True
        label = "half"

        async def listing(self, filters, **wishes) -> Listing:
            return Listing(items=(), unread=(Unread(path="x", reason="denied"),))

    with pytest.raises(IncompleteListingError, match="x: denied"):
        await plan_dedupe(Half(), keep="first")


async def test_on_a_disk_only_files_of_one_size_are_read(tmp_path) -> None:
    for name, content in {"a.jpg": b"same", "b.jpg": b"same", "c.jpg": b"else", "d.jpg": b"longer"}.items():
        (tmp_path / name).write_bytes(content)
    read: list[tuple[int, int | None]] = []
    plan = await plan_dedupe(Disk(tmp_path), keep="first", progress=lambda done, of: read.append((done, of)))
    assert removed(plan) == ["b.jpg"]
    assert plan.steps[0].there is not None
    assert plan.steps[0].there.md5 == "51037a4a37730f52c8732586d3aaa316"


async def test_a_file_that_cannot_be_read_is_a_problem_and_is_not_removed(tmp_path) -> None:
    class Sour(Disk):
        async def digest_many(self, items, **wishes):
            found = await super().digest_many(items, **wishes)
            return {**found, "b.jpg": PermissionError(13, "denied")}

    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(b"same")
    plan = await plan_dedupe(Sour(tmp_path), keep="first")
    assert removed(plan) == ["c.jpg"]
    assert [note.path for note in plan.problems] == ["b.jpg"]


async def test_a_plan_that_is_run_leaves_one_of_each_and_the_others_in_the_trash(remote) -> None:
    side = Account(remote)
    plan = await plan_dedupe(side, keep="oldest")
    report = await run_plan(plan, side, side)
    assert [row.result for row in report.rows] == ["done"] * 3
    paths = [entry.path async for entry in remote.list("", recursive=True) if not entry.is_folder]
    assert sorted(paths) == ["a/2.jpg", "a/alone.jpg", "a/empty", "b/1.jpg", "b/empty"]
    assert len([entry async for entry in remote.list(".views/trash")]) == 3
    assert not (await plan_dedupe(side, keep="oldest")).steps


MARKS = st.frozensets(st.sampled_from(["is a favourite", "is in the album 'A'", "is not hidden"]))
TIMES = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis takes naive bounds
FACTS = st.lists(st.builds(Facts, marks=MARKS, arrived=TIMES), min_size=2, max_size=6)


@given(FACTS, st.sampled_from(MODES), st.booleans())
@settings(max_examples=150, deadline=None)
def test_one_of_a_group_always_stays_and_no_mark_is_lost(group, keep, known) -> None:
    items = [Item(path=str(number), size=1, modified=facts.arrived) for number, facts in enumerate(group)]
    facts = dict(zip((item.path for item in items), group, strict=True)) if known else {}
    twins = choose("0", items, keep, facts)
    gone = {item.path for item in twins.removed}
    stay = {twins.kept.path, *(item.path for item, _ in twins.spared)}
    assert twins.kept.path not in gone
    assert gone | stay == {item.path for item in items}
    assert not gone & stay
    if known:
        assert {mark for path in stay for mark in facts[path].marks} == {mark for each in group for mark in each.marks}
        assert all(facts[path].marks <= facts[twins.kept.path].marks for path in gone)
