"""The answers of the tools."""

from __future__ import annotations

from typing import Any, Literal

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
    """A folder or an album; ``count`` are the entries directly in it."""

    id: str
    name: str
    path: str
    kind: Literal["folder", "album"] = "folder"
    count: int | msgspec.UnsetType = msgspec.UNSET


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


class Preview(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a change would touch."""

    count: int
    bytes: int = 0
    oldest: str = ""
    newest: str = ""
    favorites: int = 0
    samples: list[Item] = []
    warnings: list[str] = []


class Skipped(msgspec.Struct, kw_only=True):
    """An entry that was left as it is."""

    id: str
    why: str


class Change(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A preview with its plan, or what was done; ``verified`` are entries read back in their new state."""

    action: str
    preview: Preview | msgspec.UnsetType = msgspec.UNSET
    plan: str = ""
    expires: str = ""
    op_id: str = ""
    done: int | msgspec.UnsetType = msgspec.UNSET
    skipped: list[Skipped] = []
    verified: int | msgspec.UnsetType = msgspec.UNSET
    undo_until: str = ""
    note: str = ""


class ServerStatus(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What this server is, knows and may do."""

    account: str
    mode: str
    version: str
    allowed: list[str] = []
    enable: dict[str, str] = {}
    index: Coverage | msgspec.UnsetType = msgspec.UNSET
    index_note: str = ""
    changes_left_today: int | msgspec.UnsetType = msgspec.UNSET
    last_error: str = ""


class Job(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Work that goes on beside the calls."""

    job_id: str
    state: Literal["running", "done", "failed", "cancelled", "interrupted"]
    kind: str = ""
    done: int = 0
    total: int = 0
    eta_s: int = 0
    note: str = ""
    result: dict[str, Any] = {}
