"""Where output goes: answers to stdout, everything else to stderr."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

T = TypeVar("T")

_TURNS: Final = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that turn the direction of text: `gpj.exe` can look like `exe.jpg`."""
_VISIBLE: Final = {
    **{code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))},
    **{ord(char): f"\\u{ord(char):04x}" for char in _TURNS},
}

OUT: Final = Console(highlight=False, soft_wrap=True)
ERR: Final = Console(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run one command's coroutine to its end."""
    return asyncio.run(coroutine)


def shown(text: str) -> str:
    """Return a text that a terminal shows as it is: what would move the cursor or turn the writing is made visible."""
    return text.encode("utf-8", "replace").decode("utf-8").translate(_VISIBLE)


def line(text: str) -> None:
    """Print a line of an answer: no markup, no wrapping; what would move a terminal's cursor is made visible."""
    sys.stdout.write(shown(text) + "\n")


def json_line(value: Any) -> None:
    """Print one JSON object."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def say(text: str) -> None:
    """Tell the person something that is no answer; lines stay, what else would move the cursor is made visible."""
    for each in text.split("\n"):
        ERR.print(shown(each), markup=False, soft_wrap=True)


def is_quiet() -> bool:
    """Whether nobody watches stderr."""
    return not ERR.is_terminal


@contextmanager
def counting_bar(what: str) -> Iterator[_Counter]:
    """Draw a count while the block runs; the yielded function takes how many are done and, if known, of how many."""
    columns = (SpinnerColumn(), TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=ERR, transient=True, disable=is_quiet()) as progress:
        yield _Counter(progress)


class _Counter:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def __call__(self, done: int, total: int | None) -> None:
        self._progress.update(self._task, completed=done, total=total)
