"""Out of albums and out of the bin: what trashing by a path in the virtual tree means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ap_remote.backends.view_account import ALBUMS, MEMBER, TRASH, Views, concerns
from ap_remote.errors import AuthenticationError, BatchError, RemoteError, UnsupportedError
from ap_remote.model import Entry, NodeId, Outcome, Ref, Status
from ap_remote.remote import paths


class _Album(NamedTuple):
    id: str
    members: dict[str, Entry]
    """By the folded names under which the view shows them."""


class Leaving(Views):
    """What is trashed in the virtual tree."""

    async def trash(self, targets: Sequence[Ref]) -> Sequence[Outcome]:
        """Put entries in the bin; a member that is named by its place in an album only leaves the album.

        Raises:
            UnsupportedError: a single target is seen in another view, or is one.
            RemoteError: as for :meth:`ap_remote.remote.base.Remote.trash`.
        """
        done: dict[int, Outcome | RemoteError] = {}
        others: dict[int, Ref] = {}
        leaving: dict[str, dict[int, Entry]] = {}
        albums: dict[str, _Album] = {}
        for number, target in enumerate(targets):
            try:
                out = await self._out_of(target, albums) if concerns(target) else None
            except AuthenticationError:
                raise
            except RemoteError as exc:
                done[number] = exc
            else:
                if out is None:
                    others[number] = target
                else:
                    leaving.setdefault(out[0], {})[number] = out[1]
        for album, members in leaving.items():
            done |= await self._leave(album, members, targets)
        if others:
            done |= await self._binned(others)
        return _verdict([done[number] for number in range(len(targets))], targets)

    async def _out_of(self, target: Ref, albums: dict[str, _Album]) -> tuple[str, Entry] | None:
        """Return the album's id and the member that a view path means; ``None`` where the bin itself knows what to do.

        Args:
            target: a path in the virtual tree.
            albums: those that were looked at; each is listed once for all its members.

        Raises:
            UnsupportedError: the path is for looking only.
        """
        path = paths.normalise(str(target))
        view, names = paths.view_name(path)
        if view == ALBUMS and len(names) == 1:
            return None
        if view == ALBUMS and len(names) == MEMBER:
            place = paths.join(paths.ALBUMS_VIEW, names[0])
            album = albums.get(place)
            if album is None:
                album = albums[place] = await self._looked_at(place)
            return album.id, album.members.get(paths.fold(names[1])) or await self._account.stat(path)
        seen = await self._account.stat(path)
        if view == TRASH and seen.status is Status.TRASHED:
            return None
        raise UnsupportedError(await self._only_seen(path, seen, "trash"))

    async def _looked_at(self, place: str) -> _Album:
        album = await self._account.stat(place)
        members = [each async for each in self._account.list(place)]
        return _Album(album.id, {paths.fold(paths.split(each.path)[1]): each for each in members})

    async def _leave(
        self, album: str, members: dict[int, Entry], targets: Sequence[Ref]
    ) -> dict[int, Outcome | RemoteError]:
        refused: dict[str | None, RemoteError] = {}
        try:
            await self._account.remove_from_album(NodeId(album), [NodeId(each.id) for each in members.values()])
        except AuthenticationError:
            raise
        except BatchError as exc:
            refused = {
                each.id: RemoteError(f"it was not taken out of the album: {each.error}")
                for each in exc.outcomes
                if each.error
            }
        except RemoteError as exc:
            refused = dict.fromkeys((each.id for each in members.values()), exc)
        return {
            number: refused.get(each.id)
            or Outcome(target=str(targets[number]), action="remove", id=each.id, entry=await self._own(each))
            for number, each in members.items()
        }

    async def _binned(self, others: dict[int, Ref]) -> dict[int, Outcome | RemoteError]:
        try:
            outcomes = await self._trash(list(others.values()))
        except AuthenticationError:
            raise
        except BatchError as exc:
            outcomes = exc.outcomes
        except RemoteError as exc:
            return dict.fromkeys(others, exc)
        return dict(zip(others, outcomes, strict=True))


def _verdict(results: Sequence[Outcome | RemoteError], targets: Sequence[Ref]) -> Sequence[Outcome]:
    if len(results) == 1 and isinstance(results[0], RemoteError):
        raise results[0]
    outcomes = [
        Outcome(target=str(target), action="trash", error=str(each)) if isinstance(each, RemoteError) else each
        for target, each in zip(targets, results, strict=True)
    ]
    failed = [each for each in outcomes if each.error]
    if failed:
        raise BatchError(
            f"trash failed for {len(failed)} of {len(outcomes)} targets; the first: {failed[0].error}", outcomes
        )
    return outcomes
