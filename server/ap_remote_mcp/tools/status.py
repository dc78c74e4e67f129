"""``photos_status``: what a server is and may do, as it is known here. Nobody is asked for it."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from mcp.server.mcpserver import Context
from msgspec import UNSET

from ap_remote.remote.condition import Condition, SupportsCondition
from ap_remote.remote.features import SupportsSync
from ap_remote_mcp.context import App
from ap_remote_mcp.policy.abilities import Ability
from ap_remote_mcp.results.pages import Coverage, ServerStatus
from ap_remote_mcp.results.text import clean

_ADDS: Final = {
    Ability.ORGANISE: "start with --allow organise: photos_move, photos_album, photos_mark, photos_person, "
    "photos_apply_folders",
    Ability.TRANSFER: "start with --allow transfer --root FOLDER: photos_upload, photos_download",
    Ability.TRASH: "start with --allow trash: photos_trash, photos_restore",
    Ability.PURGE: "start with --allow purge: photos_purge, which a person confirms by typing the number",
}
_MB: Final = 1_000_000
_NO_INDEX: Final = "no semantic index: ap index build makes one"
_BUILDS: Final = "no semantic index: photos_sync(what=embeddings) or ap index build makes one"


async def photos_status(ctx: Context[App]) -> ServerStatus:
    """Tell what is allowed, how to enable more, how far cache and semantic index reach."""
    app: App = ctx.request_context.lifespan_context
    return await standing(app)


async def standing(app: App) -> ServerStatus:
    """Return the status."""
    covered = await app.covered()
    total = app.known_total()
    if total is not None and total < covered:
        total = None  # it was counted before the index grew
    missing = _NO_INDEX if app.index is None else _BUILDS
    return ServerStatus(
        account=app.shown_account,
        mode=app.mode,
        version=version("ap-remote"),
        allowed=sorted(app.allowed),
        enable={ability: _ADDS[ability] for ability in sorted(Ability) if ability not in app.allowed},
        index=Coverage(covered=covered, total=UNSET if total is None else total) if covered else UNSET,
        index_note="" if covered else missing,
        **_known(app),
        roots=roots(app),
        changes_left_today=app.changes.left if app.allowed else UNSET,
        pixels_left_today=app.pixels.left,
        bytes_left_today=app.carried.left if Ability.TRANSFER in app.allowed else UNSET,
        last_error=app.last_error,
    )


def _known(app: App) -> dict[str, Any]:
    """Return what the remote knows of itself; the cache may have been looked at since it was last synced."""
    told = app.remote.condition() if isinstance(app.remote, SupportsCondition) else Condition()
    since = max(app.cached, told.synced or 0.0)
    known: dict[str, Any] = {"cache_as_of": f"{app.time_of(since)}Z"} if since else {}
    if told.broken_off:
        known["cache_note"] = "a sync broke off: photos_sync goes on with it"
    elif not since and isinstance(app.remote, SupportsSync):
        known["cache_note"] = "never synced whole: photos_sync does it"
    if told.rests:
        until = app.time_of(app.clock() + told.rests)
        known["service"] = f"it refused too often: nothing is sent until {until}Z"
    if told.usage is not None:
        usage = told.usage
        held = usage.photo_bytes + usage.video_bytes + usage.document_bytes + usage.other_bytes
        known |= {"used_mb": held // _MB} | ({} if usage.free is None else {"free_mb": usage.free // _MB})
    return known


def roots(app: App) -> dict[str, str]:
    """Return the roots' own names, without the way to them, if a tool would touch them."""
    if Ability.TRANSFER not in app.allowed:
        return {}
    return {root: clean(name) for root, name in app.roots.names.items()}
