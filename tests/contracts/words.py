"""The contract of what is written onto entries: people's names, the family vault, words, further folders, covers."""

from __future__ import annotations

import pytest

from ap_remote.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    InvalidNameError,
    IsFileError,
    IsFolderError,
    LimitError,
    NotFoundError,
    UnsupportedError,
)
from ap_remote.model import NodeId, Status
from ap_remote.remote.features import (
    SupportsAlbums,
    SupportsCovers,
    SupportsDescriptions,
    SupportsFamily,
    SupportsFolders,
    SupportsParents,
    SupportsPeople,
)
from tests.contracts.base import Plant, Subject, able, collect, content, names, paths_of
from tests.contracts.pictures import jpeg

ABSENT = "AAAAAAAAAAAAAAAAAAAAAA"


class People(Subject):
    @pytest.fixture
    async def crowd(self, seed, plant: Plant):
        """Three photographs: Ada on two, Bob on one, both on none."""
        ids = [await seed(f"box/{name}.jpg", jpeg(color=name)) for name in ("red", "blue", "green")]
        for node_id, people in zip(ids, (("P1",), ("P1", "P2"), ()), strict=True):
            await plant(node_id, people)
        return ids

    async def test_people_come_the_most_photographed_first_and_without_names(self, remote, crowd):
        found = await able(remote, SupportsPeople).people()
        assert [(each.id, each.name, each.count) for each in found] == [("P1", None, 2), ("P2", None, 1)]

    async def test_a_person_is_named_and_renamed(self, remote, crowd):
        people = able(remote, SupportsPeople)
        await people.name_person("P1", "Bea")
        await people.name_person("P1", "Ada")
        assert {each.id: each.name for each in await people.people()} == {"P1": "Ada", "P2": None}
        facets = await remote.aggregations("allPeople")
        assert [(each.value, each.label) for each in facets] == [("P1", "Ada"), ("P2", None)]

    async def test_one_person_is_made_of_two(self, remote, crowd):
        people = able(remote, SupportsPeople)
        await people.merge_people(["P2", "P1"], "Ada")
        (one,) = await people.people()
        assert (one.name, one.count) == ("Ada", 2)
        assert one.id in ("P1", "P2")
        assert await names(remote.search(f"people:({one.id})", sort="name")) == ["blue.jpg", "red.jpg"]

    async def test_a_photograph_stands_for_a_person(self, remote, crowd):
        people = able(remote, SupportsPeople)
        for node_id in crowd[:2]:
            await people.set_person_cover("P1", NodeId(node_id))
            assert {each.id: each.cover for each in await people.people()}["P1"] == node_id

    async def test_nobody_is_neither_named_nor_joined_nor_shown(self, remote, crowd):
        people = able(remote, SupportsPeople)
        with pytest.raises(NotFoundError):
            await people.name_person("P9", "Ada")
        with pytest.raises(NotFoundError):
            await people.merge_people(["P1", "P9"], "Ada")
        with pytest.raises(NotFoundError):
            await people.set_person_cover("P9", NodeId(crowd[0]))
        with pytest.raises(NotFoundError):
            await people.set_person_cover("P1", "box/absent.jpg")
        assert [each.name for each in await people.people()] == [None, None]

    async def test_a_name_of_nothing_and_a_crowd_of_one_are_refused(self, remote, crowd):
        people = able(remote, SupportsPeople)
        for name in ("", "  ", "x" * 257):
            with pytest.raises(LimitError):
                await people.name_person("P1", name)
        with pytest.raises(LimitError):
            await people.merge_people(["P1", "P1"], "Ada")
        assert [each.name for each in await people.people()] == [None, None]


class Family(Subject):
    @pytest.fixture
    def vault(self) -> str:
        """The id of a family that the account belongs to."""
        return "F1EXAMPLEFAMILY"

    async def test_photographs_go_into_the_family_vault_and_stay_where_they_are(self, remote, seed, vault):
        family = able(remote, SupportsFamily)
        first = NodeId(await seed("box/red.jpg", jpeg(color="red")))
        await seed("box/blue.jpg", jpeg(color="blue"))
        await family.add_to_family([first, "box/blue.jpg"], family_id=vault)
        assert [each.family_id for each in await collect(remote.list("box"))] == [vault, vault]
        assert (await remote.stat(first, fresh=True)).family_id == vault
        await family.remove_from_family([first], family_id=vault)
        assert (await remote.stat(first, fresh=True)).family_id is None
        assert [each.family_id for each in await collect(remote.list("box"))] == [vault, None]

    async def test_the_family_is_known_once_a_photograph_names_it(self, remote, seed, vault):
        family = able(remote, SupportsFamily)
        await seed("box/red.jpg", jpeg(color="red"))
        await seed("box/blue.jpg", jpeg(color="blue"))
        with pytest.raises(UnsupportedError):
            await family.add_to_family(["box/red.jpg"])
        await family.add_to_family(["box/red.jpg"], family_id=vault)
        await family.add_to_family(["box/blue.jpg"])
        assert (await remote.stat("box/blue.jpg", fresh=True)).family_id == vault
        await family.remove_from_family(["box/blue.jpg"])
        assert (await remote.stat("box/blue.jpg", fresh=True)).family_id is None

    async def test_folders_and_what_is_absent_go_into_no_vault(self, remote, seed, vault):
        family = able(remote, SupportsFamily)
        await seed("box/red.jpg", jpeg(color="red"))
        with pytest.raises(IsFolderError):
            await family.add_to_family(["box"], family_id=vault)
        with pytest.raises(NotFoundError):
            await family.add_to_family(["box/red.jpg", "box/absent.jpg"], family_id=vault)
        assert (await remote.stat("box/red.jpg", fresh=True)).family_id is None

    async def test_nothing_is_put_nowhere(self, remote):
        await able(remote, SupportsFamily).add_to_family([])


class Words(Subject):
    async def test_a_description_is_set_changed_and_cleared(self, remote, seed):
        words = able(remote, SupportsDescriptions)
        node_id = await seed("box/a.jpg", jpeg())
        for text in ("On the bridge", "Über der Brücke \N{SPARKLES}", "x" * 500):
            entry = await words.describe("box/a.jpg", description=text)
            assert (entry.id, entry.path, entry.description) == (node_id, "box/a.jpg", text)
            assert (await remote.stat(NodeId(node_id), fresh=True)).description == text
        await words.describe(NodeId(node_id), description="")
        assert (await remote.stat("box/a.jpg", fresh=True)).description is None

    async def test_labels_are_replaced_and_leave_the_description_alone(self, remote, seed):
        words = able(remote, SupportsDescriptions)
        await seed("box/a.jpg", jpeg())
        await words.describe("box/a.jpg", description="about", labels=["one", "two"])
        entry = await words.describe("box/a.jpg", labels=["three"])
        assert (entry.description, entry.labels) == ("about", ("three",))
        await words.describe("box/a.jpg", labels=[])
        assert (await remote.stat("box/a.jpg", fresh=True)).labels == ()

    async def test_saying_nothing_changes_nothing(self, remote, seed):
        await seed("box/a.jpg", jpeg())
        before = await remote.stat("box/a.jpg")
        assert (await able(remote, SupportsDescriptions).describe("box/a.jpg")).version == before.version

    async def test_an_album_has_a_description_too(self, remote):
        album = await able(remote, SupportsAlbums).create_album("Rome", description="first")
        assert album.description == "first"
        entry = await able(remote, SupportsDescriptions).describe(NodeId(album.id), description="second")
        assert (entry.path, entry.description) == (".views/albums/Rome", "second")

    @pytest.mark.parametrize(
        "words",
        [
            {"description": "x" * 501},
            {"labels": ["x"] * 11},
            {"labels": ["x" * 257]},
            {"labels": [""]},
        ],
    )
    async def test_too_many_or_too_long_words_are_refused(self, remote, seed, words):
        await seed("box/a.jpg", jpeg())
        with pytest.raises(LimitError):
            await able(remote, SupportsDescriptions).describe("box/a.jpg", **words)
        entry = await remote.stat("box/a.jpg", fresh=True)
        assert (entry.description, entry.labels) == (None, ())

    async def test_properties_are_set_changed_and_removed_by_owner(self, remote, seed):
        words = able(remote, SupportsDescriptions)
        node_id = await seed("box/a.jpg", jpeg())
        await words.set_properties("box/a.jpg", "app", {"one": "1", "two": "2"})
        await words.set_properties("box/a.jpg", "other", {"one": "elsewhere"})
        entry = await words.set_properties(NodeId(node_id), "app", {"one": None, "two": "zwei", "never": None})
        expected = {"app": {"two": "zwei"}, "other": {"one": "elsewhere"}}
        assert entry.properties == expected
        assert (await remote.stat("box/a.jpg", fresh=True)).properties == expected
        await words.set_properties("box/a.jpg", "app", {"two": None})
        assert (await remote.stat("box/a.jpg", fresh=True)).properties == {"other": {"one": "elsewhere"}}

    @pytest.mark.parametrize(
        ("owner", "values"),
        [
            ("", {"a": "1"}),
            ("my app", {"a": "1"}),
            ("x" * 51, {"a": "1"}),
            ("app", {"": "1"}),
            ("app", {"a-b": "1"}),
            ("app", {"é": "1"}),
            ("app", {"x" * 51: "1"}),
            ("app", {"a": "x" * 501}),
            ("app", {f"key{number}": "1" for number in range(11)}),
        ],
    )
    async def test_a_property_that_cannot_be_one_is_refused(self, remote, seed, owner, values):
        await seed("box/a.jpg", jpeg())
        with pytest.raises(LimitError):
            await able(remote, SupportsDescriptions).set_properties("box/a.jpg", owner, values)
        assert (await remote.stat("box/a.jpg", fresh=True)).properties == {}

    async def test_the_eleventh_property_is_refused_and_one_goes_where_another_went(self, remote, seed):
        words = able(remote, SupportsDescriptions)
        await seed("box/a.jpg", jpeg())
        ten = {f"key{number}": str(number) for number in range(10)}
        await words.set_properties("box/a.jpg", "app", ten)
        with pytest.raises(LimitError):
            await words.set_properties("box/a.jpg", "app", {"eleventh": "1"})
        await words.set_properties("box/a.jpg", "app", {"eleventh": "1", "key0": None})
        kept = (await remote.stat("box/a.jpg", fresh=True)).properties["app"]
        assert set(kept) == {*ten, "eleventh"} - {"key0"}

    async def test_what_is_absent_or_in_the_bin_is_not_written_onto(self, remote, seed):
        words = able(remote, SupportsDescriptions)
        await seed("box/a.jpg", jpeg())
        with pytest.raises(NotFoundError):
            await words.describe("box/absent.jpg", description="about")
        await remote.trash("box/a.jpg")
        with pytest.raises(NotFoundError):
            await words.set_properties("box/a.jpg", "app", {"a": "1"})


class Parents(Subject):
    @pytest.fixture
    async def photo(self, remote, seed):
        """A photograph in ``box/one``; ``box/two`` is empty."""
        await able(remote, SupportsFolders).mkdir("box/two")
        return NodeId(await seed("box/one/a.jpg", jpeg()))

    async def test_a_linked_entry_lies_in_both_folders(self, remote, photo, peek):
        entry = await able(remote, SupportsParents).link("box/one/a.jpg", "box/two")
        assert (entry.id, entry.path, len(entry.parents)) == (photo.value, "box/two/a.jpg", 2)
        for path in ("box/one/a.jpg", "box/two/a.jpg"):
            assert (await remote.stat(path)).id == photo.value
            assert await content(remote.get(path)) == await peek("box/one/a.jpg")
        assert await paths_of(remote.list("box", recursive=True)) == [
            "box/one",
            "box/one/a.jpg",
            "box/two",
            "box/two/a.jpg",
        ]

    async def test_linking_twice_is_linking_once(self, remote, photo):
        parents = able(remote, SupportsParents)
        await parents.link(photo, "box/two")
        again = await parents.link(photo, "BOX/two")
        assert (again.path, len(again.parents)) == ("box/two/a.jpg", 2)
        assert await names(remote.list("box/two")) == ["a.jpg"]

    async def test_a_taken_name_keeps_the_entry_out(self, remote, photo, seed):
        await seed("box/two/A.JPG", b"other")
        with pytest.raises(AlreadyExistsError):
            await able(remote, SupportsParents).link(photo, "box/two")
        assert len((await remote.stat(photo, fresh=True)).parents) == 1

    async def test_an_unlinked_entry_stays_in_the_other_folder(self, remote, photo, peek):
        parents = able(remote, SupportsParents)
        await parents.link(photo, "box/two")
        entry = await parents.unlink(photo, "box/one")
        assert (entry.path, len(entry.parents)) == ("box/two/a.jpg", 1)
        assert await names(remote.list("box/one")) == []
        assert await peek("box/two/a.jpg") == jpeg()
        with pytest.raises(NotFoundError):
            await remote.stat("box/one/a.jpg")

    async def test_the_last_parent_is_not_removed_because_sources_disagree_what_happens(self, remote, photo, peek):
        with pytest.raises(UnsupportedError):
            await able(remote, SupportsParents).unlink(photo, "box/one")
        assert await peek("box/one/a.jpg") == jpeg()

    async def test_an_entry_cannot_leave_a_folder_that_it_is_not_in(self, remote, photo):
        with pytest.raises(NotFoundError):
            await able(remote, SupportsParents).unlink(photo, "box/two")

    async def test_a_linked_entry_has_its_new_name_everywhere(self, remote, photo):
        await able(remote, SupportsParents).link(photo, "box/two")
        await able(remote, SupportsFolders).move("box/two/a.jpg", "box/two/b.jpg")
        assert await names(remote.list("box/one")) == ["b.jpg"]
        assert await names(remote.list("box/two")) == ["b.jpg"]

    async def test_a_move_exchanges_the_folder_by_which_it_was_named(self, remote, photo):
        folders = able(remote, SupportsFolders)
        await folders.mkdir("box/three")
        await able(remote, SupportsParents).link(photo, "box/two")
        entry = await folders.move("box/two/a.jpg", "box/three/a.jpg")
        assert entry.id == photo.value
        assert await paths_of(remote.list("box", recursive=True)) == [
            "box/one",
            "box/one/a.jpg",
            "box/three",
            "box/three/a.jpg",
            "box/two",
        ]

    async def test_trash_takes_a_linked_entry_out_of_every_folder_and_restore_brings_it_back(self, remote, photo):
        await able(remote, SupportsParents).link(photo, "box/two")
        await remote.trash("box/two/a.jpg")
        assert await names(remote.list("box/one")) == []
        assert await names(remote.list("box/two")) == []
        await remote.restore(photo)
        assert await names(remote.list("box/one")) == ["a.jpg"]
        assert await names(remote.list("box/two")) == ["a.jpg"]

    async def test_what_also_lies_elsewhere_does_not_go_to_the_bin_with_its_folder(self, remote, photo, peek):
        await able(remote, SupportsParents).link(photo, "box/two")
        await remote.trash("box/one")
        assert (await remote.stat(photo, fresh=True)).status is Status.AVAILABLE
        assert await peek("box/two/a.jpg") == jpeg()
        assert await paths_of(remote.list("box", recursive=True)) == ["box/two", "box/two/a.jpg"]

    async def test_a_folder_may_lie_in_two_but_not_in_itself(self, remote, photo):
        parents = able(remote, SupportsParents)
        await parents.link("box/one", "box/two")
        assert await names(remote.list("box/two/one")) == ["a.jpg"]
        with pytest.raises(InvalidNameError):
            await parents.link("box", "box/two")
        with pytest.raises(InvalidNameError):
            await parents.link("box/one", "box/one")

    async def test_albums_and_the_root_lie_in_no_folder_and_a_file_is_none(self, remote, photo, seed):
        parents = able(remote, SupportsParents)
        album = await able(remote, SupportsAlbums).create_album("Rome")
        await seed("box/b.txt", b"b")
        with pytest.raises(UnsupportedError):
            await parents.link(NodeId(album.id), "box/two")
        with pytest.raises(AccessDeniedError):
            await parents.link("", "box/two")
        with pytest.raises(IsFileError):
            await parents.link(photo, "box/b.txt")
        with pytest.raises(NotFoundError):
            await parents.link(photo, "box/absent")
        with pytest.raises(NotFoundError):
            await parents.link(NodeId(ABSENT), "box/two")


class Covers(Subject):
    async def test_a_photograph_stands_for_an_album(self, remote, seed):
        ids = [NodeId(await seed(f"box/{name}.jpg", jpeg(color=name))) for name in ("red", "blue")]
        album = NodeId((await able(remote, SupportsAlbums).create_album("Rome", members=ids)).id)
        covers = able(remote, SupportsCovers)
        for chosen in ids:
            assert (await covers.set_album_cover(album, chosen)).id == album.value
            cover = await covers.album_cover(".views/albums/Rome")
            assert cover is not None
            assert cover.id == chosen.value

    async def test_only_albums_have_covers_and_only_files_are_covers(self, remote, seed):
        await seed("box/a.jpg", jpeg())
        covers = able(remote, SupportsCovers)
        await able(remote, SupportsAlbums).create_album("Rome")
        with pytest.raises(NotFoundError):
            await covers.set_album_cover("box/a.jpg", "box/a.jpg")
        with pytest.raises(IsFolderError):
            await covers.set_album_cover(".views/albums/Rome", "box")
        with pytest.raises(NotFoundError):
            await covers.set_album_cover(".views/albums/Rome", "box/absent.jpg")
