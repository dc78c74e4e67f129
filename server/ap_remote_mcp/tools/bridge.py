"""Tools whose arguments and answers are msgspec structs.

The SDK describes tools by pydantic and knows no structs. Here msgspec makes both schemas, checks the arguments and
encodes the answer, and the SDK's own ``Tool`` carries them. Whatever of the SDK is not its public face is used in this
module alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from contextlib import nullcontext
from functools import wraps
from typing import Any, Final, get_type_hints

import anyio
import msgspec
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.resolve import build_resolver_plans, find_resolved_parameters
from mcp.server.mcpserver.tools.base import Tool
from mcp.server.mcpserver.utilities.context_injection import find_context_parameter
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.types import CallToolResult, ContentBlock, ImageContent, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import PrivateAttr

from ap_remote_mcp import deadline
from ap_remote_mcp.context import App
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.abilities import Ability
from ap_remote_mcp.principal import permit
from ap_remote_mcp.tools.repairs import explained, repaired

Run = Callable[..., Awaitable[Any]]
_BROKEN: Final = "Do not retry; tell the person to look into the server's log."
_UNPUBLISHED: Final = frozenset({"title", "minLength", "maxLength", "pattern", "minItems"})


class Blocks(list[ContentBlock]):
    """An answer of content blocks alone, such as pictures: it has no structured half."""

    meta: dict[str, Any] | None = None
    """For the host, which keeps it from the model."""


class StructMetadata(FuncMetadata):
    """Argument and answer handling by msgspec."""

    _arguments: type[msgspec.Struct] = PrivateAttr()
    _names: dict[str, str] = PrivateAttr()

    def validate_arguments(self, arguments_to_validate: dict[str, Any]) -> dict[str, Any]:
        """Return the keyword arguments of the function; checked before by :meth:`StructTool.run`."""
        read = msgspec.convert(arguments_to_validate, self._arguments)
        return {name: getattr(read, name) for name in read.__struct_fields__}

    def convert_result(self, result: Any) -> CallToolResult | InputRequiredResult:
        """Return the answer in both halves, which say the same; pictures in one."""
        if isinstance(result, CallToolResult | InputRequiredResult):
            return result
        if isinstance(result, Blocks):
            return CallToolResult(content=list(result), _meta=result.meta)
        encoded = msgspec.json.encode(result)
        return CallToolResult(
            content=[TextContent(type="text", text=encoded.decode())],
            structured_content=msgspec.json.decode(encoded),
        )


class StructTool(Tool):
    """A tool that says what was wrong in our own words, and always ends."""

    abilities: tuple[Ability, ...] = ()
    """Of these the caller needs one; none is reading."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:  # noqa: FBT001, FBT002 - the SDK's signature
        """Check the arguments, run the tool within its time, and pass on what it says."""
        permit(*self.abilities)
        app: App = context.request_context.lifespan_context
        metadata = self.fn_metadata
        assert isinstance(metadata, StructMetadata)  # noqa: S101 - make() puts nothing else here
        arguments = repaired(arguments, metadata._arguments)  # noqa: SLF001 - both classes are this module's
        try:
            msgspec.json.encode(arguments)  # halves of characters (surrogates) are no text
            msgspec.convert(arguments, metadata._arguments)  # noqa: SLF001 - as above
        except UnicodeError:
            raise CodedError(Code.BAD_ARGUMENT, f"{self.name}: a text holds half a character") from None
        except msgspec.ValidationError as exc:
            problem = explained(str(exc), metadata._arguments)  # noqa: SLF001 - as above
            raise CodedError(Code.BAD_ARGUMENT, f"{self.name}: {problem}") from None
        asks = app.limits.question_seconds if self.resolved_params else app.limits.call_seconds
        with anyio.move_on_after(asks) as scope:
            time = deadline.Deadline(scope)
            try:
                with time.holding():
                    answer = await super().run(arguments, context, convert_result=convert_result)
            except UnexpectedToolError as exc:
                # The SDK logs what it wraps, with its traceback; nothing of it reaches the client.
                raise UnexpectedToolError(str(CodedError(Code.UNAVAILABLE, "The server failed", _BROKEN))) from exc
            except ToolError as exc:
                if isinstance(exc.__cause__, CodedError):
                    raise exc.__cause__ from None
                raise CodedError(Code.DECLINED, "The answer to the question was none that counts") from exc
            else:
                if self.abilities:
                    # What was done is told, even in the moment in which the time is over.
                    with anyio.CancelScope(shield=True):
                        await app.announce("photos://status", "photos://journal")
                return answer
        raise time.late()


def make(fn: Run, *, annotations: ToolAnnotations, title: str = "", page: str = "", waits: bool = True) -> StructTool:
    """Return the tool that calls *fn*; its docstring is the description, its annotations are the schemas.

    A *title* is for people, and given only where it tells more than the name. A *page* shows the answers in hosts that
    have room for one. A tool that speaks to nobody *waits* for no turn.

    A parameter with a trailing underscore loses it on the wire (``from_`` is ``from``).
    """
    context_kwarg = find_context_parameter(fn)
    resolved = find_resolved_parameters(fn)
    hints = get_type_hints(fn, include_extras=True)
    skipped = {context_kwarg, *resolved}
    fields = [
        (parameter.name, hints[parameter.name], *([] if parameter.default is parameter.empty else [parameter.default]))
        for parameter in inspect.signature(fn).parameters.values()
        if parameter.name not in skipped
    ]
    arguments = msgspec.defstruct(
        f"{fn.__name__}_arguments",
        fields,
        kw_only=True,
        forbid_unknown_fields=True,
        rename=lambda field: field.rstrip("_"),
    )
    answer = hints["return"]
    output = answer_schema(answer) if answer is not Blocks and getattr(answer, "published", True) else None
    metadata = StructMetadata(arg_model=ArgModelBase, output_schema=output)
    metadata._arguments = arguments  # noqa: SLF001 - this module's class
    return StructTool(
        fn=_timed(fn, context_kwarg or "", waits=waits),
        name=fn.__name__,
        title=title or None,
        description=_description(fn),
        parameters=argument_schema(arguments),
        fn_metadata=metadata,
        is_async=True,
        context_kwarg=context_kwarg,
        resolved_params=dict(resolved),
        resolver_plans=build_resolver_plans(resolved, set(arguments.__struct_fields__)),
        annotations=annotations,
        meta={"ui": {"resourceUri": page}} if page else None,
    )


def _timed(fn: Run, context_kwarg: str, *, waits: bool) -> Run:
    """Give the body its time and its turn, and say errors of the library in our words."""

    @wraps(fn)
    async def body(**arguments: Any) -> Any:
        app: App = arguments[context_kwarg].request_context.lifespan_context
        deadline.begin(app.limits.call_seconds)
        with app.speaking():
            async with app.turn if waits else nullcontext():
                return await fn(**arguments)

    return body


def _description(fn: Run) -> str:
    text = inspect.cleandoc(fn.__doc__ or "")
    return " ".join(text.partition("\n\nRaises:")[0].split())


def picture(jpeg: str) -> ImageContent:
    """Return a block that a model sees; *jpeg* is base64."""
    return ImageContent(type="image", data=jpeg, mime_type="image/jpeg")


def text(content: str) -> TextContent:
    """Return a block of text."""
    return TextContent(type="text", text=content)


def argument_schema(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return what a model reads about the arguments; lengths and patterns of texts are enforced, not published.

    Nor is it told that numbers begin at 0 or 1, and lists that are needed at one.
    """
    schema, definitions = _rooted(struct)
    return _leaned(schema, definitions, _UNPUBLISHED)


def answer_schema(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the schema of an answer: the fields that are never left out.

    The others are allowed, and listed in ``docs/mcp.md``: every tool would repeat the item's twenty fields otherwise,
    and models pay for each.
    """
    schema, definitions = _rooted(struct)
    for each in (schema, *definitions.values()):
        each["properties"] = {name: each["properties"][name] for name in each.get("required", [])}
    return _leaned(_inlined(schema, definitions), {}, {"title", "description", "default"})


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """Put definitions where they are referred to; answers are shallow, and some hosts follow no references."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items()}


def _rooted(struct: type[msgspec.Struct]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schema with an object at its root, as the protocol needs it, and the definitions it refers to."""
    schema = msgspec.json.schema(struct)
    definitions = schema.pop("$defs", {})
    if "$ref" in schema:
        schema = definitions.pop(schema["$ref"].rpartition("/")[2])
    return schema, definitions


def _leaned(schema: dict[str, Any], definitions: dict[str, Any], dropped: AbstractSet[str]) -> dict[str, Any]:
    lean: dict[str, Any] = _lean(schema | {"$defs": definitions} if definitions else schema, dropped)
    return lean


def _lean(schema: Any, dropped: AbstractSet[str], *, named: bool = False) -> Any:
    """Drop what costs tokens and says nothing; *named* marks a mapping of names to schemas."""
    if isinstance(schema, list):
        return [_lean(each, dropped) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if named:
        return {name: _lean(each, dropped) for name, each in schema.items()}
    return {
        key: _lean(value, dropped, named=key in ("properties", "$defs"))
        for key, value in schema.items()
        if key not in dropped
        and not (key in ("default", "required") and not value)
        and not (key == "minimum" and value in (0, 1))
    }
