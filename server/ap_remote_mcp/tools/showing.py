"""``photos_show``: a gallery for the person, in hosts that show one (MCP Apps)."""

from __future__ import annotations

from base64 import b64encode
from importlib.resources import files
from io import BytesIO
from math import sqrt
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from mcp.server.apps import Apps, client_supports_apps
from mcp.server.mcpserver import Context
from msgspec import Meta
from PIL import Image

from ap_remote.errors import UnsupportedError
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.limits import MAX_TILES
from ap_remote_mcp.results.items import ItemKind, kind_of, minute
from ap_remote_mcp.results.pictures import PictureError, shrink
from ap_remote_mcp.results.text import clean
from ap_remote_mcp.tools.bridge import Blocks, text
from ap_remote_mcp.tools.choosing import chosen
from ap_remote_mcp.tools.drawing import bounds, drawn, preview
from ap_remote_mcp.tools.parameters import Cursor, Id
from ap_remote_mcp.tools.queries import SearchQuery

if TYPE_CHECKING:
    from ap_remote.model import Entry
    from ap_remote_mcp.tools.drawing import Step

PAGE: Final = "ui://photos/gallery.html"
ITEMS: Final = "ap-remote/gallery"
"""Where the page finds the pictures in the answer's ``_meta``, which hosts keep from the model."""
PICTURES: Final = 110_000
"""Characters of base64 in one answer, all pictures together.

Claude puts an answer of more than about 150,000 characters aside and the page gets none of it:
https://claude.com/docs/connectors/building/mcp-apps/troubleshooting. The page reads larger pictures as resources.
"""
SIDES: Final = (96, 128, 160, 256, 384, 512, 640)
"""Pixels of the longer side that a picture in the answer may have."""
_PIXELS_PER_BYTE: Final = 10
"""How far a small JPEG of middling quality goes; only the first guess hangs on it."""


class Tile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the page knows of one picture; ``w`` and ``h`` are the pixels of ``jpeg``, which is base64 or empty."""

    id: str
    name: str
    kind: ItemKind
    jpeg: str
    taken: str = ""
    dur: float = 0.0
    w: int = 0
    h: int = 0


def gallery() -> Apps:
    """Return the extension that brings the page. It asks for nothing from anywhere, and says so by having no CSP."""
    apps = Apps()
    page = files("ap_remote_mcp.tools").joinpath("gallery.html").read_text("utf-8")
    apps.add_html_resource(PAGE, page, name="gallery", title="Gallery", prefers_border=True)
    return apps


async def photos_show(
    ctx: Context[App],
    *,
    ids: Annotated[tuple[Id, ...], Meta(max_length=MAX_TILES)] = (),
    cursor: Cursor = "",
) -> Blocks:
    """Show the person up to 36 pictures in a gallery. You see none: for that photos_contact_sheet."""
    app: App = ctx.request_context.lifespan_context
    if not ids and not cursor:
        raise CodedError(Code.BAD_ARGUMENT, "photos_show: give ids or a cursor")
    shown = await chosen(app, ids=ids, search=SearchQuery(), cursor=cursor, limit=MAX_TILES)
    entries = shown.entries
    rows = [[n, each.id, clean(each.name), minute(each.taken)] for n, each in enumerate(entries, start=1)]
    told: dict[str, object] = {"shown": rows, **shown.told()}
    if not client_supports_apps(ctx):
        nowhere = "this host shows no gallery: name the pictures to the person, or use photos_contact_sheet"
        told["note"] = "; ".join(filter(None, (nowhere, shown.note)))
        return Blocks([text(msgspec.json.encode(told).decode())])
    room = PICTURES // len(entries)
    tiles = [msgspec.to_builtins(await _tile(app, entry, room)) for entry in entries]
    answer = Blocks([text(msgspec.json.encode(told).decode())])
    answer.meta = {ITEMS: {"items": tiles, "missing": len(shown.missing)}}
    return answer


async def _tile(app: App, entry: Entry, room: int) -> Tile:
    """Return what the page gets of an entry; its picture has at most *room* characters of base64."""
    tile = Tile(id=entry.id, name=clean(entry.name), kind=kind_of(entry), jpeg="", taken=minute(entry.taken))
    tile.dur = round((entry.media and entry.media.duration) or 0.0, 1)
    try:
        jpeg = await _small(app, entry, room // 4 * 3)
    except (UnsupportedError, PictureError):
        return tile
    if jpeg:
        tile.jpeg = b64encode(jpeg).decode()
        with Image.open(BytesIO(jpeg), formats=("JPEG",)) as opened:
            tile.w, tile.h = opened.size
    return tile


async def _small(app: App, entry: Entry, aim: int) -> bytes:
    """Return the largest picture of at most *aim* bytes; none if even the smallest has more."""
    guess = sqrt(aim * _PIXELS_PER_BYTE)
    first = next((side for side in SIDES if side >= guess), SIDES[-1])
    jpeg = await preview(app, entry, first)
    if len(jpeg) <= aim:
        return jpeg

    def smaller(step: Step) -> bytes:
        for side in (side for side in reversed(SIDES) if side <= first):
            made = shrink(jpeg, step, side=side, aim=aim, **bounds(app))
            if len(made) <= aim:
                return made
        return b""

    return await drawn(app, smaller)
