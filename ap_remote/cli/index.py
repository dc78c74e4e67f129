"""Commands of the semantic index: index build, status, gc, compact, search, similar, duplicates, tune, calibrate."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from ap_remote.cli import building, find
from ap_remote.cli.completion import local_paths, remote_paths
from ap_remote.cli.console import Json, is_quiet, json_line, line, run, say
from ap_remote.cli.encoders import Compiled, Dask, Device, Encoder, announce, encoders
from ap_remote.cli.listing import Spec
from ap_remote.cli.render import entry_json, size_text
from ap_remote.cli.tuning import calibrate, tune
from ap_remote.connect import cluster, resolve, semantic_index
from ap_remote.semantic import wishes

group = typer.Typer(no_args_is_help=True, help="The semantic index: find photographs by what they show.")


@group.command()
def build(
    spec: Spec = None,
    *,
    encoder: Encoder = None,
    device: Device = "auto",
    compiled: Compiled = False,
    frames: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            max=wishes.MOST_FRAMES,
            help="Look at N pictures of each video beside its poster; kept for later builds.",
        ),
    ] = None,
    switch_at: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            min=0,
            max=1,
            help="Share of the photographs, 0 to 1, that a new encoder must have seen before searches use it; kept.",
        ),
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try again whatever failed before.")] = False,
    dask: Dask = None,
    json: Json = False,
) -> None:
    """Embed the photographs that are new since the last build, and videos by their posters."""

    async def make() -> None:
        remote, _ = resolve(spec)
        # With a cluster the device is the workers': this machine only needs to know the encoder.
        here = device if dask is None else "cpu"
        workers = None if dask is None else cluster(dask, spec, device=device, compiled=compiled)
        index = semantic_index(spec, encoder=encoder, device=here, compiled=compiled)
        async with remote:
            announce(await index.encoder(), dask)
            await asyncio.to_thread(building.keep_wishes, index.folder, frames=frames, switch_at=switch_at)
            with building.watched() as progress:
                report = await index.build(remote, progress=progress, retry=retry, cluster=workers)
        if json:
            json_line(report)
        else:
            building.tell(report)
        for each in report.failed:
            say(f"failed {each.path}: {each.reason}")

    run(make())


@group.command()
def status(spec: Spec = None, *, encoder: Encoder = None, json: Json = False) -> None:
    """Show what the index holds; with --encoder also whether it was built with that one."""
    index = semantic_index(spec, encoder=encoder)
    found = index.status()
    if json:
        json_line(found)
    else:
        building.tell_status(found, index.folder)
    if encoder is not None:
        index.check()


group.command()(building.gc)
group.command()(building.compact)


@group.command()
def search(
    spec: Annotated[str, typer.Argument(metavar="REMOTE:", help="Where to search.", autocompletion=remote_paths)],
    text: Annotated[
        str,
        typer.Argument(
            help='What the picture shows, in words: beach sunset^2 -people "old town". '
            "Words that begin with a minus go behind --: -- '-people beach'."
        ),
    ],
    *,
    query: Annotated[str, typer.Option("--filter", help="Amazon's search syntax, to narrow the answers.")] = "",
    like: find.Like = None,
    limit: find.Limit = 20,
    min_score: find.MinScore = None,
    confidence: find.Confidence = None,
    variety: find.Variety = 0.0,
    every: find.Every = False,
    after: find.After = "",
    json: Json = False,
) -> None:
    """Find photographs by words; the same as `ap search --semantic`, also in how answers go on."""
    find.search(
        spec,
        query,
        semantic=text,
        like=like,
        limit=limit,
        min_score=min_score,
        confidence=confidence,
        variety=variety,
        every=every,
        after=after,
        json=json,
    )


@group.command()
def similar(
    spec: Annotated[str, typer.Argument(metavar="REMOTE:", help="Where to search.", autocompletion=remote_paths)],
    like: Annotated[
        list[str],
        typer.Argument(help="Picture files, or id:NODE_ID, with weights: a.jpg^2.", autocompletion=local_paths),
    ],
    *,
    query: Annotated[str, typer.Option("--filter", help="Amazon's search syntax, to narrow the answers.")] = "",
    limit: find.Limit = 20,
    min_score: find.MinScore = None,
    variety: find.Variety = 0.0,
    every: find.Every = False,
    after: find.After = "",
    json: Json = False,
) -> None:
    """Find photographs that look like a picture; the same as `ap search --like`, also in how answers go on."""
    find.search(
        spec,
        query,
        like=like,
        limit=limit,
        min_score=min_score,
        variety=variety,
        every=every,
        after=after,
        json=json,
    )


@group.command()
def duplicates(
    spec: Annotated[str, typer.Argument(metavar="REMOTE:", help="Where to look.", autocompletion=remote_paths)],
    *,
    kind: Annotated[
        list[str] | None, typer.Option(help="exact (the same bytes), re-encoded, or burst; several; all by default.")
    ] = None,
    query: Annotated[str, typer.Option("--filter", help="Amazon's search syntax, to narrow what is looked at.")] = "",
    json: Json = False,
) -> None:
    """Find photographs that are one, each group with the one to keep and why.

    Changes nothing; `ap dedupe` removes what has the same bytes.
    """

    async def look() -> None:
        remote, _ = resolve(spec)
        async with remote:
            found = await semantic_index(spec).duplicates(remote, query=query, kinds=kind or ())
        for group in found.groups:
            if json:
                json_line(
                    {
                        "kind": group.kind,
                        "keep": entry_json(group.keep),
                        "why": group.why,
                        "others": [entry_json(each) for each in group.others],
                        "freed": group.freed,
                        "cosine": group.least,
                        "bits": group.bits,
                    }
                )
                continue
            line(f"{group.kind}: keep {group.keep.path} ({group.why}); the others hold {size_text(group.freed)}")
            for each in group.others:
                line(f"  {each.path}")
        if found.note:
            say(found.note)
        if not found.groups and not is_quiet():
            say(f"no duplicates among {found.looked_at} files")

    run(look())


group.command()(tune)
group.command()(calibrate)
group.command()(encoders)


def register(app: typer.Typer) -> None:
    """Add these commands to *app*."""
    app.add_typer(group, name="index")
