"""Shared by all tests: failing asserts of the contract suites are explained like those of the tests themselves."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache

import pytest

# Hundreds of processes are started: without bytecode each would compile the package anew, and each run all tests.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

pytest.register_assert_rewrite("tests.contracts")


@pytest.fixture(autouse=True)
def what_httpx_mock_sees(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """``httpx_mock`` answers for httpx's own transport: its tests send everything through that."""
    if "httpx_mock" in request.fixturenames:
        from ap_remote.transport import network

        monkeypatch.setattr(network, "carrier", lambda **_: None)


@pytest.fixture(scope="session", autouse=True)
def commands_are_read_once() -> Iterator[None]:
    """Typer makes all commands out of their annotations whenever one is run; what it makes holds no state."""
    import typer.main
    import typer.testing

    with pytest.MonkeyPatch.context() as patch:
        once = cache(typer.main.get_command)
        patch.setattr(typer.main, "get_command", once)
        patch.setattr(typer.testing, "_get_command", once)
        yield
