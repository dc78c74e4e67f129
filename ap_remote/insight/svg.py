"""From a matplotlib figure to SVG that lives inside an HTML page.

Text stays text, in the page's font. Colours become the page's variables, so that a plot follows dark mode. What the
page must not have is taken out: names that look like addresses, and ids that two plots would share.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK: Final = "#1d1f23"
MUTED: Final = "#696e76"
GRID: Final = "#dcdcd6"
LAND: Final = "#c4c6c2"
SPOT: Final = "#d55e00"
PHOTO, RAW, VIDEO, DOCUMENT, OTHER = "#0072b2", "#56b4e9", "#e69f00", "#009e73", "#8c8c8c"
"""Okabe and Ito's colours, which people with any colour vision tell apart."""
HEAT: Final = ("#e4ebf0", "#b5d2e8", "#72addb", "#2f7dbd", "#0a4379")

_VARIABLES: Final = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    LAND: "land",
    SPOT: "spot",
    PHOTO: "photo",
    RAW: "raw",
    VIDEO: "video",
    DOCUMENT: "document",
    OTHER: "other",
    **{colour: f"heat{step}" for step, colour in enumerate(HEAT)},
}
STYLE: Final[dict[str, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ap",
    "path.simplify": False,
    "font.family": "sans-serif",
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "ytick.major.size": 0,
    "legend.frameon": False,
}
"""What all plots have in common, as matplotlib's settings."""

_HEAD: Final = re.compile(r"^.*?(?=<svg\b)|<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", re.DOTALL)
_NAMESPACE: Final = re.compile(r'\s+xmlns(?::\w+)?="[^"]*"')
_OPENING: Final = re.compile(r"<svg\b[^>]*?viewBox=\"([^\"]*)\"[^>]*>")
_IDENTITY: Final = re.compile(r'\b(id="|href="#|url\(#)')
_COLOUR: Final = re.compile("|".join(map(re.escape, _VARIABLES)))
_FONT: Final = re.compile(r"font(?:-family)?: ?(?:([\d.]+px) )?[^;\"]*sans-serif[^;\"]*")
_GROUP: Final = re.compile(r'(?<=<g) id="[^"]*"')
_SPACE: Final = re.compile(r"\s*\n\s*")
_DECIMALS: Final = re.compile(r"(-?\d+\.\d)\d+")


def inline(figure: Figure, *, name: str, alt: str) -> str:
    """Return *figure* as an ``svg`` element whose accessible name is *alt*.

    Args:
        figure: what to draw.
        name: a word that no other plot of the page has.
        alt: what a person who cannot see it is told.
    """
    target = io.StringIO()
    figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = _HEAD.sub("", target.getvalue()).replace("xlink:href", "href")
    text = _NAMESPACE.sub("", text)
    text = _OPENING.sub(
        lambda found: (
            f'<svg viewBox="{found[1]}" role="img" aria-label="{escape(alt)}" preserveAspectRatio="xMidYMid meet">'
        ),
        text,
        count=1,
    )
    text = _GROUP.sub("", text)
    text = _IDENTITY.sub(lambda found: f"{found[1]}{name}-", text)
    text = _FONT.sub(lambda found: f"font-size: {found[1]}" if found[1] else "font-family: inherit", text)
    text = _COLOUR.sub(lambda found: f"var(--{_VARIABLES[found[0]]})", text)
    return _SPACE.sub(" ", _DECIMALS.sub(r"\1", text)).strip()
