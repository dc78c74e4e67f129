"""How a plan of albums, or of moves, is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ap_remote.cli.console import json_line, line

if TYPE_CHECKING:
    from ap_remote.organise import Plan

NOTHING: Final = "no albums: there is nothing to apply"
_SAMPLES: Final = 3


def many(count: int, noun: str) -> str:
    """Return a number and its noun: ``1 album``, ``2 albums``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def show_plan(found: Plan, samples: int | None = _SAMPLES) -> None:
    """Print the albums and folders of a plan with some of their members, or with all."""
    for folder in found.folders:
        where = folder.name if folder.path is None else f"move to {folder.path}"
        line(f"{where}  ({len(folder.members)} photographs: {folder.reason})")
        for member in folder.members[:samples]:
            line(f"    {member.path}  {member.reason}")
        if samples is not None and len(folder.members) > samples:
            line(f"    … and {len(folder.members) - samples} more")
    line(f"{many(len(found.unassigned), 'photograph')} stay as they are")
    if "note" in found.parameters:
        line(str(found.parameters["note"]))


def tell_plan(made: Plan, spec: str | None, *, json: bool) -> None:
    """Show a plan that was just made, and how it is carried out."""
    if json:
        json_line(made)
    else:
        show_plan(made)
        if not made.folders:
            line("no folders: there is nothing to apply" if made.parameters.get("move") is not None else NOTHING)
            return
        words = ["ap organise apply", *([spec] if spec else []), made.id, *(["--move"] if made.moves else [])]
        what = f"moves these {made.moves} files" if made.moves else "makes these albums"
        line(f"plan {made.id}: `{' '.join(words)}` {what}")
