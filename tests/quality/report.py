"""One figure a line, as JSON; then all of them in a table."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table


class Figure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One measured value, between 0 and 1 unless its unit says otherwise."""

    quality: str
    """What was measured, with dots."""
    value: float
    unit: str | None = None
    gate: float | None = None
    """The value must be on this side of it."""
    falls: bool = False
    """Less is better."""
    detail: dict[str, Any] | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the gate holds; ``None`` where there is none."""
        if self.gate is None:
            return None
        return self.value <= self.gate if self.falls else self.value >= self.gate


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What lies behind figures, line by line: a table of its own."""

    quality: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def show(one: Figure | Rows) -> None:
    """Print one as JSON."""
    sys.stdout.write(msgspec.json.encode(one).decode() + "\n")
    sys.stdout.flush()


def show_tables(found: list[Figure | Rows]) -> None:
    """Print everything for people."""
    console = Console(width=140)
    table = Table("measured", "value", "gate", "holds", title="Quality", title_justify="left")
    for one in found:
        if isinstance(one, Figure):
            limit = "" if one.gate is None else f"{'≤' if one.falls else '≥'} {one.gate:.4g}"
            holds = {None: "", True: "yes", False: "NO"}[one.holds]
            table.add_row(one.quality, f"{one.value:.4g}{f' {one.unit}' if one.unit else ''}", limit, holds)
        else:
            lines = Table(*one.columns, title=one.quality, title_justify="left")
            for row in one.rows:
                lines.add_row(*row)
            console.print(lines)
    console.print(table)
