"""The arguments that name something on a remote or on this machine, with their completion."""

from __future__ import annotations

from typing import Annotated

import typer

from ap_remote.cli.completion import remote_paths

Spec = Annotated[
    str | None,
    typer.Argument(
        metavar="REMOTE:PATH", help="What to look at; the default is AP_REMOTE.", autocompletion=remote_paths
    ),
]
RemoteFile = Annotated[str, typer.Argument(metavar="REMOTE:PATH", help="The file.", autocompletion=remote_paths)]
RemoteFolder = Annotated[str, typer.Argument(metavar="REMOTE:PATH", help="The folder.", autocompletion=remote_paths)]
