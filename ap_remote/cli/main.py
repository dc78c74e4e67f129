"""The ``ap`` command's root: options that hold for all commands, and how failures end.

Exit codes are those of rclone as far as it has them: see ``docs/ap.md``.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ap_remote import config
from ap_remote.cli import (
    accounts,
    branches,
    completion,
    emptying,
    find,
    folders,
    hashing,
    index,
    insight,
    listing,
    login,
    mounting,
    organise,
    reading,
    servers,
    transfers,
    trash,
)
from ap_remote.cli.console import say
from ap_remote.cli.examples import Group, grouped, taught
from ap_remote.errors import ConfigError, NotFoundError, RemoteError

_INTERRUPTED = 130


class _Commands(Group):
    """Commands whose failures end in one sentence and a documented exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except RemoteError as exc:
            _reraise_when_debugging(ctx)
            say(f"ap: {exc}{_hint(exc)}")
            raise typer.Exit(exc.exit_code) from exc
        except KeyboardInterrupt as exc:
            say("ap: interrupted")
            raise typer.Exit(_INTERRUPTED) from exc
        except BrokenPipeError as exc:
            # Whoever read our output has seen enough; Python must not complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from exc
        except OSError as exc:
            _reraise_when_debugging(ctx)
            where = f": {exc.filename}" if exc.filename else ""
            say(f"ap: {exc.strerror or exc}{where}")
            raise typer.Exit(1) from exc


def _hint(error: RemoteError) -> str:
    """Return what to add for somebody who forgot the colon behind an account's name."""
    if isinstance(error, NotFoundError) and error.path in (config.LOCAL, *config.load().accounts):
        return f" (the account is written {error.path}:)"
    return ""


def _reraise_when_debugging(ctx: Any) -> None:
    if ctx.params.get("debug"):
        raise  # noqa: PLE0704 - called from an except block, which is the point


def _print_version(*, value: bool) -> None:
    if value:
        from importlib.metadata import version

        sys.stdout.write(f"ap {version('ap-remote')}\n")
        raise typer.Exit


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Amazon Photos as a remote: list, copy, search, organise. "
    "A remote path is ACCOUNT:PATH, e.g. local:Pictures/2023; local: needs no account. "
    "Nothing is deleted for ever but by delete and cleanup, and they ask.",
    epilog="Exit codes: 0 done; 1 part of it failed, or anything else; 2 wrong use, bad query, bad name; "
    "3 no such folder to list or to copy; 4 not found; 5 temporary, try again; 6 already there; "
    "7 credentials or quota; 8 --max-transfer reached; 9 nothing transferred, with --error-on-no-transfer; "
    "12 a local store; 13 an encoder; 14 a plan; 130 interrupted.",
)


@app.callback()
def options(
    ctx: typer.Context,
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Log requests and show tracebacks.")] = False,
    record: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep every answer of the service in a new folder, redacted, as fixtures."),
    ] = None,
    record_names: Annotated[
        bool, typer.Option("--record-names", help="With --record: leave names of files, albums and people readable.")
    ] = False,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Set up logging, and the recording of answers."""
    del show_version
    if record is not None:
        ctx.with_resource(config.recorded(record, keep_names=record_names))
    elif record_names:
        raise ConfigError("--record-names needs --record DIR")
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, format="%(levelname)s %(name)s: %(message)s")


_PANELS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("Look", (listing, branches, reading, hashing, insight)),
    ("Transfer", (transfers,)),
    ("Tidy", (folders, trash, emptying)),
    ("Find", (find, index)),
    ("Organise", (organise,)),
    ("Accounts", (login, accounts)),
    ("Serve", (servers, mounting)),
)
"""Where each module's commands stand in ``ap --help``; a command may name another panel itself."""

for _panel, _modules in _PANELS:
    _counts = len(app.registered_commands), len(app.registered_groups)
    for _module in _modules:
        _module.register(app)
    grouped(app, _panel, *_counts)
taught(app)


def main() -> None:
    """Run ``ap``."""
    said = completion.answer(os.environ, lambda: app(prog_name="ap"))
    if said is None:
        app(prog_name="ap")
    else:
        sys.stdout.write(said)
