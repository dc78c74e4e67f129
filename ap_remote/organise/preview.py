"""A plan as one HTML page to look at before it is applied: no script, no font, no address, no file beside it.

What comes from the library is escaped by the template engine, and characters that would hide or turn text are written
out (:func:`ap_remote.insight.page.visible`). The page shows photographs: it is written for its owner's eyes, mode 0600.
"""

from __future__ import annotations

import asyncio
import base64
from collections import defaultdict
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ap_remote.atomic import write_atomically
from ap_remote.errors import EncoderError, MissingExtraError, PlanError, RemoteError, StoreError
from ap_remote.insight.page import visible
from ap_remote.model import NodeId
from ap_remote.remote.features import SupportsThumbnails

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ap_remote.organise.atlas import Atlas
    from ap_remote.organise.plan import Plan, PlanFolder
    from ap_remote.remote.base import Remote
    from ap_remote.semantic.library import SemanticIndex

SHEET: Final = 12
"""Pictures of one folder."""
BUDGET: Final = 8 << 20
"""Bytes of pictures on a page."""
LARGEST: Final = 48 << 10
"""Bytes of one picture; a larger one is left out."""
SIDE: Final = 160
"""Pixels of a picture's longer side."""
FOLDERS: Final = 500
ROWS: Final = 200
"""Members of a folder that are told by name."""
REASONS: Final = 40
SAMPLES: Final = 8
_AT_ONCE: Final = 8
_WIDTH, _HEIGHT, _EDGE = 1000, 600, 14
_JPEG: Final = b"\xff\xd8\xff"


class Left(NamedTuple):
    """Photographs that go nowhere for one reason."""

    why: str
    total: int
    samples: tuple[str, ...]


class Dot(NamedTuple):
    """A point of the map, in its drawing's units."""

    x: str
    y: str
    path: str


def shown(folder: PlanFolder, most: int = SHEET) -> list[int]:
    """Return places of the members that stand for a folder: spread over all, so that the worst are seen as well."""
    count = min(most, len(folder.members))
    return [round(place * (len(folder.members) - 1) / max(count - 1, 1)) for place in range(count)]


async def contact_sheets(
    remote: Remote,
    plan: Plan,
    *,
    budget: int = BUDGET,
    progress: Callable[[int, int | None], None] | None = None,
) -> dict[str, str]:
    """Return small pictures for a plan's folders, as ``data:`` addresses by id, as many as the budget allows.

    What has no rendition has no picture; that is no reason to have no page. One picture of each folder comes first,
    then the second of each, so that a small budget is shared by all.

    Args:
        remote: whose photographs they are; one that makes no renditions gives none.
        plan: whose folders are meant.
        budget: bytes of all pictures together.
        progress: gets how many were asked for, and of how many.
    """
    if not isinstance(remote, SupportsThumbnails):
        return {}
    sheets = [[folder.members[place].id for place in shown(folder)] for folder in plan.folders[:FOLDERS]]
    wanted = list(dict.fromkeys(sheet[turn] for turn in range(SHEET) for sheet in sheets if turn < len(sheet)))
    found: dict[str, str] = {}
    spent = 0
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        for id_, data in zip(part, await asyncio.gather(*(_picture(remote, each) for each in part)), strict=True):
            if data is not None and spent + len(data) <= budget:
                spent += len(data)
                found[id_] = "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
        if progress is not None:
            progress(min(start + _AT_ONCE, len(wanted)), len(wanted))
        if spent >= budget - LARGEST // 4:
            break
    return found


async def _picture(remote: SupportsThumbnails, id_: str) -> bytes | None:
    """Return a small JPEG, or ``None`` where there is none."""
    with suppress(RemoteError):
        data = await remote.thumbnail(NodeId(id_), size=SIDE)
        if data.startswith(_JPEG) and len(data) <= LARGEST:
            return data
    return None


async def atlas_of(plan: Plan, index: SemanticIndex) -> Atlas | None:
    """Return the map of a plan by an index's vectors; ``None`` where none are kept for these photographs."""
    from ap_remote.organise.atlas import draw

    try:
        table = await index.table()
    except (StoreError, EncoderError, MissingExtraError):
        return None
    atlas = await asyncio.to_thread(draw, plan, table)
    return atlas if atlas.points else None


def check_installed() -> None:
    """Say that a page cannot be made before pictures are fetched for it.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    if find_spec("jinja2") is None:
        raise MissingExtraError("a page that shows a plan", "report")


def render(plan: Plan, *, pictures: Mapping[str, str] | None = None, atlas: Atlas | None = None) -> str:
    """Return the page.

    Args:
        plan: what it shows.
        pictures: from :func:`contact_sheets`.
        atlas: from :func:`ap_remote.organise.atlas.draw`; without it there is no map.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    check_installed()
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ap_remote.organise", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    return environment.get_template("plan.html").render(
        plan=plan,
        pictures=pictures or {},
        sheets=[shown(folder) for folder in plan.folders[:FOLDERS]],
        inside=len({member.id for folder in plan.folders for member in folder.members}),
        left=_left(plan),
        reasons=REASONS,
        rows=ROWS,
        atlas=atlas,
        layers=[] if atlas is None else _layers(atlas),
        width=_WIDTH,
        height=_HEIGHT,
    )


def save_page(text: str, file: Path) -> None:
    """Write a page, whole or not at all, for its owner alone.

    Raises:
        PlanError: it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, text.encode(), private=True)
    except OSError as exc:
        raise PlanError(f"cannot write the page {file}: {exc.strerror or exc}") from exc


def _left(plan: Plan) -> list[Left]:
    """Return why photographs go nowhere, the commonest reason first."""
    found: dict[str, list[str]] = defaultdict(list)
    for each in plan.unassigned:
        found[each.why].append(each.path)
    return [
        Left(why, len(paths), tuple(paths[:SAMPLES]))
        for why, paths in sorted(found.items(), key=lambda each: (-len(each[1]), each[0]))
    ]


def _layers(atlas: Atlas) -> list[tuple[str, list[Dot]]]:
    """Return the points by the class of their colour, those that go nowhere first, so that they lie below."""
    classes = {number: f"c{rank}" for rank, number in enumerate(atlas.coloured)}
    layers: dict[str, list[Dot]] = {name: [] for name in ("none", "rest", *classes.values())}
    for point in atlas.points:
        name = "none" if point.folder is None else classes.get(point.folder, "rest")
        x = _EDGE + point.x * (_WIDTH - 2 * _EDGE)
        y = _EDGE + point.y * (_HEIGHT - 2 * _EDGE)
        layers[name].append(Dot(f"{x:.0f}", f"{y:.0f}", point.path))
    return [(name, dots) for name, dots in layers.items() if dots]


def _finalize(value: Any) -> Any:
    """Make what the template prints visible; markup is our own."""
    return visible(value) if type(value) is str else value
