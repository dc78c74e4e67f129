"""Writing through the virtual tree: into albums, out of the trash, and a sentence for everything else.

All of it is done with what the remote can do anyway, so that every remote with albums has it alike.
"""

from __future__ import annotations

from ap_remote.backends.view_account import concerns
from ap_remote.backends.view_leaving import Leaving
from ap_remote.backends.view_moving import Moving
from ap_remote.backends.view_putting import Putting

__all__ = ["ViewChanges", "concerns"]


class ViewChanges(Putting, Leaving, Moving):
    """Changes of one account that are asked for by a path in the virtual tree."""
