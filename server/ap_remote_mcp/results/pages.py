"""The answers of the tools."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec

from ap_remote_mcp.results.items import Details, Item

Mode = Literal["semantic", "server", "metadata"]


class Page(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Some items; ``next`` is the cursor of what follows, absent at the end."""

    items: list[Item]
    as_of: str
    total: int | msgspec.UnsetType = msgspec.UNSET
    next: str = ""
    note: str = ""


class Coverage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How much of the library the semantic index knows."""

    covered: int
    total: int | msgspec.UnsetType = msgspec.UNSET


class SearchPage(Page, kw_only=True, omit_defaults=True):
    """What a search found and how it was searched."""

    mode_used: Mode
    index: Coverage | msgspec.UnsetType = msgspec.UNSET


class Folder(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A folder or an album; ``count`` are the files directly in it, ``folders`` the folders."""

    id: str
    name: str
    path: str
    kind: Literal["folder", "album"] = "folder"
    count: int | msgspec.UnsetType = msgspec.UNSET
    folders: int = 0


class Listing(Page, kw_only=True, omit_defaults=True):
    """What a folder, an album or the trash holds."""

    folders: list[Folder] = []


class Found(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Items by id; ``missing`` are unknown ids, ``left_out`` those for which the answer had no room."""

    items: list[Details]
    missing: list[str] = []
    left_out: list[str] = []


class Facets(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Counts; a row is ``[label, count]`` or ``[label, count, value]`` where a search takes another value."""

    by: str
    total: int
    rows: list[list[str | int]]
    note: str = ""


class LocalFile(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A file of this machine; ``name`` is what it will be called in the library, if otherwise."""

    file: str
    kind: str
    size: int
    name: str = ""


class PlannedAlbum(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An album that would be made, or with ``album`` one that would be added to; ``count`` are pictures."""

    name: str
    count: int
    album: str = ""


class Preview(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a change would touch; ``question`` is the sentence that says what would be done."""

    count: int
    bytes: int = 0
    oldest: str = ""
    newest: str = ""
    favorites: int = 0
    samples: list[Item] = []
    files: list[LocalFile] = []
    albums: list[PlannedAlbum] = []
    warnings: list[str] = []
    question: str = ""


class Skipped(msgspec.Struct, kw_only=True):
    """An entry that was left as it is."""

    id: str
    why: str


class Change(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A preview with its plan, or what was done; ``verified`` are entries read back in their new state.

    ``was`` are ids by the mark that they had before.
    """

    published: ClassVar[bool] = False
    """A dozen tools would repeat its schema, which says that there is an action."""

    action: str
    preview: Preview | msgspec.UnsetType = msgspec.UNSET
    plan: str = ""
    expires: str = ""
    op_id: str = ""
    done: int | msgspec.UnsetType = msgspec.UNSET
    skipped: list[Skipped] = []
    verified: int | msgspec.UnsetType = msgspec.UNSET
    undo_until: str = ""
    job: Job | msgspec.UnsetType = msgspec.UNSET
    note: str = ""
    was: dict[str, list[str]] = {}


class ServerStatus(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What this server is, knows and may do."""

    published: ClassVar[bool] = False
    account: str
    mode: str
    version: str
    allowed: list[str] = []
    enable: dict[str, str] = {}
    index: Coverage | msgspec.UnsetType = msgspec.UNSET
    index_note: str = ""
    cache_as_of: str = ""
    """When the cache was last known to hold all of the library."""
    cache_note: str = ""
    service: str = ""
    """Until when nothing is sent to the service, where it refused too often."""
    used_mb: int = 0
    free_mb: int | msgspec.UnsetType = msgspec.UNSET
    roots: dict[str, str] = {}
    changes_left_today: int | msgspec.UnsetType = msgspec.UNSET
    pixels_left_today: int
    bytes_left_today: int | msgspec.UnsetType = msgspec.UNSET
    last_error: str = ""


class Tree(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Folders within folders, parents before what they hold."""

    folders: list[Folder]
    as_of: str
    note: str = ""


class Done(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An operation as the journal tells it; without ``done`` nobody saw its end."""

    op_id: str
    at: str
    action: str
    entries: int
    done: int | msgspec.UnsetType = msgspec.UNSET
    undone_by: str = ""


class JournalPage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was changed, the last first."""

    operations: list[Done]
    next: str = ""


class Job(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Work that goes on beside the calls."""

    published: ClassVar[bool] = False
    job_id: str
    state: Literal["running", "done", "failed", "cancelled", "interrupted"]
    kind: str = ""
    done: int = 0
    total: int = 0
    eta_s: int = 0
    note: str = ""
    result: dict[str, Any] = {}


class Copies(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Pictures that are one: ``keep`` one, ``ids`` are the others; ``score`` is the lowest cosine between two."""

    kind: str
    keep: str
    why: str
    ids: list[str]
    reclaim_mb: float
    score: float = 0.0
    more: int = 0


class Duplicates(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Groups of pictures that are one, what all of them come to, and how many files were ``looked_at``."""

    published: ClassVar[bool] = False
    groups: list[Copies]
    total_groups: int
    total_copies: int
    total_mb: float
    looked_at: int
    as_of: str
    next: str = ""
    note: str = ""


class FolderIdea(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An album that a plan would make, or add to where ``album`` is its id."""

    name: str
    count: int
    why: str
    confidence: float
    sample_ids: list[str] = []
    album: str = ""


class Suggestions(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A plan of albums; ``why_not`` counts the reasons of the unassigned, ``job`` is there while it is being made."""

    published: ClassVar[bool] = False
    plan_id: str = ""
    folders: list[FolderIdea] = []
    unassigned: int = 0
    why_not: list[list[str | int]] = []
    next: str = ""
    note: str = ""
    job: Job | msgspec.UnsetType = msgspec.UNSET


class PlannedMember(msgspec.Struct, kw_only=True):
    """A picture that would go into an album, and why; ``score`` is how well it fits."""

    id: str
    path: str
    why: str
    score: float


class PlannedMembers(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The pictures of one folder of a plan."""

    folder: str
    members: list[PlannedMember]
    total: int
    next: str = ""


class JobList(msgspec.Struct, kw_only=True):
    """The caller's jobs, the last begun first."""

    jobs: list[Job]
