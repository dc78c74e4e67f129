"""The order of transfers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ap_remote.errors import ConfigError
from ap_remote.transfer.ordering import ordered
from ap_remote.transfer.plan import Seen, Step


def step(name: str, size: int = 0, year: int | None = 2000) -> Step:
    modified = None if year is None else datetime(year, 1, 1, tzinfo=UTC)
    return Step(action="copy", path=name, source=Seen(path=name, size=size, modified=modified))


STEPS = (step("c", 3, 2003), step("a", 1, 2001), step("B", 2, None), step("d", 4, 2002))


def names(order: str, steps=STEPS) -> str:
    return "".join(each.path for each in ordered(steps, order))


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("", "caBd"),
        ("name", "Bacd"),
        ("name,descending", "dcaB"),
        ("size", "aBcd"),
        ("size,ascending", "aBcd"),
        ("Size,DESC", "dcBa"),
        ("modtime", "adcB"),
        ("modtime,desc", "Bcda"),
        ("size,mixed", "dacB"),
        ("size,mixed,100", "aBcd"),
        ("size,mixed,0", "dcBa"),
        ("size,mixed,25", "dcBa"),
        ("size,mixed,75", "daBc"),
    ],
)
def test_files_come_in_the_order_that_was_asked_for(order: str, expected: str) -> None:
    assert names(order) == expected


def test_equal_ones_stay_in_their_order() -> None:
    same = [step(name, 5) for name in "zyx"]
    assert names("size", same) == "zyx"
    assert names("size,desc", same) == "zyx"


def test_a_mixed_order_takes_the_asked_share_from_the_small_end() -> None:
    many = [step(str(number), number) for number in range(100)]
    first = [each.source.size for each in ordered(many, "size,mixed,30")[:50] if each.source]
    assert sum(size < 50 for size in first) == 15
    assert sorted(each.path for each in ordered(many, "size,mixed,30")) == sorted(each.path for each in many)


@pytest.mark.parametrize(
    "order",
    ["age", "size,up", "size,mixed,x", "size,mixed,101", "size,mixed,-1", "size,asc,1", "size,mixed,1,2", ",asc"],
)
def test_what_is_no_order_is_refused(order: str) -> None:
    with pytest.raises(ConfigError, match="an order is"):
        ordered(STEPS, order)
