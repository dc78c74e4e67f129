"""Amazon's two query languages: trees, parsers with positions, one printer, builders, an evaluator over entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ap_remote.query.evaluate import extension_of, matches, type_of
from ap_remote.query.names import FACETS, FIELDS, MAX_CLAUSES, sort_fields
from ap_remote.query.printer import all_of, between, escape, facet, field, show, show_sort, starting
from ap_remote.query.tree import AllOf, AnyOf, Bound, Clause, Language, Query, Range, Term, Value

if TYPE_CHECKING:
    from ap_remote.query.parser import parse_nodes, parse_search

__all__ = [
    "FACETS",
    "FIELDS",
    "MAX_CLAUSES",
    "AllOf",
    "AnyOf",
    "Bound",
    "Clause",
    "Language",
    "Query",
    "Range",
    "Term",
    "Value",
    "all_of",
    "between",
    "escape",
    "extension_of",
    "facet",
    "field",
    "matches",
    "parse_nodes",
    "parse_search",
    "show",
    "show_sort",
    "sort_fields",
    "starting",
    "type_of",
]


def __getattr__(name: str) -> Any:
    """Import the parsers when a query is first read: most commands read none, and a parser generator is heavy."""
    if name in ("parse_nodes", "parse_search"):
        from ap_remote.query import parser

        return getattr(parser, name)
    raise AttributeError(f"module 'ap_remote.query' has no attribute {name!r}")
