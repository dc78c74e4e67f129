from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ap_remote.cache import records
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
    stored = records.encode(records.from_entry(entry))
    assert records.to_entry(records.decode(stored), entry.path) == entry


def test_every_field_of_an_entry_is_stored():
    kept = set(records.Record.__struct_fields__)
    assert set(Entry.__struct_fields__) - kept == {"path"}
    assert set(Media.__struct_fields__) == set(records.MediaRecord.__struct_fields__)
    assert set(Place.__struct_fields__) == set(records.PlaceRecord.__struct_fields__)


def test_what_version_one_wrote_is_read_for_ever():
    stored = bytes.fromhex(
        "dc00140000a169a5612e6a706703cd0400c0c0c0c0aa696d6167652f6a70656791a170c0c2c3c0909090c0",
    )
    record = records.decode(stored)
    assert (record.id, record.name, record.version, record.size, record.parents) == ("i", "a.jpg", 3, 1024, ("p",))
    assert record.hidden
    # Fields are appended: their number, and what they are when nothing was stored for them.
    assert records.encode(record) == b"\xdc\x00\x17" + stored[3:] + bytes.fromhex("90c080")


def test_the_head_is_the_beginning_of_a_record():
    record = records.from_entry(ENTRY)
    head = records.head(records.encode(record))
    assert (head.kind, head.status, head.id, head.name) == (record.kind, record.status, record.id, record.name)


def test_many_rows_are_decoded_as_one_by_one():
    rows = [records.encode(records.from_entry(ENTRY))] * 3
    assert records.decode_many(rows) == [records.decode(row) for row in rows]
    assert records.decode_many([]) == []


@pytest.mark.parametrize("data", [b"", b"\x00", b"garbage"])
def test_bytes_that_are_no_record_are_damage_that_may_be_removed(data: bytes):
    for read in (records.decode, records.head, lambda raw: records.decode_many([raw])):
        with pytest.raises(CorruptStoreError, match="may be removed"):
            read(data)
