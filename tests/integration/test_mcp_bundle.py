"""The bundle as a host opens it: unpacked, its variables filled in, started, and spoken to without an SDK."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 120


@pytest.fixture
def unpacked(tmp_path):
    """The bundle's files, with something in the place of the wheel: what it would install is here already."""
    spec = importlib.util.spec_from_file_location("bundle", ROOT / "packaging" / "bundle.py")
    bundle = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bundle)
    wheel = tmp_path / "a.whl"
    wheel.write_bytes(b"")
    bundle.pack(wheel, tmp_path / "ap-remote.mcpb")
    with zipfile.ZipFile(tmp_path / "ap-remote.mcpb") as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def filled(folder, chosen):
    """Return the command line as hosts make it: ``getMcpConfigForManifest`` of ``@anthropic-ai/mcpb`` 2.1.2.

    A list takes as many places as it has entries; an empty text leaves the variable's name where it stood.
    """
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    values = {key: each["default"] for key, each in manifest["user_config"].items()} | chosen
    config = manifest["server"]["mcp_config"]
    words = [config["command"]]
    for word in config["args"]:
        name = re.fullmatch(r"\$\{user_config\.(\w+)\}", word)
        value = values[name[1]] if name else word.replace("${__dirname}", str(folder))
        words += value if isinstance(value, list) else [value or word]
    return words


def talk(folder, chosen, home):
    """Start the bundle, shake hands and return the names of its tools."""
    uv, run, directory, where, *rest = filled(folder, chosen)
    assert (uv, run, directory, where) == ("uv", "run", "--directory", str(folder))
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "host", "version": "1"}}
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}},
    ]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AP_")}
    with subprocess.Popen(
        [sys.executable, *rest],
        cwd=folder,
        env=environment | {"AP_HOME": str(home), "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "server")))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            answers = []
            for message in messages:
                process.stdin.write(json.dumps(message) + "\n")
                process.stdin.flush()
                if "id" in message:
                    line = process.stdout.readline()
                    assert line, process.stderr.read()
                    answers.append(json.loads(line))
            rest, said = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert (process.returncode, rest, said) == (0, "", "")
    assert answers[0]["result"]["serverInfo"]["name"] == "ap-remote"
    return {tool["name"] for tool in answers[1]["result"]["tools"]}


def test_a_bundle_with_nothing_filled_in_serves_this_machines_library_for_reading(unpacked, tmp_path):
    tools = talk(unpacked, {}, tmp_path / "home")
    assert {"photos_search", "photos_view"} <= tools
    assert not tools & {"photos_trash", "photos_move", "photos_upload", "photos_purge", "photos_undo"}


def test_a_bundle_that_is_told_more_offers_more(unpacked, tmp_path):
    for name in ("to", "fr om"):
        (tmp_path / name).mkdir()
    folders = [str(tmp_path / "to"), str(tmp_path / "fr om")]
    tools = talk(unpacked, {"allow": "trash, transfer", "folders": folders}, tmp_path / "home")
    assert {"photos_trash", "photos_upload", "photos_download", "photos_undo"} <= tools
    assert not tools & {"photos_move", "photos_purge"}
