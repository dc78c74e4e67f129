"""What a plot is drawn on: a sheet for a wide page and one for a telephone, in one style, and what plots share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ap_remote.insight import svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE: Final = 9.6
NARROW: Final = 4.4
"""Inches; a page scales a plot to its own width, and text with it."""


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """One plot, and what it shows in numbers."""

    name: str
    title: str
    note: str
    wide: str
    narrow: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]


class Sheet(msgspec.Struct, frozen=True):
    """What a drawing function draws on."""

    figure: Any
    wide: bool

    @property
    def small(self) -> float:
        """Points of small text, readable on the page that the sheet is for."""
        return 8.5 if self.wide else 10.0


def plot(
    paint: Callable[[Sheet], None],
    height: Callable[[bool], float],
    *,
    name: str,
    title: str,
    note: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str | int]],
) -> Plot:
    """Draw one plot twice.

    Args:
        paint: draws on a sheet.
        height: inches of a sheet that is wide, or not.
        name: a word of its own in the page.
        title: what stands above it.
        note: what it shows, in a sentence; who cannot see it is told this.
        columns: of the table of numbers behind it.
        rows: the first cell of each is its name.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    drawn = []
    for wide in (True, False):
        settings: Any = {**svg.STYLE, "font.size": 8.5 if wide else 10.0}  # matplotlib's stubs list every key
        with rc_context(settings):
            figure = Figure(figsize=(WIDE if wide else NARROW, height(wide)), layout="constrained")
            paint(Sheet(figure, wide))
            drawn.append(svg.inline(figure, name=f"{name}-{'w' if wide else 'n'}", alt=f"{title}. {note}"))
    return Plot(
        name=name,
        title=title,
        note=note,
        wide=drawn[0],
        narrow=drawn[1],
        columns=tuple(columns),
        rows=tuple(map(tuple, rows)),
    )


def squares_at(axes: Axes, levels: Sequence[Sequence[tuple[float, float]]]) -> None:
    """Draw squares around points, one path for each level."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    half = 0.44
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    for colour, centres in zip(svg.HEAT, levels, strict=True):
        if not centres:
            continue
        corners = [
            (x + dx * half, y + dy * half)
            for x, y in centres
            for dx, dy in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
        ]
        axes.add_artist(PathPatch(Path(corners, codes * len(centres)), facecolor=colour, linewidth=0))


def levels_of(counts: Sequence[int]) -> list[int]:
    """Return the bounds of three quarters of what is not zero, so that each shade is used."""
    ordered = sorted(counts)
    return [ordered[len(ordered) * part // 4] for part in (1, 2, 3)] if ordered else []


def level_of(count: int, levels: Sequence[int]) -> int:
    """Return the shade of a number: 0 for none, else 1 to 4."""
    return 0 if not count else 1 + sum(count > level for level in levels)


def count_axis(axes: Axes) -> None:
    """Let the vertical axis show whole numbers and few lines."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.grid(axis="y")
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def year_ticks(axes: Axes, years: Sequence[int], sheet: Sheet, *, offset: float = 0.0) -> None:
    """Write as many years below a plot as there is room for."""
    room = 22 if sheet.wide else 7
    step = next(each for each in (1, 2, 5, 10, 20, 50, 100, 1000) if len(years) / each <= room)
    shown = [year for year in years if not year % step] or list(years)
    axes.set_xticks([year + offset for year in shown], [str(year) for year in shown])


def legend(sheet: Sheet, axes: Axes, entries: int) -> None:
    """Say above a plot which colour is what."""
    if entries < 2:  # noqa: PLR2004 - one colour needs no key
        return
    figure: Figure = sheet.figure
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside upper left",
        ncols=entries if sheet.wide else 2,
        fontsize=sheet.small,
        handlelength=1.0,
        columnspacing=1.4,
    )
