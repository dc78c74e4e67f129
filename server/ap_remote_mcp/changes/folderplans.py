"""Plans of folders as clients see them: by id, checked against the account, chosen from, renamed, looked into."""

from __future__ import annotations

import difflib
import logging
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

import anyio.to_thread
import msgspec

from ap_remote.errors import PlanError, UnsupportedError
from ap_remote.organise import load_plan
from ap_remote.organise.names import album_name
from ap_remote.organise.plan import check_plan, make_plan
from ap_remote.remote.paths import fold
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.policy.seal import BrokenSealError
from ap_remote_mcp.principal import caller
from ap_remote_mcp.results.pages import FolderIdea, PlannedMember, PlannedMembers, Suggestions
from ap_remote_mcp.results.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ap_remote.organise import Plan, PlanFolder
    from ap_remote_mcp.context import App

_ID: Final = re.compile(r"[0-9a-f]{16}")
_PATH: Final = re.compile(r"plan:([0-9a-f]{16})(?:/(.*))?", re.DOTALL)
_SAMPLES: Final = 4
_REASONS: Final = 5
_NEAR: Final = 5
_PAGE: Final = 100
_ROOM: Final = 2_000
"""JSON bytes kept for what stands beside the folders."""
_NEW: Final = "photos_suggest_folders makes one."
_OWNER: Final = "who"
"""The parameter of a plan that names the caller whose it is."""
_KEPT: Final = 30 * 86_400.0
"""Seconds for which a plan waits to be applied (own choice)."""

_log: Final = logging.getLogger(__name__)


class _Place(msgspec.Struct, frozen=True, tag="plan"):
    """Where the next page of a plan begins."""

    plan: str
    folder: str
    at: int


def plans_home(app: App) -> Path:
    """Return the account's folder of plans, the one of ``ap organise``.

    Raises:
        UnsupportedError: this server keeps nothing.
    """
    if app.home is None:
        raise UnsupportedError("this server was started without a folder of its own, so it keeps no plans")
    return app.home / "plans"


def plan_file(app: App, plan_id: str) -> Path:
    """Return the file of a plan, which need not be there."""
    if not _ID.fullmatch(plan_id):
        raise _unknown()
    return plans_home(app) / f"{plan_id}.json"


def journal_file(app: App, plan_id: str) -> Path:
    """Return the journal that says what became of a plan; ``ap organise`` uses the same."""
    return plan_file(app, plan_id).with_suffix(".journal.jsonl")


async def loaded(app: App, plan_id: str, who: str = "") -> Plan:
    """Return a plan of this account that *who* may use, the caller by default.

    Raises:
        CodedError: there is none of that id, it is another account's or caller's, or its file cannot be read.
    """
    file = plan_file(app, plan_id)
    if not file.is_file():
        raise _unknown()
    try:
        plan = await anyio.to_thread.run_sync(load_plan, file)
    except PlanError as exc:
        raise CodedError(Code.PLAN_STALE, "The plan's file cannot be read", _NEW) from exc
    if plan.account != app.remote.name or plan.parameters.get(_OWNER, "") not in ("", who or caller()):
        raise _unknown()
    return plan


def owned(plan: Plan, who: str) -> Plan:
    """Return a plan as its caller's own: others find none of that id. One of ``ap organise`` is nobody's."""
    return make_plan(
        account=plan.account,
        by=plan.by,
        parameters={**plan.parameters, _OWNER: who},
        folders=plan.folders,
        unassigned=plan.unassigned,
        created=plan.created,
    )


def sweep(app: App) -> None:
    """Take away plans of this server that nobody applied in a month.

    Only its own: those of ``ap organise`` are files that a person may be editing, and ``ap organise`` removes none.
    """
    if app.home is None or not (home := plans_home(app)).is_dir():
        return
    horizon = app.clock() - _KEPT
    unfinished = {str(each.get("plan", "")) for each in app.jobs.unfinished()}
    for file in sorted(home.glob("*.json")):
        if not _ID.fullmatch(file.stem) or file.stem in unfinished or any(home.glob(f"{file.stem}.journal*")):
            continue  # a plan with a journal is finished, taken back and explained by both
        try:
            if file.stat().st_mtime >= horizon:
                continue
            plan = load_plan(file)
            if _OWNER in plan.parameters and plan.account == app.remote.name:
                file.unlink(missing_ok=True)
        except (OSError, PlanError) as exc:
            _log.warning("the plan %s stays: %s", file.name, type(exc).__name__)


def named_in(path: str) -> tuple[str, str] | None:
    """Return plan and folder of ``plan:ID/FOLDER``; ``None`` for any other path."""
    match = _PATH.fullmatch(path)
    return (match[1], match[2] or "") if match else None


def place_of(plan: Plan, wanted: str) -> int:
    """Return the number of the folder that is meant: by its name as it was told, or ``#2`` for the second.

    Raises:
        CodedError: none, or several, are called so.
    """
    if re.fullmatch(r"#[0-9]{1,4}", wanted) and 1 <= int(wanted[1:]) <= len(plan.folders):
        return int(wanted[1:]) - 1
    names = [clean(folder.name) for folder in plan.folders]
    found = [number for number, folder in enumerate(plan.folders) if wanted in (folder.name, names[number])]
    if not found:
        found = [number for number, name in enumerate(names) if fold(name) == fold(clean(wanted))]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = ", ".join(f"#{number + 1}" for number in found)
        raise CodedError(Code.AMBIGUOUS, f"{len(found)} folders are called so: {numbers}", "Call again with one.")
    near = difflib.get_close_matches(clean(wanted, 40), names, n=_NEAR, cutoff=0.4) or names[:_NEAR]
    what = f"The plan has no folder {clean(wanted, 40)!r}; it has {', '.join(map(repr, near)) or 'none'}"
    raise CodedError(Code.NOT_FOUND, what, "photos_list(path=plan:ID) lists them.")


def chosen(plan: Plan, only: Sequence[str], rename: Mapping[str, str]) -> Plan:
    """Return the part of a plan that is wanted, under the wanted names; it has an id of its own, by its content.

    Raises:
        CodedError: no such folder, a name that cannot be, or that two albums would have.
    """
    wanted = sorted({place_of(plan, name) for name in only}) if only else range(len(plan.folders))
    names = {place_of(plan, old): new for old, new in rename.items()}
    strangers = sorted(set(names) - set(wanted))
    if strangers:
        called = clean(plan.folders[strangers[0]].name, 40)
        raise CodedError(Code.BAD_ARGUMENT, f"rename names {called!r}, which only leaves out")
    folders = tuple(_called(plan.folders[number], names.get(number)) for number in wanted)
    if folders == plan.folders:
        return plan
    made = part(plan, folders)
    try:
        check_plan(made)
    except PlanError as exc:
        raise CodedError(Code.BAD_ARGUMENT, "Two albums would have one name, or one a name that cannot be") from exc
    return made


def part(plan: Plan, folders: Sequence[PlanFolder]) -> Plan:
    """Return a plan of these folders out of another."""
    return make_plan(
        account=plan.account,
        by=plan.by,
        parameters={**plan.parameters, "plan": plan.id},
        folders=folders,
        unassigned=(),
        created=plan.created,
    )


def suggested(app: App, plan: Plan, *, at: int = 0) -> Suggestions:
    """Return a plan as it is shown: its folders from the *at*-th on, as far as they fit."""
    shown: list[FolderIdea] = []
    size = _ROOM
    for folder in plan.folders[at:]:
        idea = _idea(folder)
        size += app.weigh(idea)
        if shown and size > app.limits.result_bytes:
            break
        shown.append(idea)
    reasons = Counter(clean(each.why) for each in plan.unassigned)
    left = len(plan.folders) - at - len(shown)
    return Suggestions(
        plan_id=plan.id if plan.folders else "",
        folders=shown,
        unassigned=len(plan.unassigned),
        why_not=[[why, count] for why, count in reasons.most_common(_REASONS)],
        next=_sealed(app, _Place(plan.id, "", at + len(shown))) if left else "",
        note=f"{left} more folders: the resource photos://plan/{plan.id} or photos_list(path=plan:{plan.id})"
        if left
        else ("" if plan.folders else "nothing to make; why_not says why"),
    )


async def plan_page(app: App, plan_id: str, folder: str = "", cursor: str = "") -> Suggestions | PlannedMembers:
    """Return a page of a plan: its folders, or the members of one with the reason for each.

    Raises:
        CodedError: no such plan or folder, or a cursor of another one.
    """
    plan = await loaded(app, plan_id)
    at = _opened(app, cursor, plan_id, folder) if cursor else 0
    if not folder:
        return suggested(app, plan, at=at)
    members = plan.folders[place_of(plan, folder)].members
    rows: list[PlannedMember] = []
    size = _ROOM
    for member in members[at : at + _PAGE]:
        row = PlannedMember(
            id=member.id, path=clean(member.path, 300), why=clean(member.reason), score=round(member.score, 4)
        )
        size += app.weigh(row)
        if rows and size > app.limits.result_bytes:
            break
        rows.append(row)
    after = at + len(rows)
    following = _sealed(app, _Place(plan_id, folder, after)) if rows and after < len(members) else ""
    return PlannedMembers(folder=clean(folder), members=rows, total=len(members), next=following)


def _idea(folder: PlanFolder) -> FolderIdea:
    step = max(1, len(folder.members) // _SAMPLES)
    return FolderIdea(
        name=clean(folder.name),
        count=len(folder.members),
        why=clean(folder.reason),
        confidence=round(folder.score, 2),
        sample_ids=[member.id for member in folder.members[::step][:_SAMPLES]],
        album=folder.album or "",
    )


def _called(folder: PlanFolder, name: str | None) -> PlanFolder:
    if name is None:
        return folder
    if folder.album is not None:
        called = clean(folder.name, 40)
        what = f"{called!r} is an album already, which pictures would be added to"
        raise CodedError(Code.BAD_ARGUMENT, what, "photos_album renames it.")
    usable = album_name(name, "")
    if not usable:
        raise CodedError(Code.BAD_ARGUMENT, f"{clean(name, 40)!r} cannot be the name of an album")
    return msgspec.structs.replace(folder, name=usable)


def _unknown() -> CodedError:
    return CodedError(Code.NOT_FOUND, "There is no such plan of folders for this account", _NEW)


def _sealed(app: App, place: _Place) -> str:
    return app.cursors.close(msgspec.json.encode(place))


def _opened(app: App, cursor: str, plan_id: str, folder: str) -> int:
    try:
        place = msgspec.json.decode(app.cursors.open(cursor), type=_Place)
    except (BrokenSealError, msgspec.DecodeError):
        place = None
    if place is None or (place.plan, place.folder) != (plan_id, folder):
        raise CodedError(Code.BAD_ARGUMENT, "The cursor belongs to another page", "Begin without cursor.")
    return place.at
