from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from ap_remote.cache import Fact, NodeCache, Stale
from ap_remote.cache.state import RECONSIDERED
from ap_remote.model import Entry, Kind, Status

DAY = datetime(2023, 8, 1, tzinfo=UTC)


def node(node_id: str, name: str, *parents: str, kind: Kind = Kind.FILE, version: int = 1, **fields) -> Entry:
    return Entry(path="", name=name, id=node_id, kind=kind, version=version, parents=parents, **fields)


def folder(node_id: str, name: str, *parents: str, **fields) -> Entry:
    return node(node_id, name, *parents, kind=Kind.FOLDER, **fields)


@pytest.fixture
def tree(cache: NodeCache) -> NodeCache:
    """Pictures/2023/a.jpg, Pictures/b.jpg and an album, listed at 100."""
    cache.put_children("root", [folder("P", "Pictures", "root")], 100.0)
    cache.put_children("P", [folder("Y", "2023", "P"), node("b", "b.jpg", "P", md5="bb", taken=DAY)], 100.0)
    cache.put_children("Y", [node("a", "a.jpg", "Y", md5="aa", taken=DAY + timedelta(days=1))], 100.0)
    cache.put([node("A", "Rome", kind=Kind.ALBUM)])
    return cache


def names(entries: list[Entry]) -> list[str]:
    return [entry.name for entry in entries]


def test_a_path_leads_to_its_node(tree: NodeCache):
    assert tree.resolve("Pictures/2023/a.jpg") == "a"
    assert tree.resolve("") == "root"
    assert tree.resolve("Pictures/none") is None
    assert tree.resolve("Pictures/b.jpg/below") is None


def test_a_path_is_found_in_any_case_and_told_as_it_is_stored(tree: NodeCache):
    found = tree.stat("PICTURES/2023/A.JPG")
    assert found is not None
    assert found.path == "Pictures/2023/a.jpg"


def test_children_come_by_folded_name(cache: NodeCache):
    cache.put([node(str(i), name, "root") for i, name in enumerate(["b", "C", "a", "É", "ß"])])
    assert names(cache.children("root")) == ["a", "b", "C", "ß", "É"]


def test_names_too_long_for_a_key_are_found_and_ordered(cache: NodeCache):
    long = ["é" * 250 + tail for tail in ("c", "A", "b")]
    cache.put([node(str(i), name, "root") for i, name in enumerate(long)])
    assert [name[-1] for name in names(cache.children("root"))] == ["A", "b", "c"]
    assert [cache.resolve(name) for name in long] == ["0", "1", "2"]
    assert cache.resolve("é" * 250 + "d") is None


def test_children_are_told_at_the_path_of_their_folder(tree: NodeCache):
    assert [each.path for each in tree.children("P")] == ["Pictures/2023", "Pictures/b.jpg"]
    assert [each.path for each in tree.children("P", "elsewhere")] == ["elsewhere/2023", "elsewhere/b.jpg"]


def test_a_listing_is_served_anew_after_any_write(tree: NodeCache):
    assert names(tree.children("P")) == ["2023", "b.jpg"]
    assert names(tree.children("P")) == ["2023", "b.jpg"]
    tree.put([node("c", "c.jpg", "P")])
    assert names(tree.children("P")) == ["2023", "b.jpg", "c.jpg"]


def test_a_listing_in_hand_is_not_shared_with_the_next_caller(tree: NodeCache):
    tree.children("P").clear()
    assert names(tree.children("P")) == ["2023", "b.jpg"]


def test_content_and_dates_find_nodes(tree: NodeCache):
    assert [each.path for each in tree.by_md5("AA")] == ["Pictures/2023/a.jpg"]
    assert tree.by_md5("a") == []
    assert [each.id for each in tree.by_date(DAY, DAY + timedelta(days=1))] == ["b"]
    assert [each.id for each in tree.by_date(DAY)] == ["b", "a"]
    assert [each.id for each in tree.by_date(stop=DAY)] == []


def test_an_older_version_never_overwrites_a_newer_one(tree: NodeCache):
    tree.put([node("b", "new.jpg", "P", version=3)])
    assert tree.put([node("b", "old.jpg", "P", version=2)], replace_equal=True, written=5.0) == 0
    assert tree.resolve("Pictures/new.jpg") == "b"


def test_an_equal_version_overwrites_only_when_told(tree: NodeCache):
    assert tree.put([node("b", "x.jpg", "P")]) == 0
    assert tree.put([node("b", "x.jpg", "P")], replace_equal=True) == 1
    assert tree.resolve("Pictures/x.jpg") == "b"
    assert tree.resolve("Pictures/b.jpg") is None


def test_a_move_leaves_nothing_behind(tree: NodeCache):
    tree.put([folder("Y", "Years", "root", version=2)])
    assert tree.resolve("Pictures/2023") is None
    assert tree.resolve("Years/a.jpg") == "a"
    assert tree.path_of("a") == "Years/a.jpg"


def test_a_node_of_two_parents_is_at_both_places(tree: NodeCache):
    tree.put([node("b", "b.jpg", "P", "Y", version=2)])
    assert tree.resolve("Pictures/b.jpg") == tree.resolve("Pictures/2023/b.jpg") == "b"
    assert tree.path_of("b") == "Pictures/b.jpg"


def test_a_trashed_node_has_no_path_but_is_known_by_id(tree: NodeCache):
    tree.put([node("b", "b.jpg", "P", version=2, status=Status.TRASHED, md5="bb", taken=DAY)])
    assert tree.resolve("Pictures/b.jpg") is None
    assert names(tree.children("P")) == ["2023"]
    found = tree.get("b")
    assert found is not None
    assert (found.path, found.status) == ("Pictures/b.jpg", Status.TRASHED)
    assert [each.id for each in tree.by_md5("bb")] == ["b"]
    assert tree.by_date(stop=DAY + timedelta(hours=1)) == []


def test_a_trashed_folder_takes_what_is_known_below_along(tree: NodeCache):
    tree.put([folder("P", "Pictures", "root", version=2, status=Status.TRASHED)])
    assert tree.get("a") is None
    tree.put([folder("P", "Pictures", "root", version=3)])
    assert tree.find("Pictures/b.jpg", since=50.0) == Stale("P", "Pictures")


def test_albums_stand_beside_the_tree(tree: NodeCache):
    assert {each.id for each in tree.children("")} == {"root", "A"}
    found = tree.get("A")
    assert found is not None
    assert found.path == ".views/albums/Rome"


def test_a_node_whose_parents_are_unknown_has_no_path(tree: NodeCache):
    tree.put([node("x", "x.jpg", "nowhere")])
    assert tree.path_of("x") is None
    assert tree.unknown_parents(["x", "a"]) == {"nowhere"}


def test_folders_that_hold_each_other_are_no_endless_path(cache: NodeCache):
    cache.put([folder("x", "x", "y"), folder("y", "y", "x")])
    assert cache.path_of("x") is None
    assert cache.unknown_parents(["x"]) == set()


def test_folders_that_hold_each_other_many_times_are_soon_given_up(cache: NodeCache):
    ids = [f"f{number}" for number in range(60)]
    cache.put([folder(each, each, *ids) for each in ids])
    assert cache.path_of("f0") is None


def test_a_look_for_old_folders_ends_although_one_lies_in_itself(cache: NodeCache):
    cache.put_children("root", [folder("x", "x", "root", "y"), folder("y", "y", "x", "y")], 100.0)
    for each in ("x", "y"):
        cache.put_children(each, [folder("y", "y", "x", "y"), folder("x", "x", "root", "y")], 100.0)
    assert cache.stale_below("root", 100.0) is None


# -- freshness ---------------------------------------------------------------------------------------------------------


def test_an_empty_cache_does_not_even_know_the_root(folder):
    cache = NodeCache(folder)
    assert cache.find("a", since=1.0) == Stale(None, "")
    assert cache.find("a") == Stale(None, "")
    assert cache.stat("a") is None


def test_absence_is_certain_only_where_the_folder_was_listed_lately(tree: NodeCache):
    assert tree.find("Pictures/none", since=100.0) is None
    assert tree.find("Pictures/none", since=101.0) == Stale("root", "")
    tree.put_children("root", [folder("P", "Pictures", "root")], 200.0)
    assert tree.find("Pictures/none", since=101.0) == Stale("P", "Pictures")


def test_a_complete_sync_vouches_for_every_folder_it_saw(tree: NodeCache):
    tree.begin_sync()
    tree.put([folder("P", "Pictures", "root"), folder("Y", "2023", "P")], seen=200.0)
    tree.finish_sync(began=200.0)
    assert tree.listed_since("Y", 200.0)
    assert not tree.listed_since("Y", 201.0)
    assert tree.find("Pictures/2023/a.jpg", since=200.0) is None


def test_no_sync_vouches_for_a_folder_that_came_after_it(tree: NodeCache):
    tree.begin_sync()
    tree.finish_sync(began=200.0)
    tree.put([folder("N", "New", "root")], seen=300.0)
    assert not tree.listed_since("N", 0.0)


def test_a_folder_made_here_is_known_to_be_empty(tree: NodeCache):
    tree.put_folder_made(folder("N", "New", "root"), 300.0)
    assert tree.find("New/x", since=100.0) == Stale("root", "") or tree.listed_since("N", 300.0)


def test_an_expired_folder_is_listed_again(tree: NodeCache):
    tree.expire("P")
    assert not tree.listed_since("P", -1e300)
    assert tree.find("Pictures/b.jpg", since=50.0) == Stale("P", "Pictures")
    assert tree.find("Pictures/b.jpg", since=-math.inf) is not None


# -- listings that lag behind ------------------------------------------------------------------------------------------


def test_a_listing_that_does_not_show_a_new_file_yet_does_not_drop_it(tree: NodeCache):
    tree.put([node("n", "n.jpg", "P")], written=1000.0)
    tree.put_children("P", [folder("Y", "2023", "P"), node("b", "b.jpg", "P")], 1010.0)
    assert tree.resolve("Pictures/n.jpg") == "n"
    tree.put_children("P", [folder("Y", "2023", "P"), node("b", "b.jpg", "P")], 1031.0)
    assert tree.resolve("Pictures/n.jpg") is None


def test_a_listing_that_still_shows_a_trashed_file_does_not_bring_it_back(tree: NodeCache):
    tree.put([node("b", "b.jpg", "P", status=Status.TRASHED)], written=1000.0)
    tree.put_children("P", [folder("Y", "2023", "P"), node("b", "b.jpg", "P")], 1010.0)
    assert tree.resolve("Pictures/b.jpg") is None
    tree.put_children("P", [folder("Y", "2023", "P"), node("b", "b.jpg", "P", version=2)], 1011.0)
    assert tree.resolve("Pictures/b.jpg") == "b"


def test_a_listing_that_still_shows_a_deleted_node_does_not_bring_it_back(tree: NodeCache):
    tree.remove(["b"], written=1000.0)
    shown = [folder("Y", "2023", "P"), node("b", "b.jpg", "P")]
    tree.put_children("P", shown, 1010.0)
    assert tree.get("b") is None
    tree.put(shown, seen=1015.0)
    assert tree.get("b") is None
    tree.put_children("P", shown, 1031.0)
    assert tree.get("b") is not None


def test_a_listing_that_shows_the_old_name_does_not_undo_a_rename(tree: NodeCache):
    tree.put([node("b", "new.jpg", "P", version=2)], written=1000.0)
    tree.put_children("P", [folder("Y", "2023", "P"), node("b", "b.jpg", "P")], 1001.0)
    assert tree.resolve("Pictures/new.jpg") == "b"


def test_what_a_listing_lacks_leaves_that_folder_only(tree: NodeCache):
    tree.put([node("b", "b.jpg", "P", "Y", version=2)])
    tree.put_children("P", [folder("Y", "2023", "P")], 200.0)
    assert tree.resolve("Pictures/b.jpg") is None
    assert tree.resolve("Pictures/2023/b.jpg") == "b"
    tree.put_children("Y", [], 200.0)
    assert tree.get("b") is None


# -- sync --------------------------------------------------------------------------------------------------------------


def test_a_sync_drops_what_it_did_not_see_and_nothing_that_was_written_meanwhile(tree: NodeCache):
    tree.put([node("n", "n.jpg", "P")], written=995.0)
    assert tree.begin_sync() == 1
    tree.put([folder("P", "Pictures", "root"), folder("Y", "2023", "P")], seen=1001.0)
    tree.put([node("m", "m.jpg", "P")], written=1002.0)
    assert tree.finish_sync(began=1000.0, checkpoint="c") == 3
    assert set(tree.ids()) == {"root", "P", "Y", "n", "m"}
    state = tree.sync_state()
    assert (state.generation, state.checkpoint, state.completed) == (1, "c", 1000.0)


def test_a_sync_that_did_not_end_drops_nothing(tree: NodeCache):
    tree.begin_sync()
    tree.put([folder("P", "Pictures", "root")], seen=1001.0)
    assert tree.resolve("Pictures/2023/a.jpg") == "a"
    assert tree.sync_state().completed is None
    assert not tree.completed_since(0.0)


def test_an_unchanged_node_counts_as_seen(tree: NodeCache):
    tree.begin_sync()
    assert tree.put([node("b", "b.jpg", "P", md5="bb", taken=DAY)], seen=1001.0, replace_equal=True) == 0
    tree.finish_sync(began=1000.0)
    assert tree.get("b") is not None


def test_removing_a_folder_forgets_what_is_below_and_keeps_what_is_elsewhere_too(tree: NodeCache):
    tree.put([node("b", "b.jpg", "P", "root", version=2)])
    assert tree.remove(["P", "unknown"]) == 1
    assert set(tree.ids()) == {"root", "b", "A"}
    assert tree.resolve("b.jpg") == "b"


def test_a_way_that_was_walked_is_not_remembered_past_a_write_of_somebody_else(tree: NodeCache):
    other = NodeCache(tree.folder)
    assert tree.resolve("Pictures/2023/a.jpg") == "a"
    other.put([folder("P", "Photos", "root", version=2)])
    assert tree.resolve("Pictures/2023/a.jpg") is None
    assert tree.resolve("Photos/2023/a.jpg") == "a"
    other.expire("P")
    assert tree.find("Photos/2023/a.jpg", since=50.0) == Stale("P", "Photos")
    other.close()


def test_a_way_that_was_walked_long_ago_is_not_good_enough_for_one_who_wants_it_fresh(tree: NodeCache):
    assert isinstance(tree.find("Pictures/2023/a.jpg", since=100.0), Entry)
    assert tree.find("Pictures/2023/a.jpg", since=101.0) == Stale("root", "")


# -- facts -------------------------------------------------------------------------------------------------------------


def test_facts_about_an_account_outlive_the_process(cache: NodeCache, folder):
    cache.remember("changes", "no", 1000.0)
    cache.remember("range", "yes", 1000.0)
    cache.remember("changes", "yes", 2000.0)
    cache.close()
    assert NodeCache(folder).facts() == {"changes": Fact("yes", 2000.0), "range": Fact("yes", 1000.0)}


@pytest.mark.parametrize(
    ("value", "age", "holds"),
    [
        ("no", 0.0, True),
        ("no", RECONSIDERED - 1, True),
        ("no", RECONSIDERED, False),
        ("no", -5.0, False),
        ("yes", 10 * RECONSIDERED, True),
    ],
)
def test_a_no_is_believed_for_thirty_days_and_anything_else_for_ever(value: str, age: float, holds: bool):  # noqa: FBT001 - a parameter
    assert Fact(value, 1000.0).holds(1000.0 + age) is holds


@pytest.mark.parametrize("forget", [lambda cache: cache.remove(["x"]), lambda cache: cache.put_children("x", [], 9.0)])
def test_folders_that_old_knowledge_has_within_each_other_are_forgotten(cache: NodeCache, forget):
    cache.put([folder("x", "x", "y", version=2), folder("y", "y", "x"), node("a", "a.jpg", "y")])
    forget(cache)
    assert cache.ids() == ["root"]
    assert cache.children("x") == cache.children("y") == []


def test_what_is_seen_again_as_it_is_writes_nothing(tree: NodeCache):
    before = tree.moment()
    assert tree.put([node("b", "b.jpg", "P", md5="bb", taken=DAY)], seen=101.0) == 0
    assert tree.moment() == before
    assert tree.put([node("b", "c.jpg", "P", md5="bb", taken=DAY, version=2)], seen=101.0) == 1
    assert tree.moment() > before
