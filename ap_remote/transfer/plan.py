"""Plans of transfers: what would be made, sent, replaced, moved and removed, and why. A plan changes nothing.

It is a file that can be read, and applied later: its id is a hash of what it would do, so whoever applies one applies
what was shown. A step names the state that it saw; the engine looks again before it acts.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from ap_remote.transfer.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT: Final = 1

Verb = Literal["copy", "move", "sync", "dedupe"]

Action = Literal["mkdir", "copy", "replace", "move", "remove"]
"""``copy`` brings a file that the target lacks, ``replace`` one whose target has other content, ``move`` gives an item
of the target (or, within one account, of the source) another path, ``remove`` puts one into the trash: of the target,
or after a move of the source."""


class Seen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item as it was when the plan was made."""

    path: str
    size: int = 0
    md5: str | None = None
    id: str | None = None
    version: int = 0
    stamp: str = ""
    modified: datetime | None = None
    taken: datetime | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change. Paths are relative to the roots of the sides."""

    action: Action
    path: str
    """At the target; for a ``remove`` after a move, at the source."""
    at: Literal["target", "source"] = "target"
    source: Seen | None = None
    """What is brought; for ``move`` what is moved."""
    there: Seen | None = None
    """What is at the target and is replaced or removed."""
    reason: str = ""

    @property
    def size(self) -> int:
        """Bytes that will pass."""
        return self.source.size if self.source is not None and self.action in ("copy", "replace") else 0


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is left alone, and why."""

    path: str
    reason: str
    size: int = 0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a transfer would do."""

    format: int = FORMAT
    id: str = ""
    created: datetime
    verb: Verb
    source: str
    """The source as a command takes it, e.g. ``/data/photos`` or ``home:Pictures``."""
    target: str
    options: Options = Options()
    steps: tuple[Step, ...] = ()
    """In an order in which they can be done; those of files may be done side by side, folders first, removals last."""
    skipped: tuple[Note, ...] = ()
    problems: tuple[Note, ...] = ()
    """What cannot be done, such as two names that the account takes for one: reported as failures."""

    def count(self, *actions: Action) -> int:
        """Return how many steps are of these actions."""
        return sum(step.action in actions for step in self.steps)

    @property
    def size(self) -> int:
        """Bytes that will pass."""
        return sum(step.size for step in self.steps)


def new_plan(
    verb: Verb,
    source: str,
    target: str,
    options: Options,
    *,
    steps: Iterable[Step] = (),
    skipped: Iterable[Note] = (),
    problems: Iterable[Note] = (),
) -> Plan:
    """Return a plan that is made now and bears the id of its content."""
    return sealed(
        Plan(
            created=datetime.now(UTC),
            verb=verb,
            source=source,
            target=target,
            options=options,
            steps=tuple(steps),
            skipped=tuple(skipped),
            problems=tuple(problems),
        )
    )


def content_id(plan: Plan) -> str:
    """Return the id that belongs to what *plan* would do. When it was made does not count."""
    content = msgspec.structs.replace(plan, id="", created=datetime(1, 1, 1, tzinfo=UTC))
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:16]


def sealed(plan: Plan) -> Plan:
    """Return the plan with the id of its content."""
    return msgspec.structs.replace(plan, id=content_id(plan))


def removals(steps: Iterable[Step]) -> int:
    """Return how many files and folders of the target would be removed."""
    return sum(step.action == "remove" and step.at == "target" for step in steps)
