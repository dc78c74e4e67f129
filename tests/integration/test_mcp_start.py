"""What a server imports before its first answer, and what it leaves to the calls that need it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ap_remote.config import load
from ap_remote.transport import save_credentials

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "start", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
HEAVY = {
    *("aiohttp", "httpcore", "tenacity", "tornado"),  # an account is opened without asking its service
    *("lark", "regex", "pycountry", "reverse_geocode"),  # a query
    *("numpy", "scipy", "faiss", "torch", "timm", "open_clip", "tokenizers", "safetensors", "imagehash"),  # the index
    *("pandas", "pyarrow", "polars", "dask", "distributed", "matplotlib", "jinja2", "av", "fsspec"),
    *("jwt", "keyring", "typer"),
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home with an account whose service nobody has started."""
    save_credentials(tmp_path / "credentials.json", {"session-id": "1", "ubid-main": "2", "at-main": "3"})
    account = '[accounts.away]\nkind = "service"\nurl = "http://127.0.0.1:9"\n'
    (tmp_path / "config.toml").write_text(f'{account}credentials = "{(tmp_path / "credentials.json").as_posix()}"\n')
    monkeypatch.setenv("AP_HOME", str(tmp_path))
    for name in ("AP_CONFIG", "AP_REMOTE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    assert "away" in load().accounts
    return tmp_path


def test_the_list_of_tools_is_told_before_anything_heavy_is_imported(home):
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}
    with (home / "imports").open("wb") as imports:  # a pipe that nobody reads meanwhile would fill up
        server = subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "ap_remote_mcp", "away:"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=imports,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
        )
        with server:
            server.stdin.write(json.dumps(request).encode() + b"\n")
            server.stdin.flush()
            answer = json.loads(server.stdout.readline())
            server.stdin.close()
    told = (home / "imports").read_text("utf-8").splitlines()
    names = {line.rsplit("|", 1)[1].strip() for line in told if line.startswith("import time:")}
    assert {"mcp.server", "ap_remote_mcp.server", "ap_remote.backends.amazon"} <= names
    assert answer["result"]["tools"]
    assert sorted({name.partition(".")[0] for name in names} & HEAVY) == []
