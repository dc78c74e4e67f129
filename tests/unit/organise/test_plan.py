from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ap_remote.errors import PlanError
from ap_remote.organise import load_plan, save_plan
from ap_remote.organise.plan import MARK, PlanFolder, PlanMember, Unassigned, content_id, make_plan, read_mark

DAY = datetime(2024, 5, 1, tzinfo=UTC)


def member(number: int = 1) -> PlanMember:
    return PlanMember(id=f"n{number}", path=f"{number}.jpg", version=1, md5="0" * 32, reason="looks so", score=0.5)


def plan(*folders, **fields):
    given = {"account": "memory", "by": "theme", "parameters": {"min_size": 3}, "unassigned": [], "created": DAY}
    return make_plan(
        folders=folders or [PlanFolder(name="Cats", reason="why", members=(member(),))], **(given | fields)
    )


texts = st.text(min_size=1, max_size=20)
members = st.builds(
    PlanMember, id=texts, path=texts, version=st.integers(0), md5=st.none() | texts, reason=texts, score=st.floats(0, 1)
)
names = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=20)
folders = st.builds(
    PlanFolder,
    name=names.filter(lambda name: name.strip() and name not in {".", ".."}),
    reason=texts,
    members=st.lists(members, min_size=1, max_size=4, unique_by=lambda each: each.id).map(tuple),
    album=st.none() | texts,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(folders, max_size=3, unique_by=lambda each: each.name),
    st.lists(st.builds(Unassigned, id=texts, path=texts, why=texts), max_size=3),
)
def test_a_plan_survives_its_file(tmp_path, some, rest):
    made = plan(*some, unassigned=rest) if some else plan(unassigned=rest)
    save_plan(made, tmp_path / "plans" / "plan.json")
    assert load_plan(tmp_path / "plans" / "plan.json") == made
    assert [file.name for file in (tmp_path / "plans").iterdir()] == ["plan.json"]


def test_the_id_stands_for_the_content_and_not_for_the_hour():
    assert plan().id == plan(created=datetime(2025, 1, 1, tzinfo=UTC)).id
    assert plan().id != plan(account="other").id
    assert plan().id != plan(PlanFolder(name="Dogs", reason="why", members=(member(),))).id


def test_an_edited_plan_gets_the_id_of_its_new_content(tmp_path):
    file = tmp_path / "plan.json"
    save_plan(plan(), file)
    file.write_text(file.read_text().replace('"Cats"', '"Our cats"'))
    edited = load_plan(file)
    assert edited.folders[0].name == "Our cats"
    assert edited.id == content_id(edited) != plan().id


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"id": 3}', b"\xff", b'{"id": "\xff"}', b'{"a":' * 5000])
def test_a_file_that_is_no_plan_is_refused(tmp_path, body):
    (tmp_path / "plan.json").write_bytes(body)
    with pytest.raises(PlanError, match="no plan"):
        load_plan(tmp_path / "plan.json")


def test_a_missing_plan_and_one_of_the_future_are_refused(tmp_path):
    file = tmp_path / "plan.json"
    with pytest.raises(PlanError, match="ap organise plan"):
        load_plan(file)
    file.write_bytes(msgspec.json.encode(msgspec.structs.replace(plan(), format=9)))
    with pytest.raises(PlanError, match="newer"):
        load_plan(file)


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        (PlanFolder(name=" ", reason="why", members=(member(),)), "no name"),
        (PlanFolder(name="Cats", reason="why", members=()), "no members"),
        (PlanFolder(name="Cats", reason="why", members=(member(), member())), "twice"),
    ],
)
def test_what_editing_broke_is_named(tmp_path, folder, why):
    save_plan(plan(folder), tmp_path / "plan.json")
    with pytest.raises(PlanError, match=why):
        load_plan(tmp_path / "plan.json")


def test_a_plan_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    file = tmp_path / "plan.json"
    save_plan(plan(), file)

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ap_remote.atomic.os.fsync", full)
    with pytest.raises(PlanError, match="No space left"):
        save_plan(plan(account="other"), file)
    assert load_plan(file) == plan()
    assert [each.name for each in tmp_path.iterdir()] == ["plan.json"]


def test_an_album_s_mark_is_read_again_and_nothing_else_is():
    one = plan().id
    assert read_mark(MARK.format(plan=one, number=12)) == (one, 12)
    for other in (None, "", "holiday", MARK.format(plan="short", number=1), MARK.format(plan=one, number=1) + " "):
        assert read_mark(other) is None


def test_a_plan_that_makes_one_album_twice_is_refused(tmp_path):
    one = PlanFolder(name="Cats", reason="why", members=(member(),))
    with pytest.raises(PlanError, match="twice"):
        save_and_load(plan(one, one), tmp_path)
    added = PlanFolder(name="Cats", reason="why", members=(member(),), album="a1")
    assert len(save_and_load(plan(one, added), tmp_path).folders) == 2


def save_and_load(made, folder):
    save_plan(made, folder / "plan.json")
    return load_plan(folder / "plan.json")
