"""What each action is about beside its entries: a plan is bound to it, and the journal keeps it for the undo.

The journal outlives the server by 180 days, so a field that was written once keeps its name; a new one has a default.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, UnsetType

if TYPE_CHECKING:
    from ap_remote.model import Entry


class Action(StrEnum):
    """What changes something: the verb of a plan, of the journal and of an answer."""

    TRASH = "trash"
    RESTORE = "restore"
    PURGE = "purge"
    MOVE = "move"
    MARK = "mark"
    ALBUM_CREATE = "album_create"
    ALBUM_ADD = "album_add"
    ALBUM_REMOVE = "album_remove"
    ALBUM_RENAME = "album_rename"
    PERSON = "person"
    APPLY_FOLDERS = "apply_folders"
    UPLOAD = "upload"
    DOWNLOAD = "download"
    UNDO = "undo"
    MOVE_BACK = "move_back"
    """An inverse; the journal has it as what an undo did."""
    UNMARK = "unmark"
    UNAPPLY_FOLDERS = "unapply_folders"
    CANCEL = "cancel"
    """Of a job; the library stays as it is."""


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of an action that is about its entries alone: trash, restore, purge."""


class MoveTerms(Terms, frozen=True, kw_only=True):
    """Where entries move."""

    to: str
    """The folder's path."""
    folder: str = ""
    """Its id; ``""`` where it is to be made."""
    create: bool = False


class Marks(Terms, frozen=True, kw_only=True):
    """What is set, or was; a mark that is left out stays as it is."""

    favorite: bool | UnsetType = UNSET
    hidden: bool | UnsetType = UNSET

    @property
    def given(self) -> dict[str, bool]:
        """The marks that are not left out, by name."""
        both = (("favorite", self.favorite), ("hidden", self.hidden))
        return {name: value for name, value in both if value is not UNSET}

    def hold(self, entry: Entry) -> bool:
        """Whether an entry has them."""
        return all(getattr(entry, name) is value for name, value in self.given.items())


class AlbumTerms(Terms, frozen=True, kw_only=True):
    """Which album is made, filled, emptied or renamed."""

    name: str
    """That it has, or is to have."""
    album: str = ""
    """Its id; ``""`` where it is to be made."""


class PersonTerms(Terms, frozen=True, kw_only=True):
    """Who is named."""

    person: str
    name: str
    was: str = ""


class FoldersTerms(Terms, frozen=True, kw_only=True):
    """Which plan of folders is applied or taken back, and out of which one it was chosen."""

    plan: str
    source: str = ""


class UploadTerms(Terms, frozen=True, kw_only=True):
    """What is sent where."""

    to: str
    folder: str = ""
    dedupe: str = "skip"
    files: tuple[tuple[str, str, int, str], ...] = ()
    """Of each: where it is as it was shown, its name in the library, its size and its md5."""


class DownloadTerms(Terms, frozen=True, kw_only=True):
    """What is saved where, and how."""

    to: str
    """As it was shown: cleaned and cut."""
    folder: str = ""
    """The sha256 of the folder's real path."""
    naming: str = "name"
    size: str = "original"
    strip_gps: bool = False


class MoveBackTerms(Terms, frozen=True, kw_only=True):
    """Where entries were, by id."""

    homes: dict[str, str]


class UnmarkTerms(Terms, frozen=True, kw_only=True):
    """Which marks entries had, by id."""

    before: dict[str, Marks]


class UndoTerms(Terms, frozen=True, kw_only=True):
    """What is taken back, and how."""

    undoes: str
    """The operation."""
    inverse: str = ""
    """The action that takes it back, and what that is about."""
    terms: Terms = Terms()
