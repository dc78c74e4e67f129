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
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ap_remote.cli.render import size_text

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from rich.progress import Task

    from ap_remote.transfer import Row

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


def line(text: str) -> None:
    """Print a line of an answer: no markup, no wrapping; what would move a terminal's cursor is made visible."""
    sys.stdout.write(text.encode("utf-8", "replace").decode("utf-8").translate(_VISIBLE) + "\n")


def json_line(value: Any) -> None:
    """Print one JSON object."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def say(text: str) -> None:
    """Tell the person something that is no answer."""
    ERR.print(text, markup=False, soft_wrap=True)


def is_quiet() -> bool:
    """Whether nobody watches stderr."""
    return not ERR.is_terminal


class _Rate(ProgressColumn):
    """Bytes a second, in the units of the summary that follows."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{size_text(int(speed))}/s" if speed else "", style="progress.data.speed")


class TransferBar:
    """A :class:`ap_remote.transfer.Meter` that draws bytes, files and time left."""

    def __init__(self, progress: Progress) -> None:
        """Draw into *progress*."""
        self._progress = progress
        self._task = progress.add_task("", total=None, files=0, of=0)

    def expect(self, files: int, size: int) -> None:
        """Set what full means."""
        self._progress.update(self._task, total=size, of=files)

    def begin(self, path: str, size: int) -> None:
        """Show no file before it is finished."""

    def moved(self, path: str, size: int) -> None:
        """Show no bytes before their file is finished."""

    def advance(self, row: Row) -> None:
        """Count one more file."""
        task = self._progress.tasks[0]
        self._progress.update(
            self._task, advance=row.size, files=task.fields["files"] + 1, description=row.source[-40:]
        )


@contextmanager
def transfer_bar() -> Iterator[TransferBar]:
    """Draw a transfer's progress while the block runs; nothing is drawn when stderr is no terminal."""
    columns = (
        TextColumn("{task.fields[files]}/{task.fields[of]} files"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=ERR, transient=True, disable=is_quiet()) as progress:
        yield TransferBar(progress)


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
