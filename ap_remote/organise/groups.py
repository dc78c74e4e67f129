"""What the ways of organising hand to a plan: named groups of photographs, and those that belong to none."""

from __future__ import annotations

from typing import NamedTuple

from ap_remote.model import Entry
from ap_remote.organise.plan import Unassigned


class Member(NamedTuple):
    """A photograph in a group."""

    entry: Entry
    reason: str
    score: float
    odds: float | None = None
    """The logarithm of the odds that it belongs there, by which several groups of one photograph are compared;
    ``None`` where scores say no such thing."""


class Group(NamedTuple):
    """Photographs that belong together, and what to call them."""

    name: str
    reason: str
    members: list[Member]
    score: float
    above: str = ""
    """The path of the folder that its own would lie in, where files are moved."""
    classes: tuple[str, ...] = ()
    """Its class in a taxonomy and those above it, the nearest first."""
    priority: int = 0
    """Which of two groups that fit a photograph equally well gets it: that of the higher number."""


class Grouping(NamedTuple):
    """The whole outcome: every photograph is in a group or unassigned."""

    groups: list[Group]
    unassigned: list[Unassigned]
    note: str = ""
    """What is to be said of the whole, e.g. what could not be looked at."""


def unassigned(entry: Entry, why: str) -> Unassigned:
    """Return the note that a photograph goes nowhere."""
    return Unassigned(id=entry.id, path=entry.path, why=why)
