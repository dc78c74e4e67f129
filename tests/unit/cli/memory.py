"""Fixtures of commands over an account that lives in memory: starting a service for each would take too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ap_remote import config
from ap_remote.backends.memory import MemoryRemote
from ap_remote.cli import checks, console, sides, transfers
from ap_remote.cli.main import app
from ap_remote.connect import resolve, split_spec
from ap_remote.remote.paths import parse_ref


class Library:
    """An account in memory, and what a test asks of it."""

    def __init__(self) -> None:
        self.remote = MemoryRemote("local")

    def fill(self, **files: bytes) -> None:
        """Put files; in a keyword ``__`` stands for a slash."""

        async def put() -> None:
            for path, content in files.items():
                await self.remote.put(content, path.replace("__", "/"))

        asyncio.run(put())

    def paths(self, folder: str = "") -> list[str]:
        """Return the files below a folder."""

        async def ask() -> list[str]:
            return [each.path async for each in self.remote.list(folder, recursive=True) if not each.is_folder]

        return sorted(asyncio.run(ask()))

    def trashed(self) -> list[str]:
        """Return what lies in the trash."""

        async def ask() -> list[str]:
            return sorted([each.path async for each in self.remote.trashed()])

        return asyncio.run(ask())

    def read(self, path: str) -> bytes:
        """Return a file's bytes."""

        async def ask() -> bytes:
            return b"".join([piece async for piece in self.remote.get(path)])

        return asyncio.run(ask())


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    """The account ``local:``, in memory."""
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    for name in ("AP_REMOTE", "AP_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    there = Library()

    def found(spec: str | None = None, **options: Any) -> Any:
        name, path = split_spec(spec, config.load())
        return (there.remote, parse_ref(path)) if name == "local" else resolve(spec, **options)

    for module in (checks, sides, transfers):
        monkeypatch.setattr(module, "resolve", found)
    return there


@pytest.fixture
def typed(library: Library) -> Callable[..., Result]:
    """Type a command and expect an exit code."""
    del library
    runner = CliRunner()

    def run(*words: str | Path, code: int = 0, stdin: str | None = None) -> Result:
        result = runner.invoke(app, [str(each) for each in words], input=stdin)
        assert result.exit_code == code, (result.exit_code, result.output, result.exception)
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at the terminal."""
    monkeypatch.setattr(console.ERR, "_force_terminal", True)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A local folder with a folder and an empty one in it."""
    folder = tmp_path / "photos"
    (folder / "trip" / "empty").mkdir(parents=True)
    (folder / "one.txt").write_text("one")
    (folder / "two.txt").write_text("two two")
    (folder / "trip" / "three.txt").write_text("three")
    return folder
