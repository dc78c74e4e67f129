"""`ap index tune`: which index serves a library on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from ap_remote.cli.console import Json, json_line, line
from ap_remote.cli.listing import Spec
from ap_remote.connect import semantic_index
from ap_remote.semantic.extras import need


def tune(
    spec: Spec = None,
    *,
    target: Annotated[float, typer.Option(help="Milliseconds that a search may take.", min=1)] = 50,
    json: Json = False,
) -> None:
    """Measure up to how many photographs exact search is fast enough here, and let the index follow it."""
    folder = semantic_index(spec).folder
    need("numpy")
    from ap_remote.semantic import tuning
    from ap_remote.semantic.store import EmbeddingStore

    with EmbeddingStore(folder) as store:
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
