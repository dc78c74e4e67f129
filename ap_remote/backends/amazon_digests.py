"""Which contents an account holds: asked in bulk where the service can tell, else one by one.

Nobody has shown ``bulk/nodeByDigest`` on the web's hosts (uncertain): the first question is the probe, and what came of
it is remembered for the account.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ap_remote import mapping, query
from ap_remote.api import bulk, nodes
from ap_remote.backends.amazon_ability import Ability
from ap_remote.errors import AccessDeniedError, NotFoundError, ProtocolError, UnsupportedError
from ap_remote.model import Entry, Kind, Status
from ap_remote.wire.nodes import Node

if TYPE_CHECKING:
    from ap_remote.backends.amazon_facts import Facts
    from ap_remote.backends.amazon_tree import Tree

BULK: Final = "digests in bulk"
_LOOK_UPS: Final = 6
"""Digests asked for at a time, where each needs a request of its own."""
_NOT_OFFERED: Final = (NotFoundError, UnsupportedError, AccessDeniedError, ProtocolError)


class Digests(Ability):
    """Contents can be asked for by their md5."""

    async def known(self, digests: Sequence[str]) -> Mapping[str, Entry]:
        """Return the entries that hold contents of these md5 digests, for those that are known.

        What is in the bin does not count. The keys are the digests as they were given.
        """
        found = await look_up(self._tree, self._facts, {each.lower() for each in digests})
        return {each: found[each.lower()] for each in digests if each.lower() in found}

    async def _holders(self, md5: str) -> Sequence[Entry]:
        """Return all files of this content."""
        return [each for each in await _living(self._tree, self._facts, [md5.lower()]) if each.md5 == md5.lower()]


async def look_up(tree: Tree, facts: Facts, digests: Iterable[str]) -> dict[str, Entry]:
    """Return what the service holds of these contents now, by digest in lower case; the cache learns of it."""
    wanted = sorted(digests)
    return {each.md5: each for each in reversed(await _living(tree, facts, wanted)) if each.md5 in wanted}


async def _living(tree: Tree, facts: Facts, digests: Iterable[str]) -> list[Entry]:
    wanted = sorted(digests)
    found: list[Entry] = []
    for batch in _batches(wanted):
        if facts.offers(BULK) is not False:
            try:
                found += await _in_bulk(tree, batch)
            except _NOT_OFFERED:
                facts.learn(BULK, offered=False)
            else:
                facts.learn(BULK, offered=True)
                continue
        found += await _one_by_one(tree, batch)
    if not found:
        return []
    tree.cache.put(found, replace_equal=True, seen=tree.clock())
    located = await tree.locate(found)
    # What was trashed here moments ago the service may still show.
    return [each for each in located if each.status is Status.AVAILABLE and each.kind is Kind.FILE]


async def _in_bulk(tree: Tree, digests: Sequence[str]) -> list[Entry]:
    answer = await tree.transport.send(bulk.nodes_by_digest(digests))
    matches = [match for found in answer.matches().values() for match in found]
    whole = [mapping.entry(match, path="") for match in matches if isinstance(match, Node) and match.content_properties]
    told = {entry.id for entry in whole}
    bare = {match.id if isinstance(match, Node) else match for match in matches} - told
    asked = await tree.ask_many(sorted(bare))
    return whole + [entry for entry in asked.values() if isinstance(entry, Entry)]


async def _one_by_one(tree: Tree, digests: Sequence[str]) -> list[Entry]:
    gate = asyncio.Semaphore(_LOOK_UPS)

    async def one(digest: str) -> list[Entry]:
        async with gate:
            filters = query.show(query.field("contentProperties.md5", digest))
            page = await tree.transport.send(nodes.nodes(filters))
        return [mapping.entry(node, path="") for node in page.data]

    return list(itertools.chain.from_iterable(await asyncio.gather(*map(one, digests))))


def _batches(digests: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(digests), bulk.DIGEST_BATCH):
        yield digests[start : start + bulk.DIGEST_BATCH]
