"""The official conformance suite, on both wires."""

from __future__ import annotations

import pytest

from tests.mcp_check.conftest import MODULES, ROOT

SUITE = MODULES / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
WIRES = {
    "2026-07-28": ("--requirements", "2026-07-28"),
    "2025-11-25": ("--suite", "active", "--spec-version", "2025-11-25"),
}


@pytest.mark.parametrize("wire", WIRES)
def test_the_suite_finds_what_the_baseline_says_and_nothing_else(node, run, examined, wire, tmp_path):
    """A failure that is not in the baseline fails, and so does an entry of the baseline that passes."""
    baseline = ROOT / "tests" / "mcp_check" / f"baseline-{wire}.yml"
    options = [*WIRES[wire], "--expected-failures", str(baseline), "--output-dir", str(tmp_path)]
    status, said, complained = run(node, str(SUITE), "server", "--url", examined, *options)
    summary = said.partition("=== SUMMARY ===")[2]
    assert status == 0, f"{summary or said[-4000:]}\n{complained[-2000:]}"
    assert summary.count("✓") > 20, "the scenarios ran"


def test_nothing_is_amiss_without_a_session(node, run, examined, tmp_path):
    """Warnings count here, unlike in the runs above, whose scenarios are scored by their failures."""
    status, said, _ = run(
        node, str(SUITE), "server", "--url", examined, "--scenario", "server-stateless", "-o", str(tmp_path)
    )
    assert status == 0, said[-4000:]
    assert "0 failed, 0 warnings" in said
