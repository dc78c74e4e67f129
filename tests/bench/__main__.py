"""`make bench`: every figure as a JSON line. `make bench ARGS="nodes"` measures one family."""

from __future__ import annotations

import importlib
import sys

from tests.bench.report import show, show_machine

FAMILIES = (
    "nodes",
    "cache",
    "fetch",
    "transfers",
    "copies",
    "plans",
    "requests",
    "frames",
    "filesystem",
    "semantic",
    "organise",
    "search",
    "mcp",
)
LONG = ("scale",)
"""Measured only where they are named: they take many minutes."""


def main() -> None:
    """Measure what was named, or everything."""
    wanted = sys.argv[1:] or FAMILIES
    show_machine()
    for name in wanted:
        if name not in FAMILIES + LONG:
            sys.exit(f"unknown family {name!r}; known are {', '.join(FAMILIES + LONG)}")
        for figure in importlib.import_module(f"tests.bench.{name}").run():
            show(figure)


if __name__ == "__main__":
    main()
