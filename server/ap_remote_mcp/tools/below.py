"""Whether entries lie below a folder: by their parents, since one may lie in several folders and tells one path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ap_remote.remote.paths import fold

if TYPE_CHECKING:
    from ap_remote.model import Entry
    from ap_remote_mcp.context import App


class Below:
    """A folder and what is known by now of the folders above others.

    Args:
        app: knows the library.
        folder: the folder.
    """

    def __init__(self, app: App, folder: Entry) -> None:
        self._app = app
        self._path = fold(f"{folder.path}/")
        self._parents: dict[str, tuple[str, ...]] = {folder.id: ()}
        """Of each folder that was come upon, the folders in which it lies."""
        self._held: dict[str, bool] = {folder.id: True}

    async def holds(self, entry: Entry) -> bool:
        """Whether an entry lies in the folder or in one below it, by any of its places.

        Raises:
            RemoteError: as :meth:`Remote.stat`, for folders that were not come upon before.
        """
        if not entry.parents:
            return fold(entry.path).startswith(self._path)
        for each in entry.parents:
            if each not in self._held:
                await self._climb(each)
        return any(self._held[each] for each in entry.parents)

    async def _climb(self, start: str) -> None:
        """Learn what lies above a folder, as far as that is not known, and whether it is below ours."""
        above, waiting = {start}, {start}
        while waiting:
            asked = [each for each in waiting if each not in self._parents]
            found, _ = await self._app.entries(asked) if asked else ([], [])
            self._parents |= dict.fromkeys(asked, ())  # what is not there lies nowhere
            self._parents |= {each.id: each.parents for each in found}
            waiting = {parent for each in waiting for parent in self._parents[each]} - above
            above |= waiting
        self._held[start] = any(self._held.get(each, False) for each in above)
