"""Whether two sides hold the same files: nothing is changed, and from an account no bytes are fetched unless asked for.

An account says the md5 that it computed when the bytes arrived; a disk's files are read, in threads, and only where
path and size agree.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ap_remote.errors import RemoteError, UnsupportedError
from ap_remote.remote.features import SupportsDigests
from ap_remote.transfer.account import Account
from ap_remote.transfer.filters import EVERYTHING
from ap_remote.transfer.matching import match_key
from ap_remote.transfer.pool import FATAL
from ap_remote.transfer.reading import are_same, at_a_time, be_whole, bytes_of, digests_of, fetched_digests

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ap_remote.transfer.filters import Filters
    from ap_remote.transfer.reading import Digest
    from ap_remote.transfer.sides import Item, Listing, Progress, Side

Sign = Literal["=", "-", "+", "*", "!"]
"""rclone's: ``=`` the same, ``-`` missing at the source, ``+`` missing at the target, ``*`` different, ``!`` an error.
"""

_UNVERIFIED: Final = "the same size; a side knows no md5"


class CheckRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found of one path."""

    sign: Sign
    path: str
    reason: str = ""
    size: int = 0


class CheckReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found of all paths, in their order. Seconds are wall time."""

    source: str
    target: str
    rows: tuple[CheckRow, ...]
    seconds: float
    unverified: int = 0
    """How many of the same only agree in size, because a side knows no md5 of theirs."""
    held: int = 0
    """How many of the same the account holds under another path alone."""

    @property
    def is_same(self) -> bool:
        """Whether nothing differs, is missing or failed."""
        return all(row.sign == "=" for row in self.rows)

    @property
    def differences(self) -> int:
        """How many rows are not of the same."""
        return sum(row.sign != "=" for row in self.rows)

    def count(self, sign: Sign) -> int:
        """Return how many rows have a sign."""
        return sum(row.sign == sign for row in self.rows)

    def select(self, *signs: Sign) -> tuple[CheckRow, ...]:
        """Return the rows of some signs."""
        return tuple(row for row in self.rows if row.sign in signs)


async def check(
    source: Side,
    target: Side,
    *,
    filters: Filters = EVERYTHING,
    one_way: bool = False,
    download: bool = False,
    size_only: bool = False,
    checkers: int = 8,
    again: bool = False,
    junk: bool = False,
    films: bool = False,
    elsewhere: bool = False,
    progress: Progress | None = None,
) -> CheckReport:
    """Compare the files of two sides by path, size and md5.

    Paths that are one to an account (in case, in composition of letters) are one here if a side is an account, and
    names that a disk keeps encoded are those of the account.

    Args:
        source: one side.
        target: the other.
        filters: what to look at, at both.
        one_way: do not mind what the source lacks.
        download: compare the bytes themselves, which are fetched, and trust no md5.
        size_only: compare no content.
        checkers: how many files are read, or fetched, at a time.
        again: read local files even where an earlier digest still holds.
        junk: look at what systems leave among photographs, too.
        films: look at the films of live photos, if one side is local and the other is an account.
        elsewhere: count a file as there if the target is an account that holds its bytes under another path, as it
            does where duplicates are not sent twice.
        progress: told how many pairs of files have been compared, and of how many.

    Raises:
        IncompleteListingError: a side could not be listed as a whole.
        NotFoundError: a root does not exist.
    """
    began = time.monotonic()
    mixed = films and source.is_local != target.is_local
    ours, theirs = await asyncio.gather(
        source.listing(filters, junk=junk, films=mixed), target.listing(filters, junk=junk, films=mixed)
    )
    for side, listing in ((source, ours), (target, theirs)):
        be_whole(side, listing)
    pairs, left, right = _paired(source, target, ours, theirs)
    held = await _held(source, target, left, checkers=checkers, again=again) if elsewhere else {}
    rows = [
        _row("=", item, f"held at {held[item.path]!r}")
        if item.path in held
        else _row("+", item, f"not in {target.label}")
        for item in left
    ]
    if not one_way:
        rows += [CheckRow(sign="-", path=item.path, size=item.size, reason=f"not in {source.label}") for item in right]
    alike: list[tuple[Item, Item]] = []
    for one, other in pairs:
        if one.size == other.size:
            alike.append((one, other))
        else:
            rows.append(_row("*", one, f"{one.size} bytes in {source.label}, {other.size} in {target.label}"))
    compared: Sequence[CheckRow]
    if size_only:
        compared = [_row("=", one, "the same size") for one, _ in alike]
    elif download:
        compared = await _by_bytes(source, target, alike, checkers, progress)
    else:
        compared = await _by_digest(source, target, alike, checkers=checkers, again=again, progress=progress)
    return CheckReport(
        source=source.label,
        target=target.label,
        rows=_in_order([*rows, *compared]),
        seconds=time.monotonic() - began,
        unverified=sum(row.reason == _UNVERIFIED for row in compared),
        held=len(held),
    )


async def check_sums(
    sums: Mapping[str, str],
    target: Side,
    *,
    name: str = "the file of checksums",
    filters: Filters = EVERYTHING,
    one_way: bool = False,
    download: bool = False,
    checkers: int = 8,
    again: bool = False,
    junk: bool = False,
    progress: Progress | None = None,
) -> CheckReport:
    """Compare the files of a side with checksums, which are the source (:mod:`ap_remote.transfer.sums`).

    Args:
        sums: md5 by path.
        target: the side.
        name: where the checksums are from.
        filters: what to look at. Checksums have no size and no time: only rules about paths leave out any of them.
        one_way: do not mind files without a checksum.
        download: read the bytes, and trust no md5 that is known.
        checkers: how many files are read, or fetched, at a time.
        again: read local files even where an earlier digest still holds.
        junk: look at what systems leave among photographs, too.
        progress: told how many files have been compared, and of how many.

    Raises:
        IncompleteListingError: the side could not be listed as a whole.
        NotFoundError: the root does not exist.
    """
    began = time.monotonic()
    there = await target.listing(filters, junk=junk)
    be_whole(target, there)
    pathwise = msgspec.structs.replace(filters, min_size=None, max_size=None, not_after=None, not_before=None)
    outside = set(there.outside)
    wanted = {
        path: md5
        for path, md5 in sums.items()
        if pathwise.takes(path, size=0, modified=None) and not any(each in outside for each in _up(path))
    }
    files = {item.path: item for item in there.items if not item.is_folder}
    folded = {} if target.is_local else {match_key(path, on_disk=False): item for path, item in files.items()}
    found = {
        path: item
        for path in wanted
        if (item := files.get(path) or folded.get(match_key(path, on_disk=False))) is not None
    }
    rows = [CheckRow(sign="+", path=path, reason=f"not in {target.label}") for path in wanted if path not in found]
    if not one_way:
        met = {item.path for item in found.values()}
        rows += [_row("-", item, f"not in {name}") for path, item in files.items() if path not in met]
    items = list({item.path: item for item in found.values()}.values())
    digests = (
        await fetched_digests(target, items, checkers, progress)
        if download
        else await digests_of(target, items, checkers=checkers, again=again, progress=progress)
    )
    for path, item in found.items():
        rows.append(_judged(item, wanted[path], digests.get(item.path), known_size=False))
    return CheckReport(source=name, target=target.label, rows=_in_order(rows), seconds=time.monotonic() - began)


def _paired(
    source: Side, target: Side, ours: Listing, theirs: Listing
) -> tuple[list[tuple[Item, Item]], list[Item], list[Item]]:
    """Return the files of one path at both sides, those of the source alone, and those of the target alone."""
    there = {item.path: item for item in theirs.items if not item.is_folder}
    pairs: list[tuple[Item, Item]] = []
    left: list[Item] = []
    for item in ours.items:
        if item.is_folder:
            continue
        other = there.pop(item.path, None)
        if other is None:
            left.append(item)
        else:
            pairs.append((item, other))
    if left and there and not (source.is_local and target.is_local):
        on_disk = source.is_local or target.is_local
        alike = {match_key(path, on_disk=on_disk): path for path in there}
        alone = []
        for item in left:
            path = alike.pop(match_key(item.path, on_disk=on_disk), None)
            if path is None:
                alone.append(item)
            else:
                pairs.append((item, there.pop(path)))
        left = alone
    return pairs, left, list(there.values())


async def _held(source: Side, target: Side, items: Sequence[Item], *, checkers: int, again: bool) -> dict[str, str]:
    """Return, by the paths of files, where the target's account holds their bytes."""
    if not items or not isinstance(target, Account) or not isinstance(target.remote, SupportsDigests):
        return {}
    found = await digests_of(source, items, checkers=checkers, again=again, progress=None)
    digests = {path: digest for path, digest in found.items() if isinstance(digest, str)}
    known = await target.remote.known(sorted(set(digests.values())))
    return {path: known[digest].path for path, digest in digests.items() if digest in known}


async def _by_digest(
    source: Side,
    target: Side,
    pairs: Sequence[tuple[Item, Item]],
    *,
    checkers: int,
    again: bool,
    progress: Progress | None,
) -> list[CheckRow]:
    told = progress if source.is_local else None
    ours, theirs = await asyncio.gather(
        digests_of(source, [one for one, _ in pairs], checkers=checkers, again=again, progress=told),
        digests_of(
            target,
            [other for _, other in pairs],
            checkers=checkers,
            again=again,
            progress=None if told is not None else progress,
        ),
    )
    if progress is not None:
        progress(len(pairs), len(pairs))
    return [_judged(one, ours.get(one.path), theirs.get(other.path)) for one, other in pairs]


def _judged(item: Item, mine: Digest, its: Digest, *, known_size: bool = True) -> CheckRow:
    for digest in (mine, its):
        if isinstance(digest, Exception):
            return _row("!", item, f"it cannot be read: {digest}")
    if mine is None or its is None:
        if known_size:
            return _row("=", item, _UNVERIFIED)
        return _row("!", item, "the side knows no md5; the bytes can be compared (download)")
    return _row("=", item) if mine == its else _row("*", item, "other content")


async def _by_bytes(
    source: Side, target: Side, pairs: Sequence[tuple[Item, Item]], checkers: int, progress: Progress | None
) -> list[CheckRow]:
    async def one(pair: tuple[Item, Item]) -> CheckRow:
        try:
            same = await are_same(bytes_of(source, pair[0]), bytes_of(target, pair[1]))
        except (*FATAL, UnsupportedError):
            raise
        except (OSError, RemoteError) as exc:
            return _row("!", pair[0], f"it cannot be read: {exc}")
        return _row("=", pair[0]) if same else _row("*", pair[0], "other content")

    return await at_a_time(pairs, one, checkers, progress)


def _row(sign: Sign, item: Item, reason: str = "") -> CheckRow:
    return CheckRow(sign=sign, path=item.path, size=item.size, reason=reason)


def _in_order(rows: Iterable[CheckRow]) -> tuple[CheckRow, ...]:
    return tuple(sorted(rows, key=lambda row: (row.path, row.sign)))


def _up(path: str) -> Iterable[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]
