"""What the two languages may talk about: facets, fields, and what each of them takes.

The tables are those of [amazon-photos-api.md 7.1, 7.2]. Where a table is silent, the stricter reading is taken, so that
a query is refused here with a position rather than by the service with a code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Final, Literal

import msgspec

from ap_remote.errors import QuerySyntaxError
from ap_remote.query.tree import UNKNOWN, AllOf, AnyOf, Bound, Clause, Language, Query, Range, Term, Value

MAX_CLAUSES: Final = 8
"""For node filters [docs2015]; that search counts alike is (inferred)."""

Takes = Literal["text", "whole number", "date", "true or false", "choice"]


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the tables: what a facet or a field takes."""

    takes: Takes = "text"
    choices: tuple[str, ...] = ()
    prefix: bool = False
    ranges: bool = False
    sortable: bool = False


_DATE: Final = Name(takes="date", ranges=True, sortable=True)

FACETS: Final[dict[str, Name]] = {
    "type": Name(takes="choice", choices=("PHOTOS", "VIDEOS", "ALBUMS")),
    "things": Name(),
    "timeYear": Name(takes="whole number"),
    "timeMonth": Name(takes="whole number"),
    "timeDay": Name(takes="whole number"),
    "location": Name(),
    "people": Name(),
    "clusterId": Name(),
    "familyMembers": Name(),
    "favorite": Name(takes="true or false"),
    "name": Name(prefix=True),
    "extension": Name(),
}

FIELDS: Final[dict[str, Name]] = {
    "isRoot": Name(takes="true or false"),
    "name": Name(prefix=True, sortable=True),
    "kind": Name(
        takes="choice",
        choices=("FILE", "FOLDER", "ASSET", "VISUAL_COLLECTION", "SHARED_COLLECTION"),
        prefix=True,
        sortable=True,
    ),
    "status": Name(takes="choice", choices=("AVAILABLE", "TRASH", "PENDING", "PURGED"), prefix=True, sortable=True),
    "parents": Name(),
    "parentIds": Name(),
    "labels": Name(),
    "description": Name(),
    "createdDate": _DATE,
    "modifiedDate": _DATE,
    "contentProperties.contentDate": _DATE,
    "contentProperties.size": Name(takes="whole number", sortable=True),
    "contentProperties.contentType": Name(prefix=True, sortable=True),
    "contentProperties.md5": Name(),
    "contentProperties.extension": Name(sortable=True),
    "settings.hidden": Name(takes="true or false"),
    "favorite": Name(takes="true or false"),
}

SEARCH_SORTS: Final = ("contentProperties.contentDate", "createdDate", "name")
"""What ``/search`` sorts by."""

_WHOLE: Final = re.compile(r"[0-9]{1,18}")
_DATE_TEXT: Final = re.compile(r"[0-9TtZzW:+., -]+")
_MAJOR_TYPE: Final = re.compile(r"[A-Za-z]+/?")


def names_of(language: Language) -> dict[str, Name]:
    """Return the facets or the fields."""
    return FACETS if language == "search" else FIELDS


def sort_fields(language: Language) -> tuple[str, ...]:
    """Return what a listing in this language can be sorted by."""
    return SEARCH_SORTS if language == "search" else tuple(name for name, row in FIELDS.items() if row.sortable)


def read_date(text: str) -> datetime | None:
    """Read an ISO 8601 date or moment, in UTC where no zone is said; ``None`` if it is neither."""
    if not _DATE_TEXT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def check(query: Query, text: str = "") -> Query:
    """Return *query* if Amazon would accept it.

    Args:
        query: what was parsed or built.
        text: where it stood, for the error; empty for a built one.

    Raises:
        QuerySyntaxError: too many clauses, an unknown name, or a value the name does not take.
    """
    if len(query.clauses) > MAX_CLAUSES:
        problem = f"there are {len(query.clauses)} clauses, Amazon accepts {MAX_CLAUSES}"
        raise _error(text, query.clauses[MAX_CLAUSES].at, problem)
    known = names_of(query.language)
    for clause in query.clauses:
        if clause.name not in known:
            what = "facet" if query.language == "search" else "field"
            problem = f"unknown {what} '{clause.name}'{_nearest(clause.name, known)}; known are {', '.join(known)}"
            raise _error(text, clause.at, problem)
        _check_value(clause, clause.value, known[clause.name], text)
    return query


def _check_value(clause: Clause, value: Value, row: Name, text: str) -> None:
    match value:
        case AllOf(values=values) | AnyOf(values=values):
            for each in values:
                _check_value(clause, each, row, text)
        case Range(low=low, high=high):
            if not row.ranges:
                problem = f"'{clause.name}' takes no range; dates do"
                raise _error(text, value.at, problem)
            for bound in (low, high):
                if bound is not None:
                    _check_text(clause, bound, row, text)
        case Term(prefix=True):
            _check_prefix(clause, value, row, text)
        case Term():
            _check_text(clause, value, row, text)


def _nearest(word: str, known: Iterable[str]) -> str:
    """Return a question after the word that was probably meant, or nothing."""
    by_folded = {each.casefold(): each for each in known}
    near = get_close_matches(word.casefold(), by_folded, n=1)
    return f" (did you mean {by_folded[near[0]]}?)" if near else ""


def _check_prefix(clause: Clause, term: Term, row: Name, text: str) -> None:
    if not row.prefix:
        problem = f"'{clause.name}' takes no prefix; leave out the '*', or quote it if it belongs to the value"
        raise _error(text, term.at, problem)
    if clause.name == "contentProperties.contentType" and not _MAJOR_TYPE.fullmatch(term.text):
        problem = f"a content type's prefix is its major part, as in image*, not '{term.text}*'"
        raise _error(text, term.at, problem)
    if row.choices and not any(choice.startswith(term.text) for choice in row.choices):
        problem = f"no {clause.name} begins with '{term.text}'; known are {', '.join(row.choices)}"
        raise _error(text, term.at, problem)


def _check_text(clause: Clause, part: Term | Bound, row: Name, text: str) -> None:
    word = part.text
    problem = ""
    match row.takes:
        case "choice" if word not in row.choices:
            problem = f"unknown {clause.name} '{word}'{_nearest(word, row.choices)}; known are {', '.join(row.choices)}"
        case "whole number" if not _WHOLE.fullmatch(word):
            problem = f"'{clause.name}' takes a whole number, not '{word}'"
        case "true or false" if word not in ("true", "false"):
            problem = f"'{clause.name}' takes true or false, not '{word}'"
        case "date" if read_date(word) is None:
            problem = f"'{clause.name}' takes a date such as 2024-01-31T00:00:00.000Z, not '{word}'"
        case _:
            return
    raise _error(text, part.at, problem)


def _error(text: str, at: int, problem: str) -> QuerySyntaxError:
    return QuerySyntaxError(text, 0 if at == UNKNOWN else at, problem)
