"""Albums by theme and by event: a plan first, then apply, and undo. Importing this loads nothing heavy."""

from __future__ import annotations

from ap_remote.organise.apply import Applied, ApplyReport, MadeAlbum, UndoReport, apply, read_journal, undo
from ap_remote.organise.checks import Skipped
from ap_remote.organise.facets import Granularity
from ap_remote.organise.journal import retire
from ap_remote.organise.plan import By, Plan, PlanFolder, PlanMember, Unassigned, load_plan, save_plan
from ap_remote.organise.propose import propose
from ap_remote.organise.taxonomy import Taxonomy, load_taxonomy

__all__ = [
    "Applied",
    "ApplyReport",
    "By",
    "Granularity",
    "MadeAlbum",
    "Plan",
    "PlanFolder",
    "PlanMember",
    "Skipped",
    "Taxonomy",
    "Unassigned",
    "UndoReport",
    "apply",
    "load_plan",
    "load_taxonomy",
    "propose",
    "read_journal",
    "retire",
    "save_plan",
    "undo",
]
