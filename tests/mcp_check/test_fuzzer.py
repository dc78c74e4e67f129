"""mcp-fuzzer: arguments that make no sense, to every tool. Nothing may crash, hang or break the protocol."""

from __future__ import annotations

import json

from tests.mcp_check.conftest import PYTHON

BROKEN = ("anomaly", "crashed", "exceptions")
"""What must not be. What it calls accepted though malformed are free texts, which no library has."""


def test_no_tool_crashes_or_hangs(run, bare, tmp_path):
    """The arguments are others each time: the fuzzer's seed governs a part of what it draws, so none is given.

    What must not be holds for all of them; where it does not, the message has what the fuzzer found. A call that hangs
    ends the run with a status of its own.
    """
    options = [
        "--mode",
        "tools",
        "--phase",
        "both",
        "--runs",
        "1",
        "--no-corpus",
        "--tool-timeout",
        "20",
    ]
    address = ["--protocol", "streamablehttp", "--endpoint", bare, "--no-network", "--allow-host", "127.0.0.1"]
    status, said, complained = run(
        str(PYTHON / "mcp-fuzzer"), *options, *address, "--output-dir", str(tmp_path), "--log-level", "ERROR"
    )
    assert status == 0, said[-3000:] + complained[-2000:]
    summary = json.loads((tmp_path / "run_summary.json").read_text("utf-8"))
    findings = (tmp_path / "findings.json").read_text("utf-8")[:3000]
    tools = summary["tools"]["by_name"]
    assert len(tools) > 15
    for name, told in tools.items():
        assert told["total_runs"] > 0
        assert not any(told["outcomes"][outcome] for outcome in BROKEN), f"{name}: {told['outcomes']}\n{findings}"
