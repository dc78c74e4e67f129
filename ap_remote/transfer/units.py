"""Sizes, durations and rates as rclone's users write them, and how they are shown.

A bare size is in KiB and a bare duration in seconds, as with rclone. No kept library reads these forms.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

import msgspec

from ap_remote.errors import ConfigError

_NUMBER: Final = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_SIZE: Final = re.compile(rf"({_NUMBER})(?:([kmgtpe])(?:i|ib)?|b)?", re.IGNORECASE)
_STEPS: Final = "bkmgtpe"
_STEP: Final = 1024

_CLOCK: Final = re.compile(r"[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+")
_CLOCK_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([^\d.]+)")
_SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_LONG: Final = re.compile(rf"({_NUMBER})([dwMy]?)")
_LONG_SECONDS: Final = {"": 1, "d": 86_400, "w": 7 * 86_400, "M": 30 * 86_400, "y": 365 * 86_400}
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?)?")

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SLOT: Final = re.compile(r"(?:(?P<day>[A-Za-z]+)-)?(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d),(?P<rate>\S+)")
_DAY_MINUTES: Final = 24 * 60


def parse_size(text: str) -> int | None:
    """Return bytes of ``100`` (KiB), ``100b``, ``10k``, ``1.5M``, ``2Gi``, ``1GiB``; ``None`` for ``off``.

    Letters count by 1024, with and without an ``i``.

    Raises:
        ConfigError: it is no size.
    """
    if text.lower() == "off":
        return None
    found = _SIZE.fullmatch(text)
    if found is None or found[1].startswith("-"):
        raise ConfigError(f"a size is a number of KiB, or one with B, K, M, G, T, P or E behind, or off, not {text!r}")
    step = (found[2] or ("b" if text[-1:] in "bB" else "k")).lower()
    size = float(found[1]) * _STEP ** _STEPS.index(step)
    if not math.isfinite(size) or size >= 2**63:
        raise ConfigError(f"the size {text!r} is too large")
    return int(size)


def parse_duration(text: str, *, now: datetime | None = None) -> timedelta | None:
    """Return the length of ``90`` (seconds), ``1h30m``, ``100ms``, ``7d``, ``2w``, ``1M`` (30 days), ``1y`` (365 days).

    A date (``2024-02-29``, ``2024-02-29 12:00:00``, RFC 3339) is the time since then, and local without a zone;
    ``off`` is ``None``.

    Args:
        text: what a person wrote.
        now: what a date is counted from; by default the present.

    Raises:
        ConfigError: it is no duration.
    """
    if text == "off":
        return None
    try:
        if text == "0" or _CLOCK.fullmatch(text):
            seconds = sum(float(amount) * _SECONDS[unit] for amount, unit in _CLOCK_PART.findall(text))
            return timedelta(seconds=-seconds if text.startswith("-") else seconds)
        if found := _LONG.fullmatch(text):
            return timedelta(seconds=float(found[1]) * _LONG_SECONDS[found[2]])
        if _DATE.fullmatch(text):
            return (now or datetime.now(UTC)) - _aware(datetime.fromisoformat(text))
    except (OverflowError, ValueError) as exc:
        raise ConfigError(f"the duration {text!r} cannot be: {exc}") from exc
    raise ConfigError(
        f"a duration is written 90s, 1h30m, 7d, 2w, 1M (30 days), 1y, a date such as 2024-02-29, or off, not {text!r}"
    )


def _aware(when: datetime) -> datetime:
    return when if when.tzinfo else when.astimezone()


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes a second, either way; ``None`` is without bounds."""

    up: int | None = None
    down: int | None = None


class Timetable(msgspec.Struct, frozen=True, kw_only=True):
    """Rates by local time of the week."""

    slots: tuple[tuple[int, Rate], ...]
    """Since which minute of the week, from Monday, which rate holds; in that order, and never empty."""

    def at(self, when: datetime) -> Rate:
        """Return the rate that holds at a time; the week's last holds on until its first."""
        minute = when.weekday() * _DAY_MINUTES + when.hour * 60 + when.minute
        for (since, rate), (until, _) in pairwise(self.slots):
            if since <= minute < until:
                return rate
        return self.slots[-1][1]


def parse_rate(text: str) -> Rate:
    """Return the rates of ``10M`` (both ways), ``512k:1M`` (up, down), ``off``; nought is without bounds, too.

    Raises:
        ConfigError: it is no rate.
    """
    up, colon, down = text.partition(":")
    return Rate(up=parse_size(up) or None, down=parse_size(down if colon else up) or None)


def parse_timetable(text: str) -> Timetable:
    """Return the rates of ``08:00,512k 19:00,10M 23:00,off``, of ``Mon-00:00,512 Sat-10:00,off``, or of one rate.

    Raises:
        ConfigError: it is no timetable.
    """
    if not re.search(r"[ ,]", text):
        return Timetable(slots=((0, parse_rate(text)),))
    slots: dict[int, Rate] = {}
    for word in text.split() or [text]:
        found = _SLOT.fullmatch(word)
        if found is None:
            raise ConfigError(f"a line of a timetable is HH:MM,RATE or DAY-HH:MM,RATE, not {word!r}")
        minute = int(found["hour"]) * 60 + int(found["minute"])
        for day in range(7) if found["day"] is None else (_day(found["day"]),):
            slots[day * _DAY_MINUTES + minute] = parse_rate(found["rate"])
    return Timetable(slots=tuple(sorted(slots.items(), key=lambda slot: slot[0])))


def _day(name: str) -> int:
    for number, day in enumerate(_DAYS):
        if name.lower() in (day, day[:3]):
            return number
    raise ConfigError(f"there is no day {name!r}; days are written Mon, Tue, Wed, Thu, Fri, Sat, Sun")


def show_size(size: int | None) -> str:
    """Return a size as :func:`parse_size` takes it, e.g. ``1.500Mi``; three digits behind the point, as rclone's."""
    if size is None:
        return "off"
    if size < _STEP:
        return f"{size}B"
    step = min((size.bit_length() - 1) // 10, len(_STEPS) - 1)
    scaled = size / _STEP**step
    figure = str(int(scaled)) if scaled == int(scaled) else f"{scaled:.3f}"
    return f"{figure}{_STEPS[step].upper()}i"


def show_rate(rate: Rate) -> str:
    """Return a rate as :func:`parse_rate` takes it."""
    up, down = show_size(rate.up), show_size(rate.down)
    return up if up == down else f"{up}:{down}"
