"""``ap mcp`` before the server begins: what it takes, and what it says to a person."""

from __future__ import annotations

import io
import sys

import pytest

from ap_remote.cli import servers


class Typed(io.StringIO):
    """A standard input at which a person sits."""

    def isatty(self):
        return True


@pytest.fixture
def served(monkeypatch):
    """What the server was started with, which it is not."""
    seen = []
    monkeypatch.setattr(servers, "_find", lambda *_: lambda spec, **options: seen.append((spec, options)))
    return seen


def test_without_a_word_it_serves_the_default_for_reading(ap, served):
    ap("mcp")
    ((spec, options),) = served
    assert spec is None
    assert options["allow"] == frozenset()
    assert options["http"] is None


@pytest.mark.parametrize("spec", ["local", "home", "Pictures/2023"])
def test_an_account_without_its_colon_is_not_taken_for_a_folder_of_another(ap, served, spec):
    said = ap("mcp", spec, code=2).stderr
    assert said == f"ap: mcp takes an account with its colon, as in {spec}:\n"
    assert not served


def test_a_folder_is_refused_where_the_whole_account_would_be_served(ap, served):
    assert "mcp serves a whole account, as in local:" in ap("mcp", "local:Pictures", code=2).stderr
    assert not served


def test_a_person_who_types_it_is_told_what_it_waits_for(served, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Typed())
    servers.mcp("local:")
    said = capsys.readouterr()
    assert said.out == "", "standard output belongs to the protocol"
    assert said.err.count("\n") == 1
    assert "waiting for an agent's host on standard input" in said.err
    assert len(served) == 1


@pytest.mark.parametrize("stdin", [io.StringIO(), None])
def test_a_host_is_told_nothing(served, monkeypatch, capsys, stdin):
    monkeypatch.setattr(sys, "stdin", stdin)
    servers.mcp("local:")
    assert capsys.readouterr() == ("", "")
    assert len(served) == 1


def test_over_http_nobody_waits_for_standard_input(served, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Typed())
    servers.mcp("local:", http="127.0.0.1:0")
    assert capsys.readouterr() == ("", "")
    assert served[0][1]["http"] == "127.0.0.1:0"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nobody:",), "no account named 'nobody'"),
        (("local:", "--allow", "transfer"), "--allow transfer needs --root FOLDER"),
        (("local:", "--allow", "write"), "it takes organise, transfer, trash, purge"),
        (("local:", "--root", "/no/such/folder"), "--root takes a folder"),
        (("local:", "--http", "0.0.0.0:8765"), "--http serves this machine only"),
        (("local:", "--bearer-file", "token"), "tokens and host names belong to --http"),
    ],
)
def test_what_cannot_be_served_ends_in_one_sentence(ap, words, expected):
    said = ap("mcp", *words, code=2)
    assert said.stdout == ""
    assert said.stderr.startswith("ap: ")
    assert said.stderr.count("\n") == 1
    assert expected in said.stderr


def test_help_says_who_starts_it(ap):
    said = " ".join(ap("mcp", "--help").output.split())
    assert "An agent's host starts this command" in said
    assert "needs no account" in said
