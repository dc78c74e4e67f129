"""What may be spent in a day, by all servers of an account together; and the folders and the key they keep."""

from __future__ import annotations

import os
import stat
import threading

import pytest

from ap_remote.atomic import make_private
from ap_remote.errors import BusyStoreError, StoreError
from ap_remote_mcp.policy import budget as module
from ap_remote_mcp.policy.budget import DAY, Budget, BudgetSpentError, Purse
from ap_remote_mcp.policy.limits import Limits
from ap_remote_mcp.policy.seal import kept_key
from ap_remote_mcp.server import build_server
from tests.unit.mcp.everything import call, told

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")


@pytest.fixture
def now():
    return [1_700_000_000.0]


@pytest.fixture
def budget(tmp_path, now):
    """Make a budget as another process would."""
    return lambda name="changes", amount=10: Budget(
        amount, clock=lambda: now[0], purse=Purse(tmp_path / "home" / "spent.json"), name=name
    )


def test_what_one_process_spent_another_has_not(budget):
    here, there = budget(), budget()
    here.spend(6)
    assert there.left == 4
    there.spend(4)
    with pytest.raises(BudgetSpentError) as caught:
        budget().spend(1)
    assert (caught.value.left, caught.value.resets_at) == (0, 1_700_000_000.0 + DAY)


def test_what_was_spent_comes_back_when_all_of_its_ten_minutes_are_a_day_old(budget, now):
    budget().spend(4)
    now[0] += 300
    budget().spend(3)
    now[0] += DAY - 1
    assert budget().left == 3
    now[0] += 1
    assert budget().left == 10


def test_budgets_of_one_file_do_not_mix(budget):
    budget("bytes").spend(7)
    assert (budget("bytes").left, budget("changes").left) == (3, 10)


def test_what_is_spent_already_counts_also_beyond_the_amount(budget):
    budget().take(12)
    assert budget().left == -2
    budget("other").afford(10)
    assert budget("other").left == 10


def test_a_file_that_is_none_counts_as_nothing_and_is_told(budget, tmp_path, caplog):
    budget().spend(10)
    (tmp_path / "home" / "spent.json").write_bytes(b"\0\0")
    assert budget().left == 10
    assert "cannot be read" in caplog.text


@posix
def test_the_file_is_its_owners_alone_and_small(budget, tmp_path, now):
    for _ in range(300):
        now[0] += 60
        budget(amount=1000).spend(1)
    file = tmp_path / "home" / "spent.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_size < 1500
    assert budget(amount=1000).left == 700


def test_nothing_is_spent_that_cannot_be_written_down(budget, tmp_path, monkeypatch):
    with Purse(tmp_path / "home" / "spent.json").locked():
        monkeypatch.setattr(module, "_PATIENCE", 0.0)
        with pytest.raises(BusyStoreError):
            budget().spend(1)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        Budget(1, purse=Purse(tmp_path / "file" / "spent.json"), name="x").spend(1)
    assert budget().left == 10


async def test_a_new_server_does_not_begin_the_day_anew(open_client, library, tmp_path):
    limits = Limits(changes_per_day=2)
    ids = [library.ids["cat.jpg"], library.ids["dog.jpg"]]

    def server():
        return build_server(library.remote, index=None, allow=frozenset({"trash"}), home=tmp_path, limits=limits)

    async with open_client(server=server()) as client:
        plan = (await call(client, "photos_trash", ids=ids))["plan"]
        assert (await call(client, "photos_trash", ids=ids, plan=plan))["done"] == 2
    async with open_client(server=server()) as client:
        assert (await call(client, "photos_status"))["changes_left_today"] == 0
        more = {"ids": [library.ids["forum.jpg"]]}
        plan = (await call(client, "photos_trash", **more))["plan"]
        assert told(await client.call_tool("photos_trash", more | {"plan": plan})).startswith("[budget]")


# -- what servers keep -------------------------------------------------------------------------------------------------


@posix
def test_every_folder_that_was_missing_is_private_whatever_the_umask(tmp_path):
    (tmp_path / "there").mkdir(mode=0o755)
    before = os.umask(0)
    try:
        make_private(tmp_path / "there" / "home" / "accounts" / "one")
        make_private(tmp_path / "there" / "home" / "accounts" / "one")
        kept_key(tmp_path / "key home" / "accounts" / "home" / "key")
    finally:
        os.umask(before)
    made = [*(tmp_path / "there").rglob("*"), *(each for each in (tmp_path / "key home").rglob("*") if each.is_dir())]
    assert len(made) == 5
    assert {stat.S_IMODE(each.stat().st_mode) for each in made} == {0o700}
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o755, "what is there stays as it is"


def test_a_file_in_the_way_of_a_folder_is_said_to_be_one(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match="file"):
            make_private(folder)


def test_servers_that_start_at_once_end_with_one_key(tmp_path):
    file = tmp_path / "home" / "key"
    gate, keys = threading.Barrier(8), []

    def start():
        gate.wait()
        keys.append(kept_key(file))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert set(keys) == {file.read_bytes()}
    assert [each.name for each in file.parent.iterdir()] == ["key"]
