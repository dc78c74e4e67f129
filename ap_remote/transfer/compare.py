"""Whether two files of one path are the same, and why they are taken for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from ap_remote.transfer.options import Options
    from ap_remote.transfer.sides import Item

Finding = Literal["same", "differs", "kept", "unknown"]
"""``kept``: the target's is left alone whatever it holds. ``unknown``: sizes agree, but no md5 can tell."""


class Verdict(msgspec.Struct, frozen=True):
    """What a comparison found, and the sentence that says why."""

    finding: Finding
    reason: str


SAME: Final = Verdict("same", "already there, byte for byte")
SAME_SIZE: Final = Verdict("same", "already there, of the same size")
EXISTING: Final = Verdict("kept", "the target has a file of that name, and existing files are left alone")
NEWER: Final = Verdict("kept", "the target's file is newer")
UNKNOWN: Final = Verdict("unknown", "of the same size, but the md5 of one of them is not known")
CONTENT: Final = Verdict("differs", "same size, other content")


def needs_digests(source: Item, target: Item, options: Options) -> bool:
    """Whether only the content can tell."""
    return not options.ignore_existing and options.compare != "size" and source.size == target.size


def judge(
    source: Item, target: Item, options: Options, *, source_md5: str | None = None, target_md5: str | None = None
) -> Verdict:
    """Compare a file with the one that is at the target. The digests matter where :func:`needs_digests`."""
    if options.ignore_existing:
        return EXISTING
    verdict = _content(source, target, options, source_md5, target_md5)
    if verdict.finding == "differs" and options.update and _is_newer(target, source):
        return NEWER
    return verdict


def _content(source: Item, target: Item, options: Options, source_md5: str | None, target_md5: str | None) -> Verdict:
    if source.size != target.size:
        return Verdict("differs", f"{source.size} bytes here, {target.size} at the target")
    if options.compare == "size":
        return SAME_SIZE
    if source_md5 is None or target_md5 is None:
        return UNKNOWN
    return SAME if source_md5 == target_md5 else CONTENT


def _is_newer(item: Item, other: Item) -> bool:
    return item.modified is not None and other.modified is not None and item.modified > other.modified
