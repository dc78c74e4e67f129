"""The command that labels photographs: copies by label on this disk, or a plan of albums for an account."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ap_remote.cli.completion import any_paths, local_paths
from ap_remote.cli.console import Json, counting_bar, json_line, line, run, say
from ap_remote.cli.proposals import tell_plan
from ap_remote.connect import plans_folder, resolve
from ap_remote.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ap_remote.organise import Plan
    from ap_remote.organise.labelling import Labeller, LabelReport


def label(
    source: Annotated[
        str, typer.Argument(metavar="DIR|REMOTE:", help="A local folder, or an account.", autocompletion=any_paths)
    ],
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT", help="For a local folder: where the copies by label go.", autocompletion=local_paths
        ),
    ] = None,
    *,
    model: Annotated[
        str, typer.Option(help="A timm classifier, local-dir:FOLDER, or 'offline' (weights come with the package).")
    ] = "offline",
    checkpoint: Annotated[Path | None, typer.Option(help="A local file of weights for the model.")] = None,
    classes: Annotated[Path | None, typer.Option(help="Names of the model's classes, one per line.")] = None,
    thresh: Annotated[float, typer.Option(min=0, max=1, help="The least probability.")] = 0.9,
    topk: Annotated[int, typer.Option(min=1, help="How many of the most probable classes are looked at.")] = 5,
    exclude: Annotated[str | None, typer.Option(metavar="REGEX", help="Pass over classes whose name matches.")] = None,
    restrict: Annotated[str | None, typer.Option(metavar="REGEX", help="Pass over all other classes.")] = None,
    naming: Annotated[str, typer.Option(help="name, synset or index.")] = "name",
    device: Annotated[str | None, typer.Option(help="cuda or cpu; by default CUDA where it is.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures at a time.")] = 16,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read local pictures.")] = 0,
    replace: Annotated[bool, typer.Option("--replace", help="First remove the copies of earlier runs in OUT.")] = False,
    query: Annotated[str, typer.Option(help="Of an account: only photographs that this search finds.")] = "",
    min_size: Annotated[int, typer.Option(min=1, help="Of an account: photographs that make an album.")] = 1,
    json: Json = False,
) -> None:
    """Sort photographs by what a classifier sees in them.

    A local folder's pictures are copied to OUT/LABEL/; the originals stay. For an account a plan of albums is made,
    which `ap organise apply` carries out and `ap organise undo` takes back.

    Examples:
      ap organise label ~/Pictures ~/labelled --thresh 0.5
      ap organise label local: --restrict 'beach|sea|lake' --thresh 0.3
    """
    from ap_remote.organise.labelling import Classifier, Labeller

    classifier = Classifier(model, checkpoint=checkpoint, classes=classes, device=device)
    wishes: dict[str, Any] = {
        "thresh": thresh,
        "topk": topk,
        "exclude": _matcher(exclude),
        "restrict": _matcher(restrict),
        "naming_style": naming,
    }
    if _is_account(source):
        if target is not None:
            raise ConfigError("OUT is for a local folder; an account's photographs are put into albums by a plan")
        _plan(source, Labeller(classifier, **wishes), query=query, min_size=min_size, json=json)
        return
    if target is None:
        raise ConfigError("where do the copies go? ap organise label DIR OUT")
    from ap_remote.organise.labelling import run as label_folder

    say(f"labelling with {classifier.model} on {classifier.device}")
    with counting_bar("pictures") as progress:
        report = label_folder(
            classifier,
            source,
            target,
            **wishes,
            dataloader_options={"batch_size": batch_size, "num_workers": workers},
            accumulate=not replace,
            progress=progress,
        )
    _tell(report, json=json)


def _plan(spec: str, labeller: Labeller, *, query: str, min_size: int, json: bool) -> None:
    from ap_remote import organise

    async def propose() -> Plan:
        remote, _ = resolve(spec)
        async with remote:
            with counting_bar("photographs") as progress:
                return await organise.propose(
                    remote, by="label", labeller=labeller, query=query, min_size=min_size, progress=progress
                )

    say(f"labelling with {labeller.classifier.model} on {labeller.classifier.device}")
    made = run(propose())
    organise.save_plan(made, plans_folder(spec) / f"{made.id}.json")
    tell_plan(made, spec, json=json)


def _tell(report: LabelReport, *, json: bool) -> None:
    if json:
        for row in report.rows:
            json_line(row)
    else:
        for name, count in report.counts().items():
            line(f"{count:6d} {name}")
        results = [row.result for row in report.rows]
        told = f"{results.count('copied')} copied, {results.count('unlabelled')} fit no label"
        bad = results.count("unreadable") + results.count("failed")
        line(told + (f", {bad} could not be read or copied" if bad else ""))
    for row in report.rows:
        if row.result in ("unreadable", "failed"):
            say(f"{row.source}: {row.reason}")
    for path in report.kept:
        say(f"{path}: changed since it was copied, so it stayed")
    if any(row.result == "failed" for row in report.rows):
        raise typer.Exit(1)


def _is_account(source: str) -> bool:
    name, colon, _ = source.partition(":")
    return bool(colon) and "/" not in name and not Path(source).exists()


def _matcher(pattern: str | None) -> Callable[[str], bool] | None:
    if pattern is None:
        return None
    try:
        found = re.compile(pattern, re.IGNORECASE)
    except re.error as exc:
        raise ConfigError(f"{pattern!r} is no regular expression: {exc}") from exc
    return lambda name: found.search(name) is not None
