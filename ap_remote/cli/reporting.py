"""What a transfer says at its end: the closing table, the report file, the exit code."""

from __future__ import annotations

import os
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ap_remote.atomic import write_atomically
from ap_remote.cli.console import json_line, line, say
from ap_remote.cli.progress import duration
from ap_remote.cli.render import size_text
from ap_remote.errors import ConfigError
from ap_remote.remote.paths import ALBUMS_VIEW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ap_remote.transfer.report import Report, Row

FAILED: Final = 1
LIMIT_REACHED: Final = 8
NOTHING_TRANSFERRED: Final = 9
"""These mean what they mean to rclone."""

_SCREENFUL: Final = 20
_NAMED: Final = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\bnode \S+?(?=:)""")
"""What a reason names: a path in quotes, a node."""
_WORDS: Final = {
    "copied": "copied",
    "replaced": "replaced",
    "moved": "moved",
    "removed": "put into the trash",
    "left": "taken out of the album",
    "made": "folders made",
}


def row_json(row: Row) -> dict[str, Any]:
    """Return what ``--json`` prints for a file; a local name that is no valid text has question marks in it."""
    return {
        "source": _text(row.source),
        "target": _text(row.target),
        "result": row.result,
        "deed": row.deed,
        "size": row.size,
        "reason": _text(row.reason),
    }


def tell(report: Report, *, words: Mapping[str, str] | None = None, json: bool = False, hint: str = "") -> None:
    """Print what became of all files.

    Args:
        report: what was done.
        words: what is said instead of a deed, e.g. ``uploaded`` for ``copied``.
        json: print one object per file instead, to stdout alone.
        hint: how to see the rest where not all fits on a screen.
    """
    if json:
        for row in report.rows:
            json_line(row_json(row))
    else:
        for text in closing(report, words=words):
            line(text)
    failed = report.select("failed")
    for row in failed[:_SCREENFUL]:
        say(f"failed {row.source or row.target}: {row.reason}")
    if len(failed) > _SCREENFUL:
        say(f"… and {len(failed) - _SCREENFUL:,} more failed{hint}")
    if report.stopped:
        say(f"ap: stopped: {report.stopped}")


def closing(report: Report, *, words: Mapping[str, str] | None = None) -> list[str]:
    """Return the closing table: a line of sums, then why files were left alone."""
    said = {**_WORDS, **(words or {})}
    done, skipped, failed = (report.select(result) for result in ("done", "skipped", "failed"))
    deeds = Counter[str](_deed(row) for row in done)
    counts = [f"{deeds[deed]} {said[deed]}" for deed in _WORDS if deeds[deed]] or [f"0 {said['copied']}"]
    rate = f", {size_text(int(report.size / report.seconds))}/s" if report.seconds > 0 and report.size else ""
    passed = f"{size_text(report.size)} in {duration(report.seconds)}{rate}"
    return [
        f"{', '.join(counts)} ({passed}), {len(skipped)} skipped, {len(failed)} failed",
        *(f"{count:9,d} skipped: {reason}" for reason, count in reasons(row.reason for row in skipped)),
    ]


def _deed(row: Row) -> str:
    """Return what was done, as a key of the words; what is removed from an album stays in its folder."""
    if row.deed == "removed" and row.target.startswith(f"{ALBUMS_VIEW}/"):
        return "left"
    return row.deed or "copied"


def reasons(texts: Iterable[str]) -> list[tuple[str, int]]:
    """Count reasons that differ in what they name alone as one, the most frequent first, at most a screenful."""
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(_NAMED.sub("…", text), []).append(text)
    counts = [(kind if len(set(each)) > 1 else each[0], len(each)) for kind, each in groups.items()]
    counts.sort(key=lambda each: -each[1])
    rest = sum(count for _, count in counts[_SCREENFUL:])
    return counts[:_SCREENFUL] + ([("for other reasons", rest)] if rest else [])


def exit_code(report: Report, *, error_on_no_transfer: bool = False) -> int:
    """Return what ``ap`` exits with: a failure weighs more than a limit, a limit more than nothing to do."""
    if report.select("failed"):
        return FAILED
    if report.stopped:
        return LIMIT_REACHED
    if error_on_no_transfer and not any(row.deed in ("copied", "replaced", "moved") for row in report.select("done")):
        return NOTHING_TRANSFERRED
    return 0


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


class ReportFile:
    """The JSON report of a run, written whole or not at all, also when the run fails."""

    def __init__(self, file: Path) -> None:
        """Write to *file* at the end.

        Raises:
            ConfigError: its folder is missing or cannot be written, or a folder is there; said before anything is done.
        """
        self.file = file.expanduser().absolute()
        self._begun = datetime.now(UTC)
        if self.file.is_dir():
            raise ConfigError(f"--report needs a file, and this is a folder: {file}")
        if not os.access(self.file.parent, os.W_OK | os.X_OK):
            raise ConfigError(f"--report cannot be written there: {self.file.parent}")

    def write(self, report: Report, *, command: str, source: str, target: str, code: int, error: str = "") -> None:
        """Write what became of each file.

        Raises:
            OSError: the disk is full or cannot be written; what stood there before still does.
        """
        counts = Counter[str](row.deed or "copied" for row in report.select("done"))
        document = {
            "command": command,
            "source": source,
            "target": target,
            "plan": report.plan,
            "begun": self._begun,
            "seconds": round(report.seconds, 3),
            "exit_code": code,
            "error": error,
            "stopped": report.stopped,
            "bytes": report.size,
            "done": len(report.select("done")),
            "skipped": len(report.select("skipped")),
            "failed": len(report.select("failed")),
            "deeds": {deed: counts[deed] for deed in _WORDS},
            "files": [row_json(row) for row in report.rows],
        }
        write_atomically(self.file, msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
