"""Shared by all tests: failing asserts of the contract suites are explained like those of the tests themselves."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.contracts")


@pytest.fixture(autouse=True)
def what_httpx_mock_sees(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """``httpx_mock`` answers for httpx's own transport: its tests send everything through that."""
    if "httpx_mock" in request.fixturenames:
        from ap_remote.transport import network

        monkeypatch.setattr(network, "carrier", lambda **_: None)
