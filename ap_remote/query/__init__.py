"""Amazon's two query languages: trees, parsers with positions, one printer, builders, an evaluator over entries."""

from __future__ import annotations

from ap_remote.query.evaluate import extension_of, matches, type_of
from ap_remote.query.names import FACETS, FIELDS, MAX_CLAUSES, sort_fields
from ap_remote.query.printer import all_of, between, escape, facet, field, show, show_sort, starting
from ap_remote.query.tree import AllOf, AnyOf, Bound, Clause, Language, Query, Range, Term, Value

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


def parse_search(text: str) -> Query:
    """Read a query in the language of Amazon's search; see :func:`ap_remote.query.parser.parse_search`."""
    # Most commands read no query, and a parser generator is heavy.
    from ap_remote.query import parser

    return parser.parse_search(text)


def parse_nodes(text: str) -> Query:
    """Read a filter in the language of node listings; see :func:`ap_remote.query.parser.parse_nodes`."""
    from ap_remote.query import parser

    return parser.parse_nodes(text)
