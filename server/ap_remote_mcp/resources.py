"""Things that a host may attach to a conversation: the status, the query syntax, single photographs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError

from ap_remote.model import NodeId
from ap_remote.query import FACETS, MAX_CLAUSES
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.limits import MAX_PX, MIN_PX
from ap_remote_mcp.results.items import details
from ap_remote_mcp.results.pictures import PictureError

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from ap_remote.model import Entry
    from ap_remote_mcp.context import App

_SYNTAX: Final = """# Amazon's search syntax

A filter is facets joined by AND, at most {clauses} of them: `name:(value)`. Values inside the brackets are joined by
AND or OR. A value with spaces or signs stands in double quotes, with a backslash before `"` and `\\`.

{facets}

Examples:

    type:(PHOTOS) AND timeYear:(2023) AND timeMonth:(7 OR 8)
    things:(beach AND dog)
    location:("CAN#BC#Vancouver") AND favorite:(true)
    name:(IMG_20*)

`photos_facets` shows which things, places and people there are. Hidden and trashed entries are never found.
"""
_NODE: Final = "photos://node/{id}"


def query_syntax() -> str:
    """Return the page on the search syntax; the facets are the parser's own."""
    rows = []
    for name, row in FACETS.items():
        takes = " or ".join(row.choices) if row.choices else row.takes
        rows.append(f"* `{name}`: {takes}{', `*` at the end for a prefix' if row.prefix else ''}")
    return _SYNTAX.format(clauses=MAX_CLAUSES, facets="\n".join(rows))


def register(server: MCPServer[App], app: App) -> None:
    """Add the resources to a server. The SDK gives static resources no context, hence *app*."""

    @server.resource(
        "photos://status",
        title="Status",
        description="What this server is and may do",
        mime_type="application/json",
    )
    async def status() -> str:
        return msgspec.json.encode(await app.status()).decode()

    @server.resource(
        "photos://help/query-syntax",
        title="Search syntax",
        description="The facets that filter= takes",
        mime_type="text/markdown",
    )
    def help_query_syntax() -> str:
        return query_syntax()

    @server.resource(_NODE, title="An item", description="All about one item", mime_type="application/json")
    async def node(id: str) -> str:  # noqa: A002 - the name in the URI
        entry = await _entry(app, id)
        return msgspec.json.encode(details(entry, "all")).decode()

    @server.resource(
        _NODE + "/preview{?px}",
        title="A preview",
        description="A small JPEG of one item, longer side px (256 to 1568, else 768)",
        mime_type="image/jpeg",
    )
    async def preview(id: str, px: str = "768") -> bytes:  # noqa: A002 - the name in the URI
        side = int(px) if px.isdigit() and MIN_PX <= int(px) <= MAX_PX else 768
        entry = await _entry(app, id)
        try:
            with app.speaking():
                async with app.turn:
                    return await app.preview(entry, side)
        except (CodedError, PictureError) as exc:
            raise ResourceError(str(exc)) from exc


async def _entry(app: App, node_id: str) -> Entry:
    try:
        with app.speaking():
            async with app.turn:
                return await app.remote.stat(NodeId(node_id))
    except CodedError as exc:
        if exc.code is Code.NOT_FOUND:
            raise ResourceNotFoundError("no item has this id") from None
        raise ResourceError(str(exc)) from exc
