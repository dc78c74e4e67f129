"""The family vault. Nodes stay where they are; they carry the family's id while they lie in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from ap_remote import mapping
from ap_remote.api import family as api
from ap_remote.api import limits
from ap_remote.api import search as search_api
from ap_remote.backends.amazon_account import Account, failures, refuse
from ap_remote.backends.amazon_search import EVERYTHING
from ap_remote.errors import UnsupportedError
from ap_remote.model import Entry, Ref


class Family(Account):
    """The methods of :class:`~ap_remote.remote.features.SupportsFamily`."""

    async def add_to_family(self, targets: Sequence[Ref], *, family_id: str | None = None) -> None:
        """Put photographs into the family vault."""
        await self._change("add", targets, family_id)

    async def remove_from_family(self, targets: Sequence[Ref], *, family_id: str | None = None) -> None:
        """Take photographs out of the family vault."""
        await self._change("remove", targets, family_id)

    async def _change(self, op: Literal["add", "remove"], targets: Sequence[Ref], family_id: str | None) -> None:
        entries = list({each.id: each for each in await self._members(targets)}.values())
        if not entries:
            return
        family = family_id or await self._family(entries)
        for batch in _batches(entries):
            ids = [each.id for each in batch]
            call = api.archive(family, add=ids) if op == "add" else api.archive(family, remove=ids)
            answer = await self._tree.transport.send(call)
            failed = failures(answer.error_map)
            told = {node.id: mapping.entry(node, path="") for node in answer.data}
            now = family if op == "add" else None
            done = [msgspec.structs.replace(told.get(each.id, each), family_id=now) for each in batch]
            self._tree.wrote(*[each for each in done if each.id not in failed])
            refuse(answer.error_map, batch, "entries of the family vault")

    async def _family(self, entries: Sequence[Entry]) -> str:
        """Return the family that a node names: one of *entries*, else the first that the family's search finds.

        Raises:
            UnsupportedError: none does.
        """
        own = next((each.family_id for each in entries if each.family_id), None)
        if own is not None:
            return own
        page = await self._tree.transport.send(search_api.search(EVERYTHING, context="family"))
        named = next((node.family_id for node in page.data if node.family_id), None)
        if named is None:
            raise UnsupportedError("no photograph names a family: give the family's id")
        return named


def _batches(entries: Sequence[Entry]) -> list[Sequence[Entry]]:
    return [entries[start : start + limits.BATCH] for start in range(0, len(entries), limits.BATCH)]
