"""What fits the index to a machine and to its owner: index tune, calibrate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from ap_remote.cli.completion import remote_paths
from ap_remote.cli.console import Json, json_line, line, run
from ap_remote.cli.listing import Spec
from ap_remote.connect import resolve, semantic_index
from ap_remote.semantic.extras import need

if TYPE_CHECKING:
    from ap_remote.remote.base import Remote

_MOST: Final = 500
"""Photographs of each kind that a calibration looks at; more make it slower, hardly better."""


def tune(
    spec: Spec = None,
    *,
    target: Annotated[float, typer.Option(help="Milliseconds that a search may take.", min=1)] = 50,
    json: Json = False,
) -> None:
    """Measure up to how many photographs exact search is fast enough here, and let the index follow it."""
    index = semantic_index(spec)
    need("numpy")
    from ap_remote.semantic import tuning
    from ap_remote.semantic.store import EmbeddingStore

    with EmbeddingStore(index.folder, vectors=index.vectors) as store:
        found = tuning.tune(store, target_ms=target)
    if json:
        json_line(found)
        return
    line(f"{found.rows} vectors of {found.dim} numbers: a scan takes {found.p50_ms:.2f} ms, p95 {found.p95_ms:.2f} ms")
    line(f"exact search stays below {target:g} ms up to about {found.exact_rows} vectors on this machine")
    if found.recall is not None:
        worth = "enough to serve beyond" if found.effort else "too little to serve instead"
        line(
            f"an inverted file over {found.tried} of them finds {found.recall:.1%} of the ten nearest in "
            f"{found.approximate_p50_ms:.2f} ms, a scan takes {found.scan_p50_ms:.2f} ms: {worth}"
        )
    line(f"this library is served by: {found.serves}")


def calibrate(
    spec: Annotated[str, typer.Argument(metavar="REMOTE:", help="Whose index.", autocompletion=remote_paths)],
    text: Annotated[str, typer.Argument(help="What will be searched for, in words.")],
    *,
    right: Annotated[str, typer.Option(metavar="FILTER", help="What it is, in Amazon's search syntax.")],
    wrong: Annotated[str, typer.Option(metavar="FILTER", help="What it is not; what --right finds counts as right.")],
    precision: Annotated[
        float, typer.Option(min=0.01, max=1, help="Share of the answers that should be right with --min-score auto.")
    ] = 0.9,
    json: Json = False,
) -> None:
    """Learn from photographs that are sorted already how sure the answers to a text are.

    Searches for the same words use it: they tell a probability, and --min-score auto cuts by it. Ten photographs of
    each kind are needed, forty or more are better.
    """

    async def learn() -> None:
        remote, _ = resolve(spec)
        async with remote:
            yes = await _found(remote, right)
            no = [each for each in await _found(remote, wrong) if each not in set(yes)]
            made = await semantic_index(spec).calibrate(text, yes=yes, no=no, precision=precision)
        if json:
            json_line(made)
            return
        line(f"learned from {made.marks} photographs; expected error of a probability {made.error:.2f}")
        if made.threshold > 1:
            line(f"no cut is right in {precision:.0%} of its answers: --min-score auto will find nothing for this text")
        else:
            line(
                f"--min-score auto cuts at a probability of {made.threshold:.2f}: of photographs left out of the "
                f"learning {made.held_precision:.0%} of its answers were right, and {made.held_recall:.0%} were found"
            )

    run(learn())


async def _found(remote: Remote, query: str) -> list[str]:
    found: list[str] = []
    async for entry in remote.search(query):
        found.append(entry.id)
        if len(found) == _MOST:
            break
    return found
