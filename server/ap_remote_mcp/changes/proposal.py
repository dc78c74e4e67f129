"""What a change would touch, before anything is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from ap_remote_mcp.changes.terms import Action, Terms
from ap_remote_mcp.journal import Before, Made
from ap_remote_mcp.policy.plans import Permit
from ap_remote_mcp.results.items import item, minute
from ap_remote_mcp.results.pages import Preview, Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ap_remote.model import Entry
    from ap_remote_mcp.context import App

_SAMPLES = 4
T_co = TypeVar("T_co", bound=Terms, covariant=True)


class Proposal(msgspec.Struct, Generic[T_co], frozen=True, kw_only=True):
    """A change that is proposed; what it says is a pure function of the arguments and the entries as they are."""

    action: Action
    entries: tuple[Entry, ...]
    """What would change."""
    terms: T_co
    """What else it is about; a plan is bound to it, and the journal keeps it."""
    question: str
    """What a person is asked; names in it are cleaned and quoted."""
    skipped: tuple[Skipped, ...] = ()
    """What would be left alone, and why."""
    stands_alone: bool = False
    """Whether there is something to do without any entries."""
    warnings: tuple[str, ...] = ()
    """What a person should see first: favourites, albums, clashes."""
    cost: int | None = None
    """Changes that are charged to the day's budget; one for each entry by default."""
    undo_days: int | None = None
    """For how long the change can be taken back; ``None`` is as long as nothing else changes it."""

    def permit(self, who: str) -> Permit:
        """Return what a plan for it permits, to whom: what was shown, warnings among it."""
        return Permit(
            action=self.action,
            versions={entry.id: entry.version for entry in self.entries},
            who=who,
            terms=self.terms,
            warned=self.warnings,
        )

    @property
    def before(self) -> list[Before]:
        """What the journal keeps."""
        return [
            Before(
                id=entry.id,
                version=entry.version,
                path=entry.path,
                name=entry.name,
                favorite=entry.favorite,
                hidden=entry.hidden,
            )
            for entry in self.entries
        ]

    def preview(self) -> Preview:
        """Return what is shown."""
        taken = sorted(entry.taken for entry in self.entries if entry.taken)
        return Preview(
            count=len(self.entries),
            bytes=sum(0 if entry.is_folder else entry.size for entry in self.entries),
            oldest=minute(taken[0]) if taken else "",
            newest=minute(taken[-1]) if taken else "",
            favorites=sum(entry.favorite for entry in self.entries),
            samples=[item(entry) for entry in self.entries[:_SAMPLES]],
            warnings=list(self.warnings),
        )


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What a change did."""

    done: tuple[str, ...]
    """Ids of the entries that were changed."""
    refused: tuple[Skipped, ...] = ()
    made: Made = Made()
    """What came to be, for the undo."""
    rest: str = "call again without plan for a new one"
    """What to do about the refused, after the plan is spent; ``""`` where they were left on purpose."""
    was: dict[str, list[str]] = {}
    """Ids by the mark that they had: ``{"not favorite": [id]}``."""
    note: str = ""


async def picked(
    app: App, ids: Sequence[str], why_not: Callable[[Entry], str]
) -> tuple[tuple[Entry, ...], tuple[Skipped, ...]]:
    """Look ids up as they are now; return the entries that an action applies to, and the others with the reason.

    Args:
        app: knows the library.
        ids: which.
        why_not: returns why the action does not apply to an entry, ``""`` if it does.
    """
    found, missing = await app.entries(ids, fresh=True)
    skipped = [Skipped(id=each, why="unknown id") for each in missing]
    kept: list[Entry] = []
    for entry in found:
        why = why_not(entry)
        if why:
            skipped.append(Skipped(id=entry.id, why=why))
        else:
            kept.append(entry)
    return tuple(kept), tuple(skipped)
