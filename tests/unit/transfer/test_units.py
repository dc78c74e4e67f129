"""Sizes, durations and rates as rclone reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ap_remote.errors import ConfigError
from ap_remote.transfer.units import (
    Rate,
    parse_duration,
    parse_rate,
    parse_size,
    parse_timetable,
    show_rate,
    show_size,
)

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("100", 102_400),
        ("1.", 1024),
        ("100b", 100),
        ("100B", 100),
        ("10k", 10_240),
        ("10K", 10_240),
        ("10Ki", 10_240),
        ("10KiB", 10_240),
        ("1.5M", 1_572_864),
        (".5Mi", 524_288),
        ("2g", 2 << 30),
        ("1T", 1 << 40),
        ("1P", 1 << 50),
        ("1E", 1 << 60),
        ("1e3b", 1000),
        ("off", None),
        ("OFF", None),
    ],
)
def test_sizes_count_by_1024_and_are_kibibytes_without_a_letter(text: str, size: int | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "x", "10x", "10MB", "-1", "-1k", "1 k", "k", "b", "1e400", "8E", "nan", "inf", "1k1"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0", timedelta()),
        ("90", timedelta(seconds=90)),
        ("1.5", timedelta(seconds=1.5)),
        ("100ms", timedelta(milliseconds=100)),
        ("1h30m", timedelta(minutes=90)),
        ("1h30m5.5s", timedelta(hours=1, minutes=30, seconds=5.5)),
        ("-2m", timedelta(minutes=-2)),
        ("1m", timedelta(minutes=1)),
        ("1M", timedelta(days=30)),
        ("1.5d", timedelta(hours=36)),
        ("2w", timedelta(days=14)),
        ("1y", timedelta(days=365)),
        ("2024-03-01T11:00:00Z", timedelta(hours=1)),
        ("2024-03-01T11:00:00.5+00:00", timedelta(minutes=59, seconds=59.5)),
        ("2024-02-29T13:00:00+01:00", timedelta(days=1)),
        ("off", None),
    ],
)
def test_durations_are_seconds_without_a_letter_and_dates_count_back(text: str, length: timedelta | None) -> None:
    assert parse_duration(text, now=NOW) == length


@pytest.mark.parametrize("text", ["2024-02-28", "2024-02-28 00:00:00", "2024-02-28T00:00:00"])
def test_a_date_without_a_zone_is_local(text: str) -> None:
    assert parse_duration(text, now=NOW) == NOW - datetime(2024, 2, 28).astimezone()


@pytest.mark.parametrize(
    "text", ["", "soon", "1d12h", "1x", "d", "2024-13-01", "2024-02-30", "1e999y", "9" * 400 + "h"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="duration"):
        parse_duration(text, now=NOW)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10M", Rate(up=10 << 20, down=10 << 20)),
        ("512", Rate(up=512 << 10, down=512 << 10)),
        ("512k:1M", Rate(up=512 << 10, down=1 << 20)),
        ("10M:off", Rate(up=10 << 20)),
        ("off:1M", Rate(down=1 << 20)),
        ("off", Rate()),
        ("0", Rate()),
    ],
)
def test_a_rate_is_for_both_ways_or_for_each(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate
    assert parse_rate(show_rate(rate)) == rate


@pytest.mark.parametrize("text", ["", ":", "1M:", "1M:2M:3M", "fast"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_rate(text)


def test_a_timetable_holds_by_the_hour_on_every_day() -> None:
    table = parse_timetable("08:00,512k 12:00,10M 23:00,off")
    monday = datetime(2024, 3, 4)  # noqa: DTZ001 - a timetable is in local time
    at = [table.at(monday + timedelta(hours=hour, days=2)) for hour in (7, 8, 11, 12, 22, 23)]
    slow, fast = parse_rate("512k"), parse_rate("10M")
    assert at == [Rate(), slow, slow, fast, fast, Rate()]


def test_the_weeks_last_line_holds_until_its_first() -> None:
    table = parse_timetable("Sat-10:00,off mon-08:00,1M:2M Friday-20:00,3M")
    friday = datetime(2024, 3, 8)  # noqa: DTZ001 - a timetable is in local time
    days = [friday - timedelta(days=4, hours=-7), friday, friday + timedelta(hours=20), friday + timedelta(days=2)]
    assert [table.at(day) for day in days] == [Rate(), parse_rate("1M:2M"), parse_rate("3M"), Rate()]


def test_one_rate_is_a_timetable() -> None:
    assert parse_timetable("1M").at(NOW) == parse_rate("1M")


@pytest.mark.parametrize(
    "text", ["25:00,1M", "08:60,1M", "8:00,1M", "08:00 ", "Xyz-08:00,1M", "08:00,1M,2M x", "08:00,fast", " "]
)
def test_what_is_no_timetable_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_timetable(text)


@pytest.mark.parametrize(
    ("size", "shown"), [(None, "off"), (0, "0B"), (1023, "1023B"), (1024, "1Ki"), (1536, "1.500Ki"), (10 << 20, "10Mi")]
)
def test_a_size_is_shown_as_it_can_be_typed(size: int | None, shown: str) -> None:
    assert show_size(size) == shown
    assert parse_size(shown) == size
