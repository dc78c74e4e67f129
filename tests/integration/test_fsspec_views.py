"""The virtual tree through fsspec: ``ap://`` over the local service, and the remote in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import QuerySyntaxError
from ap_remote.fs import RemoteFileSystem
from tests.contracts.pictures import FILM, jpeg
from tests.contracts.views import VIEWS

ALL = [f"/{view}" for view in VIEWS]
SUMMER = [
    jpeg(taken=datetime(2019, month, day, 12, tzinfo=UTC), color=color)
    for month, day, color in ((7, 1, "red"), (7, 1, "blue"), (8, 31, "green"))
]


@pytest.fixture(scope="module")
def of_memory() -> Iterator[RemoteFileSystem]:
    remote = MemoryRemote()
    fs = RemoteFileSystem(lambda: remote, skip_instance_cache=True)
    yield fs
    fs.close()


@pytest.fixture(scope="module", params=["memory", "service"])
def fs(request: pytest.FixtureRequest) -> Any:
    fs = request.getfixturevalue("of_memory" if request.param == "memory" else "library")
    for name, data in zip(("one/a.jpg", "two/A.jpg", "two/b.jpg"), SUMMER, strict=True):
        fs.pipe_file(f"/views/{name}", data)
    fs.pipe_file("/views/film.mp4", FILM)
    return fs


def test_the_root_shows_no_view_and_a_find_from_it_enters_none(fs):
    assert not [path for path in fs.ls("/", detail=False) if ".views" in path]
    assert "/views/one/a.jpg" in fs.find("/")
    for found in (fs.find("/"), fs.find("/", withdirs=True), fs.find("/", maxdepth=5), fs.glob("/**")):
        assert not [path for path in found if ".views" in path]
    assert not [path for path, _, _ in fs.walk("/") if ".views" in path]


def test_the_views_are_listed_by_name(fs):
    assert fs.ls("/.views", detail=False) == ALL
    assert all(fs.isdir(view) for view in ALL)
    assert {each["type"] for each in fs.ls("/.views")} == {"directory"}


def test_a_find_that_starts_in_a_view_enters_it(fs):
    fs.mkdir("/.views/albums/Rome")
    fs.cp("/views/one/a.jpg", "/.views/albums/Rome/a.jpg")
    assert "/.views/albums/Rome/a.jpg" in fs.find("/.views/albums")
    assert [path.rpartition("/")[2] for path in fs.find("/.views/by-date/2019/08")] == ["b.jpg"]


def test_a_glob_goes_through_years_months_and_days(fs):
    found = fs.glob("/.views/by-date/2019/*/*/*.jpg")
    assert [path.rpartition("/")[0] for path in found] == [
        "/.views/by-date/2019/07/01",
        "/.views/by-date/2019/07/01",
        "/.views/by-date/2019/08/31",
    ]
    assert sorted(fs.cat(found).values()) == sorted(SUMMER)


def test_bytes_come_through_a_view(fs):
    place = "/.views/by-date/2019/08/31/b.jpg"
    assert fs.cat(place) == SUMMER[2]
    with fs.open(place, "rb") as file:
        file.seek(2)
        assert file.read(10) == SUMMER[2][2:12]
    assert fs.info(place)["size"] == len(SUMMER[2])
    assert fs.info(place)["id"] == fs.info("/views/two/b.jpg")["id"]


def test_a_search_is_a_folder_of_its_finds(fs):
    place = "/.views/search/type:(PHOTOS) AND timeMonth:(8)"
    assert fs.isdir(place)
    assert fs.ls(place, detail=False) == [f"{place}/b.jpg"]
    assert fs.cat(f"{place}/b.jpg") == SUMMER[2]
    assert (fs.ls("/.views/search"), fs.find("/.views/search")) == ([], [])


@pytest.mark.parametrize("query", ["nonsense", "colour:(red)", "type:(PHOTOS"])
def test_a_search_that_cannot_be_read_does_not_exist_and_says_why_when_it_is_listed(fs, query):
    for path in (f"/.views/search/{query}", f"/.views/search/{query}/a.jpg"):
        assert (fs.exists(path), fs.isdir(path), fs.isfile(path)) == (False, False, False)
        for look in (fs.ls, fs.info, fs.cat):
            with pytest.raises(QuerySyntaxError, match="bad query at character"):
                look(path)


@pytest.mark.parametrize("view", ["favorites", "people", "things", "places", "hidden", "videos"])
def test_what_is_not_in_a_view_does_not_exist(fs, view):
    assert not fs.exists(f"/.views/{view}/none.jpg")
    with pytest.raises(FileNotFoundError):
        fs.info(f"/.views/{view}/none.jpg")
