"""Plans of transfers as a person sees them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from ap_remote.cli.plans import _kept, _key, _questions, step_json, step_text, sums, totals
from ap_remote.transfer.plan import Note, Plan, Seen, Step


def plan(*steps: Step, skipped=(), problems=()) -> Plan:
    return Plan(
        created=datetime(2026, 1, 1, tzinfo=UTC),
        verb="move",
        source="/photos",
        target="home:Pics",
        steps=steps,
        skipped=skipped,
        problems=problems,
    )


def step(action, path: str, size: int = 0, at="target", **more) -> Step:
    source = Seen(path=path, size=size) if action in ("copy", "replace") else None
    return Step(action=action, path=path, at=at, source=more.pop("source", source), **more)


def test_each_step_is_a_line_with_sign_size_and_reason() -> None:
    assert step_text(step("mkdir", "a")) == "/ a/"
    assert step_text(step("copy", "a/b", 2048)) == "+ a/b  (2.0 KiB)"
    assert step_text(step("replace", "a/b", 1, reason="other content")) == "* a/b  (1 B, other content)"
    assert step_text(step("move", "new", source=Seen(path="old"))) == "> old -> new"
    assert step_text(step("remove", "a", reason="the source has no such file")) == "- a  (the source has no such file)"
    assert step_text(step("remove", "a", at="source")) == "- a  (at the source)"
    assert step_json(step("move", "new", source=Seen(path="old")))["from"] == "old"


def test_sums_tell_the_target_from_the_source() -> None:
    found = plan(
        step("copy", "a", 1024),
        step("remove", "b"),
        step("remove", "a", at="source"),
        skipped=[Note(path="c", reason="already there")],
        problems=[Note(path="d", reason="no")],
    )
    assert sums(found) == [
        "1 to copy, 1 to the trash, 1 to the trash at the source (1.0 KiB)",
        "        1 skipped: already there",
        "1 cannot be done",
    ]
    assert sums(plan()) == ["nothing to do"]
    assert (totals(found)["copy"], totals(found)["remove"], totals(found)["bytes"]) == (1, 2, 1024)


paths = st.sampled_from(["a", "a/x", "a/y", "b/z", "c"])


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.sampled_from(["copy", "replace", "remove"]), paths), unique_by=lambda each: each[1]),
    st.data(),
)
def test_what_was_not_chosen_is_not_done_nor_removed_at_the_source(wishes, data) -> None:
    steps = [step("mkdir", "a"), step("mkdir", "b"), step("mkdir", "empty")]
    steps += [step(action, path) for action, path in wishes]
    steps += [step("remove", path, at="source") for action, path in wishes if action != "remove"]
    found = plan(*steps)
    asked = list(_questions(found))
    assert [(each.action, each.path) for each in asked] == wishes
    answers = {_key(each): data.draw(st.booleans()) for each in asked}
    kept = list(_kept(found, answers))
    chosen = {each.path for each in asked if answers[_key(each)]}
    assert {each.path for each in kept if each.action != "mkdir"} == chosen
    assert {each.path for each in kept if each.at == "source"} <= chosen
    for folder in ("a", "b"):
        inside = [path for _, path in wishes if path.startswith(folder + "/")]
        is_made = any(each.action == "mkdir" and each.path == folder for each in kept)
        assert is_made == (not inside or any(path in chosen for path in inside))
