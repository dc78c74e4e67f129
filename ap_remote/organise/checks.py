"""What is looked at again before a plan changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ap_remote.errors import NotFoundError, PlanError
from ap_remote.model import Entry, Kind, NodeId, Status
from ap_remote.remote import paths

if TYPE_CHECKING:
    from ap_remote.organise.plan import Plan, PlanMember
    from ap_remote.remote.base import Remote


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """A photograph that was not put into its album or folder, and why."""

    path: str
    folder: str
    why: str
    id: str = ""


def guard(plan: Plan, *, move: bool, max_changes: int | None, max_percent: float | None) -> None:
    """Check that a plan changes no more than it may.

    Raises:
        PlanError: it moves files and may not, or it would change too much.
    """
    if plan.moves and not move:
        raise PlanError(f"the plan moves {plan.moves} files to other folders; say --move to allow it")
    changes = plan.moves + sum(folder.path is None for folder in plan.folders)
    if max_changes is not None and changes > max_changes:
        raise PlanError(f"the plan would make {changes} changes, and no more than {max_changes} are allowed")
    if max_percent is not None and plan.moves and 100 * plan.moves > max_percent * plan.seen:
        share = 100 * plan.moves / plan.seen
        raise PlanError(
            f"the plan would move {share:.0f} % of the {plan.seen} photographs that it saw, and no more than "
            f"{max_percent:g} % are allowed; --max-percent 100 allows it"
        )


async def find(remote: Remote, id_: str) -> Entry | None:
    """Return an entry as it is now; ``None`` where there is none any more."""
    try:
        return await remote.stat(NodeId(id_), fresh=True)
    except NotFoundError:
        return None


def changed(entry: Entry | None, member: PlanMember) -> str | None:
    """Return why a photograph is not what the plan was made of, or ``None``."""
    if entry is None:
        return "it was deleted since the plan was made"
    if entry.kind is not Kind.FILE:
        return "it is no photograph"
    if entry.status is not Status.AVAILABLE:
        return "it was put in the trash since the plan was made"
    if member.md5 is not None and entry.md5 != member.md5:
        return "its content changed since the plan was made"
    return None


def unfit(entry: Entry | None, member: PlanMember) -> str | None:
    """Return why a file cannot be moved, or ``None``: it must be as the plan saw it, in one folder."""
    why = changed(entry, member)
    if why is not None or entry is None:
        return why
    if not same_path(entry.path, member.path):
        return f"it was moved to {entry.path!r} since the plan was made"
    if entry.version != member.version:
        return "it was changed since the plan was made; a new plan sees it as it is"
    if len(entry.parents) > 1:
        return "it lies in several folders, and only its owner knows which is meant"
    return None


def same_path(one: str, other: str) -> bool:
    """Whether two paths name one place."""
    return paths.fold(one) == paths.fold(other)
