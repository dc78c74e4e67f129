"""What tools, resources and prompts take is read off their annotations once, however many servers the tests make.

That is nearly all of a server's making, and the same for each: servers differ by what they may do and by the library,
which the bodies are given when they are called.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cache, wraps
from typing import Any

import pytest
from mcp.server.mcpserver import server as sdk
from mcp.server.mcpserver.prompts import base
from mcp.server.mcpserver.resources import templates
from mcp.server.mcpserver.utilities.context_injection import find_context_parameter
from mcp.server.mcpserver.utilities.func_metadata import func_metadata
from pydantic import validate_call

from ap_remote_mcp import server
from ap_remote_mcp.tools import catalogue

_tools = cache(catalogue.tools)


@pytest.fixture(scope="module", autouse=True)
def described_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "tools", lambda allowed: [tool.model_copy() for tool in _tools(allowed)])
        patch.setattr(sdk, "find_context_parameter", _context_parameter)
        for module in (base, templates):
            patch.setattr(module, "find_context_parameter", _context_parameter)
            patch.setattr(module, "func_metadata", _metadata)
            patch.setattr(module, "validate_call", _checked_when_called)
        yield


def _by_code(describe: Callable[..., Any]) -> Callable[..., Any]:
    """Remember what is said of a function by its code: each server has closures of its own, written at one place."""
    known: dict[Any, Any] = {}

    @wraps(describe)
    def ask(fn: Any, **options: Any) -> Any:
        key = (fn.__module__, fn.__qualname__, fn.__code__, repr(options))
        if key not in known:
            known[key] = describe(fn, **options)
        return known[key]

    return ask


_context_parameter = _by_code(find_context_parameter)


@_by_code
def _metadata(fn: Any, **options: Any) -> Any:
    metadata = func_metadata(fn, **options)
    metadata.arg_model.model_json_schema = cache(metadata.arg_model.model_json_schema)  # type: ignore[method-assign]
    return metadata


def _checked_when_called(fn: Any) -> Any:
    """Return a function whose arguments are checked by ``validate_call``, which is asked when it is called."""

    @wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        return validate_call(fn)(*args, **kwargs)

    @wraps(fn)
    async def called(*args: Any, **kwargs: Any) -> Any:
        return await call(*args, **kwargs)

    return called if inspect.iscoroutinefunction(fn) else call
