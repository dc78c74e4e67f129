from __future__ import annotations

from datetime import date, timedelta

import pytest

from ap_remote.insight.gaps import Numbers, find_gaps, numbered

START = date(2020, 1, 1).toordinal()


def every(step: int, first: int, last: int, count: int = 1) -> dict[int, int]:
    return dict.fromkeys(range(START + first, START + last + 1, step), count)


def test_somebody_who_photographs_daily_misses_more_than_two_weeks() -> None:
    assert find_gaps({**every(1, 0, 60), **every(1, 75, 120)}) == []
    (gap,) = find_gaps({**every(1, 0, 60), **every(1, 76, 120)})
    assert (gap.first, gap.last, gap.days) == (date(2020, 3, 2), date(2020, 3, 16), 15)
    assert (gap.usual, gap.before, gap.after, gap.hints) == (1.0, 1, 1, ())


def test_somebody_who_photographs_weekly_misses_more_than_five_weeks() -> None:
    assert find_gaps({**every(7, 0, 70), **every(7, 106, 180)}) == []
    (gap,) = find_gaps({**every(7, 0, 70), **every(7, 107, 180)})
    assert (gap.days, gap.usual) == (36, 7.0)


def test_a_sparse_period_has_no_gaps_where_a_dense_one_has() -> None:
    sparse, dense = every(60, 0, 3000), every(1, 4000, 4400)
    assert [gap.days for gap in find_gaps({**sparse, **dense})] == [999]
    assert find_gaps(sparse) == []


def test_of_too_few_days_nothing_is_said() -> None:
    assert find_gaps({}) == []
    assert find_gaps({START: 1}) == []
    assert find_gaps({START: 1, START + 300: 1}) == []
    assert find_gaps({START: 1, START + 1: 1, START + 2: 1, START + 3: 1, START + 60: 1}) == []


def test_numbers_that_a_camera_skipped_hint_at_a_lost_import() -> None:
    days = {**every(1, 0, 30), **every(1, 60, 90)}
    series = ("Apple iPhone 12", "IMG_")
    numbers = {
        START + 30: {series: Numbers(1200, 1234), ("Nikon D750", "DSC_"): Numbers(9990, 9999)},
        START + 60: {series: Numbers(1890, 1950), ("Nikon D750", "DSC_"): Numbers(10, 30)},
    }
    (gap,) = find_gaps(days, numbers)
    assert gap.hints == ("Apple iPhone 12 counted from IMG_1234 to IMG_1890: 655 numbers are missing",)


def test_a_busy_day_beside_it_is_a_hint() -> None:
    days = {**every(1, 0, 30, 3), **every(1, 60, 90, 3), START + 60: 200}
    (gap,) = find_gaps(days)
    assert gap.hints == ("the day after it has 200 pictures; usual is 3",)
    assert gap.last + timedelta(days=1) == date.fromordinal(START + 60)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("IMG_1234.JPG", ("IMG_", 1234)),
        ("dsc_0001.nef", ("DSC_", 1)),
        ("DSCF10234.RAF", ("DSCF", 10234)),
        ("P1040.jpg", None),
        ("IMG_20230714_101112.jpg", None),
        ("IMG_1234 (1).jpg", None),
        ("1234.jpg", None),
        ("IMG_1234", None),
    ],
)
def test_only_names_that_cameras_give_have_numbers(name, found) -> None:
    assert numbered(name) == found
