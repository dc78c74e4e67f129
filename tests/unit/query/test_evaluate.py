from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from ap_remote.model import Entry, Kind, Media, Place, Status
from ap_remote.query import matches, parse_nodes, parse_search

PHOTO = Entry(
    path="Pictures/Beach Day.JPG",
    name="Beach Day.JPG",
    id="photo",
    kind=Kind.FILE,
    size=1234,
    md5="0123456789abcdef0123456789abcdef",
    created=datetime(2023, 8, 1, tzinfo=UTC),
    modified=datetime(2023, 8, 2, tzinfo=UTC),
    # 23:30 on 31 December west of Greenwich is the next year in UTC.
    taken=datetime(2022, 12, 31, 23, 30, tzinfo=timezone(-timedelta(hours=5))),
    content_type="image/jpeg",
    parents=("folder",),
    owner_id="A1OWNER",
    favorite=True,
    description="first swim",
    labels=("summer", "sea"),
    things=("beach", "plant"),
    people=("Cluster1",),
    media=Media(place=Place(label="CAN#BC#Vancouver")),
)
FILM = Entry(path="film.mp4", name="film.mp4", id="film", kind=Kind.FILE, content_type="video/mp4")
TEXT = Entry(path="notes.txt", name="notes.txt", id="text", kind=Kind.FILE, content_type="text/plain")
ALBUM = Entry(path=".views/albums/Rome", name="Rome", id="album", kind=Kind.ALBUM)
FOLDER = Entry(path="Pictures", name="Pictures", id="folder", kind=Kind.FOLDER)
ROOT = Entry(path="", name="", id="root", kind=Kind.FOLDER)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "type:(PHOTOS)",
        "type:(PHOTOS OR VIDEOS)",
        "things:(beach)",
        "things:(BEACH)",
        "things:(beach AND plant)",
        "things:(moon OR beach AND plant)",
        "timeYear:(2023) timeMonth:(1) timeDay:(1)",
        "timeMonth:(01)",
        "location:(CAN)",
        "location:(CAN#BC)",
        "location:(CAN#BC#)",
        "location:(can#bc#vancouver)",
        "people:(Cluster1)",
        "clusterId:(Cluster1)",
        "familyMembers:(A1OWNER)",
        "favorite:(true)",
        'name:("beach day.jpg")',
        "name:(beach*)",
        "extension:(jpg)",
    ],
)
def test_a_search_finds_the_photograph(query):
    assert matches(parse_search(query), PHOTO)


@pytest.mark.parametrize(
    "query",
    [
        "type:(VIDEOS)",
        "things:(beach AND moon)",
        "things:(moon OR moon AND plant)",
        "timeYear:(2022)",
        "location:(CAN#B)",
        "location:(CAN#BC#Vancouver#Downtown)",
        "location:(USA)",
        'location:("#")',
        "people:(cluster1)",
        "favorite:(false)",
        "name:(beach)",
        'name:("beach*")',
        "extension:(jpeg)",
        "type:(PHOTOS) AND timeYear:(2023) AND things:(moon)",
    ],
)
def test_a_search_passes_the_photograph_by(query):
    assert not matches(parse_search(query), PHOTO)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"photo", "film"}),
        ("type:(ALBUMS)", {"album"}),
        ("type:(ALBUMS OR VIDEOS)", {"album", "film"}),
        ("name:(*)", {"photo", "film", "album"}),
        ("favorite:(true OR false)", {"photo", "film", "album"}),
    ],
)
def test_a_search_sees_photographs_and_films_and_albums_when_they_are_asked_for(query, found):
    entries = (PHOTO, FILM, TEXT, ALBUM, FOLDER, ROOT)
    assert {entry.id for entry in entries if matches(parse_search(query), entry)} == found


@pytest.mark.parametrize("change", [{"hidden": True}, {"status": Status.TRASHED}, {"status": Status.PENDING}])
def test_a_search_does_not_see_what_is_hidden_trashed_or_unfinished(change):
    assert not matches(parse_search(""), msgspec.structs.replace(PHOTO, **change))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "kind:FILE",
        "kind:(FILE* OR FOLDER*) AND status:(AVAILABLE*)",
        'name:"beach day.jpg"',
        "name:BEACH*",
        "parents:folder",
        "parentIds:folder",
        "labels:(sea AND summer)",
        'description:"first swim"',
        "contentProperties.size:1234",
        "contentProperties.contentType:image*",
        "contentProperties.contentType:image/jpeg",
        "contentProperties.md5:0123456789abcdef0123456789abcdef",
        "contentProperties.extension:jpg",
        "contentProperties.contentDate:2023-01-01T04:30:00Z",
        "createdDate:2023-08-01",
        "createdDate:[2023-08-01 TO *]",
        "createdDate:[* TO 2023-08-01]",
        "createdDate:>=2023-08-01",
        "createdDate:{* TO *}",
        "modifiedDate:{2023-08-01 TO 2023-08-03}",
        "isRoot:false",
        "settings.hidden:false",
        "favorite:(true)",
    ],
)
def test_a_node_filter_finds_the_photograph(query):
    assert matches(parse_nodes(query), PHOTO)


@pytest.mark.parametrize(
    "query",
    [
        "kind:FOLDER",
        "status:TRASH",
        "name:beach",
        "parents:other",
        "labels:(sea AND winter)",
        "contentProperties.size:123",
        "contentProperties.contentType:video*",
        "createdDate:{2023-08-01 TO *}",
        "createdDate:[* TO 2023-08-01}",
        "createdDate:<2023-08-01",
        "createdDate:>2023-08-01",
        "createdDate:2023-08-02",
        "isRoot:true",
        "settings.hidden:true",
        "favorite:false",
    ],
)
def test_a_node_filter_passes_the_photograph_by(query):
    assert not matches(parse_nodes(query), PHOTO)


def test_node_filters_see_folders_albums_and_the_root():
    entries = (PHOTO, FILM, TEXT, ALBUM, FOLDER, ROOT)
    assert [each.id for each in entries if matches(parse_nodes("isRoot:true"), each)] == ["root"]
    assert [each.id for each in entries if matches(parse_nodes("kind:VISUAL_COLLECTION"), each)] == ["album"]
    assert [each.id for each in entries if matches(parse_nodes("kind:FOLDER"), each)] == ["folder", "root"]


def test_what_has_no_date_lies_in_no_range():
    assert not matches(parse_nodes("contentProperties.contentDate:{* TO *}"), FILM)
