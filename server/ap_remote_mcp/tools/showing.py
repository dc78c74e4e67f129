"""``photos_show``: a gallery for the person, in hosts that show one (MCP Apps)."""

from __future__ import annotations

from base64 import b64encode
from importlib.resources import files
from typing import Annotated, Final

import msgspec
from mcp.server.apps import Apps, client_supports_apps
from mcp.server.mcpserver import Context
from msgspec import Meta

from ap_remote.errors import UnsupportedError
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.limits import MAX_TILES
from ap_remote_mcp.results.items import minute
from ap_remote_mcp.results.pictures import PictureError
from ap_remote_mcp.results.text import clean
from ap_remote_mcp.tools.bridge import Blocks, text
from ap_remote_mcp.tools.parameters import Id

PAGE: Final = "ui://photos/gallery.html"
ITEMS: Final = "ap-remote/gallery"
"""Where the page finds the pictures in the answer's ``_meta``, which hosts keep from the model."""
_TILE_PX: Final = 256


def gallery() -> Apps:
    """Return the extension that brings the page. It asks for nothing from anywhere, and says so by having no CSP."""
    apps = Apps()
    page = files("ap_remote_mcp.tools").joinpath("gallery.html").read_text("utf-8")
    apps.add_html_resource(PAGE, page, name="gallery", title="Gallery", prefers_border=True)
    return apps


async def photos_show(
    ctx: Context[App],
    *,
    ids: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=MAX_TILES)],
) -> Blocks:
    """Show the person up to 36 pictures in a gallery. You see none of them: use photos_contact_sheet for that."""
    app: App = ctx.request_context.lifespan_context
    entries, missing = await app.entries(ids)
    if not entries:
        raise CodedError(Code.NOT_FOUND, f"No item has the id {', '.join(missing)}")
    shows = client_supports_apps(ctx)
    rows = [[n, each.id, clean(each.name), minute(each.taken)] for n, each in enumerate(entries, start=1)]
    told: dict[str, object] = {"shown": rows}
    if missing:
        told["missing"] = missing
    if not shows:
        told["note"] = "this host shows no gallery: name the pictures to the person, or use photos_contact_sheet"
        return Blocks([text(msgspec.json.encode(told).decode())])
    items = []
    for entry in entries:
        item = {"id": entry.id, "name": clean(entry.name), "taken": minute(entry.taken)}
        try:
            item["jpeg"] = b64encode(await app.preview(entry, _TILE_PX)).decode()
        except (UnsupportedError, PictureError):
            item["jpeg"] = ""
        items.append(item)
    answer = Blocks([text(msgspec.json.encode(told).decode())])
    answer.meta = {ITEMS: {"items": items}}
    return answer
