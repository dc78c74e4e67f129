"""Exit codes as rclone documents them, and what every help has to say."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from ap_remote.cli.main import app
from tests.unit.cli.typed import at_home, plant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.cli.typed import Ap


@pytest.fixture
def ap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ap:
    """Return what runs ``ap`` over one file."""
    run = at_home(tmp_path / "home", monkeypatch)
    plant({"Documents/a.txt": "a"})
    return run


@pytest.mark.parametrize(
    "command",
    ["ls", "lsl", "lsd", "lsf", "lsjson", "tree", "size", "find", "md5sum", "rmdir", "rmdirs"],
)
def test_a_folder_that_is_not_there_is_3(ap: Ap, command: str) -> None:
    assert "no such entry: 'nowhere'" in ap(command, "local:nowhere", code=3).stderr


@pytest.mark.parametrize("command", ["cat", "stat"])
def test_a_file_that_is_not_there_is_4(ap: Ap, command: str) -> None:
    assert "no such entry" in ap(command, "local:Documents/nothing.txt", code=4).stderr


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nosuch",),
        ("ls", "--no-such-flag"),
        ("lsf", "--fast-list", "local:"),
        ("ls", "local:", "--max-depth", "0"),
        ("ls", "mars:"),
        ("ls", "local:", "--include", "{"),
        ("ls", "local:", "--min-size", "large"),
        ("cat", "local:Documents/a.txt", "--head", "1", "--tail", "1"),
        ("hashsum", "nosuch", "local:"),
    ],
)
def test_wrong_use_is_2(ap: Ap, words: tuple[str, ...]) -> None:
    ap(*words, code=2)


def test_what_is_there_already_is_6(ap: Ap) -> None:
    ap("rcat", "local:Documents/a.txt", stdin="b", code=6)


def test_credentials_that_are_missing_are_7(ap: Ap) -> None:
    ap("accounts", "add", "home", "--tld", "com")
    ap("ls", "home:", code=7)


def test_a_list_that_does_not_agree_is_1(ap: Ap, tmp_path: Path) -> None:
    (tmp_path / "sums").write_text(f"{'0' * 32}  a.txt\n")
    ap("md5sum", "local:Documents", "-C", str(tmp_path / "sums"), code=1)


# -- help --------------------------------------------------------------------------------------------------------------


def _commands(group: typer.core.TyperGroup, *above: str) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, command in group.commands.items():
        yield (*above, name), command
        if isinstance(command, typer.core.TyperGroup):
            yield from _commands(command, *above, name)


ROOT = typer.main.get_command(app)
assert isinstance(ROOT, typer.core.TyperGroup)
COMMANDS = dict(_commands(ROOT))


@pytest.mark.parametrize(
    "words", [words for words in COMMANDS if not isinstance(COMMANDS[words], typer.core.TyperGroup)], ids=" ".join
)
def test_every_help_fits_a_terminal_and_shows_an_example(words: tuple[str, ...]) -> None:
    told = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80"}).stdout
    rows = told.splitlines()
    assert max(map(len, rows)) <= 80
    example = re.compile(rf"^\W*(?:.*\| )?ap {re.escape(' '.join(words))}\b", re.MULTILINE)
    assert example.search(told.partition("Usage:")[2].partition("\n")[2]), told


@pytest.mark.parametrize("words", [(), *COMMANDS], ids=" ".join)
def test_a_flag_looks_as_if_it_took_no_value_and_a_text_fills_its_lines(words: tuple[str, ...]) -> None:
    told = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80"}).stdout
    assert "<bool>" not in told
    assert "this class" not in told  # of Typer's own, where a group has no text
    text = [row.strip() for row in told.partition("╭")[0].partition("Examples:")[0].splitlines()[2:]]
    for row, following in itertools.pairwise(text):
        if following and row and not following.startswith("ap "):
            assert len(row) + 1 + len(following.split()[0]) > 77, (row, following)


def test_every_command_stands_in_a_panel_of_its_own_kind() -> None:
    told = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).stdout
    panels = re.findall(r"^╭─ (\w+) ─", told, re.MULTILINE)
    assert set(panels) == {"Options", "Look", "Transfer", "Tidy", "Find", "Organise", "Accounts", "Serve"}


def test_no_two_commands_share_a_name() -> None:
    names = [info.name or (info.callback.__name__ if info.callback else "") for info in app.registered_commands]
    assert len(names) == len(set(names))


def test_nothing_heavy_is_imported_to_list_files() -> None:
    heavy = ("pandas", "pyarrow", "torch", "mcp", "numpy", "matplotlib", "jinja2", "polars", "faiss")
    code = (
        "import sys; sys.argv[1:] = ['ls', '--help']\n"
        "from ap_remote.cli.main import main\n"
        "try: main()\n"
        f"finally: sys.stderr.write(' '.join(set(sys.modules) & set({heavy!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == ""
