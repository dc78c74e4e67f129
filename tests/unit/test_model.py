"""What entries say of themselves."""

from __future__ import annotations

import pytest

from ap_remote.model import FILE_TYPES, Entry, Kind


@pytest.mark.parametrize(
    ("name", "kind", "group"),
    [
        ("a.JPG", Kind.FILE, "img"),
        ("a.b.docx", Kind.FILE, "doc"),
        ("film.mov", Kind.FILE, "vid"),
        ("song.flac", Kind.FILE, "mp3"),
        ("a.heic", Kind.FILE, None),
        ("noext", Kind.FILE, None),
        ("folder.jpg", Kind.FOLDER, None),
    ],
)
def test_a_file_belongs_to_the_group_of_its_extension(name: str, kind: Kind, group: str | None) -> None:
    assert Entry(path=name, name=name, id="i", kind=kind).file_type == group


def test_every_extension_of_the_old_table_is_there() -> None:
    assert len(FILE_TYPES) == 83
    assert set(FILE_TYPES.values()) == {"pdf", "doc", "mp3", "xls", "ppt", "txt", "markup", "zip", "img", "vid", "exe"}
