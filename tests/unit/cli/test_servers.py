"""``ap mcp`` before the server begins: what it takes, and what it says to a person."""

from __future__ import annotations

import argparse
import errno
import io
import os
import socket
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import ap_remote_mcp.__main__
from ap_remote.cli import servers
from ap_remote.cli.main import app as commands
from ap_remote_mcp import server


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


@pytest.fixture
def begun(monkeypatch, tmp_path):
    """Which servers would be run, behind all that is checked before."""
    monkeypatch.setenv("AP_HOME", str(tmp_path))
    seen = []

    async def serve(*given, **options):
        seen.append((given, options))

    monkeypatch.setattr(server, "_serve", serve)
    return seen


@pytest.fixture(params=["ap mcp", "ap-remote-mcp"])
def command(request, capsys):
    """Give words to either command; answers with its exit code and what it says to a person."""

    def run(*words):
        if request.param == "ap mcp":
            done = CliRunner().invoke(commands, ["mcp", *words])
            return done.exit_code, done.stderr.removeprefix("ap: ")
        code = server.main(words)
        return code, capsys.readouterr().err.removeprefix("ap-remote-mcp: ")

    return run


@pytest.mark.parametrize("spec", ["local", "home", "Pictures/2023"])
def test_an_account_without_its_colon_is_not_taken_for_a_folder_of_another(command, begun, spec):
    assert command(spec) == (2, f"mcp takes an account with its colon, as in {spec}:\n")
    assert not begun


def test_a_folder_is_refused_where_the_whole_account_would_be_served(command, begun):
    assert command("local:Pictures") == (2, "mcp serves a whole account, as in local:, and no folder of it\n")
    assert not begun


def test_purging_over_http_needs_a_token(command, begun):
    code, said = command("local:", "--allow", "trash,purge", "--http", "127.0.0.1:0")
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith("--allow purge with --http needs a token")
    assert not begun


def test_other_changes_over_http_without_a_token_are_told_to_be_open_to_everybody_here(command, begun):
    code, said = command("local:", "--allow", "trash", "--http", "127.0.0.1:0")
    assert (code, len(begun)) == (0, 1)
    assert said == "mcp: without a token every user of this machine can call it and change what --allow has: trash\n"


def test_with_a_token_or_for_reading_nobody_is_warned(command, begun, tmp_path):
    token = tmp_path / "token"
    token.write_text("0" * 32)
    token.chmod(0o600)
    assert command("local:", "--http", "127.0.0.1:0") == (0, "")
    given = ("local:", "--allow", "purge", "--http", "127.0.0.1:0", "--bearer-file", str(token))
    assert command(*given) == (0, "")
    assert len(begun) == 2


def test_a_port_that_is_taken_is_said_to_be_in_one_sentence(command, begun):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, said = command("local:", "--http", f"127.0.0.1:{port}")
    assert code == 2
    assert said == f"cannot listen at 127.0.0.1 port {port}: {os.strerror(errno.EADDRINUSE)}\n"
    assert not begun


def test_both_commands_take_the_same_options(monkeypatch):
    """Two parsers, since one is typer's and the other must start without it; this holds them together."""
    typed = {each.opts[0]: each for each in typer.main.get_command(commands).commands["mcp"].params if each.opts}
    parsers = []
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", lambda self, _: parsers.append(self) or sys.exit())
    with pytest.raises(SystemExit):
        server.main([])
    parsed = {each.option_strings[0]: each for each in parsers[0]._actions if each.option_strings}
    assert parsed.keys() - {"-h", "--version"} == {name for name in typed if name.startswith("--")} - {"--help"}
    for name, action in parsed.items():
        if name in typed:
            assert action.metavar in (typed[name].metavar, "WORDS"), name


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("home:",),
        ("home:", "--allow", "organise,trash"),
        ("home:", "--root", "/a", "--root", "/b", "--allow", "transfer"),
        ("home:", "--http", "127.0.0.1:1", "--oauth-issuer", "https://i", "--oauth-audience", "https://a"),
        ("home:", "--http", "0.0.0.0:1", "--bearer-file", "t", "--allow-host", "x", "--allow-host", "y"),
    ],
)
def test_both_commands_start_the_same(ap, served, monkeypatch, words):
    ap("mcp", *words)
    monkeypatch.setattr(server, "serve", lambda spec, **options: served.append((spec, options)))
    assert server.main(words) == 0
    assert served[0] == served[1]


def test_without_the_extra_the_command_names_it_in_one_line(monkeypatch, capsys):
    class Without:
        def find_spec(self, name, path=None, target=None):
            if name == "mcp" or name.startswith("mcp."):
                raise ModuleNotFoundError("No module named 'mcp'", name="mcp")

    for name in [name for name in sys.modules if name.partition(".")[0] == "mcp" or name == "ap_remote_mcp.server"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Without(), *sys.meta_path])
    assert ap_remote_mcp.__main__.main() == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "ap-remote-mcp: the MCP server needs the extra 'mcp': pip install 'ap-remote[mcp]' (No module named 'mcp')\n"
    )


def test_the_installed_command_is_the_one_that_starts_without_the_extra():
    scripts = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert scripts["ap-remote-mcp"] == "ap_remote_mcp.__main__:main"


@pytest.mark.parametrize("broken", [BrokenPipeError(32, "Broken pipe"), ConnectionResetError(104, "reset")])
async def test_a_host_that_closes_standard_output_ends_the_server_quietly(broken, monkeypatch):
    class Abandoned:
        async def run_stdio_async(self):
            raise ExceptionGroup("in a task group", [ExceptionGroup("in another", [broken])])

    monkeypatch.setattr(sys, "__stdout__", None)
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    await server.speak(Abandoned())


async def test_another_failure_of_standard_output_is_not_hidden():
    class Broken:
        async def run_stdio_async(self):
            raise ExceptionGroup("in a task group", [OSError(28, "No space left on device")])

    with pytest.raises(ExceptionGroup):
        await server.speak(Broken())


def test_a_person_who_types_it_is_told_what_it_waits_for(begun, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Typed())
    servers.mcp("local:")
    said = capsys.readouterr()
    assert said.out == "", "standard output belongs to the protocol"
    assert said.err.count("\n") == 1
    assert "waiting for an agent's host on standard input" in said.err
    assert len(begun) == 1


@pytest.mark.parametrize("stdin", [io.StringIO(), None])
def test_a_host_is_told_nothing(begun, monkeypatch, capsys, stdin):
    monkeypatch.setattr(sys, "stdin", stdin)
    servers.mcp("local:")
    assert capsys.readouterr() == ("", "")
    assert len(begun) == 1


def test_over_http_nobody_waits_for_standard_input(begun, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Typed())
    servers.mcp("local:", http="127.0.0.1:0")
    assert capsys.readouterr() == ("", "")
    assert begun[0][1]["guard"].port == 0


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
