"""Modules that are imported when a test first asks something of them.

Each worker collects all tests and runs a part of them; what takes long to import is imported by those that need it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Lazily:
    """Stands for a module of this name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_"):  # copies, pickles and pytest's collection ask for these, of this very object
            raise AttributeError(attribute)
        return getattr(import_module(self._name), attribute)
