"""Commands that serve: emulator, mcp. What they start is found by entry point, for the library never imports it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ap_remote import config
from ap_remote.cli.console import say
from ap_remote.cli.listing import Spec
from ap_remote.errors import MissingExtraError

_GROUP: Final = "ap_remote.commands"


def emulator(
    *,
    data: Annotated[
        Path | None, typer.Option(help="Where photographs are kept; the default is local:'s folder.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 picks a free one.")] = 0,
) -> None:
    """Serve Amazon Photos' protocol from a folder of this machine.

    When ready it prints one JSON line with its url and the path of its credentials.
    """
    _find("emulator", "", "")(data=data or config.load().home / "local", host=host, port=port)


def mcp(
    spec: Spec = None,
    *,
    allow: Annotated[str, typer.Option(help="What agents may do beyond reading: organise,transfer,trash,purge.")] = "",
    http: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Serve HTTP instead of stdio.")] = None,
) -> None:
    """Serve the library to agents (Model Context Protocol), read-only unless allowed more."""
    words = frozenset(word.strip() for word in allow.split(",") if word.strip())
    _find("mcp", "the MCP server", "mcp")(spec, allow=words, http=http)


def _find(name: str, what: str, extra: str) -> Any:
    """Return the function that serves.

    Raises:
        MissingExtraError: it cannot be imported.
    """
    from importlib.metadata import entry_points

    (entry_point,) = entry_points(group=_GROUP, name=name)
    try:
        return entry_point.load()
    except ModuleNotFoundError as exc:
        if extra and exc.name and not exc.name.startswith("ap_remote"):
            say(f"ap: {exc}")
            raise MissingExtraError(what, extra) from exc
        raise


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.command()(emulator)
    app.command()(mcp)
