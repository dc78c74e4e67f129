"""The syntax tree of a filter. Every leaf knows where in the text it stood."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """A word or a phrase; *prefix* when it ended in an unescaped ``*``."""

    text: str
    position: int
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """``[low TO high}``; ``None`` is open. A square bracket includes its end, a brace does not."""

    low: Term | None
    high: Term | None
    include_low: bool
    include_high: bool
    position: int


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part must hold."""

    parts: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part is enough."""

    parts: tuple[Value, ...]


Value = Term | Range | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Clause:
    """``field:value``."""

    field: str
    value: Value
    position: int


@dataclass(frozen=True, slots=True)
class And:
    """Every clause must hold; without parts it always does."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One clause is enough."""

    parts: tuple[Query, ...]


Query = Clause | And | Or


def clauses(query: Query) -> list[Clause]:
    """Return all clauses in the order of the text."""
    if isinstance(query, Clause):
        return [query]
    return [clause for part in query.parts for clause in clauses(part)]
