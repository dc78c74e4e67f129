"""The tools, each typed in msgspec; :mod:`ap_remote_mcp.tools.catalogue` lists them all."""
