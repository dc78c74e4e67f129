"""People: the clusters of faces that the service has made, their names, and who stands for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ap_remote.api import people as api
from ap_remote.api import search
from ap_remote.backends.amazon_account import Account, refuse_one
from ap_remote.model import Person, Ref

if TYPE_CHECKING:
    from ap_remote.backends.amazon_tree import Tree
    from ap_remote.wire.search import Bucket

PEOPLE: Final = "people"
"""Under which key what the service said of people is kept."""
_ALL: Final = "allPeople"
"""The category that has the people without a name too."""


class People(Account):
    """The methods of :class:`~ap_remote.remote.features.SupportsPeople`.

    The service counts late: a name that was just given may take a while to appear [amazon-photos-api.md 11].
    """

    async def people(self) -> Sequence[Person]:
        """Return the people, the most photographed first."""
        return await known_people(self._tree)

    async def name_person(self, person: str, name: str) -> None:
        """Give a cluster a name."""
        answer = await self._tree.transport.send(api.name(person, name))
        self._tree.asked.forget(PEOPLE)
        refuse_one(answer.error_map, "person")

    async def merge_people(self, people: Sequence[str], name: str) -> None:
        """Make one person of several clusters."""
        answer = await self._tree.transport.send(api.merge(people, name))
        self._tree.asked.forget()
        refuse_one(answer.error_map, "person")

    async def set_person_cover(self, person: str, target: Ref) -> None:
        """Let a photograph stand for a person."""
        (photograph,) = await self._members([target])
        answer = await self._tree.transport.send(api.hero(person, photograph.id))
        refuse_one(answer.error_map, "person")


async def known_people(tree: Tree) -> Sequence[Person]:
    """Ask for the people, the most photographed first."""
    answer = await tree.transport.send(search.aggregation(_ALL))
    found = [person(bucket) for bucket in answer.aggregations if bucket.word]
    return sorted(found, key=lambda each: (-each.count, each.id))


def person(bucket: Bucket) -> Person:
    """Return the person that a row of an aggregation counts."""
    said = bucket.search_data
    return Person(
        id=said.cluster_id or bucket.word,
        name=said.cluster_name or None,
        count=bucket.count,
        cover=said.node_id or bucket.node_id,
    )
