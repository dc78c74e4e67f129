"""What changed, by the delta stream, for whoever keeps a copy of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from ap_remote import mapping
from ap_remote.backends.amazon_ability import Ability
from ap_remote.cache.state import NO
from ap_remote.errors import UnsupportedError
from ap_remote.model import Change
from ap_remote.sync.stream import FACT, Follower
from ap_remote.wire.nodes import PURGED

if TYPE_CHECKING:
    from ap_remote.wire.changes import ChangeLine


class Changes(Ability):
    """The delta stream, where the account has one."""

    async def changes(self, checkpoint: str | None = None) -> AsyncIterator[tuple[str | None, Sequence[Change]]]:
        """Yield changes since a checkpoint; a stream that is cut off is gone on with.

        Raises:
            UnsupportedError: the account has no such stream.
            IncompleteListingError: no end comes; go on from the last checkpoint, later.
        """
        facts = self._facts
        if facts.offers(FACT) is False:
            raise UnsupportedError("the account has no stream of changes")
        follower = Follower(
            self._tree.transport.stream, checkpoint, learn=lambda value: facts.learn(FACT, offered=value != NO)
        )
        void = checkpoint is not None
        async with aclosing(follower.lines()) as lines:
            async for line in lines:
                if line.reset and void:
                    yield None, ()
                void = True
                told = await self._told(line)
                if told or line.checkpoint is not None:
                    yield follower.checkpoint, told

    async def _told(self, line: ChangeLine) -> Sequence[Change]:
        """Take the nodes of a line into the cache, and return them as it knows them then."""
        tree = self._tree
        gone = {node.id for node in line.nodes if node.status == PURGED}
        entries = [mapping.entry(node, path="") for node in line.nodes if node.id not in gone]
        tree.cache.put(entries, replace_equal=True, seen=tree.clock())
        tree.cache.remove(gone)
        located = {entry.id: entry for entry in await tree.locate(entries)}
        return [Change(id=each, entry=located.get(each)) for each in dict.fromkeys(node.id for node in line.nodes)]
