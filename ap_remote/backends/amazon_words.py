"""What people and programs write onto a node: a description, labels, properties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ap_remote import mapping
from ap_remote.api import limits, nodes
from ap_remote.api import properties as api
from ap_remote.backends.amazon_account import Account
from ap_remote.errors import NotFoundError
from ap_remote.model import Entry, Ref


class Words(Account):
    """The methods of :class:`~ap_remote.remote.features.SupportsDescriptions`."""

    async def describe(
        self, target: Ref, *, description: str | None = None, labels: Sequence[str] | None = None
    ) -> Entry:
        """Set description and labels; an empty description is none."""
        entry = await self._live(target)
        wanted: dict[str, Any] = {"description": description, "labels": None if labels is None else list(labels)}
        fields = {key: value for key, value in wanted.items() if value is not None}
        if not fields:
            return entry
        node = await self._tree.transport.send(nodes.patch(entry.id, **fields))
        return await self._tree.written(mapping.entry(node, path=""))

    async def set_properties(self, target: Ref, owner: str, values: Mapping[str, str | None]) -> Entry:
        """Set properties of one owner, those that go first; each is a call of its own.

        Where one fails, those before it are done, and the cache knows.
        """
        # The service counts the keys: what somebody else set meanwhile must not be forgotten.
        entry = await self._tree.ask((await self._live(target)).id)
        kept = dict(entry.properties.get(owner, {}))
        limits.properties({owner: after(kept, values)})
        calls = [
            (key, value, api.delete(entry.id, owner, key) if value is None else api.put(entry.id, owner, key, value))
            for key, value in sorted(values.items(), key=lambda row: row[1] is not None)
        ]
        for key, value, call in calls:
            try:
                await self._tree.transport.send(call)
            except NotFoundError:
                if value is not None:
                    raise
            kept = after(kept, {key: value})
            entry = await self._tree.written(_with(entry, owner, kept))
        return entry


def after(kept: Mapping[str, str], values: Mapping[str, str | None]) -> dict[str, str]:
    """Return an owner's properties as *values* make them."""
    return {key: value for key, value in {**kept, **values}.items() if value is not None}


def _with(entry: Entry, owner: str, pairs: Mapping[str, str]) -> Entry:
    rest = {each: kept for each, kept in entry.properties.items() if each != owner}
    return msgspec.structs.replace(entry, properties={**rest, owner: dict(pairs)} if pairs else rest)
