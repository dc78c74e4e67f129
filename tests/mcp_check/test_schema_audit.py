"""mcp-schema-audit: shapes for which clients drop tools, or all of them."""

from __future__ import annotations

import json
import subprocess

from tests.mcp_check.conftest import PYTHON, ROOT

CLIENT = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "recorder", "version": "0"}}


def test_no_client_would_drop_a_tool(command, environment, run, tmp_path):
    asked = [("initialize", CLIENT), ("tools/list", {})]
    lines = []
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        for number, (method, params) in enumerate(asked, start=1):
            request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            server.stdin.write(json.dumps(request) + "\n")
            server.stdin.flush()
            answer = json.loads(server.stdout.readline())
            lines += [{"direction": "request", **request}, {"direction": "response", **answer}]
        server.stdin.close()
    recording = tmp_path / "recorded.jsonl"
    recording.write_text("".join(json.dumps(line) + "\n" for line in lines))
    status, said, complained = run(str(PYTHON / "mcp-schema-audit"), str(recording))
    assert status == 0, said + complained
    assert len(lines[-1]["result"]["tools"]) > 15
