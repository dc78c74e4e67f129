"""The MCP server: a photo library for agents, read-only unless allowed more."""
