"""What a library holds: counts, duplicates, gaps, oddities, and a page of plots.

From a notebook: ``library = await summarise(remote.list(recursive=True))``, then e.g. ``library.by_year``.
"""

from __future__ import annotations

from ap_remote.insight.account import About, about
from ap_remote.insight.library import (
    GROUPINGS,
    Day,
    File,
    Gap,
    Group,
    Grouping,
    Library,
    Oddity,
    Point,
    Sort,
    Twins,
)
from ap_remote.insight.summary import TOP, Summary, summarise

__all__ = [
    "GROUPINGS",
    "TOP",
    "About",
    "Day",
    "File",
    "Gap",
    "Group",
    "Grouping",
    "Library",
    "Oddity",
    "Point",
    "Sort",
    "Summary",
    "Twins",
    "about",
    "summarise",
]
