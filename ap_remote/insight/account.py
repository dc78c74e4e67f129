"""What an account holds, counted by the service itself, and what lies in its trash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ap_remote.errors import UnsupportedError
from ap_remote.model import Kind, Usage
from ap_remote.remote.features import SupportsTrashListing, SupportsUsage

if TYPE_CHECKING:
    from ap_remote.remote.base import Remote


class About(Usage, frozen=True, kw_only=True):
    """The service's figures, which it may compute late, and the trash, counted now. Sizes are bytes."""

    trash: int | None = None
    """Files in the trash; ``None`` where it cannot be looked into."""
    trash_bytes: int | None = None

    @property
    def size(self) -> int:
        """Bytes that the service counts; whether the trash is among them is its affair."""
        return self.photo_bytes + self.video_bytes + self.document_bytes + self.other_bytes

    def rows(self) -> list[tuple[str, int, int]]:
        """Return what there is, how many of it, and their bytes."""
        rows = [
            ("photos", self.photos, self.photo_bytes),
            ("videos", self.videos, self.video_bytes),
            ("documents", self.documents, self.document_bytes),
            ("others", self.others, self.other_bytes),
        ]
        if self.trash is not None and self.trash_bytes is not None:
            rows.append(("in trash", self.trash, self.trash_bytes))
        return rows


async def about(remote: Remote) -> About:
    """Return what *remote* holds.

    Raises:
        UnsupportedError: it cannot say.
    """
    if not isinstance(remote, SupportsUsage):
        raise UnsupportedError(f"{remote.name}: cannot say how much it holds")
    usage = await remote.usage()
    trash = trash_bytes = None
    if isinstance(remote, SupportsTrashListing):
        trash = trash_bytes = 0
        async for entry in remote.trashed():
            if entry.kind is Kind.FILE:
                trash += 1
                trash_bytes += entry.size
    return About(**msgspec.structs.asdict(usage), trash=trash, trash_bytes=trash_bytes)
