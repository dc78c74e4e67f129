"""The option that has a build done by the workers of a dask cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from ap_remote.connect import cluster

Dask = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="Let the workers of a dask cluster fetch and embed; ADDRESS is its scheduler's, e.g. tcp://10.0.0.1:8786.",
        show_default=False,
    ),
]

__all__ = ["Dask", "cluster"]
