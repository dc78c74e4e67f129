"""Plans of transfers, shown to a person: step by step, as a sum, as a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import typer

from ap_remote.cli.console import ERR, json_line, line, say, shown
from ap_remote.cli.render import size_text
from ap_remote.cli.reporting import reasons
from ap_remote.errors import ConfigError
from ap_remote.remote.paths import ALBUMS_VIEW
from ap_remote.transfer.plan import removals, sealed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ap_remote.transfer.plan import Plan, Step

_SIGNS: Final = {"mkdir": "/", "copy": "+", "replace": "*", "move": ">", "remove": "-"}
_SAMPLES: Final = 10


def show(plan: Plan, *, json: bool = False) -> None:
    """Print a plan: a line per step with sign and reason, why files are left alone, and the sums."""
    if json:
        for each in plan.steps:
            json_line(step_json(each))
        for what, notes in (("skip", plan.skipped), ("problem", plan.problems)):
            for note in notes:
                json_line({"action": what, "path": note.path, "size": note.size, "reason": note.reason})
        json_line({"totals": totals(plan)})
        return
    for each in plan.steps:
        line(step_text(each))
    for note in plan.problems:
        line(f"! {note.path}  ({note.reason})")
    for text in sums(plan):
        line(text)


def step_text(step: Step) -> str:
    """Return a step as one line: ``+`` a new file, ``*`` other content, ``>`` a new path, ``-`` to the trash."""
    path = step.path + ("/" if step.action == "mkdir" else "")
    if step.action == "move" and step.source is not None:
        path = f"{step.source.path} -> {step.path}"
    facts = [size_text(step.size)] if step.action in ("copy", "replace") else []
    facts += ["at the source"] if step.at == "source" and step.action == "remove" else []
    facts += [step.reason] if step.reason else []
    return f"{_SIGNS[step.action]} {path}" + (f"  ({', '.join(facts)})" if facts else "")


def step_json(step: Step) -> dict[str, Any]:
    """Return what ``--json`` prints for a step."""
    return {
        "action": step.action,
        "path": step.path,
        "at": step.at,
        "from": step.source.path if step.source is not None else None,
        "size": step.size,
        "reason": step.reason,
    }


def totals(plan: Plan) -> dict[str, Any]:
    """Return the sums of a plan."""
    return {
        "plan": plan.id,
        "verb": plan.verb,
        "source": plan.source,
        "target": plan.target,
        **{action: plan.count(action) for action in ("mkdir", "copy", "replace", "move", "remove")},
        "bytes": plan.size,
        "skipped": len(plan.skipped),
        "problems": len(plan.problems),
    }


def sums(plan: Plan) -> list[str]:
    """Return the sums of a plan as lines for a person."""
    gone = removals(plan.steps)
    is_album = plan.target.partition(":")[2].strip("/").startswith(f"{ALBUMS_VIEW}/")
    counts = {
        "to copy": plan.count("copy"),
        "to replace": plan.count("replace"),
        "to move": plan.count("move"),
        "to take out of the album" if is_album else "to the trash": gone,
        "to the trash at the source": plan.count("remove") - gone,
        "folders to make": plan.count("mkdir"),
    }
    told = [f"{count:,} {what}" for what, count in counts.items() if count]
    size = f" ({size_text(plan.size)})" if plan.size else ""
    lines = [f"{', '.join(told)}{size}" if told else "nothing to do"]
    lines += [f"{count:9,d} skipped: {reason}" for reason, count in reasons(note.reason for note in plan.skipped)]
    if plan.problems:
        lines.append(f"{len(plan.problems):,} cannot be done")
    return lines


def ask(plan: Plan, *, yes: bool) -> None:
    """Ask before something is removed or replaced by a sync, where somebody can be asked.

    Raises:
        typer.Abort: the answer is no.
    """
    gone = [step for step in plan.steps if step.action == "remove" and step.at == "target"]
    if yes or not ERR.is_terminal or not (gone or plan.count("replace")):
        return
    for text in sums(plan)[:1]:
        say(text)
    for step in gone[:_SAMPLES]:
        say(f"  {step_text(step)}")
    if len(gone) > _SAMPLES:
        say(f"  … and {len(gone) - _SAMPLES:,} more (--dry-run lists all)")
    typer.confirm("Go on?", abort=True, err=True)


def chosen(plan: Plan) -> Plan:
    """Ask for each step whether it is to be done, and return the plan of those that are.

    Folders are made for what was chosen; a source is removed after a move only where its file is moved.

    Raises:
        ConfigError: nobody can be asked.
        typer.Abort: the answer was to quit.
    """
    if not ERR.is_terminal:
        raise ConfigError("--interactive asks for each file, and nobody can be asked here")
    answers: dict[str, bool] = {}
    rest: bool | None = None
    for step in _questions(plan):
        if rest is None:
            answer = typer.prompt(
                f"{shown(step_text(step))}\n  [y]es, [n]o, [a]ll the rest, [d]one with choosing, [q]uit",
                default="y",
                show_choices=False,
                err=True,
                value_proc=_answer,
            )
            if answer == "q":
                raise typer.Abort
            rest = {"a": True, "d": False}.get(answer)
            answers[_key(step)] = answer in "ya"
        else:
            answers[_key(step)] = rest
    kept = tuple(_kept(plan, answers))
    return sealed(msgspec.structs.replace(plan, steps=kept))


def _answer(text: str) -> str:
    letter = text.strip().lower()[:1]
    if letter not in ("y", "n", "a", "d", "q"):
        raise typer.BadParameter("y, n, a, d or q")
    return letter


def _key(step: Step) -> str:
    return f"{step.action}:{step.at}:{step.path}"


def _questions(plan: Plan) -> Iterator[Step]:
    """Yield the steps that a person is asked about: not folders, nor what is removed because it was copied."""
    brought = {step.source.path for step in plan.steps if step.action in ("copy", "replace") and step.source}
    for step in plan.steps:
        follows = step.action == "remove" and step.at == "source" and step.path in brought
        if step.action != "mkdir" and not follows:
            yield step


def _kept(plan: Plan, answers: dict[str, bool]) -> Iterator[Step]:
    """Yield the steps that were chosen, and what they need or bring about."""
    asked = list(_questions(plan))
    wanted = [step for step in asked if answers[_key(step)]]
    left = {step.source.path for step in asked if not answers[_key(step)] and step.source is not None}
    for step in plan.steps:
        if step.action == "mkdir":
            # An empty folder is nobody's choice to lose; one into which nothing comes that was chosen is not made.
            if _leads_to(step, wanted) or not _leads_to(step, asked):
                yield step
        elif answers.get(_key(step), step.path not in left):
            yield step


def _leads_to(folder: Step, steps: Iterable[Step]) -> bool:
    return any(step.path.startswith(folder.path + "/") for step in steps)
