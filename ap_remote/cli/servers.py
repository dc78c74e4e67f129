"""Commands that serve: emulator, mcp. What they start is found by entry point, for the library never imports it."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ap_remote import config
from ap_remote.cli.completion import remote_paths
from ap_remote.cli.console import ERR, is_quiet, line, say
from ap_remote.errors import MissingExtraError

_GROUP: Final = "ap_remote.commands"


service: Final = typer.Typer(invoke_without_command=True, no_args_is_help=False)
Data = Annotated[Path | None, typer.Option(help="Where photographs are kept; the default is local:'s folder.")]


@service.callback()
def emulator(
    context: typer.Context,
    *,
    data: Data = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 picks a free one.")] = 0,
) -> None:
    """Serve Amazon Photos' protocol from a folder of this machine.

    When ready it prints one JSON line with its url and the path of its credentials.
    """
    if context.invoked_subcommand is None:
        _find("emulator", "", "")(data=data or _home(), host=host, port=port)
    context.obj = data


@service.command()
def check(context: typer.Context, *, data: Data = None) -> None:
    """Verify every file and every entry of the folder; print a line per fault and exit 1 if there are any.

    Nothing is changed. It may run while the folder is served.
    """
    from rich.progress import Progress

    verify = _find("emulator", "", "", attribute="check")
    with Progress(console=ERR, transient=True, disable=is_quiet()) as progress:
        tasks: dict[str, Any] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done)

        faults: list[str] = verify(data or context.obj or _home(), told)
    for fault in faults:
        line(fault)
    if faults:
        say(f"ap: {len(faults)} {'fault' if len(faults) == 1 else 'faults'}")
        raise typer.Exit(1)


def _home() -> Path:
    return config.load().home / "local"


def mcp(
    spec: Annotated[
        str | None,
        typer.Argument(metavar="REMOTE:", help="Which account; the default is AP_REMOTE.", autocompletion=remote_paths),
    ] = None,
    *,
    allow: Annotated[str, typer.Option(help="What agents may do beyond reading: organise,transfer,trash,purge.")] = "",
    root: Annotated[
        list[Path] | None, typer.Option(metavar="FOLDER", help="Uploads come from here, downloads go here; repeatable.")
    ] = None,
    http: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Serve HTTP instead of stdio.")] = None,
    bearer_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="HTTP clients must show the token in it.")
    ] = None,
    oauth_issuer: Annotated[str, typer.Option(metavar="URL", help="HTTP clients must show its tokens.")] = "",
    oauth_audience: Annotated[str, typer.Option(metavar="URL", help="This server's address in those tokens.")] = "",
    allow_host: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="HTTP clients may call the server so; repeatable.")
    ] = None,
) -> None:
    """Serve the library to agents (Model Context Protocol), read-only unless allowed more.

    An agent's host starts this command and speaks to it over standard input and output; with --http it listens instead.
    local: is a library on this machine and needs no account.
    """
    words = frozenset(word.strip() for word in allow.split(",") if word.strip())
    gc.disable()  # what is imported stays: to look for garbage among it, again and again, is a tenth of the start
    try:
        serve = _find("mcp", "the MCP server", "mcp")
    finally:
        gc.freeze()
        gc.enable()
    serve(
        spec,
        allow=words,
        http=http,
        roots=root or [],
        bearer_file=bearer_file,
        oauth_issuer=oauth_issuer,
        oauth_audience=oauth_audience,
        allow_hosts=allow_host or [],
    )


def _find(name: str, what: str, extra: str, *, attribute: str = "") -> Any:
    """Return the function that serves, or what else stands beside it as *attribute*.

    Raises:
        MissingExtraError: it cannot be imported.
    """
    from importlib import import_module
    from importlib.metadata import entry_points

    (entry_point,) = entry_points(group=_GROUP, name=name)
    try:
        serve = entry_point.load()
    except ModuleNotFoundError as exc:
        if extra and exc.name and not exc.name.startswith("ap_remote"):
            say(f"ap: {exc}")
            raise MissingExtraError(what, extra) from exc
        raise
    return getattr(import_module(entry_point.module), attribute) if attribute else serve


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.add_typer(service, name="emulator")
    app.command()(mcp)
