"""What the optional abilities that read have in common: where they find the account, and what is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ap_remote.backends.amazon_facts import Facts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ap_remote.backends.amazon_tree import Tree
    from ap_remote.model import Entry, Ref


class Ability:
    """What an ability's methods find in the remote that they belong to."""

    _tree: Tree

    if TYPE_CHECKING:

        async def _seen(self, target: Ref, *, fresh: bool = False) -> Entry: ...

        def list(  # noqa: D102 - the remote's own
            self, target: Ref = "", *, recursive: bool = False, fresh: bool = False
        ) -> AsyncIterator[Entry]: ...

    @property
    def _facts(self) -> Facts:
        return Facts(self._tree.cache, self._tree.clock)
