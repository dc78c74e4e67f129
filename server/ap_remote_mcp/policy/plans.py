"""Permissions to change exactly these entries, as they were when they were shown.

A plan is handed out with a preview and must come back to be applied. It is bound to the action and its other
arguments, the account, the caller, the ids and their versions; it expires, dies with the process and can
be used once.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from ap_remote_mcp.policy.seal import BrokenSealError, Seal, process_key

if TYPE_CHECKING:
    from collections.abc import Callable


class Permit(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What may be done, to what, by whom."""

    action: str
    versions: Mapping[str, int]
    """The entries' ids, each with its version."""
    who: str = ""
    """The caller, to whom alone the plan is of use."""
    terms: msgspec.Struct | None = None
    """What the action is about beside the entries."""
    warned: tuple[str, ...] = ()
    """What was shown as worth minding."""


class _Plan(msgspec.Struct, frozen=True, array_like=True):
    action: str
    digest: str
    expires: int
    nonce: str


class PlanRefusedError(Exception):
    """A plan that permits nothing; ``reason`` is a clause for the model."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Plans:
    """Hands plans out and takes them back."""

    def __init__(self, account: str, *, seconds: float, clock: Callable[[], float] = time.time) -> None:
        self._seal = Seal(process_key(), "plan")
        self._account = account
        self._seconds = seconds
        self._clock = clock
        self._used: dict[str, int] = {}

    def issue(self, permit: Permit) -> tuple[str, float]:
        """Return a plan for what is permitted, and the Unix time at which it expires."""
        expires = int(self._clock() + self._seconds)
        plan = _Plan(permit.action, self._digest(permit), expires, secrets.token_urlsafe(9))
        return self._seal.close(msgspec.json.encode(plan)), float(expires)

    def check(self, token: str, permit: Permit) -> None:
        """Make sure that *token* permits exactly this.

        Raises:
            PlanRefusedError: it does not.
        """
        self._open(token, permit)

    def use(self, token: str, permit: Permit) -> None:
        """Check *token* and make it worthless from now on.

        Raises:
            PlanRefusedError: as for :meth:`check`.
        """
        plan = self._open(token, permit)
        now = self._clock()
        self._used = {nonce: expires for nonce, expires in self._used.items() if expires > now}
        self._used[plan.nonce] = plan.expires

    def _open(self, token: str, permit: Permit) -> _Plan:
        try:
            plan = msgspec.json.decode(self._seal.open(token), type=_Plan)
        except (BrokenSealError, msgspec.DecodeError):
            raise PlanRefusedError("this server did not issue it") from None
        if plan.expires <= self._clock():
            raise PlanRefusedError("it has expired")
        if plan.nonce in self._used:
            raise PlanRefusedError("it was used already")
        if plan.action != permit.action:
            raise PlanRefusedError(f"it was made for {plan.action}")
        if plan.digest != self._digest(permit):
            raise PlanRefusedError("the ids or arguments differ from the preview's, or an entry changed since")
        return plan

    def _digest(self, permit: Permit) -> str:
        return Seal(b"", "digest").close(msgspec.json.encode([self._account, permit], order="sorted"))[:22]
