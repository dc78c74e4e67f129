"""Plans of transfers as files: JSON, whole or not at all, and run only as they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote.atomic import write_atomically
from ap_remote.errors import NewerStoreError, PlanError
from ap_remote.transfer.plan import FORMAT, Plan, content_id

if TYPE_CHECKING:
    from pathlib import Path


class _Head(msgspec.Struct, frozen=True):
    """What every format of a plan has."""

    format: int
    verb: str


_HEAD: Final = msgspec.json.Decoder(_Head)
_PLAN: Final = msgspec.json.Decoder(Plan)


def save_plan(plan: Plan, file: Path) -> None:
    """Write a plan; what *file* was before stays until the new one is whole on the disk.

    Raises:
        PlanError: it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, msgspec.json.format(msgspec.json.encode(plan), indent=1))
    except OSError as exc:
        raise PlanError(f"cannot write the plan {file}: {exc.strerror or exc}") from exc


def load_plan(file: Path) -> Plan:
    """Read a plan.

    Raises:
        PlanError: it is missing, is no plan, or was changed after it was made.
        NewerStoreError: a newer version wrote it.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError as exc:
        raise PlanError(f"there is no plan {file}") from exc
    except OSError as exc:
        raise PlanError(f"cannot read the plan {file}: {exc.strerror or exc}") from exc
    try:
        head = _HEAD.decode(content)
        if head.format > FORMAT:
            raise NewerStoreError(f"the plan {file}", head.format, FORMAT)
        plan = _PLAN.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise PlanError(f"{file} is no plan of a transfer: {exc}") from exc
    if plan.id != content_id(plan):
        raise PlanError(f"the plan {file} was changed after it was made; make a new one")
    return plan
