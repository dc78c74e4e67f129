"""Tree to text, canonically, and the builders.

``parse(show(q)) == q`` for every query. Values are quoted and escaped so that none can become syntax.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ap_remote.query.names import check, sort_fields
from ap_remote.query.tree import AllOf, AnyOf, Bound, Clause, Language, Query, Range, Term, Value, every, some

if TYPE_CHECKING:
    from collections.abc import Sequence

_BARE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.#-]*")
_HARMLESS: Final = re.compile(r"[A-Za-z0-9_.:#+-]+")
_KEYWORDS: Final = ("AND", "OR", "NOT", "TO")
_SPECIAL: Final = re.compile(r"""[+\-&|!(){}\[\]^'"~*?:\\<>=\s]""")
"""What node filters escape [amazon-photos-api.md 7.1], the comparison signs and every blank beside."""
_QUOTE: Final = re.compile(r'["\\]')


def show(query: Query) -> str:
    """Return the text of a query in canonical form."""
    return " AND ".join(_clause(clause, query.language) for clause in query.clauses)


def escape(value: str, language: Language = "search") -> str:
    """Return *value* as it stands in a query: bare where that is harmless, else quoted."""
    if _BARE.fullmatch(value) and value not in _KEYWORDS:
        return value
    if language == "search" or _HARMLESS.fullmatch(value):
        return '"' + _QUOTE.sub(r"\\\g<0>", value) + '"'
    return '"' + _SPECIAL.sub(r"\\\g<0>", value) + '"'


def facet(name: str, *values: str | Term | Sequence[str | Term]) -> Query:
    """Build a search of one facet. Values are alternatives; a sequence of values must hold together.

    ``facet("things", ("plant", "beach"), "moon")`` is ``things:(plant AND beach OR moon)``.

    Raises:
        QuerySyntaxError: the facet is unknown or does not take such a value.
        ValueError: no value was given.
    """
    return _build("search", name, values)


def field(name: str, *values: str | Term | Range | Sequence[str | Term]) -> Query:
    """Build a node filter of one clause; values as for :func:`facet`.

    Raises:
        QuerySyntaxError: the field is unknown or does not take such a value.
        ValueError: no value was given.
    """
    return _build("nodes", name, values)


def starting(text: str) -> Term:
    """Build the value that stands for everything that begins with *text*."""
    return Term(text=text, prefix=True)


def between(
    low: str | None = None, high: str | None = None, *, low_included: bool = True, high_included: bool = True
) -> Range:
    """Build a range; ``None`` is an open end."""
    return Range(
        low=None if low is None else Bound(text=low, included=low_included),
        high=None if high is None else Bound(text=high, included=high_included),
    )


def all_of(*queries: Query) -> Query:
    """Join queries of one language so that all must hold.

    Raises:
        QuerySyntaxError: together they have more clauses than Amazon accepts.
        ValueError: they are of two languages, or there is none.
    """
    languages = {query.language for query in queries}
    if len(languages) != 1:
        message = "queries of one language can be joined, at least one"
        raise ValueError(message)
    clauses = tuple(clause for query in queries for clause in query.clauses)
    return check(Query(language=queries[0].language, clauses=clauses))


def show_sort(*keys: str, language: Language = "search") -> str:
    """Return a sort parameter; a key with ``-`` before it is descending.

    ``show_sort("-createdDate")`` is ``['createdDate DESC']``, the form that browsers send.

    Raises:
        ValueError: a key that this language cannot sort by.
    """
    known = sort_fields(language)
    for key in keys:
        if key.removeprefix("-") not in known:
            message = f"cannot sort by {key.removeprefix('-')!r}; known are {', '.join(known)}"
            raise ValueError(message)
    rows = [f"'{key.removeprefix('-')} {'DESC' if key.startswith('-') else 'ASC'}'" for key in keys]
    return f"[{','.join(rows)}]"


def _build(language: Language, name: str, values: Sequence[str | Term | Range | Sequence[str | Term]]) -> Query:
    if not values or not all(values):
        message = f"{name!r} needs a value"
        raise ValueError(message)
    alternatives = [
        every(*map(_as_value, each)) if not isinstance(each, str | Term | Range) else _as_value(each) for each in values
    ]
    return check(Query(language=language, clauses=(Clause(name=name, value=some(*alternatives)),)))


def _as_value(value: str | Term | Range) -> Value:
    return Term(text=value) if isinstance(value, str) else value


def _clause(clause: Clause, language: Language) -> str:
    shown = _value(clause.value, language)
    if language == "search":
        return f"{clause.name}:({shown})"
    grouped = isinstance(clause.value, AllOf | AnyOf)
    return f"{clause.name}:({shown})" if grouped else f"{clause.name}:{shown}"


def _value(value: Value, language: Language) -> str:
    match value:
        case AllOf(values=values):
            return " AND ".join(_inner(each, language) for each in values)
        case AnyOf(values=values):
            return " OR ".join(_inner(each, language) for each in values)
        case Range(low=low, high=high):
            return _range(low, high, language)
        case Term(text=text, prefix=True):
            return _SPECIAL.sub(r"\\\g<0>", text) + "*"
        case Term(text=text):
            return escape(text, language)


def _inner(value: Value, language: Language) -> str:
    shown = _value(value, language)
    nested = isinstance(value, AllOf | AnyOf) and language == "nodes"
    return f"({shown})" if nested else shown


def _range(low: Bound | None, high: Bound | None, language: Language) -> str:
    begin = "*" if low is None else escape(low.text, language)
    end = "*" if high is None else escape(high.text, language)
    opened = "[" if low is not None and low.included else "{"
    closed = "]" if (high.included if high is not None else opened == "[") else "}"
    return f"{opened}{begin} TO {end}{closed}"
