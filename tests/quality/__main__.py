"""`make quality`: every figure as a JSON line, then all of them in tables. `make quality ARGS="events"`: one family.

Ends with 1 where a gate does not hold.
"""

from __future__ import annotations

import importlib
import os
import sys

from ap_remote.semantic.registry import MODELS, checkpoints
from tests.quality.report import Figure, Rows, show, show_tables

FAMILIES = ("search", "duplicates", "events", "themes", "taxonomy", "neighbours", "thumbnails")


def main() -> None:
    """Measure what was named, or everything."""
    wanted = sys.argv[1:] or FAMILIES
    found: list[Figure | Rows] = []
    for name in wanted:
        if name not in FAMILIES:
            sys.exit(f"unknown family {name!r}; known are {', '.join(FAMILIES)}")
        for one in importlib.import_module(f"tests.quality.{name}").run():
            show(one)
            found.append(one)
    show_tables(found)
    if not os.environ.get(MODELS) or not checkpoints():
        sys.stderr.write(f"NO WEIGHTS OF CLIP HERE ({MODELS} names none): only the offline encoder was measured\n")
    broken = [one.quality for one in found if isinstance(one, Figure) and one.holds is False]
    if broken:
        sys.exit(f"below its gate: {', '.join(broken)}")


if __name__ == "__main__":
    main()
