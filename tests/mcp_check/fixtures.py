"""What the conformance suite calls by name, laid over the real server.

The suite's scenarios want tools, resources and prompts that no photo library has. They are added to the real server
object, so that its own wiring (the lifespan, the seals, the errors, the HTTP application) is what is examined. Names
and texts are the suite's.
"""

from __future__ import annotations

import json
from base64 import b64decode
from typing import TYPE_CHECKING, Annotated, Any, Final

from mcp.server.mcpserver import AcceptedElicitation, Context, Elicit, ElicitationResult, Resolve, UserMessage
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp.types import AudioContent, EmbeddedResource, ImageContent, TextContent, TextResourceContents
from mcp_types.jsonrpc import MISSING_REQUIRED_CLIENT_CAPABILITY
from pydantic import BaseModel

if TYPE_CHECKING:
    from mcp.server import MCPServer

_PIXEL: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # 1 x 1
)
_SILENCE: Final = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQIAAAAAAA=="
_PICTURE: Final = ImageContent(type="image", data=_PIXEL, mime_type="image/png")


class Name(BaseModel):
    """What one scenario asks a person for."""

    name: str


async def ask_name(ctx: Context[Any]) -> Elicit[Name]:
    """Ask as the gated tools do."""
    del ctx
    return Elicit("What is your name?", Name)


class Agreement(BaseModel):
    """What two scenarios ask a person for."""

    ok: bool


async def ask_agreement(ctx: Context[Any]) -> Elicit[Agreement]:
    """Ask; the SDK seals the state that travels with the question."""
    del ctx
    return Elicit("Please confirm", Agreement)


def _told(uri: str, text: str, kind: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=kind, text=text))


def overlay(server: MCPServer[Any]) -> None:
    """Add the suite's tools, resources and prompts."""
    _contents(server)
    _behaviour(server)
    _questions(server)
    _resources(server)
    _prompts(server)


def _contents(server: MCPServer[Any]) -> None:
    @server.tool(structured_output=False)
    def test_simple_text() -> str:
        """Answer with a text."""
        return "This is a simple text response for testing."

    @server.tool(structured_output=False)
    def test_image_content() -> list[ImageContent]:
        """Answer with a picture."""
        return [_PICTURE]

    @server.tool(structured_output=False)
    def test_audio_content() -> list[AudioContent]:
        """Answer with a sound."""
        return [AudioContent(type="audio", data=_SILENCE, mime_type="audio/wav")]

    @server.tool(structured_output=False)
    def test_embedded_resource() -> list[EmbeddedResource]:
        """Answer with a resource."""
        return [_told("test://embedded-resource", "This is an embedded resource content.")]

    @server.tool(structured_output=False)
    def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
        """Answer with three kinds of content."""
        first = TextContent(type="text", text="Multiple content types test:")
        last = _told("test://mixed-content-resource", '{"test": "data", "value": 123}', "application/json")
        return [first, _PICTURE, last]


def _behaviour(server: MCPServer[Any]) -> None:
    @server.tool(structured_output=False)
    async def test_tool_with_progress(ctx: Context[Any]) -> str:
        """Tell of progress three times."""
        for done in (0, 50, 100):
            await ctx.report_progress(done, 100, f"Completed step {done} of 100")
        return "done"

    @server.tool(structured_output=False)
    def test_error_handling() -> str:
        """Fail."""
        raise ToolError("This tool intentionally returns an error for testing")

    @server.tool(structured_output=False)
    async def test_missing_capability(ctx: Context[Any]) -> str:
        """Need what the scenario's client has not."""
        if ctx.client_capabilities is None or ctx.client_capabilities.sampling is None:
            needed = {"requiredCapabilities": {"sampling": {}}}
            raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "Missing required client capability", needed)
        return "The client can sample."

    @server.tool(structured_output=False)
    async def test_trigger_tool_change(ctx: Context[Any]) -> str:
        """Say that the tools changed, to those who listen."""
        await ctx.notify_tools_changed()
        return "said"

    @server.tool(structured_output=False)
    async def test_trigger_prompt_change(ctx: Context[Any]) -> str:
        """Say that the prompts changed, to those who listen."""
        await ctx.notify_prompts_changed()
        return "said"


def _questions(server: MCPServer[Any]) -> None:
    @server.tool(structured_output=False)
    async def test_input_required_result_elicitation(
        sure: Annotated[ElicitationResult[Name], Resolve(ask_name)],
    ) -> str:
        """Ask a person, as the gated tools do, and greet."""
        return f"Hello, {sure.data.name}!" if isinstance(sure, AcceptedElicitation) else "Hello!"

    @server.tool(structured_output=False)
    async def test_input_required_result_request_state(
        sure: Annotated[ElicitationResult[Agreement], Resolve(ask_agreement)],
    ) -> str:
        """Ask a person; whoever gets here had a sound state."""
        return f"state-ok: {sure.action}"

    @server.tool(structured_output=False)
    async def test_input_required_result_tampered_state(
        sure: Annotated[ElicitationResult[Agreement], Resolve(ask_agreement)],
    ) -> str:
        """Ask a person; a forged state is refused before this."""
        return f"state-ok: {sure.action}"


def _resources(server: MCPServer[Any]) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        return b64decode(_PIXEL)

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> str:  # noqa: A002 - the name in the URI
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


def _prompts(server: MCPServer[Any]) -> None:
    @server.prompt()
    def test_simple_prompt() -> str:
        """Answer with a text."""
        return "This is a simple prompt for testing."

    @server.prompt()
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """Repeat the arguments."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt()
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803 - the suite's name
        """Carry a resource."""
        return [
            UserMessage(content=_told(resourceUri, "Embedded resource content for testing.")),
            UserMessage(content=TextContent(type="text", text="Please process the embedded resource above.")),
        ]

    @server.prompt()
    def test_prompt_with_image() -> list[UserMessage]:
        """Carry a picture."""
        return [
            UserMessage(content=_PICTURE),
            UserMessage(content=TextContent(type="text", text="Please analyze the image above.")),
        ]
