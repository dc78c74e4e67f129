"""What is written onto nodes in memory: descriptions, labels, properties, the family they are shared with, covers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ap_remote.backends.memory_ability import Ability
from ap_remote.errors import LimitError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ap_remote.backends.memory_tree import Node
    from ap_remote.model import Entry, Ref

_DESCRIPTION: Final = 500
_LABELS: Final = 10
_LABEL: Final = 256
_KEYS: Final = 10
_KEY: Final = 50
_VALUE: Final = 500
"""Amazon's limits [amazon-photos-api.md 12]."""


class Words(Ability):
    """The methods of :class:`~ap_remote.remote.features.SupportsDescriptions`."""

    async def describe(
        self, target: Ref, *, description: str | None = None, labels: Sequence[str] | None = None
    ) -> Entry:
        """Set description and labels; an empty description is none."""
        node = self._targets.live(target)
        if description is not None and len(description) > _DESCRIPTION:
            raise LimitError(f"a description has at most {_DESCRIPTION} characters, not {len(description)}")
        if labels is not None and (len(labels) > _LABELS or not all(0 < len(each) <= _LABEL for each in labels)):
            raise LimitError(f"an entry has at most {_LABELS} labels of 1 to {_LABEL} characters")
        if description is None and labels is None:
            return self._tree.entry(node)
        node.description = node.description if description is None else description or None
        node.labels = node.labels if labels is None else tuple(labels)
        self._tree.touch(node)
        return self._tree.entry(node)

    async def set_properties(self, target: Ref, owner: str, values: Mapping[str, str | None]) -> Entry:
        """Set properties of one owner."""
        node = self._targets.live(target)
        wanted = {**node.properties.get(owner, {}), **values}
        kept = {key: value for key, value in wanted.items() if value is not None}
        if len(kept) > _KEYS or not all(map(_is_key, (owner, *values))):
            raise LimitError(f"one owner has {_KEYS} properties, whose keys are 1 to {_KEY} letters, digits and _")
        if any(len(value) > _VALUE for value in kept.values()):
            raise LimitError(f"a property has at most {_VALUE} characters")
        node.properties = {each: pairs for each, pairs in {**node.properties, owner: kept}.items() if pairs}
        self._tree.touch(node)
        return self._tree.entry(node)


class Family(Ability):
    """The methods of :class:`~ap_remote.remote.features.SupportsFamily`."""

    async def add_to_family(self, targets: Sequence[Ref], *, family_id: str | None = None) -> None:
        """Put photographs into the family vault."""
        nodes = [self._targets.member(each) for each in targets]
        family = family_id or self._family(nodes) if nodes else None
        for node in nodes:
            node.family_id = family
            self._tree.touch(node)

    async def remove_from_family(self, targets: Sequence[Ref], *, family_id: str | None = None) -> None:
        """Take photographs out of the family vault."""
        nodes = [self._targets.member(each) for each in targets]
        family = family_id or self._family(nodes) if nodes else None
        for node in nodes:
            node.family_id = None if node.family_id == family else node.family_id
            self._tree.touch(node)

    def _family(self, nodes: Sequence[Node]) -> str:
        found = next((node.family_id for node in (*nodes, *self._tree.available()) if node.family_id), None)
        if found is None:
            raise UnsupportedError("no photograph names a family: give the family's id")
        return found


class Covers(Ability):
    """The methods of :class:`~ap_remote.remote.features.SupportsCovers`."""

    async def album_cover(self, album: Ref) -> Entry | None:
        """Return the photograph that stands for an album."""
        chosen = self._tree.by_id(self._targets.album(album).cover or "")
        return None if chosen is None else self._tree.entry(chosen)

    async def set_album_cover(self, album: Ref, target: Ref) -> Entry:
        """Let a photograph stand for an album."""
        node = self._targets.album(album)
        node.cover = self._targets.member(target).id
        self._tree.touch(node)
        return self._tree.entry(node)


def _is_key(text: str) -> bool:
    return 0 < len(text) <= _KEY and text.isascii() and text.replace("_", "a").isalnum()
