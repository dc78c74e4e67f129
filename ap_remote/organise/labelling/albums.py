"""An account's photographs grouped by label, for a plan of albums."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from ap_remote.organise.groups import Group, Grouping, Member, unassigned
from ap_remote.semantic.thumbnails import UnreadableError, decode, fetch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ap_remote.model import Entry
    from ap_remote.organise.labelling.choice import Choice, Labeller
    from ap_remote.organise.plan import Unassigned
    from ap_remote.remote.base import Remote

_THUMBNAIL: Final = 512
_AT_ONCE: Final = 8
"""Thumbnails that are on their way at a time."""
_BATCH: Final = 32


async def find_labels(
    remote: Remote,
    photographs: Mapping[str, Entry],
    labeller: Labeller,
    *,
    min_size: int,
    progress: Callable[[int, int | None], None] | None = None,
) -> Grouping:
    """Return a group for each label that *min_size* photographs get; the rest is told with its reason.

    Only thumbnails are fetched, a batch at a time is in memory.

    Raises:
        EncoderError: the model cannot be loaded.
        RemoteError: what concerns the account and not one photograph.
    """
    await asyncio.to_thread(labeller.classifier.load)
    members: dict[str, list[Member]] = {}
    left_out: list[Unassigned] = []
    entries = list(photographs.values())
    for start in range(0, len(entries), _BATCH):
        batch = entries[start : start + _BATCH]
        for entry, choice, why in await _labelled(remote, batch, labeller):
            if choice is None:
                left_out.append(unassigned(entry, why))
                continue
            reason = f"{choice.label.name} {choice.score:.0%}"
            members.setdefault(labeller.folder(choice.label), []).append(Member(entry, reason, choice.score))
        if progress is not None:
            progress(start + len(batch), len(entries))
    groups = []
    for name, found in sorted(members.items(), key=lambda each: (-len(each[1]), each[0])):
        if len(found) < min_size:
            why = f"only {len(found)} of the {min_size} that make an album are {name}"
            left_out += [unassigned(member.entry, why) for member in found]
            continue
        mean = sum(member.score for member in found) / len(found)
        groups.append(Group(name, f"the label that {labeller.classifier.model} gives", found, mean))
    return Grouping(groups, left_out)


async def _labelled(remote: Remote, batch: list[Entry], labeller: Labeller) -> list[tuple[Entry, Choice | None, str]]:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def pixels(entry: Entry) -> tuple[Any, str]:
        async with gate:
            fetched = await fetch(remote, entry, size=_THUMBNAIL)
        if fetched.status != "ok":
            return None, fetched.reason
        try:
            return await asyncio.to_thread(_prepared, labeller, fetched.data, upright=fetched.upright), ""
        except UnreadableError as exc:
            return None, str(exc)

    prepared = await asyncio.gather(*map(pixels, batch))
    good = [each for each, _ in prepared if each is not None]
    choices = iter(await asyncio.to_thread(labeller.choices, good) if good else [])
    return [
        (entry, None, why) if each is None else _told(entry, next(choices), labeller)
        for entry, (each, why) in zip(batch, prepared, strict=True)
    ]


def _told(entry: Entry, choice: Choice | None, labeller: Labeller) -> tuple[Entry, Choice | None, str]:
    return entry, choice, "" if choice is not None else f"no class reaches {labeller.thresh:g}"


def _prepared(labeller: Labeller, data: bytes, *, upright: bool) -> Any:
    return labeller.classifier.prepare(decode(data, size=_THUMBNAIL, upright=upright))
