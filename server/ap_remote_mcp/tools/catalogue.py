"""Which tools a server has. The set is fixed when it starts, in one order."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ap_remote_mcp.jobfiles import JobKind
from ap_remote_mcp.policy.abilities import Ability
from ap_remote_mcp.tools.albums import photos_album, photos_person
from ap_remote_mcp.tools.applying import apply_folders, photos_apply_folders
from ap_remote_mcp.tools.bridge import make
from ap_remote_mcp.tools.browse import photos_get, photos_list
from ap_remote_mcp.tools.downloading import photos_download
from ap_remote_mcp.tools.duplicates import photos_duplicates
from ap_remote_mcp.tools.facets import photos_facets
from ap_remote_mcp.tools.jobs import photos_job
from ap_remote_mcp.tools.looking import photos_contact_sheet, photos_view
from ap_remote_mcp.tools.moving import photos_mark, photos_move
from ap_remote_mcp.tools.parameters import BRINGS_BACK, FETCHES, READS, READS_HERE, REMOVES
from ap_remote_mcp.tools.purge import photos_purge
from ap_remote_mcp.tools.saving import download
from ap_remote_mcp.tools.search import photos_search
from ap_remote_mcp.tools.sending import upload
from ap_remote_mcp.tools.showing import PAGE, photos_show
from ap_remote_mcp.tools.status import photos_status
from ap_remote_mcp.tools.suggesting import photos_suggest_folders, suggest_folders
from ap_remote_mcp.tools.syncing import photos_sync, sync_changes, sync_embeddings
from ap_remote_mcp.tools.trash import photos_restore, photos_trash
from ap_remote_mcp.tools.undo import photos_undo
from ap_remote_mcp.tools.uploading import photos_upload

if TYPE_CHECKING:
    from mcp.server.mcpserver.tools import Tool

    from ap_remote_mcp.context import App


def tools(allowed: frozenset[Ability]) -> list[Tool]:
    """Return the tools of a server that may do what is *allowed*."""
    chosen: list[Tool] = [
        make(photos_search, annotations=READS),
        make(photos_list, annotations=READS),
        make(photos_get, annotations=READS),
        make(photos_facets, annotations=READS),
        make(photos_view, annotations=READS),
        make(photos_contact_sheet, annotations=READS),
        make(photos_show, annotations=READS, page=PAGE),
        make(photos_duplicates, annotations=READS),
        make(photos_suggest_folders, annotations=READS_HERE),
        make(photos_status, annotations=READS_HERE, waits=False),
        make(photos_job, annotations=READS_HERE, waits=False),
        make(photos_sync, annotations=FETCHES),
    ]
    for ability, make_them in _GATED.items():
        if ability in allowed:
            chosen += [tool.model_copy(update={"abilities": (ability,)}) for tool in make_them()]
    undone = tuple(each for each in (Ability.ORGANISE, Ability.TRANSFER, Ability.TRASH) if each in allowed)
    if undone:
        chosen.append(make(photos_undo, annotations=BRINGS_BACK).model_copy(update={"abilities": undone}))
    return chosen


def _organise_tools() -> list[Tool]:
    return [
        make(photos_move, annotations=BRINGS_BACK),
        make(photos_album, annotations=REMOVES),
        make(photos_mark, annotations=BRINGS_BACK),
        make(photos_apply_folders, annotations=BRINGS_BACK),
        make(photos_person, title="Name a person", annotations=BRINGS_BACK),
    ]


def _transfer_tools() -> list[Tool]:
    return [
        make(photos_upload, annotations=BRINGS_BACK),
        make(photos_download, annotations=FETCHES),
    ]


def _trash_tools() -> list[Tool]:
    return [
        make(photos_trash, annotations=REMOVES),
        make(photos_restore, annotations=BRINGS_BACK),
    ]


def _purge_tools() -> list[Tool]:
    return [make(photos_purge, title="Delete for ever", annotations=REMOVES)]


_GATED: Final = {
    Ability.ORGANISE: _organise_tools,
    Ability.TRANSFER: _transfer_tools,
    Ability.TRASH: _trash_tools,
    Ability.PURGE: _purge_tools,
}


def offer_jobs(app: App) -> None:
    """Teach a server's jobs what the tools hand over to them."""
    app.jobs.offer(JobKind.SYNC_CHANGES, partial(sync_changes, app), resumes=True)
    app.jobs.offer(JobKind.SYNC_EMBEDDINGS, partial(sync_embeddings, app), resumes=True)
    app.jobs.offer(JobKind.SUGGEST, partial(suggest_folders, app), resumes=True)
    if Ability.ORGANISE in app.allowed:
        app.jobs.offer(JobKind.APPLY, partial(apply_folders, app), resumes=True)
    if Ability.TRANSFER in app.allowed:
        app.jobs.offer(JobKind.UPLOAD, partial(upload, app), resumes=True)
        app.jobs.offer(JobKind.DOWNLOAD, partial(download, app), resumes=True)


_BRINGS: Final = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "photos_move",
                "photos_album",
                "photos_mark",
                "photos_apply_folders",
                "photos_person",
                "photos_undo",
            ),
            Ability.ORGANISE,
        ),
        **dict.fromkeys(("photos_upload", "photos_download"), Ability.TRANSFER),
        **dict.fromkeys(("photos_trash", "photos_restore"), Ability.TRASH),
        "photos_purge": Ability.PURGE,
    }
)
"""By the name of a tool the ability that brings it; photos_undo comes with any but the last, with this one first."""


def gate_of(name: str) -> Ability | None:
    """Return the ability that would bring the tool *name*; ``None`` if nothing would."""
    return _BRINGS.get(name)
