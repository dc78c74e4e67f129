from __future__ import annotations

import gc
from datetime import UTC, datetime

import pytest

from ap_remote.cache import format_1, records
from ap_remote.errors import CorruptStoreError
from ap_remote.model import Entry, Kind, Media, Place, Status

WHEN = datetime(2023, 8, 15, 1, 2, 3, 123000, tzinfo=UTC)
ENTRY = Entry(
    path="Pictures/IMG_1.jpg",
    name="IMG_1.jpg",
    id="HeMReF-vvJiTTkdPIeWuoP",
    kind=Kind.FILE,
    size=432777,
    md5="0123456789abcdef0123456789abcdef",
    modified=WHEN,
    created=WHEN,
    taken=WHEN,
    content_type="image/jpeg",
    version=3,
    status=Status.TRASHED,
    parents=("a", "b"),
    owner_id="A1EXAMPLE",
    favorite=True,
    hidden=True,
    description="a day",
    labels=("x",),
    things=("beach",),
    people=("p",),
    media=Media(
        width=4,
        height=3,
        duration=1.5,
        make="Canon",
        model="EOS",
        place=Place(latitude=1.0, city="Rome"),
        exif={"a": "b"},
    ),
    assets=("LIVE_VIDEO",),
    family_id="f",
    properties={"app": {"k": "v"}},
)


@pytest.mark.parametrize(
    "entry",
    [
        ENTRY,
        Entry(path="x", name="x", id="i", kind=Kind.FOLDER),
        Entry(path="x", name="x", id="i", kind=Kind.ALBUM, status=Status.PENDING),
        Entry(path="x", name="x", id="i", kind=Kind.ASSET, media=Media()),
    ],
)
def test_nothing_of_an_entry_is_lost_but_its_path(entry: Entry):
    stored = records.encode(entry)
    assert records.decode(stored, entry.path) == entry
    assert records.decode(stored).path == ""


def test_what_version_two_wrote_is_read_for_ever():
    stored = bytes.fromhex(
        "de0008a470617468a0a46e616d65a5612e6a7067a26964a169a46b696e64a466696c65a473697a65cd0400"
        "a776657273696f6e03a7706172656e747391a170a668696464656ec3",
    )
    entry = Entry(path="", name="a.jpg", id="i", kind=Kind.FILE, size=1024, version=3, parents=("p",), hidden=True)
    assert records.decode(stored) == entry
    assert records.encode(entry) == stored


def test_what_version_one_wrote_is_read_for_ever():
    stored = bytes.fromhex(
        "dc00140000a169a5612e6a706703cd0400c0c0c0c0aa696d6167652f6a70656791a170c0c2c3c0909090c0",
    )
    entry = format_1.decode(stored)
    assert (entry.id, entry.name, entry.version, entry.size, entry.parents) == ("i", "a.jpg", 3, 1024, ("p",))
    assert (entry.hidden, entry.kind, entry.content_type) == (True, Kind.FILE, "image/jpeg")


def test_the_head_is_part_of_a_row():
    head = records.head(records.encode(ENTRY))
    assert (head.kind, head.status, head.id, head.name) == (ENTRY.kind, ENTRY.status, ENTRY.id, ENTRY.name)


@pytest.mark.parametrize("count", [0, 3, 700])
def test_many_rows_are_decoded_as_one_by_one(count: int):
    rows = [records.encode(ENTRY)] * count
    assert records.decode_many(rows, "P/") == [records.decode(row, "P/IMG_1.jpg") for row in rows]
    assert gc.isenabled()


@pytest.mark.parametrize("data", [b"", b"\x00", b"garbage"])
def test_bytes_that_are_no_record_are_damage_that_may_be_removed(data: bytes):
    for read in (records.decode, records.head, lambda raw: records.decode_many([raw])):
        with pytest.raises(CorruptStoreError, match="may be removed"):
            read(data)
