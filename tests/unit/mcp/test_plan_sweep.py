"""Plans of folders that nobody applied: those of this server go after a month, and no others ever do."""

from __future__ import annotations

import os
import time

import msgspec
import pytest

from ap_remote import organise
from ap_remote_mcp.jobs import JobRecord
from ap_remote_mcp.server import build_server

DAY = 86_400.0


@pytest.fixture
async def plans(open_client, library, tmp_path):
    """Make a plan by this server, and one as ``ap organise`` makes it."""
    home = tmp_path / "home"
    async with open_client(server=build_server(library.remote, index=None, home=home)) as client:
        told = await client.call_tool("photos_suggest_folders", {"by": "month", "min_size": 2})
    own = told.structured_content["plan_id"]
    foreign = await organise.propose(library.remote, None, by="month", min_size=2)
    organise.save_plan(foreign, home / "plans" / f"{foreign.id}.json")
    return home, own, foreign.id


def grow_old(file, days):
    moment = time.time() - days * DAY
    os.utime(file, (moment, moment))


async def after_a_start(open_client, library, home):
    async with open_client(server=build_server(library.remote, index=None, home=home)) as client:
        await client.call_tool("photos_status", {})
    return sorted(each.name for each in (home / "plans").iterdir())


@pytest.mark.parametrize(("days", "stays"), [(29, True), (31, False)])
async def test_a_plan_of_the_server_goes_after_a_month_and_one_of_a_person_stays(
    open_client, library, plans, days, stays
):
    home, own, foreign = plans
    for plan in (own, foreign):
        grow_old(home / "plans" / f"{plan}.json", days)
    left = await after_a_start(open_client, library, home)
    assert left == sorted([f"{foreign}.json", *([f"{own}.json"] if stays else [])])


@pytest.mark.parametrize("journal", ["{}.journal.jsonl", "{}.journal.undone-123.jsonl"])
async def test_a_plan_with_a_journal_stays(open_client, library, plans, journal):
    home, own, foreign = plans
    grow_old(home / "plans" / f"{own}.json", 300)
    (home / "plans" / journal.format(own)).write_text("")
    left = await after_a_start(open_client, library, home)
    assert left == sorted([f"{own}.json", f"{foreign}.json", journal.format(own)])


async def test_a_plan_that_an_unfinished_job_needs_stays(open_client, library, plans):
    home, own, _ = plans
    grow_old(home / "plans" / f"{own}.json", 300)
    record = JobRecord(job_id="a" * 32, kind="apply folders", who="x", begun=1.0, arguments={"plan": own})
    (home / "mcp-jobs" / f"{'a' * 32}.job.json").write_bytes(msgspec.json.encode(record))
    assert f"{own}.json" in await after_a_start(open_client, library, home)


async def test_what_is_no_plan_is_left_alone(open_client, library, plans, caplog):
    home, own, foreign = plans
    for name in ("notes.json", "0123456789abcdef.json"):
        (home / "plans" / name).write_text("no plan")
        grow_old(home / "plans" / name, 300)
    left = await after_a_start(open_client, library, home)
    assert left == sorted(["notes.json", "0123456789abcdef.json", f"{own}.json", f"{foreign}.json"])
    assert "stays: PlanError" in caplog.text


async def test_a_plan_of_the_command_line_is_open_to_every_caller(open_client, library, plans):
    home, own, foreign = plans
    async with open_client(server=build_server(library.remote, index=None, home=home)) as client:
        for plan in (own, foreign):
            told = await client.call_tool("photos_list", {"path": f"plan:{plan}"})
            assert told.structured_content["folders"]
