"""``photos_status``: what this server is and may do."""

from __future__ import annotations

from mcp.server.mcpserver import Context

from ap_remote_mcp.context import App
from ap_remote_mcp.results.pages import ServerStatus


async def photos_status(ctx: Context[App]) -> ServerStatus:
    """Tell what is allowed, how to enable more, how far the semantic index reaches."""
    app: App = ctx.request_context.lifespan_context
    return await app.status()
