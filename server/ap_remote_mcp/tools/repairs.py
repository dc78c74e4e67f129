"""Arguments as hosts and models send them: put right where only one thing can be meant, and explained where not."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec

from ap_remote_mcp.tools.filters import DATES

_AT: Final = re.compile(r"`\$\.([A-Za-z_]+)[^`]*`")
_FIELD: Final = re.compile(r"unknown field `([^`]*)`")
_PAGING: Final = frozenset({"page", "offset", "skip", "start", "page_token", "next", "after"})
_TRUTHS: Final = {True: "yes", False: "no", "true": "yes", "false": "no", "True": "yes", "False": "no"}


def repaired(arguments: dict[str, Any], struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return arguments in the types that a tool takes, as far as they say the same in another one.

    A list, a number or a truth sent as a JSON string is read; one text where a list is meant is a list of it; a number
    where a text is meant is its digits; true and false where yes and no are the choices are those.
    """
    wanted = _types_of(struct)
    return {name: _put_right(value, wanted[name]) if name in wanted else value for name, value in arguments.items()}


def explained(problem: str, struct: type[msgspec.Struct]) -> str:
    """Return what msgspec says of arguments with what would be right."""
    wanted = _types_of(struct)
    unknown = _FIELD.search(problem)
    if unknown is not None:
        known = f"known are {', '.join(wanted)}" if wanted else "this tool takes no arguments"
        return f"{problem}; {'use cursor' if unknown[1] in _PAGING and 'cursor' in wanted else known}"
    place = _AT.search(problem)
    if place is None:
        return problem
    if "matching regex" in problem:
        return f"{DATES} - at `$.{place[1]}`" if place[1] in ("from", "to") else problem
    choices = _choices(wanted.get(place[1]))
    return f"{problem}; it takes {', '.join(map(str, choices))}" if choices else problem


@cache
def _types_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the types of a tool's arguments by their names on the wire."""
    return {field.encode_name: _bare(field.type) for field in msgspec.structs.fields(struct)}


def _bare(wanted: Any) -> Any:
    while get_origin(wanted) is Annotated:
        wanted = get_args(wanted)[0]
    return wanted


def _choices(wanted: Any) -> tuple[Any, ...]:
    return get_args(wanted) if get_origin(wanted) is Literal else ()


def _put_right(value: Any, wanted: Any) -> Any:
    if get_origin(wanted) in (list, tuple):
        return _listed(value) if isinstance(value, str) else value
    if _choices(wanted):
        truth = _TRUTHS.get(value) if isinstance(value, bool | str) else None
        return truth if truth in _choices(wanted) else value
    if wanted is str:
        return _digits(value)
    if isinstance(value, str) and (get_origin(wanted) is dict or wanted in (int, float, bool)):
        return _read(value)
    return value


def _listed(value: str) -> Any:
    read = _read(value)
    if isinstance(read, list):
        return read
    return [read if isinstance(read, str) else value]


def _digits(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _read(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
