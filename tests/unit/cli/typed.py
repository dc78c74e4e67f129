"""The command over an embedded service of its own, as a person types it."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from typer.testing import CliRunner

from ap_remote.cli.main import app
from ap_remote.connect import connect
from ap_remote.remote.features import SupportsFolders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pytest
    from typer.testing import Result


class Ap(Protocol):
    """Runs one command and returns what it did."""

    def __call__(self, *words: str, code: int = 0, stdin: str | bytes | None = None) -> Result:
        """Run it; any other exit code fails the test."""
        ...


def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Ap:
    """Return what runs ``ap`` with its data in *home*, where ``local:`` is empty."""
    monkeypatch.setenv("AP_HOME", str(home))
    monkeypatch.delenv("AP_REMOTE", raising=False)
    monkeypatch.delenv("AP_CONFIG", raising=False)
    runner = CliRunner()

    def run(*words: str, code: int = 0, stdin: str | bytes | None = None) -> Result:
        result = runner.invoke(app, list(words), input=stdin)
        assert result.exit_code == code, (result.exit_code, result.output, result.exception)
        assert "Traceback" not in result.output
        return result

    return run


def plant(files: Mapping[str, str]) -> None:
    """Put files, by path, and folders, whose paths end in a slash, into ``local:``."""

    async def put() -> None:
        async with connect("local:") as remote:
            assert isinstance(remote, SupportsFolders)
            for path, text in files.items():
                if path.endswith("/"):
                    await remote.mkdir(path)
                else:
                    await remote.put(text.encode(), path)

    asyncio.run(put())


@contextmanager
def newfoundland(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Be half an hour beside the other zones, so that a zone which is ignored shows."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/St_Johns")
        time.tzset()
        yield
    time.tzset()
