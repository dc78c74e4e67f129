"""`ap index encoders`, and the options that say which encoder makes vectors, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ap_remote.cli.console import Json, json_line, line, say

if TYPE_CHECKING:
    from ap_remote.semantic.encoder import Encoder as AnyEncoder
    from ap_remote.semantic.inventory import EncoderInfo

Encoder = Annotated[
    str | None,
    typer.Option(
        help="A name of `ap index encoders`, open_clip:MODEL/PRETRAINED, or local-dir:PATH (an open_clip checkpoint); "
        "by default the one that the index was built with, at first offline.",
        show_default=False,
    ),
]
Device = Annotated[
    str, typer.Option(help="Where to compute: cpu, cuda, mps, or auto; what is named and not there is an error.")
]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="Let the workers of a dask cluster fetch and embed; ADDRESS is its scheduler's, e.g. tcp://10.0.0.1:8786.",
        show_default=False,
    ),
]
Compiled = Annotated[
    bool,
    typer.Option("--compile", help="Let torch.compile translate the model first; worth its minute for long builds."),
]


def announce(encoder: AnyEncoder, cluster: str | None = None) -> None:
    """Tell which encoder computes where, here or in a cluster's workers, before it takes hours."""
    say(f"encoder {encoder.spec} on {f'the cluster at {cluster}' if cluster else encoder.device}")


def encoders(*, json: Json = False) -> None:
    """List the encoders that can be named, whether this machine has them, and what the others need."""
    from ap_remote.semantic.inventory import encoders as known

    found = known()
    if json:
        json_line(found)
        return
    width = max(len(each.name) for each in found)
    for each in found:
        line(f"{each.name:{width}}  {_facts(each)}")
        for need in each.needs:
            line(f"{'':{width}}  needs: {need}")


def _facts(info: EncoderInfo) -> str:
    parts = [
        "here" if info.here else "not here",
        f"{info.dim} numbers" if info.dim else "",
        info.spec if info.spec != info.name else "",
        info.licence or "",
        info.use,
        f"or {', '.join(info.others)} ({info.others_licence})" if info.others else "",
    ]
    return " · ".join(part for part in parts if part)
