"""What the optional abilities that write have in common: where they find the account, and what was refused."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ap_remote.errors import AccessDeniedError, BatchError, NotFoundError
from ap_remote.model import Entry, NodeId, Outcome, Ref

if TYPE_CHECKING:
    from ap_remote.backends.amazon_albums import Albums
    from ap_remote.backends.amazon_tree import Tree


class Account(ABC):
    """What an ability's methods find in the remote that they are mixed into."""

    _tree: Tree
    _albums: Albums

    @abstractmethod
    async def _seen(self, target: Ref, *, fresh: bool = False) -> Entry:
        """Return what a target names, at the path under which it is seen."""

    @abstractmethod
    async def _live(self, target: Ref) -> Entry:
        """Return what a target names, at its own path, unless it is in the bin or no node at all."""

    @abstractmethod
    async def _members(self, targets: Sequence[Ref]) -> Sequence[Entry]:
        """Return the files that targets name."""


def failures(error_map: Mapping[str, object]) -> dict[str, object]:
    """Return what an answer says failed, by id; a code of 200 or nothing is none."""
    return {key: code for key, code in error_map.items() if code and str(code) != "200"}


def refuse(error_map: Mapping[str, object], entries: Sequence[Entry], what: str) -> None:
    """Raise if an answer says that some of *entries* failed.

    Raises:
        BatchError: with an outcome for each that did.
    """
    failed = failures(error_map)
    rows = [
        Outcome(target=str(NodeId(each.id)), action="trash", id=each.id, error=f"code {failed[each.id]}")
        for each in entries
        if each.id in failed
    ]
    if rows:
        raise BatchError(f"the service refused {len(rows)} of {len(entries)} {what}", rows)


def refuse_one(error_map: Mapping[str, object], subject: str) -> None:
    """Raise if an answer about things that are no nodes names any failure.

    Raises:
        NotFoundError: the code says that it is unknown.
        AccessDeniedError: any other code.
    """
    for key, code in failures(error_map).items():
        if str(code) == "404":
            raise NotFoundError(f"{subject} {key}")
        raise AccessDeniedError(f"the service refused {subject} {key!r} (code {code})")
