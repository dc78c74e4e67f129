from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ap_remote.transfer.compare import judge, needs_digests
from ap_remote.transfer.options import Options
from ap_remote.transfer.sides import Item

OLD, NEW = datetime(2020, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sizes", "md5s", "wishes", "finding"),
    [
        ((1, 1), ("a", "a"), {}, "same"),
        ((1, 1), ("a", "b"), {}, "differs"),
        ((1, 2), ("a", "a"), {}, "differs"),
        ((1, 1), ("a", None), {}, "unknown"),
        ((1, 1), ("a", "b"), {"compare": "size"}, "same"),
        ((1, 2), (None, None), {"compare": "size"}, "differs"),
        ((1, 2), (None, None), {"ignore_existing": True}, "kept"),
        ((1, 2), (None, None), {"update": True}, "kept"),
        ((1, 1), ("a", "a"), {"update": True}, "same"),
    ],
)
def test_two_files_of_one_path(sizes, md5s, wishes, finding):
    source = Item(path="a", size=sizes[0], modified=OLD)
    target = Item(path="a", size=sizes[1], modified=NEW)
    verdict = judge(source, target, Options(**wishes), source_md5=md5s[0], target_md5=md5s[1])
    assert verdict.finding == finding
    assert verdict.reason


def test_what_is_newer_at_the_source_is_not_held_back():
    source, target = Item(path="a", size=1, modified=NEW), Item(path="a", size=2, modified=OLD)
    assert judge(source, target, Options(update=True)).reason == "1 bytes here, 2 at the target"


def test_content_is_asked_for_only_where_it_can_tell():
    one, other = Item(path="a", size=1), Item(path="a", size=1)
    assert needs_digests(one, other, Options())
    assert needs_digests(one, other, Options(compare="checksum"))
    assert not needs_digests(one, other, Options(compare="size"))
    assert not needs_digests(one, other, Options(ignore_existing=True))
    assert not needs_digests(one, Item(path="a", size=2), Options())
