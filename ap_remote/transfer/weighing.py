"""What becomes of each item of two listings: the part of planning that looks at one path after the other.

Paths are matched as the account compares names: composed (NFC) and without regard to case. A name that is too long for
a disk is matched by what the disk makes of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ap_remote.model import NodeId
from ap_remote.remote import paths
from ap_remote.remote.features import SupportsAssets, SupportsDigests, SupportsFolders
from ap_remote.transfer import compare
from ap_remote.transfer.account import Account
from ap_remote.transfer.disk import Disk
from ap_remote.transfer.filters import EVERYTHING
from ap_remote.transfer.matching import above, is_same_account, match_key, printable, seen, stem, strays, unfit
from ap_remote.transfer.plan import Note, Seen, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ap_remote.transfer.filters import Filters
    from ap_remote.transfer.options import Options
    from ap_remote.transfer.plan import Action, Verb
    from ap_remote.transfer.sides import Item, Listing, Progress, Side


class Weighing:
    """Two listings, and what is to be done about them."""

    def __init__(
        self,
        verb: Verb,
        source: Side,
        target: Side,
        *,
        here: Listing,
        there: Listing,
        options: Options,
        filters: Filters,
    ) -> None:
        self._verb = verb
        self._source = source
        self._target = target
        self._options = options
        self._filters = filters
        self._here = here
        self._there = there
        self._disk = source.is_local or target.is_local
        self._one_name = isinstance(target, Account) or (isinstance(target, Disk) and target.ignores_case)
        self._inside = (
            verb == "move"
            and isinstance(source, Account)
            and isinstance(target, Account)
            and is_same_account(source, target)
        )
        """Nothing leaves the account: files are moved in it."""
        self.to_album = isinstance(target, Account) and target.is_album
        self.skipped: list[Note] = []
        self.problems: list[Note] = []
        self.moves: list[Step] = []
        self.sends: list[Step] = []
        self.renamed: set[str] = set()
        """Paths at the target that are left by what gets another one there."""
        self._cleared: list[tuple[Item, str | None]] = []
        self._exact = {item.path: item for item in there.items}
        self._alike: dict[str, Item] = {}
        for item in there.items:
            self._alike.setdefault(self._key(item.path), item)
        self._claimed: set[str] = set()
        self._kept: set[str] = {self._key(path) for path in here.outside}
        """Keys of what is at the source in some way; what has them at the target, or lies below, is not removed."""
        self._places = {"": ""}
        self._blocked: dict[str, str] = {}
        self._carried: set[str] = set()
        self._first: dict[str, Item] = {}
        self._new_folders: dict[str, Item] = {}
        self._pairs: list[tuple[Item, Item]] = []
        self._new: list[tuple[Item, str]] = []
        self._half: set[str] = set()
        """Folders of the source of whose content something is left out."""
        for path in here.outside:
            self._half.update(above(path))
        self._source_paths = set() if self._one_name else {item.path for item in here.items}
        self._shut = {self._key(path): "something is there that is left out" for path in there.outside}
        self._shut |= {self._key(each.path): each.reason for each in there.unread}

    async def weigh(self, progress: Progress | None = None) -> None:
        """Look at everything, and ask for the digests that it takes."""
        for item in self._here.items:
            self._look(item)
        await self._judge_pairs(progress)
        await self._judge_new(progress)

    def folders(self) -> list[Step]:
        """Return the steps that make folders: those that something comes into, and empty ones where they are wanted."""
        needed: set[str] = set()
        for step in (*self.moves, *self.sends):
            if step.at == "target" or step.action == "move":
                needed.update(above(step.path))
        return [
            Step(action="mkdir", path=place)
            for place, item in self._new_folders.items()
            if place in needed or (self._options.empty_folders and item.path not in self._half)
        ]

    def cleared(self) -> list[Step]:
        """Return the steps that remove from the source of a move what the target has by then."""
        if self._verb != "move":
            return []
        live = self._source.live if isinstance(self._source, Account) and not self._target.is_local else {}
        left = {each.film_of for each in self._here.items if each.film_of} - {
            each.film_of for each, _ in self._cleared if each.film_of
        }
        steps = []
        for item, md5 in self._cleared:
            if item.film_of is not None:
                continue
            if item.path in live or item.id in left:
                reason = "the film of this live photo stays here, and so the photo does"
                self.skipped.append(Note(path=item.path, reason=reason, size=item.size))
                continue
            steps.append(
                Step(action="remove", path=item.path, at="source", there=seen(item, md5), reason="the target has it")
            )
        return steps

    def doomed(self) -> list[Item]:
        """Return what the target has and the source has not, parents first.

        What gets another path is not among it, nor what the filters leave out.
        """
        return [
            item
            for item in self._there.items
            if item.path not in self._claimed and item.path not in self.renamed and not self._is_kept(item)
        ]

    # -- one path after the other --------------------------------------------------------------------------------------

    def _key(self, path: str) -> str:
        return match_key(path, on_disk=self._disk)

    def _look(self, item: Item) -> None:
        parent, name = paths.split(item.path)
        if parent in self._carried:
            self._carried.add(item.path)
            return
        if parent in self._blocked:
            self._block(item, self._blocked[parent])
            return
        place = paths.join(self._places.setdefault(parent, parent), name)
        if isinstance(self._target, Account) and (why := unfit(item, self._target)):
            self._block(item, why)
            return
        key = self._key(item.path)
        first = self._first.setdefault(key, item) if self._one_name else item
        if first is not item and not (first.is_folder and item.is_folder):
            self._block(item, f"the target takes its name and that of {first.path!r} for one: rename one of them")
        elif first.path in self._blocked:
            self._block(item, self._blocked[first.path])
        elif first is not item:
            # Two folders that are one there: what is in them comes together.
            self._places[item.path] = self._places[first.path]
        elif (reason := self._shut_by(key)) is not None:
            self._block(item, f"at the target: {reason}")
        else:
            self._meet(item, place, self._find(place, key))

    def _meet(self, item: Item, place: str, found: Item | None) -> None:
        """Match an item with what is at its place, if anything is."""
        if found is None:
            if item.is_folder and self._inside and item.path not in self._half:
                self._carried.add(item.path)
                self.moves.append(Step(action="move", path=place, at="source", source=seen(item)))
            elif item.is_folder:
                self._places[item.path] = place
                self._new_folders[place] = item
            else:
                self._new.append((item, place))
            return
        self._claimed.add(found.path)
        if found.is_folder != item.is_folder:
            self._kept.add(self._key(found.path))
            what, other = ("a folder", "a file") if item.is_folder else ("a file", "a folder")
            self._block(item, f"it is {what}, and {other} of that name is at the target")
        elif item.is_folder:
            self._places[item.path] = found.path
        else:
            self._pairs.append((item, found))

    def _find(self, place: str, key: str) -> Item | None:
        found = self._exact.get(place)
        if found is not None:
            return found
        found = self._alike.get(key)
        if found is None or self._one_name:
            return found
        other = found.path in self._source_paths or paths.split(found.path)[0] != paths.split(place)[0]
        return None if other or found.path in self._claimed else found

    def _block(self, item: Item, reason: str) -> None:
        self._kept.add(self._key(item.path))
        if item.is_folder:
            self._blocked[item.path] = f"its folder {item.path!r} cannot be there: {reason}"
        self.problems.append(Note(path=printable(item.path), reason=reason, size=item.size))

    def _shut_by(self, key: str) -> str | None:
        if not self._shut:
            return None
        return next((self._shut[each] for each in (key, *above(key), "") if each in self._shut), None)

    def _is_kept(self, item: Item) -> bool:
        if self._filters != EVERYTHING:
            folder = item.path if item.is_folder else paths.split(item.path)[0]
            taken = item.is_folder or self._filters.takes(item.path, size=item.size, modified=item.modified)
            if not taken or not all(map(self._filters.enters, (folder, *above(folder)))):
                return True
        key = self._key(item.path)
        return any(each in self._kept for each in (key, *above(key)))

    def _skip(self, item: Item, reason: str) -> None:
        self.skipped.append(Note(path=item.path, reason=reason, size=item.size))

    # -- what is at both sides -----------------------------------------------------------------------------------------

    async def _judge_pairs(self, progress: Progress | None) -> None:
        asked = [pair for pair in self._pairs if compare.needs_digests(*pair, self._options)]
        ours = await self._digests(self._source, [item for item, _ in asked], progress)
        theirs = await self._digests(self._target, [found for _, found in asked], progress)
        for item, found in self._pairs:
            mine, its = ours.get(item.path), theirs.get(found.path)
            if isinstance(mine, OSError) or isinstance(its, OSError):
                failure = mine if isinstance(mine, OSError) else its
                self.problems.append(Note(path=item.path, reason=f"it cannot be read: {failure}", size=item.size))
                continue
            verdict = compare.judge(item, found, self._options, source_md5=mine, target_md5=its)
            if verdict.finding != "differs":
                self._skip(item, verdict.reason)
                if verdict.finding == "same":
                    self._cleared.append((item, mine))
                continue
            self._cleared += [] if self._inside else [(item, mine)]
            self._send("replace", item, found.path, mine, there=seen(found, its), reason=verdict.reason)

    def _send(
        self, action: Action, item: Item, place: str, md5: str | None, *, there: Seen | None = None, reason: str = ""
    ) -> None:
        step = Step(action=action, path=place, source=seen(item, md5), there=there, reason=reason)
        if self._inside:
            self.moves.append(
                Step(action="move", path=place, at="source", source=seen(item), there=there, reason=reason)
            )
        else:
            self.sends.append(step)

    async def _digests(
        self, side: Side, items: Iterable[Item], progress: Progress | None
    ) -> dict[str, str | OSError | None]:
        items = list(items)
        if not isinstance(side, Disk):
            return {item.path: item.md5 for item in items}
        again = self._options.compare == "checksum"
        return dict(
            await side.digest_many(items, checkers=self._options.checkers, again=again, progress=progress)
            if items
            else {}
        )

    # -- what is at the source alone -----------------------------------------------------------------------------------

    async def _judge_new(self, progress: Progress | None) -> None:
        new = self._new
        films = self._film_places() if self._source.is_local else {}
        # What the account has already may be just what is added to an album: only putting it there can tell.
        known = not self._inside and not self.to_album
        refuse = isinstance(self._target, Account) and self._options.duplicates == "refuse" and known
        doomed = [item for item in self.doomed() if not item.is_folder] if self._verb == "sync" else []
        leavers = list({item.path: item for item in (*strays(self._there.items), *doomed)}.values())
        sizes = {item.size for item in leavers}
        wanted = [item for item, _ in new if refuse or item.size in sizes or stem(item.path) in films]
        md5s = await self._digests(self._source, wanted, progress)
        readable = []
        for item, place in new:
            md5 = md5s.get(item.path)
            if isinstance(md5, OSError):
                self._kept.add(self._key(item.path))
                self.problems.append(Note(path=item.path, reason=f"it cannot be read: {md5}", size=item.size))
            else:
                readable.append((item, place, md5 or item.md5))
        readable = await self._without_films(readable, films)
        readable = await self._renamed(readable, leavers, progress)
        if refuse:
            readable = await self._without_twins(readable)
        for item, place, md5 in readable:
            if not self._inside:
                self._cleared.append((item, md5))
            self._send("copy", item, place, md5)

    async def _renamed(
        self, new: list[tuple[Item, str, str | None]], leavers: Sequence[Item], progress: Progress | None
    ) -> list[tuple[Item, str, str | None]]:
        """Give what would be removed another path where its bytes are wanted there, and return what is still new."""
        can_move = self._target.is_local or (
            isinstance(self._target, Account) and isinstance(self._target.remote, SupportsFolders)
        )
        # In an album nothing is renamed: a name belongs to the file in its folder.
        if self.to_album or not can_move or not leavers:
            return new
        sizes = {item.size for item, _, _ in new}
        asked = [item for item in leavers if item.size in sizes]
        theirs = await self._digests(self._target, asked, progress)
        by_md5: dict[str, list[Item]] = {}
        for item in reversed(asked):
            md5 = theirs[item.path]
            if isinstance(md5, str) and item.film_of is None:
                by_md5.setdefault(md5, []).append(item)
        left = []
        for item, place, md5 in new:
            twins = by_md5.get(md5, []) if md5 is not None else []
            if not twins:
                left.append((item, place, md5))
                continue
            name = paths.split(place)[1]
            twin = next((each for each in twins if paths.split(each.path)[1] == name), twins[-1])
            twins.remove(twin)
            self.renamed.add(twin.path)
            reason = f"the source has it here, and no longer at {twin.path!r}"
            self.moves.append(Step(action="move", path=place, source=seen(twin, md5), reason=reason))
        return left

    async def _without_twins(self, new: list[tuple[Item, str, str | None]]) -> list[tuple[Item, str, str | None]]:
        """Skip what the account holds elsewhere, and return the rest."""
        sizes = {item.size for item, _, _ in new}
        replacing = [step.source for step in self.sends if step.source is not None and step.source.size in sizes]
        bare = {each.path for each in replacing if each.md5 is None}
        unknown = [item for item, _ in self._pairs if item.path in bare]
        digests = await self._digests(self._source, unknown, None)
        first: dict[str, str] = {}
        for each in replacing:
            md5 = each.md5 or digests.get(each.path)
            if isinstance(md5, str):
                first.setdefault(md5, each.path)
        holders = await self._holders([md5 for _, _, md5 in new if md5 is not None])
        left = []
        for item, place, md5 in new:
            if md5 is not None and md5 in holders:
                self._skip(item, f"the account holds these bytes at {holders[md5]!r}")
            elif md5 is not None and md5 in first:
                self._skip(item, f"the same bytes as {first[md5]!r}, which is sent")
            else:
                left.append((item, place, md5))
                if md5 is not None:
                    first[md5] = item.path
        return left

    async def _holders(self, md5s: Sequence[str]) -> dict[str, str]:
        """Return where the account holds contents that it will still hold when the plan was run."""
        if not md5s or not isinstance(self._target, Account) or not isinstance(self._target.remote, SupportsDigests):
            return {}
        going = {item.id for item in self.doomed()} if self._verb == "sync" else set()
        going |= {step.there.id for step in self.sends if step.there is not None}
        wanted = set(md5s)
        found = {
            md5: entry.path
            for md5, entry in (await self._target.remote.known(sorted(wanted))).items()
            if entry.id not in going
        }
        for item in self._there.items:
            if item.md5 in wanted and item.id not in going and item.md5 is not None:
                found.setdefault(item.md5, self._target.path(item.path))
        return found

    def _film_places(self) -> dict[str, tuple[str, str]]:
        """Return the live photos of the target by the paths, without extension, that their films get on a disk."""
        if not isinstance(self._target, Account) or not self._options.films:
            return {}
        return {stem(path): (path, node) for path, node in self._target.live.items()}

    async def _without_films(
        self, new: list[tuple[Item, str, str | None]], films: dict[str, tuple[str, str]]
    ) -> list[tuple[Item, str, str | None]]:
        """Skip what an earlier download brought as the film of a live photo, and return the rest."""
        remote = self._target.remote if isinstance(self._target, Account) else None
        if not films or not isinstance(remote, SupportsAssets):
            return new
        left = []
        for item, place, md5 in new:
            photo = films.get(stem(item.path))
            if photo is not None and md5 is not None:
                parts = await remote.assets(NodeId(photo[1]))
                if any(part.md5 == md5 for part in parts):
                    self._skip(item, f"it is the film of the live photo {photo[0]!r}")
                    self._cleared.append((item, md5))
                    continue
            left.append((item, place, md5))
        return left
