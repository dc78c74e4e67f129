"""One entry after the other: what was refused is told apart, and what nobody knows ends the row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ap_remote.errors import OutcomeUnknownError, ProtocolError, RemoteError, UnavailableError
from ap_remote_mcp.changes.proposal import Effect
from ap_remote_mcp.deadline import writing
from ap_remote_mcp.errors import coded
from ap_remote_mcp.results.pages import Skipped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ap_remote.model import Entry

UNKNOWN = "sent, and no answer came: look with photos_get before anything else"
_UNANSWERED = "[unavailable] no usable answer came: look with photos_get before you call again"
"""A remote repeats what can be repeated without harm, and the last answer says nothing of the first attempt."""
_NOT_TRIED = "not tried, since the one before has no known outcome"


async def each_one(entries: Iterable[Entry], act: Callable[[Entry], Awaitable[object]]) -> Effect:
    """Do *act* to each entry and return what came of it.

    A refusal concerns its entry alone. After an answer that never came nothing more is sent: whatever kept it may
    keep the next one too, and two unknowns are worse than one.
    """
    writing()
    done: list[str] = []
    refused: list[Skipped] = []
    unknown = False
    for entry in entries:
        if unknown:
            refused.append(Skipped(id=entry.id, why=_NOT_TRIED))
            continue
        try:
            await act(entry)
        except OutcomeUnknownError:
            unknown = True
            refused.append(Skipped(id=entry.id, why=UNKNOWN))
        except (UnavailableError, ProtocolError):
            refused.append(Skipped(id=entry.id, why=_UNANSWERED))
        except RemoteError as exc:
            refused.append(Skipped(id=entry.id, why=str(coded(exc))))
        else:
            done.append(entry.id)
    note = "[outcome_unknown] for one entry; do not repeat the call" if unknown else ""
    return Effect(done=tuple(done), refused=tuple(refused), note=note)
