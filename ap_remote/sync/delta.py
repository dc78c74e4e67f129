"""Sync by the delta stream: what changed since a checkpoint, line by line.

Nodes and the checkpoint behind them are stored in one transaction, so a run that is killed goes on where it was. A line
that says ``reset`` begins a run through everything, and only the end of the stream drops what that did not tell.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import Final

import msgspec

from ap_remote import mapping
from ap_remote.cache import Walk
from ap_remote.cache.state import NO, SyncState
from ap_remote.model import Entry
from ap_remote.sync.stream import FACT, BrokenStreamError, Follower, Stream
from ap_remote.sync.task import Task
from ap_remote.wire.changes import ChangeLine
from ap_remote.wire.nodes import PURGED

_BATCH: Final = 1000
"""Nodes in a transaction."""


def known_to_lack(task: Task) -> bool:
    """Whether the account was found to have no stream, not too long ago."""
    fact = task.cache.facts().get(FACT)
    return fact is not None and fact.value == NO and fact.holds(task.clock())


class Delta:
    """One sync by the stream.

    Args:
        task: what it is part of.
        stream: sends a call and gives its answer while it comes.
    """

    def __init__(self, task: Task, stream: Stream) -> None:
        self._task = task
        self._stream = stream
        self._state = task.cache.sync_state()
        self._told: list[Entry] = []
        self._gone: dict[str, None] = {}
        self._dead: set[str] = set()
        """Ids told as purged: whatever an older line says later, they do not come back."""
        self._began = task.clock()

    async def run(self) -> None:
        """Do it.

        Raises:
            NoStreamError: the account has none; that is remembered.
            BrokenStreamError: it never came to its end.
            TransportError: the stream cannot be had at the moment.
        """
        task = self._task
        walk = task.unfinished()
        if walk is not None and walk.mode == "delta":
            self._began = walk.began
            task.resumed = True
            task.seen.update(task.cache.seen())
        else:
            # Without a complete base a checkpoint says nothing about what came before it.
            checkpoint = self._state.checkpoint if self._state.completed is not None else None
            self._state = msgspec.structs.replace(self._state, checkpoint=checkpoint, walk=None)
        await self._follow()
        if not self._state.told and not task.seen:
            # Every account has a root at least: what tells of nothing must not drop everything.
            raise BrokenStreamError("the stream of changes told of no node at all")
        task.mode = "delta"
        task.removed += task.cache.finish_sync(
            began=self._began, checkpoint=self._state.checkpoint, sweep=not self._state.told
        )

    async def _follow(self) -> None:
        follower = Follower(self._stream, self._state.checkpoint, learn=self._learn)
        try:
            async with aclosing(follower.lines()) as lines:
                async for line in lines:
                    self._read(line)
                    if len(self._told) + len(self._gone) >= _BATCH:
                        self._flush()
        except BrokenStreamError:
            if follower.unfit:
                # It is the checkpoint that the service has no answer for; the next sync does without it.
                self._state = msgspec.structs.replace(self._state, checkpoint=None)
                self._task.cache.put_batch((), seen=self._task.clock(), state=self._state)
            raise
        finally:
            self._task.requests += follower.requests
            self._flush()

    def _learn(self, value: str) -> None:
        task = self._task
        fact = task.cache.facts().get(FACT)
        if value == NO or fact is None or fact.value == NO:
            task.cache.remember(FACT, value, task.clock())

    def _read(self, line: ChangeLine) -> None:
        if line.reset:
            self._begin_anew()
        for node in line.nodes:
            self._task.seen.add(node.id)
            if node.status == PURGED:
                self._dead.add(node.id)
                self._gone[node.id] = None
            elif node.id not in self._dead:
                self._told.append(mapping.entry(node, path=""))
        if line.checkpoint is not None:
            self._state = msgspec.structs.replace(self._state, checkpoint=line.checkpoint)

    def _begin_anew(self) -> None:
        task = self._task
        self._flush()
        self._dead.clear()
        task.seen.clear()
        task.resumed = False
        self._began = task.clock()
        walk = Walk(mode="delta", began=self._began)
        # Only what comes behind this line may be gone on with.
        self._state = SyncState(
            generation=task.cache.begin_sync(walk), completed=self._state.completed, walk=walk, checkpoint=None
        )

    def _flush(self) -> None:
        """Store what was told, along with the checkpoint behind it."""
        task = self._task
        if self._told or self._gone:
            alive = [entry for entry in self._told if entry.id not in self._dead]
            task.changed += task.cache.put_batch(alive, gone=self._gone, seen=task.clock(), state=self._state)
            self._told, self._gone = [], {}
            task.tell()
