"""Albums by theme and by event: a plan first, then apply, and undo. Importing this loads nothing heavy."""

from __future__ import annotations

from ap_remote.organise.apply import ApplyReport, MadeAlbum, Skipped, UndoReport, apply, undo
from ap_remote.organise.plan import By, Plan, PlanFolder, PlanMember, Unassigned, load_plan, save_plan
from ap_remote.organise.propose import propose

__all__ = [
    "ApplyReport",
    "By",
    "MadeAlbum",
    "Plan",
    "PlanFolder",
    "PlanMember",
    "Skipped",
    "Unassigned",
    "UndoReport",
    "apply",
    "load_plan",
    "propose",
    "save_plan",
    "undo",
]
