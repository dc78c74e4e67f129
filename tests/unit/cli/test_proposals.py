"""How a plan of albums is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ap_remote.cli.proposals import tell_plan
from ap_remote.organise.plan import PlanFolder, PlanMember, make_plan

if TYPE_CHECKING:
    import pytest

MEMBER = PlanMember(id="a", path="a.jpg", version=1, reason="fits", score=1.0)


def test_only_a_plan_with_albums_is_offered_to_be_applied(capsys: pytest.CaptureFixture[str]) -> None:
    folders = (PlanFolder(name="Cats", reason="cats", members=(MEMBER,)),)
    for albums, told in ((folders, "`ap organise apply local:"), ((), "no albums: there is nothing to apply")):
        made = make_plan(account="local", by="theme", parameters={}, folders=albums, unassigned=())
        tell_plan(made, "local:", json=False)
        said = capsys.readouterr().out
        assert told in said
        assert ("organise apply" in said) is bool(albums)


def test_a_plan_of_moves_says_where_to_and_how_it_is_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    folders = (PlanFolder(name="Cats", reason="cats", members=(MEMBER,), path="Sorted/Cats"),)
    for moved, told in (
        (folders, "apply local: {} --move` moves these 1 files"),
        ((), "no folders: there is nothing to apply"),
    ):
        made = make_plan(account="local", by="theme", parameters={"move": "Sorted"}, folders=moved, unassigned=())
        tell_plan(made, "local:", json=False)
        said = capsys.readouterr().out
        assert told.format(made.id) in said
        assert ("move to Sorted/Cats  (1 photographs: cats)" in said) is bool(moved)
