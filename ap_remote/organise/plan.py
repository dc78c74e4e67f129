"""Plans: which photographs would go into which album or folder, and why. A plan changes nothing; it is a file to edit.

A plan's id is a hash of its content, so whoever applies one applies what was shown.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ap_remote.atomic import write_atomically
from ap_remote.errors import InvalidNameError, PlanError, UnsupportedError
from ap_remote.remote import paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FORMAT: Final = 2
"""Of a plan that moves files, which an older version must not take for albums; one of albums alone has format 1."""
MARK: Final = "ap_remote plan {plan} folder {number}"
"""The description of an album that a plan made: by it a later run knows its own."""

_MARK: Final = re.compile(r"ap_remote plan ([0-9a-f]{16}) folder (\d+)(?: by ([a-z]+))?")

By = Literal["theme", "event", "person", "place", "month", "label", "taxonomy", "duplicates", "burst"]
"""How photographs are brought together: by what they show, by when and where they were taken, by who is on them, by the
city, by the month, by the class that a classifier gives them, by the classes of a person's own taxonomy, as copies of
others, which could go, or as frames of a burst."""


class PlanMember(msgspec.Struct, frozen=True, kw_only=True):
    """A photograph that would go into an album."""

    id: str
    path: str
    """Where it was when the plan was made; albums do not move it."""
    version: int
    md5: str | None = None
    reason: str
    score: float
    """How well it fits, 0 to 1."""


class PlanFolder(msgspec.Struct, frozen=True, kw_only=True):
    """An album that would be made."""

    name: str
    reason: str
    members: tuple[PlanMember, ...]
    score: float = 1.0
    """How well its members belong together, 0 to 1."""
    album: str | None = None
    """The id of an album from an earlier plan that the members would be added to, instead of a new one."""
    path: str | None = None
    """The folder that the members would be moved to, which is made where it is missing; ``None`` means an album."""


class Unassigned(msgspec.Struct, frozen=True, kw_only=True):
    """A photograph that goes nowhere, and why."""

    id: str
    path: str
    why: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done to an account."""

    format: int = 1
    id: str
    created: datetime
    account: str
    by: By
    parameters: dict[str, str | int | float] = msgspec.field(default_factory=dict)
    folders: tuple[PlanFolder, ...] = ()
    unassigned: tuple[Unassigned, ...] = ()

    @property
    def moves(self) -> int:
        """How many files would change their folder."""
        return sum(len(folder.members) for folder in self.folders if folder.path is not None)

    @property
    def seen(self) -> int:
        """How many photographs were looked at."""
        ids = {member.id for folder in self.folders for member in folder.members}
        return len(ids.union(each.id for each in self.unassigned))


def make_plan(
    *,
    account: str,
    by: By,
    parameters: Mapping[str, str | int | float],
    folders: Sequence[PlanFolder],
    unassigned: Sequence[Unassigned],
    created: datetime | None = None,
) -> Plan:
    """Return a plan that bears the id of its content."""
    plan = Plan(
        format=FORMAT if any(folder.path is not None for folder in folders) else 1,
        id="",
        created=created or datetime.now(UTC),
        account=account,
        by=by,
        parameters=dict(parameters),
        folders=tuple(folders),
        unassigned=tuple(unassigned),
    )
    return msgspec.structs.replace(plan, id=content_id(plan))


def content_id(plan: Plan) -> str:
    """Return the id that belongs to what *plan* would do. When it was made does not count."""
    content = msgspec.to_builtins(msgspec.structs.replace(plan, id=""))
    del content["created"]
    for folder in content["folders"]:
        if folder["path"] is None:  # an album's plan has the id that it had before there were others
            del folder["path"]
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:16]


def read_mark(description: str | None) -> tuple[str, int] | None:
    """Return the plan's id and the folder's number if an album's description is a plan's mark."""
    match = _MARK.fullmatch(description or "")
    return (match[1], int(match[2])) if match else None


def mark(plan: Plan, number: int) -> str:
    """Return the description of the album that a plan makes of its folder *number*."""
    return f"{MARK.format(plan=plan.id, number=number)} by {plan.by}"


def is_own(description: str | None, by: By) -> bool:
    """Whether an album was made by a plan of the same way, or by one of a time when marks did not tell the way.

    Those of another way are other albums, whoever is in them: a person's pictures are also a month's.
    """
    match = _MARK.fullmatch(description or "")
    return match is not None and match[3] in (None, by)


def save_plan(plan: Plan, file: Path) -> None:
    """Write a plan as JSON, whole or not at all.

    Raises:
        PlanError: it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, msgspec.json.format(msgspec.json.encode(plan), indent=2))
    except OSError as exc:
        message = f"cannot write the plan {file}: {exc.strerror or exc}"
        raise PlanError(message) from exc


def load_plan(file: Path) -> Plan:
    """Read a plan. One that was edited gets the id of its new content.

    Raises:
        PlanError: it is missing, no plan, written by a newer version, or names an album twice or not at all.
    """
    try:
        plan = msgspec.json.decode(file.read_bytes(), type=Plan)
    except FileNotFoundError as exc:
        message = f"there is no plan {file}; `ap organise plan` makes one"
        raise PlanError(message) from exc
    except OSError as exc:
        message = f"cannot read the plan {file}: {exc.strerror or exc}"
        raise PlanError(message) from exc
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        message = f"{file} is no plan: {exc}"
        raise PlanError(message) from exc
    if plan.format > FORMAT:
        message = f"{file} was written by a newer ap_remote (format {plan.format}, this one knows {FORMAT})"
        raise PlanError(message)
    check_plan(plan)
    return msgspec.structs.replace(plan, id=content_id(plan))


def check_plan(plan: Plan) -> None:
    """Check what a person may have broken by editing.

    Raises:
        PlanError: an album has no name or one that cannot be, no members, or a photograph twice; two new albums have
            one name, two folders one path, or a photograph would be moved twice.
    """
    names: set[str] = set()
    places: set[str] = set()
    moved: set[str] = set()
    for folder in plan.folders:
        if not folder.name.strip():
            message = "an album of the plan has no name"
            raise PlanError(message)
        if folder.path is not None:
            _check_place(folder, places)
        elif folder.album is None:
            _check_new(folder.name, names)
        ids = [member.id for member in folder.members]
        if not ids:
            message = f"the album {folder.name!r} of the plan has no members"
            raise PlanError(message)
        if len(set(ids)) != len(ids):
            message = f"the album {folder.name!r} of the plan has a photograph twice"
            raise PlanError(message)
        if folder.path is not None:
            if not moved.isdisjoint(ids):
                message = f"the plan moves a photograph of {folder.name!r} to another folder as well"
                raise PlanError(message)
            moved.update(ids)


def _check_place(folder: PlanFolder, places: set[str]) -> None:
    """Check the folder that files would be moved to."""
    path = folder.path or ""
    try:
        for part in paths.components(path):
            paths.check_name(part)
        legal = bool(path) and paths.normalise(path) == path and paths.writable(path) == path
    except (InvalidNameError, UnsupportedError) as exc:
        message = f"a folder of the plan cannot be made: {exc}"
        raise PlanError(message) from exc
    if not legal or folder.album is not None:
        message = f"the plan cannot move photographs to {path!r}: that is no folder's path"
        raise PlanError(message)
    if paths.fold(path) in places:
        message = f"the plan has the folder {path!r} twice"
        raise PlanError(message)
    places.add(paths.fold(path))


def _check_new(name: str, names: set[str]) -> None:
    try:
        paths.check_name(name)
    except InvalidNameError as exc:
        message = f"an album of the plan cannot be made: {exc}"
        raise PlanError(message) from exc
    if name in names:
        message = f"the plan makes the album {name!r} twice"
        raise PlanError(message)
    names.add(name)
