"""Abilities, budgets, seals, addresses."""

from __future__ import annotations

import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ap_remote.errors import ConfigError
from ap_remote_mcp import server
from ap_remote_mcp.access import access
from ap_remote_mcp.errors import NEXT, Code
from ap_remote_mcp.policy.abilities import Ability, parse
from ap_remote_mcp.policy.budget import Budget, BudgetSpentError
from ap_remote_mcp.policy.seal import BrokenSealError, Seal, kept_key


def test_the_four_words_are_read_in_any_case_and_with_commas():
    assert parse(["Trash, organise", "purge"]) == {Ability.TRASH, Ability.ORGANISE, Ability.PURGE}
    assert parse(["transfer", "", ","]) == {Ability.TRANSFER}


def test_an_unknown_word_is_refused_with_the_four():
    with pytest.raises(ConfigError, match="organise, transfer, trash, purge"):
        parse(["trash", "delete"])


def test_an_unknown_word_stops_the_server(library):
    with pytest.raises(ConfigError):
        server.build_server(library.remote, index=None, allow=frozenset({"everything"}))


@given(st.binary(max_size=200))
def test_a_seal_gives_back_what_was_sealed(payload):
    assert Seal(b"k", "cursor").open(Seal(b"k", "cursor").close(payload)) == payload


@given(st.binary(max_size=60), st.data())
def test_a_seal_breaks_at_any_change(payload, data):
    token = Seal(b"k", "cursor").close(payload)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda each: each != token[at]))
    with pytest.raises(BrokenSealError):
        Seal(b"k", "cursor").open(token[:at] + other + token[at + 1 :])


@given(st.text(max_size=80))
def test_a_seal_refuses_anything_else(token):
    with pytest.raises(BrokenSealError):
        Seal(b"k", "cursor").open(token)


def test_a_seal_of_another_key_or_purpose_is_none():
    token = Seal(b"k", "cursor").close(b"x")
    for other in (Seal(b"z", "cursor"), Seal(b"k", "plan")):
        with pytest.raises(BrokenSealError):
            other.open(token)
    assert "k" not in repr(Seal(b"k", "x")).replace("Seal", "")


def test_the_key_is_kept_for_its_owner_alone(tmp_path):
    file = tmp_path / "accounts" / "home" / "mcp-cursors.key"
    key = kept_key(file)
    assert kept_key(file) == key
    assert len(key) == 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_bytes(b"short")
    assert len(kept_key(file)) == 32
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_budget_refuses_what_exceeds_it_and_recovers():
    now = [0.0]
    budget = Budget(10, window=100, clock=lambda: now[0])
    budget.spend(6)
    now[0] = 50
    budget.spend(4)
    with pytest.raises(BudgetSpentError) as caught:
        budget.spend(1)
    assert (caught.value.left, caught.value.resets_at) == (0, 100)
    now[0] = 100
    assert budget.left == 6
    budget.spend(6)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40)), max_size=30))
def test_a_window_never_holds_more_than_the_budget(steps):
    now = [0.0]
    budget = Budget(10, window=20, clock=lambda: now[0])
    spent = []
    for cost, pause in steps:
        now[0] += pause
        try:
            budget.spend(cost)
        except BudgetSpentError:
            continue
        spent.append((now[0], cost))
        assert sum(each for moment, each in spent if moment > now[0] - 20) <= 10


def test_every_code_has_a_next_step():
    assert NEXT.keys() == set(Code)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:9", ("::1", 9)),
        (":8080", ("127.0.0.1", 8080)),
    ],
)
def test_the_loopback_is_served(address, expected):
    guard = access(address)
    assert (guard.host, guard.port) == expected


@pytest.mark.parametrize(
    "address", ["0.0.0.0:80", "[::]:80", "192.168.1.2:80", "example.com:80", "localhost.evil.com:1"]
)
def test_any_other_address_is_refused_with_a_reason(address):
    with pytest.raises(ConfigError, match="this machine only"):
        access(address)


@pytest.mark.parametrize("address", ["8080", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000", ""])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ConfigError, match="HOST:PORT"):
        access(address)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--allow", "delete"], "it takes organise, transfer, trash, purge"),
        (["--http", "0.0.0.0:80"], "this machine only"),
        (["nobody:"], "no account named 'nobody'"),
    ],
)
def test_the_command_says_what_is_wrong_and_exits(arguments, part, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("AP_HOME", str(tmp_path))
    assert server.main(arguments) == 2
    told = capsys.readouterr()
    assert part in told.err
    assert told.out == "", "standard output belongs to the protocol"
