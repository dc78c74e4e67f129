"""From a syntax tree to an SQL condition. Text from the caller only ever becomes a parameter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ap_remote_emulator.errors import InvalidFilterError
from ap_remote_emulator.query.fields import DRIVE, SEARCH, Field, Type, name_key, read_bool, read_date, read_int
from ap_remote_emulator.query.tree import AllOf, And, AnyOf, Clause, Query, Range, Term, Value, clauses

Parameter = str | int
_LAST: Final = "\U0010ffff"
"""Sorts after every character, so ``p`` up to ``p + _LAST`` is everything that begins with ``p``."""


@dataclass(frozen=True, slots=True)
class Condition:
    """An SQL expression over ``nodes n`` with its parameters.

    Attributes:
        sql: the expression.
        parameters: its values, in order.
        fields: what the text named.
        sharp: it holds for a node or two, which an index finds; no other index may win over that one.
        ranged: it may be narrow or wide, which only counting tells; there is an index for what it asks.
    """

    sql: str
    parameters: tuple[Parameter, ...]
    fields: frozenset[str]
    sharp: bool
    ranged: bool


def compile_drive(query: Query, *, ordered: bool = False, wide: bool = False) -> Condition:
    """Compile a drive filter.

    Args:
        query: the syntax tree.
        ordered: an index will serve the order of the rows; fields that tell little apart must not win over it.
        wide: the same, where ranges and prefixes are known to tell little apart as well.

    Raises:
        InvalidFilterError: an unknown field, or a value of the wrong type.
    """
    return _compile(query, _DRIVE_WIDE if wide else _DRIVE_ORDERED if ordered else DRIVE)


def compile_search(query: Query) -> Condition:
    """Compile a search filter.

    Raises:
        InvalidFilterError: an unknown facet (``kind:`` among them), or a value of the wrong type.
    """
    return _compile(query, _SEARCH_ORDERED)


def _without_index(fields: dict[str, Field], unfit: Callable[[Field], bool]) -> dict[str, Field]:
    # A unary plus keeps SQLite from choosing an index for the column.
    return {
        name: replace(field, column=f"+{field.column}") if unfit(field) else field for name, field in fields.items()
    }


_DRIVE_ORDERED: Final = _without_index(DRIVE, lambda field: field.broad)
_DRIVE_WIDE: Final = _without_index(DRIVE, lambda field: field.ranged)
_SEARCH_ORDERED: Final = _without_index(SEARCH, lambda field: field.broad)


def _compile(query: Query, fields: dict[str, Field]) -> Condition:
    parameters: list[Parameter] = []
    sql = _query(query, fields, parameters)
    found = clauses(query)
    needed = query.parts if isinstance(query, And) else (query,)
    return Condition(
        sql,
        tuple(parameters),
        frozenset(clause.field for clause in found),
        sharp=any(isinstance(part, Clause) and fields[part.field].sharp for part in needed),
        ranged=any(fields[clause.field].ranged for clause in found),
    )


def _query(query: Query, fields: dict[str, Field], out: list[Parameter]) -> str:
    if isinstance(query, Clause):
        field = fields.get(query.field)
        if field is None:
            raise InvalidFilterError(f"unknown field {query.field[:40]!r}", query.position)
        return _value(query.value, field, out)
    parts = [_query(part, fields, out) for part in query.parts]
    return _join(parts, "AND" if isinstance(query, And) else "OR")


def _join(parts: list[str], word: str) -> str:
    if not parts:
        return "1"
    return parts[0] if len(parts) == 1 else "(" + f" {word} ".join(parts) + ")"


def _value(value: Value, field: Field, out: list[Parameter]) -> str:
    if isinstance(value, Term):
        return _term(value, field, out)
    if isinstance(value, Range):
        return _range(value, field, out)
    if isinstance(value, AnyOf) and (same := _one_of(value, field, out)) is not None:
        return same
    parts = [_value(part, field, out) for part in value.parts]
    return _join(parts, "AND" if isinstance(value, AllOf) else "OR")


def _one_of(value: AnyOf, field: Field, out: list[Parameter]) -> str | None:
    """Write ``a OR b`` over one column as ``IN``, which an index can serve."""
    if field.type not in (Type.TEXT, Type.NAME, Type.LOWER, Type.INT):
        return None
    terms = [part for part in value.parts if isinstance(part, Term) and not part.prefix]
    if len(terms) != len(value.parts):
        return None
    out.extend(_parameter(term, field) for term in terms)
    return f"{field.column} IN ({', '.join('?' * len(terms))})"


def _parameter(term: Term, field: Field) -> Parameter:
    if field.type is Type.BOOL:
        return read_bool(term)
    if field.type is Type.INT:
        return read_int(term)
    if field.type is Type.DATE:
        if term.prefix:
            raise InvalidFilterError("a date cannot be a prefix", term.position)
        return read_date(term)
    text = {Type.NAME: name_key, Type.PLACE: name_key, Type.LOWER: str.lower}.get(field.type, str)(term.text)
    if field.values is not None and text not in field.values:
        raise InvalidFilterError(f"one of {', '.join(sorted(field.values))} is needed", term.position)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidFilterError("a character that is not Unicode text", term.position) from None
    return text


def _term(term: Term, field: Field, out: list[Parameter]) -> str:
    value = _parameter(term, field)
    if field.type is Type.PARENT:
        _refuse_prefix(term)
        out.append(value)
        return "n.id IN (SELECT child_id FROM edges WHERE parent_id = ?)"
    if field.type is Type.TAG:
        _refuse_prefix(term)
        out += (field.column, name_key(term.text) if field.column == "thing" else value)
        return "n.id IN (SELECT node_id FROM tags WHERE category = ? AND value = ?)"
    if term.prefix:
        if not field.prefix:
            _refuse_prefix(term)
        if field.major and "/" in term.text.removesuffix("/"):
            raise InvalidFilterError("only the major part of a content type can be a prefix", term.position)
        if value == "":
            return f"{field.column} IS NOT NULL"
        out += (value, f"{value}{_LAST}")
        return f"({field.column} >= ? AND {field.column} < ?)"
    if field.type is Type.PLACE:
        out += (value, f"{value}#", f"{value}#{_LAST}")
        return f"({field.column} = ? OR ({field.column} >= ? AND {field.column} < ?))"
    out.append(value)
    return f"{field.column} = ?"


def _refuse_prefix(term: Term) -> None:
    if term.prefix:
        raise InvalidFilterError("this field knows no prefixes", term.position)


def _range(value: Range, field: Field, out: list[Parameter]) -> str:
    if not field.range:
        raise InvalidFilterError("this field knows no ranges", value.position)
    parts = []
    if value.low is not None:
        out.append(_parameter(value.low, field))
        parts.append(f"{field.column} {'>=' if value.include_low else '>'} ?")
    if value.high is not None:
        out.append(_parameter(value.high, field))
        parts.append(f"{field.column} {'<=' if value.include_high else '<'} ?")
    return _join(parts, "AND") if parts else f"{field.column} IS NOT NULL"
