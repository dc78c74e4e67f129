"""The command over the embedded service, as a person types it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import pytest
from typer.testing import CliRunner, Result

from ap_remote.cli.main import app
from ap_remote.connect import connect
from ap_remote.remote.features import SupportsFolders


class Ap(Protocol):
    """Runs ``ap`` and expects an exit code."""

    def __call__(self, *words: str, code: int = 0, stdin: str | None = None) -> Result:
        """Run the command and return what it said."""
        ...


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home for data and caches that nobody else uses."""
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    for name in ("AP_REMOTE", "AP_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def ap(home: Path) -> Ap:
    """``ap``, over a library of its own."""
    del home
    runner = CliRunner()

    def run(*words: str, code: int = 0, stdin: str | None = None) -> Result:
        result = runner.invoke(app, list(words), input=stdin)
        assert result.exit_code == code, (result.exit_code, result.output, result.exception)
        return result

    return run


@pytest.fixture
def plant(home: Path) -> Callable[[Mapping[str, str]], None]:
    """Put texts into ``local:`` by their paths; a path that ends with a slash is a folder."""
    del home

    async def grow(tree: Mapping[str, str]) -> None:
        async with connect("local:") as remote:
            assert isinstance(remote, SupportsFolders)
            for path, text in tree.items():
                if path.endswith("/"):
                    await remote.mkdir(path)
                else:
                    await remote.put(text.encode(), path)

    def put(tree: Mapping[str, str]) -> None:
        asyncio.run(grow(tree))

    return put
