"""What the optional abilities of the remote in memory find in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ap_remote.backends.memory_targets import Targets
    from ap_remote.backends.memory_tree import Tree


class Ability:
    """What an ability's methods find in the remote that they are mixed into."""

    _tree: Tree
    _targets: Targets
