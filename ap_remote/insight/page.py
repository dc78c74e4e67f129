"""A library as one HTML page that needs nothing else: no script, no font, no address, no file beside it.

All that comes from the library is escaped by the template engine, and characters that would hide or turn text are
written out. The page tells where somebody was and when: it is written for its owner's eyes, mode 0600.
"""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from ap_remote.errors import MissingExtraError, RemoteError
from ap_remote.insight import towns
from ap_remote.insight.library import Sort
from ap_remote.insight.plots import SORTS, draw
from ap_remote.remote.features import SupportsThumbnails

if TYPE_CHECKING:
    from ap_remote.insight.library import Library
    from ap_remote.remote.base import Remote

ROWS: Final = 20
"""Rows of a table of names; what is left out is counted in a last line."""

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode's categories of characters that are not seen, or that turn or break what is."""
_JOINER: Final = "\u200d"
"""It makes one pictogram of several, and hides nothing."""


def visible(text: str) -> str:
    """Return text with every character that cannot be seen written as its code: a backslash, ``u`` and four digits."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        f"\\u{ord(char):04x}" if unicodedata.category(char) in _HIDDEN and char != _JOINER else char for char in text
    )


async def thumbnails(
    remote: Remote,
    library: Library,
    *,
    count: int,
    progress: Callable[[int, int | None], None] | None = None,
) -> dict[str, str]:
    """Return small pictures of the largest videos and of duplicates, as ``data:`` addresses by id.

    What has no rendition has no picture; that is no reason to have no report.

    Args:
        remote: where the library is; one that makes no renditions gives none.
        library: whose files are meant.
        count: how many at most, of either.
        progress: gets how many are done, and of how many.
    """
    if not isinstance(remote, SupportsThumbnails):
        return {}
    from ap_remote.model import NodeId

    wanted = [file.id for file in library.largest_videos[:count]]
    wanted += [each.files[0].id for each in library.duplicates[:count]]
    wanted = list(dict.fromkeys(wanted))
    found = {}
    for done, id_ in enumerate(wanted, 1):
        with suppress(RemoteError):
            picture = await remote.thumbnail(NodeId(id_), size=160)
            found[id_] = "data:image/jpeg;base64," + base64.b64encode(picture).decode("ascii")
        if progress is not None:
            progress(done, len(wanted))
    return found


def check_installed() -> None:
    """Say that a page cannot be made before a large library is read for it.

    Raises:
        MissingExtraError: Jinja2 or matplotlib is not installed.
    """
    if not all(map(find_spec, ("jinja2", "matplotlib"))):
        raise MissingExtraError("a report page", "report")


def render(library: Library, *, title: str, pictures: Mapping[str, str] | None = None) -> str:
    """Return the page.

    Args:
        library: what it shows.
        title: what it is about, e.g. ``local:Pictures``.
        pictures: thumbnails by id, from :func:`thumbnails`.

    Raises:
        MissingExtraError: Jinja2 or matplotlib is not installed.
    """
    check_installed()
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ap_remote.insight", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    return environment.get_template("report.html").render(
        library=library,
        title=title,
        pictures=pictures or {},
        plots=_plots(library),
        sorts=SORTS,
        labels={sort.value: label for sort, (_, label, _) in zip(Sort, SORTS, strict=True)},
        rows=ROWS,
        towns=towns.SOURCE,
    )


def _plots(library: Library) -> dict[str, dict[str, Any]]:
    """Return the plots by name, their drawings marked as markup of our own making."""
    from markupsafe import Markup

    return {
        plot.name: {
            "name": plot.name,
            "title": plot.title,
            "note": plot.note,
            "wide": Markup(plot.wide),  # noqa: S704 - drawn here; no text of the library is in it
            "narrow": Markup(plot.narrow),  # noqa: S704 - the same
            "columns": plot.columns,
            "rows": plot.rows,
        }
        for plot in draw(library)
    }


def _finalize(value: Any) -> Any:
    """Make what the template prints visible; markup is our own."""
    return visible(value) if type(value) is str else value
