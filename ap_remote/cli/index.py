"""Commands of the semantic index: index build, status, search, similar."""

from __future__ import annotations

from typing import Annotated

import typer

from ap_remote.cli import find
from ap_remote.cli.completion import local_paths, remote_paths
from ap_remote.cli.console import Json, counting_bar, json_line, line, run, say
from ap_remote.cli.listing import Spec
from ap_remote.connect import resolve, semantic_index

Encoder = Annotated[
    str,
    typer.Option(
        help="offline (weights from packages), open_clip:MODEL/PRETRAINED, or local-dir:PATH (an open_clip checkpoint)."
    ),
]

group = typer.Typer(no_args_is_help=True, help="The semantic index: find photographs by what they show.")


@group.command()
def build(spec: Spec = None, *, encoder: Encoder = "offline", json: Json = False) -> None:
    """Embed the photographs that are new since the last build."""

    async def make() -> None:
        remote, _ = resolve(spec)
        index = semantic_index(spec, encoder=encoder)
        async with remote:
            with counting_bar("photographs") as progress:
                report = await index.build(remote, progress=progress)
        if json:
            json_line(report)
        else:
            pace = f"{report.images_per_second:.1f} images/s on {report.device}, " if report.encoded else ""
            line(
                f"{report.total} photographs: {report.encoded} embedded, {report.reused} already there, "
                f"{len(report.failed)} failed; {pace}{report.seconds:.1f} s"
            )
        for each in report.failed:
            say(f"failed {each.path}: {each.reason}")

    run(make())


@group.command()
def status(spec: Spec = None, *, encoder: Encoder = "offline", json: Json = False) -> None:
    """Show what the index holds."""
    found = semantic_index(spec, encoder=encoder).status()
    if json:
        json_line(found)
        return
    for key in found.__struct_fields__:
        line(f"{key:12} {getattr(found, key)}")


@group.command()
def search(
    spec: Annotated[str, typer.Argument(metavar="REMOTE:", help="Where to search.", autocompletion=remote_paths)],
    text: Annotated[str, typer.Argument(help="What the picture shows, in words.")],
    *,
    query: Annotated[str, typer.Option("--filter", help="Amazon's search syntax, to narrow the answers.")] = "",
    limit: find.Limit = 20,
    json: Json = False,
) -> None:
    """Find photographs by words; the same as `ap search --semantic`."""
    find.search(spec, query, semantic=text, limit=limit, json=json)


@group.command()
def similar(
    spec: Annotated[str, typer.Argument(metavar="REMOTE:", help="Where to search.", autocompletion=remote_paths)],
    like: Annotated[str, typer.Argument(help="A picture file, or id:NODE_ID.", autocompletion=local_paths)],
    *,
    query: Annotated[str, typer.Option("--filter", help="Amazon's search syntax, to narrow the answers.")] = "",
    limit: find.Limit = 20,
    json: Json = False,
) -> None:
    """Find photographs that look like a picture; the same as `ap search --like`."""
    find.search(spec, query, like=like, limit=limit, json=json)


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.add_typer(group, name="index")
