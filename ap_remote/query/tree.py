"""The syntax tree of both query languages: values, clauses, queries.

Positions say where in the text something stood; two trees are equal without regard to them, so that what a builder made
equals what the parser read.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Language = Literal["search", "nodes"]
"""``search``: the facets of Amazon's search. ``nodes``: the filters of node listings."""

UNKNOWN = -1
"""The position of what was built and never stood in a text."""


class Syntax(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A piece of a query; ``at`` counts characters from 0 and is no part of its meaning."""

    at: int = UNKNOWN

    def _meaning(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__struct_fields__ if name != "at")

    def __eq__(self, other: object) -> bool:
        """Compare everything but the positions."""
        return isinstance(other, Syntax) and type(other) is type(self) and self._meaning() == other._meaning()

    def __hash__(self) -> int:
        """Hash what is compared."""
        return hash((type(self).__name__, self._meaning()))


class Term(Syntax, frozen=True, kw_only=True, eq=False):
    """One value without its quotes and escapes; with *prefix* everything that begins so."""

    text: str
    prefix: bool = False


class Bound(Syntax, frozen=True, kw_only=True, eq=False):
    """One end of a range, which belongs to it or not."""

    text: str
    included: bool = True


class Range(Syntax, frozen=True, kw_only=True, eq=False):
    """All values between two bounds; ``None`` is an open end."""

    low: Bound | None = None
    high: Bound | None = None


class AllOf(Syntax, frozen=True, kw_only=True, eq=False):
    """Every one of two or more values must hold. Made by :func:`every`."""

    values: tuple[Value, ...]


class AnyOf(Syntax, frozen=True, kw_only=True, eq=False):
    """At least one of two or more values must hold. Made by :func:`some`."""

    values: tuple[Value, ...]


Value = Term | Range | AllOf | AnyOf


class Clause(Syntax, frozen=True, kw_only=True, eq=False):
    """A facet or a field with what it must be."""

    name: str
    value: Value


class Query(Syntax, frozen=True, kw_only=True, eq=False):
    """Clauses that must all hold. None at all is the query that finds everything the language can find."""

    language: Language
    clauses: tuple[Clause, ...] = ()


def every(*values: Value) -> Value:
    """Join values by AND, in canonical form: nested ANDs are opened, one value stands alone."""
    flat = [each for value in values for each in (value.values if isinstance(value, AllOf) else (value,))]
    return flat[0] if len(flat) == 1 else AllOf(values=tuple(flat), at=flat[0].at)


def some(*values: Value) -> Value:
    """Join values by OR, in canonical form."""
    flat = [each for value in values for each in (value.values if isinstance(value, AnyOf) else (value,))]
    return flat[0] if len(flat) == 1 else AnyOf(values=tuple(flat), at=flat[0].at)
