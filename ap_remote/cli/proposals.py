"""How a plan of albums is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ap_remote.cli.console import json_line, line

if TYPE_CHECKING:
    from ap_remote.organise import Plan

_SAMPLES: Final = 3


def show_plan(found: Plan, samples: int | None = _SAMPLES) -> None:
    """Print the albums of a plan with some of their members, or with all."""
    for folder in found.folders:
        line(f"{folder.name}  ({len(folder.members)} photographs: {folder.reason})")
        for member in folder.members[:samples]:
            line(f"    {member.path}  {member.reason}")
        if samples is not None and len(folder.members) > samples:
            line(f"    … and {len(folder.members) - samples} more")
    line(f"{len(found.unassigned)} photographs fit nowhere")


def tell_plan(made: Plan, spec: str | None, *, json: bool) -> None:
    """Show a plan that was just made, and how it is carried out."""
    if json:
        json_line(made)
    else:
        show_plan(made)
        if not made.folders:
            line("no albums: there is nothing to apply")
            return
        line(f"plan {made.id}: `ap organise apply {spec or ''} {made.id}` makes these albums")
