"""README's code runs, and its commands exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("code", blocks("python"))
def test_readme_python_runs_in_an_empty_home(code: str, tmp_path: Path) -> None:
    environment = {**os.environ, "AP_HOME": str(tmp_path)}
    environment.pop("AP_REMOTE", None)
    # Some examples read what another wrote: each gets its own folder to stand on.
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_readme_names_only_commands_that_exist() -> None:
    from typer.main import get_command

    from ap_remote.cli.main import app

    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    named = set(re.findall(r"^\$ ap ([a-z]+)", "\n".join(blocks("console")), flags=re.MULTILINE))
    assert named
    assert named <= known


def pages() -> list[tuple[str, str]]:
    """Every line of the documentation that starts with ``$ ap``, with its page."""
    found = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        code = re.findall(r"^```console\n(.*?)^```", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
        found += [(page.name, each) for each in re.findall(r"^\$ (ap .*)$", "\n".join(code), flags=re.MULTILINE)]
    return found


@pytest.mark.parametrize(("page", "line"), pages())
def test_every_line_of_the_documentation_is_understood(page: str, line: str) -> None:
    from typer.main import get_command

    from ap_remote.cli.main import app

    for one in line.split(" && "):
        command, words = get_command(app), shlex.split(one, comments=True)[1:]
        context = command.make_context("ap", [*words])
        while hasattr(context.command, "commands"):
            _, command, words = context.command.resolve_command(context, [*context._protected_args, *context.args])
            context = command.make_context(command.name, list(words), parent=context)
        assert not context.args, page


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"make ([a-z-]+)", README):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
