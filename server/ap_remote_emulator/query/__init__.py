"""The two filter grammars, from text to SQL with parameters.

``tree`` holds the syntax tree, ``parse`` reads text into it, ``fields`` says what may be asked, ``compile`` makes a
``WHERE`` condition in which every value is a parameter, ``sort`` reads the ``sort`` parameter.
"""

from __future__ import annotations

from ap_remote_emulator.query.compile import Condition, compile_drive, compile_search
from ap_remote_emulator.query.fields import name_key
from ap_remote_emulator.query.parse import parse_drive, parse_search
from ap_remote_emulator.query.sort import parse_drive_sort, parse_search_sort

__all__ = [
    "Condition",
    "compile_drive",
    "compile_search",
    "name_key",
    "parse_drive",
    "parse_drive_sort",
    "parse_search",
    "parse_search_sort",
]
