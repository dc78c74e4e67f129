"""Many entries in one request: what became of each, by what was answered and by a look at what was not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Final

from ap_remote.errors import BatchError, OutcomeUnknownError, ProtocolError, RemoteError, UnavailableError
from ap_remote_mcp.changes.each import UNKNOWN
from ap_remote_mcp.changes.proposal import Effect
from ap_remote_mcp.deadline import writing
from ap_remote_mcp.results.pages import Skipped

if TYPE_CHECKING:
    from ap_remote.model import Entry, Failure, Outcome

Look = Callable[[Sequence[str]], Awaitable[AbstractSet[str]]]
_WHY: Final[dict[Failure | None, str]] = {
    None: "the service refused",
    "refused": "the service refused",
    "missing": "[not_found] the service does not know it, or not where it has to be",
    "limited": "[busy] the service asks for fewer requests: wait half a minute, then call again",
    "unanswered": "[unavailable] no usable answer came, and it is as it was",
    "unknown": UNKNOWN,
}
_CERTAIN: Final = frozenset({"refused", "missing", "limited"})
"""Failures of which one knows without a look that nothing was done."""


async def all_at_once(
    entries: Sequence[Entry], send: Callable[[], Awaitable[Sequence[Outcome] | None]], look: Look
) -> Effect:
    """Do something to all entries in one call, and return what came of each.

    What is said to have failed is looked at: it may have happened all the same.

    Args:
        entries: to which it is done.
        send: does it, and may return outcomes.
        look: returns which of some ids are as they should be.

    Raises:
        OutcomeUnknownError: nobody knows what happened, and nobody can see.
        RemoteError: nothing was done, as far as one sees.
    """
    writing()
    known = {each.id for each in entries}
    failure: RemoteError | None = None
    failed: dict[str, Failure | None] = {}
    try:
        failed = _failures(await send() or ())
    except BatchError as exc:
        failed = _failures(exc.outcomes)
    except (UnavailableError, ProtocolError, OutcomeUnknownError) as exc:
        failure = exc
        failed = dict.fromkeys(known, "unknown" if isinstance(exc, OutcomeUnknownError) else "unanswered")
    if not failed.keys() <= known:
        # An id that is none of ours says that something failed, not what.
        failed = dict.fromkeys(known, None) | {key: why for key, why in failed.items() if key in known}
    for each in await _looked(failed, look) if failed else ():
        failed.pop(each, None)
    if failure is not None and len(failed) == len(known):
        raise failure
    unknown = sum(why == "unknown" for why in failed.values())
    return Effect(
        done=tuple(each.id for each in entries if each.id not in failed),
        refused=tuple(Skipped(id=each.id, why=_WHY[failed[each.id]]) for each in entries if each.id in failed),
        note=f"[outcome_unknown] for {unknown} of them; do not repeat the call" if unknown else "",
    )


def _failures(outcomes: Sequence[Outcome]) -> dict[str, Failure | None]:
    return {each.id or each.target.removeprefix("id:"): each.failure for each in outcomes if each.error is not None}


async def _looked(failed: dict[str, Failure | None], look: Look) -> AbstractSet[str]:
    try:
        return await look(list(failed))
    except RemoteError as exc:
        if _CERTAIN.issuperset(failed.values()):
            return frozenset()
        raise OutcomeUnknownError("no usable answer, and nothing to be seen") from exc
