"""The peer of the MCP server's figures: a bare server of the same SDK, whose tools return constants.

``python -m tests.bench.mcp_bare FOLDER [PORT]``: for each ``FOLDER/name.json``, which :func:`keep` wrote, a tool of
that name gives that answer, in both halves, ready made. Without a port it serves standard input and output.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from mcp.server import MCPServer
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Constant(msgspec.Struct, frozen=True):
    """An answer."""

    text: str
    """A JSON object."""
    schema: dict[str, Any]
    """What is published of it; the client checks the answer against it."""


def keep(folder: Path, name: str, constant: Constant) -> None:
    """Write an answer for the bare server."""
    (folder / f"{name}.json").write_bytes(msgspec.json.encode(constant))


def _tool(name: str, constant: Constant) -> Tool:
    answer = CallToolResult(
        content=[TextContent(type="text", text=constant.text)], structured_content=json.loads(constant.text)
    )
    tool = Tool.from_function(_returning(answer), name=name, description="Return a constant.")
    published = tool.fn_metadata.model_copy(update={"output_schema": constant.schema})
    return tool.model_copy(update={"fn_metadata": published})


def _returning(answer: CallToolResult) -> Callable[[], Awaitable[CallToolResult]]:
    async def constant() -> CallToolResult:
        return answer

    return constant


def main() -> None:
    """Serve until the client goes away."""
    kept = sorted(Path(sys.argv[1]).glob("*.json"))
    tools = [_tool(file.stem, msgspec.json.decode(file.read_bytes(), type=Constant)) for file in kept]
    server: MCPServer = MCPServer("bare", tools=tools, log_level="WARNING")
    if len(sys.argv) > 2:
        asyncio.run(server.run_streamable_http_async(host="127.0.0.1", port=int(sys.argv[2])))
    else:
        server.run()


if __name__ == "__main__":
    main()
