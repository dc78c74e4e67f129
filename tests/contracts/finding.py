"""The contract of ``search`` and ``aggregations``."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ap_remote.errors import QuerySyntaxError
from ap_remote.remote.features import SupportsAlbums, SupportsMarks
from tests.contracts.base import Subject, able, collect, names
from tests.contracts.pictures import FILM, SPRING_2023, jpeg

WINTER_2021 = datetime(2021, 12, 24, 18, 0, tzinfo=UTC)
SPRING_2021 = datetime(2021, 4, 1, 9, 30, tzinfo=UTC)


class Finding(Subject):
    @pytest.fixture
    async def photographs(self, seed):
        """Three photographs, a film and a text; the ids by name."""
        return {
            "spring 2023.jpg": await seed("box/spring 2023.jpg", jpeg(taken=SPRING_2023)),
            "winter 2021.jpg": await seed("box/winter 2021.jpg", jpeg(taken=WINTER_2021, color="navy")),
            "IMG_0042.JPG": await seed("box/inner/IMG_0042.JPG", jpeg(taken=SPRING_2021, color="olive")),
            "film.mp4": await seed("box/film.mp4", FILM),
            "notes.txt": await seed("box/notes.txt", b"not a picture"),
        }

    async def test_the_empty_query_finds_all_photographs_and_films_once(self, remote, photographs):
        found = await collect(remote.search())
        assert sorted(entry.name for entry in found) == [
            "IMG_0042.JPG",
            "film.mp4",
            "spring 2023.jpg",
            "winter 2021.jpg",
        ]
        assert {entry.id for entry in found} == set(photographs.values()) - {photographs["notes.txt"]}

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("type:(PHOTOS)", ["IMG_0042.JPG", "spring 2023.jpg", "winter 2021.jpg"]),
            ("type:(VIDEOS)", ["film.mp4"]),
            ("type:(PHOTOS OR VIDEOS)", ["IMG_0042.JPG", "film.mp4", "spring 2023.jpg", "winter 2021.jpg"]),
            ("type:(PHOTOS) AND timeYear:(2021)", ["IMG_0042.JPG", "winter 2021.jpg"]),
            ("type:(PHOTOS) timeYear:(2021)", ["IMG_0042.JPG", "winter 2021.jpg"]),
            ("timeYear:(2021) AND timeMonth:(4)", ["IMG_0042.JPG"]),
            ("timeMonth:(4) AND timeDay:(5)", ["spring 2023.jpg"]),
            ("timeYear:(2021 OR 2023) AND timeMonth:(4)", ["IMG_0042.JPG", "spring 2023.jpg"]),
            ("timeYear:(1999)", []),
            ("type:(PHOTOS) AND name:(img*)", ["IMG_0042.JPG"]),
            ('type:(PHOTOS) AND name:("spring 2023.jpg")', ["spring 2023.jpg"]),
            ("type:(PHOTOS) AND name:(spring)", []),
            ("type:(PHOTOS) AND extension:(jpg)", ["IMG_0042.JPG", "spring 2023.jpg", "winter 2021.jpg"]),
            ("type:(ALBUMS)", []),
        ],
    )
    async def test_a_query_finds(self, remote, photographs, query, expected):
        assert sorted(await names(remote.search(query))) == expected

    @pytest.mark.parametrize(
        ("sort", "expected"),
        [
            ("taken", ["IMG_0042.JPG", "winter 2021.jpg", "spring 2023.jpg"]),
            ("-taken", ["spring 2023.jpg", "winter 2021.jpg", "IMG_0042.JPG"]),
            ("name", ["IMG_0042.JPG", "spring 2023.jpg", "winter 2021.jpg"]),
            ("-name", ["winter 2021.jpg", "spring 2023.jpg", "IMG_0042.JPG"]),
        ],
    )
    async def test_what_is_found_comes_in_the_order_that_is_asked_for(self, remote, photographs, sort, expected):
        assert await names(remote.search("type:(PHOTOS)", sort=sort)) == expected

    async def test_the_latest_photograph_comes_first_unless_said_otherwise(self, remote, photographs):
        assert (await names(remote.search("type:(PHOTOS)")))[0] == "spring 2023.jpg"

    @pytest.mark.parametrize("limit", [0, 1, 2, 9])
    async def test_a_limit_bounds_what_is_found(self, remote, photographs, limit):
        assert len(await names(remote.search("type:(PHOTOS)", limit=limit))) == min(limit, 3)

    async def test_what_is_found_is_what_stat_returns(self, remote, photographs):
        (entry,) = await collect(remote.search("timeMonth:(12)"))
        assert (entry.path, entry.id) == ("box/winter 2021.jpg", photographs["winter 2021.jpg"])
        assert (await remote.stat("box/winter 2021.jpg")).md5 == entry.md5

    async def test_trashed_photographs_are_not_found(self, remote, photographs):
        await remote.trash("box/spring 2023.jpg")
        assert await names(remote.search("timeYear:(2023)")) == []
        await remote.restore("box/spring 2023.jpg")
        assert await names(remote.search("timeYear:(2023)")) == ["spring 2023.jpg"]

    async def test_hidden_photographs_are_not_found(self, remote, photographs):
        marks = able(remote, SupportsMarks)
        await marks.mark("box/spring 2023.jpg", hidden=True)
        assert await names(remote.search("timeYear:(2023)")) == []

    async def test_favourites_are_found(self, remote, photographs):
        marks = able(remote, SupportsMarks)
        await marks.mark("box/spring 2023.jpg", favorite=True)
        assert await names(remote.search("favorite:(true)")) == ["spring 2023.jpg"]

    async def test_albums_are_found_by_their_type(self, remote, photographs):
        albums = able(remote, SupportsAlbums)
        album = await albums.create_album("Rome")
        assert [entry.id for entry in await collect(remote.search("type:(ALBUMS)"))] == [album.id]

    @pytest.mark.parametrize(
        ("query", "position"),
        [
            ("type", 4),
            ("type:(PHOTOS", 12),
            ("type:(PHOTOS) AND", 17),
            ("type:(PHOTOS) AND kind:(FILE)", 18),
            ("type:(PHOTOS) OR timeYear:(2021)", 14),
        ],
    )
    async def test_a_query_that_cannot_be_read_is_refused_with_the_position(self, remote, query, position):
        with pytest.raises(QuerySyntaxError) as found:
            await collect(remote.search(query))
        with pytest.raises(QuerySyntaxError) as counted:
            await remote.aggregations("type", query=query)
        for caught in (found, counted):
            assert (caught.value.text, caught.value.position) == (query, position)

    async def test_photographs_and_films_are_counted_most_frequent_first(self, remote, photographs):
        facets = await remote.aggregations("type")
        assert [(each.category, each.value, each.count) for each in facets if each.value != "ALBUMS"] == [
            ("type", "PHOTOS", 3),
            ("type", "VIDEOS", 1),
        ]

    async def test_years_are_counted(self, remote, photographs):
        facets = await remote.aggregations("time", query="type:(PHOTOS)")
        assert [(each.value, each.count) for each in facets] == [("2021", 2), ("2023", 1)]

    async def test_only_what_the_query_finds_is_counted(self, remote, photographs):
        facets = await remote.aggregations("type", query="timeYear:(2021)")
        assert [(each.value, each.count) for each in facets] == [("PHOTOS", 2)]

    async def test_a_counted_value_finds_what_was_counted(self, remote, photographs):
        for facet in await remote.aggregations("time", query="type:(PHOTOS)"):
            assert len(await names(remote.search(f"type:(PHOTOS) AND timeYear:({facet.value})"))) == facet.count

    async def test_favourites_are_counted(self, remote, photographs):
        marks = able(remote, SupportsMarks)
        assert [each for each in await remote.aggregations("favorite") if each.value == "true" and each.count] == []
        await marks.mark("box/spring 2023.jpg", favorite=True)
        facets = await remote.aggregations("favorite")
        assert [(each.value, each.count) for each in facets if each.value == "true"] == [("true", 1)]

    @pytest.mark.parametrize("category", ["allPeople", "clusterId", "familyMembers", "location", "people", "things"])
    async def test_every_category_can_be_asked_for(self, remote, photographs, category):
        facets = await remote.aggregations(category)
        counts = [each.count for each in facets]
        assert {each.category for each in facets} <= {category}
        assert counts == sorted(counts, reverse=True)
