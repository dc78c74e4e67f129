"""The plots of a report: each drawn for a wide page and for a telephone, each with the numbers behind it.

No name from the library is drawn: names stand in the page's tables, where they are escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from ap_remote.insight import svg, towns
from ap_remote.insight.sheets import (
    NARROW,
    WIDE,
    Plot,
    Sheet,
    count_axis,
    legend,
    level_of,
    levels_of,
    plot,
    squares_at,
    year_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ap_remote.insight.library import Group, Library

SORTS: Final = (
    ("photos", "Photographs", svg.PHOTO),
    ("raws", "Raw files", svg.RAW),
    ("videos", "Videos", svg.VIDEO),
    ("documents", "Documents", svg.DOCUMENT),
    ("others", "Other files", svg.OTHER),
)
"""A group's field, its name, its colour."""

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS: Final = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_CALENDARS: Final = 3
_WEEK: Final = 7
_DAY_HOURS: Final = 24
_POSITIONS: Final = 50
"""Rows behind the map: the places with the most pictures."""


def draw(library: Library) -> list[Plot]:
    """Return the plots for which *library* has something to show."""
    makers = (_years, _months, _calendar, _clock, _growth, _map)
    return [drawn for make in makers if (drawn := make(library)) is not None]


def _span(library: Library) -> tuple[date, date] | None:
    """Return the first and the last day that can be believed."""
    return (library.days[0].date, library.days[-1].date) if library.days else None


def _used(groups: Sequence[Group]) -> list[tuple[str, str, str]]:
    return [(field, label, colour) for field, label, colour in SORTS if any(getattr(each, field) for each in groups)]


def _years(library: Library) -> Plot | None:
    span = _span(library)
    if span is None:
        return None
    known = {each.key: each for each in library.by_year}
    years = list(range(span[0].year, span[1].year + 1))
    groups = [known[str(year)] for year in years if str(year) in known]
    used = _used(groups)
    busiest = max(groups, key=lambda each: each.pictures)

    def paint(sheet: Sheet) -> None:
        axes = sheet.figure.subplots()
        bottom = [0] * len(years)
        for field, label, colour in used:
            heights = [getattr(known.get(str(year)), field, 0) for year in years]
            axes.bar(years, heights, bottom=bottom, width=0.8, color=colour, label=label)
            bottom = [a + b for a, b in zip(bottom, heights, strict=True)]
        count_axis(axes)
        year_ticks(axes, years, sheet)
        axes.set_xlim(years[0] - 0.6, years[-1] + 0.6)
        legend(sheet, axes, len(used))

    return plot(
        paint,
        lambda wide: 3.0 if wide else 3.2,
        name="years",
        title="Pictures by year",
        note=f"By capture date, {years[0]} to {years[-1]}; the fullest year is {busiest.key} "
        f"with {busiest.pictures:,} pictures.",
        columns=("Year", *(label for _, label, _ in used)),
        rows=[(each.key, *(getattr(each, field) for field, _, _ in used)) for each in groups],
    )


def _months(library: Library) -> Plot | None:
    span = _span(library)
    if span is None:
        return None
    first, last = (each.year * 12 + each.month - 1 for each in span)
    known = {each.key: each for each in library.by_month}
    keys = [f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(first, last + 1)]
    groups = [known[key] for key in keys if key in known]
    used = _used(groups)
    busiest = max(groups, key=lambda each: each.pictures)

    def paint(sheet: Sheet) -> None:
        axes = sheet.figure.subplots()
        edges = [month / 12 for month in range(first, last + 2)]
        base = [0] * len(keys)
        for field, label, colour in used:
            tops = [low + getattr(known.get(key), field, 0) for key, low in zip(keys, base, strict=True)]
            axes.stairs(tops, edges, baseline=base, fill=True, color=colour, label=label, linewidth=0)
            base = tops
        count_axis(axes)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(bottom=0)
        year_ticks(axes, list(range(span[0].year, span[1].year + 1)), sheet, offset=0.0)
        legend(sheet, axes, len(used))

    return plot(
        paint,
        lambda wide: 2.6 if wide else 3.0,
        name="months",
        title="Pictures by month",
        note=f"The fullest month is {_month_name(busiest.key)} with {busiest.pictures:,} pictures.",
        columns=("Month", *(label for _, label, _ in used)),
        rows=[(each.key, *(getattr(each, field) for field, _, _ in used)) for each in groups],
    )


def _growth(library: Library) -> Plot | None:
    groups = [each for each in library.by_upload if each.key]
    if not groups:
        return None
    free, counted = 0, 0
    rows: list[tuple[str, int, int]] = []
    for each in groups:
        free += each.size - each.counted
        counted += each.counted
        rows.append((each.key, free, counted))
    unit, step = next((each for each in _UNITS if free + counted >= each[1]), _UNITS[-1])

    def told(size: int) -> str:
        return f"{size / step:,.1f}"

    def paint(sheet: Sheet) -> None:
        axes = sheet.figure.subplots()
        # An upload counts from the end of its month; the line starts where there was nothing.
        at = [_number(groups[0].key) / 12, *((_number(key) + 1) / 12 for key, _, _ in rows)]
        layers = [
            [0.0, *(pictures / step for _, pictures, _ in rows)],
            [0.0, *(films / step for _, _, films in rows)],
        ]
        labels = ("Photographs and raw files", "Videos and other files")
        axes.stackplot(at, *layers, labels=labels, colors=[svg.PHOTO, svg.VIDEO], linewidth=0)
        axes.grid(axis="y")
        axes.set_ylabel(unit)
        axes.set_xlim(at[0], at[-1])
        axes.set_ylim(bottom=0)
        year_ticks(axes, list(range(int(at[0]), int(at[-1]) + 1)), sheet, offset=0.0)
        legend(sheet, axes, 2)

    return plot(
        paint,
        lambda wide: 2.8 if wide else 3.2,
        name="growth",
        title="Storage over time",
        note=f"By date of upload, up to {told(free + counted)} {unit}; {told(counted)} {unit} of it count against the "
        "quota where photographs are free.",
        columns=("Month", f"Photographs and raw files, {unit}", f"Videos and other files, {unit}"),
        rows=[(key, told(one), told(other)) for key, one, other in rows],
    )


def _calendar(library: Library) -> Plot | None:
    totals: Counter[int] = Counter()
    monthly: Counter[tuple[int, int]] = Counter()
    for day in library.days:
        totals[day.date.year] += day.count
        monthly[day.date.year, day.date.month] += day.count
    if not totals:
        return None
    years = sorted(sorted(totals, key=lambda year: (-totals[year], year))[:_CALENDARS])
    shown = [(day.date, day.count) for day in library.days if day.date.year in years]
    levels = levels_of([count for _, count in shown])
    busiest = max(shown, key=lambda each: each[1])

    def paint(sheet: Sheet) -> None:
        for axes, year in zip(sheet.figure.subplots(len(years), 1, squeeze=False)[:, 0], years, strict=True):
            counts = {when: count for when, count in shown if when.year == year}
            start = date(year, 1, 1)
            squares: list[list[tuple[float, float]]] = [[] for _ in svg.HEAT]
            for offset in range((date(year + 1, 1, 1) - start).days):
                when = start + timedelta(days=offset)
                week = (offset + start.weekday()) // _WEEK
                squares[level_of(counts.get(when, 0), levels)].append((week, -when.weekday()))
            squares_at(axes, squares)
            axes.set_xlim(-0.7, 53.7)
            axes.set_ylim(-6.7, 0.7)
            axes.set_aspect("equal")
            firsts = [(date(year, month, 1) - start).days + start.weekday() for month in range(1, 13)]
            names = MONTHS if sheet.wide else [name[0] for name in MONTHS]
            axes.set_xticks([first / _WEEK + 0.8 for first in firsts], names)
            axes.set_yticks([])
            axes.tick_params(length=0)
            axes.spines["bottom"].set_visible(False)
            axes.set_title(f"{year}: {totals[year]:,} pictures", loc="left", fontsize=sheet.small)

    return plot(
        paint,
        lambda wide: (1.7 if wide else 1.15) * len(years),
        name="calendar",
        title="The busiest years, day by day",
        note=f"The stronger a colour, the more pictures; the busiest day is {busiest[0]} with {busiest[1]:,}.",
        columns=("Month", *map(str, years)),
        rows=[(name, *(monthly[year, month] for year in years)) for month, name in enumerate(MONTHS, 1)],
    )


def _clock(library: Library) -> Plot | None:
    counts = [count for row in library.hours for count in row]
    if not any(counts):
        return None
    levels = levels_of([count for count in counts if count])
    by_hour = [sum(row[hour] for row in library.hours) for hour in range(_DAY_HOURS)]
    peak = max(range(_DAY_HOURS), key=lambda hour: by_hour[hour])
    fullest = max(range(_WEEK), key=lambda day: sum(library.hours[day]))

    def paint(sheet: Sheet) -> None:
        axes = sheet.figure.subplots()
        squares: list[list[tuple[float, float]]] = [[] for _ in svg.HEAT]
        for weekday, row in enumerate(library.hours):
            for hour, count in enumerate(row):
                squares[level_of(count, levels)].append((hour, -weekday))
        squares_at(axes, squares)
        axes.set_xlim(-0.6, 23.6)
        axes.set_ylim(-6.6, 0.6)
        hours = range(0, _DAY_HOURS, 3 if sheet.wide else 6)
        axes.set_xticks(list(hours), [f"{hour}:00" for hour in hours])
        axes.set_yticks([-day for day in range(_WEEK)], [name if sheet.wide else name[:2] for name in WEEKDAYS])
        axes.tick_params(length=0)
        axes.spines["bottom"].set_visible(False)

    return plot(
        paint,
        lambda _: 2.2,
        name="clock",
        title="The hours of the week",
        note=f"When pictures are taken, by the camera's own clock: most between {peak}:00 and {peak + 1}:00, "
        f"and most on {WEEKDAYS[fullest]}s.",
        columns=("Hour", *(name[:3] for name in WEEKDAYS)),
        rows=[(f"{hour}:00", *(row[hour] for row in library.hours)) for hour in range(_DAY_HOURS)],
    )


def _map(library: Library) -> Plot | None:
    if not library.points:
        return None
    window = towns.window_of([(point.longitude, point.latitude) for point in library.points])
    total = sum(point.count for point in library.points)

    def paint(sheet: Sheet) -> None:
        axes = sheet.figure.subplots()
        axes.set_xlim(window.west, window.east)
        axes.set_ylim(window.south, window.north)
        axes.set_axis_off()
        across = 210 if sheet.wide else 110
        _land(axes, window, across, sheet)
        # Neighbours that would cover each other become one, as large as all of them.
        step = window.width / across * 1.5
        joined: Counter[tuple[int, int]] = Counter()
        for point in library.points:
            joined[int((point.longitude + 180) / step), int((point.latitude + 90) / step / window.squeeze)] += (
                point.count
            )
        spots = joined.most_common()
        greatest = spots[0][1]
        scale = 220.0 if sheet.wide else 130.0
        axes.scatter(
            [(x + 0.5) * step - 180 for (x, _), _ in spots],
            [(y + 0.5) * step * window.squeeze - 90 for (_, y), _ in spots],
            s=[6 + scale * (count / greatest) for _, count in spots],
            color=svg.SPOT,
            alpha=0.55,
            linewidths=0,
        )

    most = sorted(library.points, key=lambda point: (-point.count, point.latitude, point.longitude))[:_POSITIONS]
    return plot(
        paint,
        lambda wide: (WIDE if wide else NARROW) / max(window.ratio, 1.2),
        name="map",
        title="Where pictures were taken",
        note=f"{total:,} pictures with a position; the larger a circle, the more. Small dots are towns.",
        columns=("Latitude and longitude", "Pictures"),
        rows=[(f"{point.latitude:.2f}°, {point.longitude:.2f}°", point.count) for point in most],
    )


def _land(axes: Axes, window: towns.Window, across: int, sheet: Sheet) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    spots = towns.dots(window, across=across)
    if not spots:
        return
    # A line without length and with round ends is a dot: one path for thousands of them.
    ends = [end for spot in spots for end in (spot, spot)]
    codes = [Path.MOVETO, Path.LINETO] * len(spots)
    width = 72 * (WIDE if sheet.wide else NARROW) / across * 0.72
    axes.add_artist(
        PathPatch(Path(ends, codes), fill=False, edgecolor=svg.LAND, linewidth=width, capstyle="round", zorder=0)
    )


def _number(key: str) -> int:
    """Return a month as a number of months."""
    year, _, month = key.partition("-")
    return int(year) * 12 + int(month) - 1


def _month_name(key: str) -> str:
    year, _, month = key.partition("-")
    return f"{MONTHS[int(month) - 1]} {year}"
