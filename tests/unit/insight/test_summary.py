"""A hand-made library with known answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.insight import GROUPINGS, Library, Sort, Summary, summarise
from ap_remote.model import Entry, Kind, Media, Place, Status

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def file(path: str, *, size: int = 10, **more) -> Entry:
    media = more.pop("media", None)
    more.setdefault("content_type", {"jpg": "image/jpeg", "mp4": "video/mp4"}.get(path.rpartition(".")[2]))
    more.setdefault("id", f"id-{path}")
    return Entry(path=path, name=path.rpartition("/")[2], kind=Kind.FILE, size=size, media=media, **more)


def library(entries: Iterable[Entry], **more) -> Library:
    summary = Summary(now=NOW, **more)
    for entry in entries:
        summary.add(entry)
    return summary.library()


def keys(groups) -> dict[str, int]:
    return {each.key: each.count for each in groups}


ROME = Place(latitude=41.9, longitude=12.5, label="ITA#62#Rome")
VANCOUVER = Place(latitude=49.28, longitude=-123.12, label="CAN#BC#Vancouver")


def test_what_is_in_the_trash_counts_only_where_the_trash_was_listed() -> None:
    kept = file("Pictures/a.jpg")
    binned = file(".views/trash/b.jpg", status=Status.TRASHED)
    folder = Entry(path=".views/trash/old", name="old", id="f", kind=Kind.FOLDER, status=Status.TRASHED)
    found = library([kept, binned, folder])
    assert (found.files, found.size, found.folders) == (1, 10, 0)
    assert [each.path for each in found.largest] == ["Pictures/a.jpg"]
    assert library([binned, folder], base=".views/trash").files == 1


def test_a_photograph_in_two_albums_counts_once() -> None:
    members = [file(f".views/albums/{album}/a.jpg", id="one", md5="0" * 32) for album in ("Rome", "Best")]
    found = library(members, base=".views/albums")
    assert found.files == 1
    assert not found.duplicates


def test_each_file_is_counted_in_every_grouping() -> None:
    phone = {"make": "Apple", "model": "iPhone 12"}
    found = library(
        [
            Entry(path="Pictures", name="Pictures", id="p", kind=Kind.FOLDER),
            Entry(path=".views/albums/Rome", name="Rome", id="a", kind=Kind.ALBUM),
            file(
                "Pictures/2023/Rome/a.jpg",
                size=100,
                taken=datetime(2023, 7, 2, 10, tzinfo=UTC),
                media=Media(**phone, place=ROME),
                assets=("LIVE_VIDEO",),
                favorite=True,
            ),
            file(
                "Pictures/2023/b.mp4",
                size=1000,
                taken=datetime(2023, 7, 3, 11, tzinfo=UTC),
                created=datetime(2024, 1, 1, tzinfo=UTC),
                media=Media(**phone, place=VANCOUVER),
            ),
            file(
                "Pictures/c.CR2",
                size=500,
                taken=datetime(2022, 12, 31, 23, tzinfo=UTC),
                media=Media(make="Canon", model="Canon EOS R5"),
                hidden=True,
            ),
            file("Documents/tax.pdf", size=7, content_type="application/pdf"),
            file("readme", size=3),
        ]
    )
    assert (found.files, found.size, found.counted) == (5, 1610, 1010)
    assert (found.folders, found.albums, found.live, found.favorites, found.hidden) == (1, 1, 1, 1, 1)
    assert keys(found.by_kind) == {"photo": 1, "raw": 1, "video": 1, "document": 1, "other": 1}
    assert [each.key for each in found.by_year] == ["2022", "2023", ""]
    assert keys(found.by_month) == {"2022-12": 1, "2023-07": 2, "": 2}
    assert keys(found.by_camera) == {"Apple iPhone 12": 2, "Canon EOS R5": 1, "": 2}
    assert keys(found.by_extension) == {"jpg": 1, "mp4": 1, "cr2": 1, "pdf": 1, "": 1}
    assert keys(found.by_country) == {"Canada": 1, "Italy": 1, "": 3}
    assert keys(found.by_place) == {"Canada / British Columbia / Vancouver": 1, "Italy / Lazio / Rome": 1, "": 3}
    assert keys(found.by_folder) == {"Pictures/2023": 2, "Documents": 1, "Pictures": 1, "/": 1}
    assert keys(found.by_upload) == {"2024-01": 1, "": 4}
    assert [(each.date, each.count) for each in found.days] == [
        (date(2022, 12, 31), 1),
        (date(2023, 7, 2), 1),
        (date(2023, 7, 3), 1),
    ]
    assert found.hours[6][10] == found.hours[0][11] == found.hours[5][23] == 1
    assert [(each.latitude, each.longitude) for each in found.points] == [(41.9, 12.5), (49.3, -123.1)]
    assert [each.path for each in found.largest[:2]] == ["Pictures/2023/b.mp4", "Pictures/c.CR2"]
    assert [each.path for each in found.largest_videos] == ["Pictures/2023/b.mp4"]
    for grouping in GROUPINGS:
        assert sum(each.count for each in found.by(grouping)) == 5
    assert msgspec.json.decode(msgspec.json.encode(found), type=Library) == found


def test_folders_are_counted_below_what_was_listed() -> None:
    found = library([file("Pictures/2023/Rome/old/a.jpg"), file("Pictures/b.jpg")], base="Pictures")
    assert keys(found.by_folder) == {"2023/Rome": 1, "/": 1}


def test_a_file_in_several_folders_counts_once_and_parts_of_files_do_not() -> None:
    twice = file("A/a.jpg", id="x", parents=("f", "g"))
    part = Entry(path="A/a.mov", name="a.mov", id="y", kind=Kind.ASSET, size=99)
    found = library([twice, msgspec.structs.replace(twice, path="B/a.jpg"), part])
    assert (found.files, found.size, found.live) == (1, 10, 0)


def test_duplicates_name_the_one_to_keep_and_what_would_be_saved() -> None:
    early, late = datetime(2020, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    a, b, c = "a" * 32, "b" * 32, "c" * 32
    found = library(
        [
            file("x/IMG_1 (1).jpg", md5=a, size=50, created=early),
            file("x/IMG_1.jpg", md5=a, size=50, created=late),
            file("x/IMG_1 - Copy.jpg", md5=a.upper(), size=50, created=early),
            file("z.jpg", md5=b, size=400, created=late),
            file("y.jpg", md5=b, size=400, created=early),
            file("loved.jpg", md5=c, size=30, created=late, favorite=True),
            file("k.jpg", md5=c, size=30, created=early),
            file("alone.jpg", md5="d" * 32),
            file("empty.jpg", size=0, md5="e" * 32),
            file("empty2.jpg", size=0, md5="e" * 32),
        ]
    )
    assert [(each.files[0].path, len(each.files), each.saved) for each in found.duplicates] == [
        ("y.jpg", 2, 400),
        ("x/IMG_1.jpg", 3, 100),
        ("loved.jpg", 2, 30),
    ]
    assert [each.why for each in found.duplicates] == [
        "it was uploaded first",
        "its name does not look like a copy's",
        "it is a favourite",
    ]
    assert found.saved == 530


def test_without_a_better_reason_the_shorter_path_is_kept() -> None:
    found = library([file("b/a.jpg", md5="a" * 32), file("a.jpg", md5="a" * 32), file("c/a.jpg", md5="a" * 32)])
    assert [each.path for each in found.duplicates[0].files] == ["a.jpg", "b/a.jpg", "c/a.jpg"]
    assert found.duplicates[0].why == "its path is the shortest"


def test_what_is_odd_is_told_by_its_word() -> None:
    good = datetime(2020, 5, 5, 12, tzinfo=UTC)
    somewhere = Media(place=ROME)
    found = library(
        [
            file("undated.jpg", media=somewhere),
            file("future.jpg", taken=NOW + timedelta(days=3), media=somewhere),
            file("zone.jpg", taken=NOW + timedelta(hours=14), media=somewhere),
            file("impossible.jpg", taken=datetime(1601, 1, 1, tzinfo=UTC), media=somewhere),
            file("unix.jpg", taken=datetime(1970, 1, 1, 0, 12, tzinfo=UTC), media=somewhere),
            file("reset.jpg", taken=datetime(2009, 1, 1, tzinfo=UTC), media=somewhere),
            file("new-year.jpg", taken=datetime(2009, 1, 1, 0, 4, tzinfo=UTC), media=somewhere),
            file("scan-1955.jpg", taken=datetime(1955, 8, 2, tzinfo=UTC), media=somewhere),
            file("nowhere.jpg", taken=good),
            file("buoy.jpg", taken=good, media=Media(place=Place(latitude=0.0, longitude=0.0))),
            file("named.jpg", taken=good, media=Media(place=Place(city="Rome"))),
            file("empty.txt", size=0),
        ]
    )
    assert {each.what: [one.path for one in each.samples] for each in found.oddities} == {
        "undated": ["undated.jpg"],
        "future": ["future.jpg"],
        "impossible": ["impossible.jpg"],
        "clock": ["reset.jpg", "unix.jpg"],
        "unplaced": ["nowhere.jpg"],
        "null-island": ["buoy.jpg"],
        "empty": ["empty.txt"],
    }
    assert {day.date for day in found.days} == {
        date(1955, 8, 2),
        date(2009, 1, 1),
        date(2020, 5, 5),
        date(2026, 6, 1),
    }


def test_only_so_many_are_kept_but_all_are_counted() -> None:
    found = library([file(f"{number:03d}.jpg", size=number + 1) for number in range(20)], top=3)
    assert [each.size for each in found.largest] == [20, 19, 18]
    undated = next(each for each in found.oddities if each.what == "undated")
    assert (undated.count, [each.path for each in undated.samples]) == (20, ["000.jpg", "001.jpg", "002.jpg"])


async def test_a_remote_is_summarised_by_its_listing_and_by_a_search() -> None:
    told: list[tuple[int, int | None]] = []
    async with MemoryRemote() as remote:
        await remote.put(b"text", "Documents/a.txt")
        await remote.put(b"film", "Videos/a.mp4")
        everything = await summarise(
            remote.list(recursive=True), progress=lambda done, total: told.append((done, total))
        )
        films = await summarise(remote.search("type:(VIDEOS)"))
    assert (everything.files, everything.size, films.files) == (2, 8, 1)
    assert told[-1] == (everything.files + everything.folders,) * 2


async def test_an_empty_library_is_a_library() -> None:
    async def nothing() -> AsyncIterator[Entry]:
        for each in ():
            yield each

    found = await summarise(nothing())
    assert (found.files, found.pictures, found.saved, found.gaps, found.oddities) == (0, 0, 0, (), ())


@pytest.mark.parametrize("md5", ["", "no digest", "zz"])
def test_what_is_no_digest_makes_no_duplicates(md5: str) -> None:
    assert library([file("a.jpg", md5=md5), file("b.jpg", md5=md5)]).duplicates == ()


def test_groups_are_rows_that_pandas_takes() -> None:
    import pandas as pd

    found = library([file("a.jpg", taken=datetime(2020, 1, 1, 9, tzinfo=UTC)), file("b.txt")])
    frame = pd.DataFrame(map(msgspec.structs.asdict, found.by_year))
    assert frame[["key", "count"]].to_numpy().tolist() == [["2020", 1], ["", 1]]
    assert found.by_kind[0].key == Sort.PHOTO
