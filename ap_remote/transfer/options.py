"""What a person may wish of a transfer, in one frozen struct."""

from __future__ import annotations

from typing import Literal

import msgspec

from ap_remote.remote.base import Duplicates

Compare = Literal["md5", "checksum", "size"]
"""How two files of one path are compared when their sizes agree.

``md5`` trusts a digest that was taken earlier while the local file has not been touched since (by size, times and
inode); ``checksum`` reads the local file again; ``size`` asks for no more. Times alone decide nothing: the service
does not let them be set.
"""


class Options(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The wishes. Sizes are bytes, rates bytes a second."""

    compare: Compare = "md5"
    update: bool = False
    """Leave alone what is newer at the target."""
    ignore_existing: bool = False
    """Leave alone whatever is there already."""
    in_place: bool = False
    """Replace the content of the account's file itself, which keeps its id, albums and marks and loses the old bytes;
    otherwise the old file goes to the trash and a new one takes its name."""
    duplicates: Duplicates = "refuse"
    """Whether bytes that the account holds elsewhere are sent once more."""
    films: bool = True
    """Bring the film of a live photo along, beside its picture."""
    junk: bool = False
    """Take along what systems leave among photographs (``@eaDir``, ``Thumbs.db`` …)."""
    empty_folders: bool = True
    backup_dir: str | None = None
    """A folder beside the target, on the same side, that gets what is replaced or removed, instead of the trash."""
    max_transfer: int | None = None
    max_delete: int | None = None
    """How many files a sync may remove from the target; a plan with more is refused as a whole."""
    bandwidth: int | None = None
    transfers: int = 4
    checkers: int = 8
    order_by: str = ""
    """``name``, ``size`` or ``modtime``, and after a comma ``ascending`` or ``descending``."""
