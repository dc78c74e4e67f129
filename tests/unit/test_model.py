"""What entries say of themselves."""

from __future__ import annotations

import pytest

from ap_remote import errors
from ap_remote.model import FILE_TYPES, Entry, Kind, Outcome


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


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (errors.OutcomeUnknownError("?"), "unknown"),
        (errors.RateLimitedError("slower"), "limited"),
        (errors.UnavailableError("503"), "unanswered"),
        (errors.ProtocolError("odd"), "unanswered"),
        (errors.NotFoundError("a.jpg"), "missing"),
        (errors.NotInTrashError("a.jpg"), "missing"),
        (errors.AccessDeniedError("no"), "refused"),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_an_outcome_keeps_what_kind_of_error_it_was(error: errors.RemoteError, failure: str) -> None:
    assert Outcome.failed("a.jpg", "trash", error) == Outcome(
        target="a.jpg", action="trash", error=str(error), failure=failure
    )
