"""Names over re-runs: a group that is the same as before keeps its album or folder, whatever it is called by now."""

from __future__ import annotations

import pytest

from ap_remote.model import Entry, Kind
from ap_remote.organise.groups import Group, Grouping, Member
from ap_remote.organise.history import NOTHING, Past
from ap_remote.organise.reconcile import Album, into_albums, into_folders


def entry(name, folder="Sorted/Roses"):
    return Entry(path=f"{folder}/{name}.jpg", name=f"{name}.jpg", id=name, kind=Kind.FILE)


def group(name, *members, above=""):
    return Group(name, "so", [Member(each, "so", 1.0) for each in members], 1.0, above)


def moved(*entries):
    return Past({}, {each.id: each.path for each in entries})


def targets(grouping, past, base="Sorted"):
    folders, _ = into_folders(grouping, base, past)
    return {folder.path: {member.id for member in folder.members} for folder in folders}


OLD = [entry(name) for name in "abc"]
NEW = [entry(name, "Pictures") for name in "xy"]


def test_a_group_with_half_of_its_photographs_in_a_folder_of_an_earlier_plan_keeps_that_folder():
    assert targets(Grouping([group("Flowers", *OLD, *NEW)], []), moved(*OLD)) == {"Sorted/Roses": {"x", "y"}}


def test_a_group_that_is_another_by_now_gets_a_folder_of_its_own_name():
    rest = [entry(name, "Pictures") for name in "stuvwxyz"]
    assert set(targets(Grouping([group("Flowers", *OLD, *rest)], []), moved(*OLD))) == {"Sorted/Flowers"}


def test_a_folder_that_no_plan_filled_gives_no_name():
    assert set(targets(Grouping([group("Flowers", *OLD, *NEW)], []), NOTHING)) == {"Sorted/Flowers"}


def test_a_folder_outside_of_the_one_to_sort_into_gives_no_name():
    assert set(targets(Grouping([group("Flowers", *OLD, *NEW)], []), moved(*OLD), base="Other")) == {"Other/Flowers"}


def test_two_groups_do_not_share_a_folder_because_one_kept_it():
    others = [entry(name, "Pictures") for name in "pqr"]
    grouping = Grouping([group("Flowers", *OLD, *NEW), group("Roses", *others)], [])
    assert set(targets(grouping, moved(*OLD))) == {"Sorted/Flowers", "Sorted/Roses"}


@pytest.mark.parametrize(("kept", "name"), [("abcd", "My roses"), ("ab", None)])
def test_an_album_keeps_the_name_that_its_owner_gave_it_while_half_of_all_members_are_the_same(kept, name):
    album = Album("id", "My roses", frozenset(kept))
    folders, _ = into_albums(Grouping([group("Flowers", *map(entry, "abcdefg"))], []), [album])
    assert [(each.album, each.name) for each in folders] == [("id", name) if name else (None, "Flowers")]


def test_of_two_albums_the_one_with_more_of_a_group_takes_it_and_each_takes_one():
    albums = [Album("1", "One", frozenset("abc")), Album("2", "Two", frozenset("abcd"))]
    grouping = Grouping([group("A", *map(entry, "abcde")), group("B", *map(entry, "abcz"))], [])
    folders, _ = into_albums(grouping, albums)
    assert {folder.name: folder.album for folder in folders} == {"Two": "2", "One": "1"}
