from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ap_remote import tables
from ap_remote.model import Entry
from ap_remote.tables import exif
from ap_remote.wire.nodes import ImageProperties, VideoProperties

_PAGE = Path(__file__).parents[3] / "docs" / "tables.md"
_OF_THEIR_OWN = {"width", "height", "duration", "make", "model", "location"}
_SHOWN = {
    "timestamp": "timestamp[us, UTC]",
    "strings": "list<string>",
    "parts": "list<struct<assetType: string>>",
}


@pytest.mark.parametrize(("struct", "fields"), [(ImageProperties, exif.IMAGE), (VideoProperties, exif.VIDEO)])
def test_every_field_of_image_and_video_has_a_column(struct, fields):
    said = {each.encode_name for each in msgspec.structs.fields(struct)} - _OF_THEIR_OWN

    assert {each.name for each in fields} == said


def test_everything_that_an_entry_says_has_a_column():
    columns = {each.key for each in tables.OWN if each.source in ("entry", "made")}

    assert set(Entry.__struct_fields__) - columns == {"media"}


@pytest.mark.parametrize("columns", [tables.OWN, tables.AMAZON])
def test_no_two_columns_share_a_name(columns):
    assert len({each.name for each in columns}) == len(columns)


@pytest.mark.parametrize(("columns", "title"), [(tables.OWN, "## Own columns"), (tables.AMAZON, "## Amazon's columns")])
def test_the_page_tells_every_column_with_its_type_and_meaning(columns, title):
    section = _PAGE.read_text("utf-8").partition(f"\n{title}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]

    assert rows == [f"| `{each.name}` | {_SHOWN.get(each.type, each.type)} | {each.about} |" for each in columns]
