"""People in memory: they are who nodes say is on them (``seed(…, people=("P1",))``); names are given here.

Which cluster stays when several are made one is in no source: here the first (own choice).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ap_remote.backends.memory_ability import Ability
from ap_remote.errors import LimitError, NotFoundError
from ap_remote.model import Person

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ap_remote.backends.memory_tree import Node
    from ap_remote.model import Facet, Ref


class People(Ability):
    """The methods of :class:`~ap_remote.remote.features.SupportsPeople`."""

    _known: dict[str, Person]

    async def people(self) -> Sequence[Person]:
        """Return the people, the most photographed first."""
        return self._people()

    async def name_person(self, person: str, name: str) -> None:
        """Give a cluster a name."""
        self._existing(person)
        self._known[person] = msgspec.structs.replace(self._person(person), name=_checked(name))
        self._tree.changes += 1

    async def merge_people(self, people: Sequence[str], name: str) -> None:
        """Make one person of several clusters."""
        ids = list(dict.fromkeys(people))
        if len(ids) < 2:  # noqa: PLR2004 - one alone is joined with nobody
            raise LimitError("two people or more can be made one")
        first, *rest = (self._existing(each) for each in ids)
        _checked(name)
        for node in self._tree.everything():
            node.people = tuple(dict.fromkeys(first if each in rest else each for each in node.people))
        await self.name_person(first, name)

    async def set_person_cover(self, person: str, target: Ref) -> None:
        """Let a photograph stand for a person."""
        photograph = self._targets.member(target)
        self._existing(person)
        self._known[person] = msgspec.structs.replace(self._person(person), cover=photograph.id)

    def _people(self) -> Sequence[Person]:
        found = [self._person(each) for each in sorted({each for node in self._visible() for each in node.people})]
        return sorted(found, key=lambda person: (-person.count, person.id))

    def _labelled(self, facets: Sequence[Facet]) -> Sequence[Facet]:
        """Give the rows of an aggregation the names of the people they count."""
        return [msgspec.structs.replace(each, label=self._person(each.value).name) for each in facets]

    def _person(self, cluster: str) -> Person:
        on = [node for node in self._visible() if cluster in node.people]
        known = self._known.get(cluster) or Person(id=cluster, cover=on[0].id if on else None)
        return msgspec.structs.replace(known, count=len(on))

    def _existing(self, cluster: str) -> str:
        if not any(cluster in node.people for node in self._tree.everything()):
            raise NotFoundError(f"person {cluster}")
        return cluster

    def _visible(self) -> Sequence[Node]:
        return [node for node in self._tree.available() if not node.hidden]


def _checked(name: str) -> str:
    if not 0 < len(name.strip()) <= 256:  # noqa: PLR2004 - as for nodes (inferred)
        raise LimitError(f"a person's name has between 1 and 256 characters, not {len(name.strip())}")
    return name
