"""Anthropic's own tool for bundles, `mcpb`, takes ours: it is valid, is opened, and is filled in by what hosts use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mcp_check.conftest import MODULES, ROOT

MCPB = MODULES / "@anthropic-ai" / "mcpb"
FILLED = """
const { getMcpConfigForManifest } = require(process.argv[1]);
const [manifest, userConfig] = JSON.parse(process.argv[2]);
getMcpConfigForManifest({ manifest, userConfig, extensionPath: "/here", systemDirs: {}, pathSeparator: "/" })
  .then((config) => console.log(JSON.stringify(config)));
"""


@pytest.fixture
def mcpb(node, run):
    """Run the tool, which has to succeed; answers with what it said."""
    if not MCPB.is_dir():
        pytest.skip("NOT CHECKED: @anthropic-ai/mcpb is not among the installed packages")

    def start(*words):
        code, said, complaints = run(node, str(MCPB / "dist" / "cli" / "cli.js"), *map(str, words))
        assert code == 0, said + complaints
        assert "ERROR" not in said + complaints
        return said

    return start


@pytest.fixture
def bundle(tmp_path):
    """The bundle, with something in the place of the wheel."""
    (tmp_path / "a.whl").write_bytes(b"a wheel")
    pack = [sys.executable, ROOT / "packaging" / "bundle.py", tmp_path / "a.whl", tmp_path / "a.mcpb"]
    subprocess.run(pack, check=True)
    return tmp_path / "a.mcpb"


def test_the_manifest_is_valid(mcpb):
    assert "validation passes" in mcpb("validate", ROOT / "packaging" / "mcpb" / "manifest.json")


def test_the_bundle_is_opened(mcpb, bundle, tmp_path):
    assert "a.mcpb" in mcpb("info", bundle)
    mcpb("unpack", bundle, tmp_path / "unpacked")
    found = {
        str(file.relative_to(tmp_path / "unpacked")) for file in (tmp_path / "unpacked").rglob("*") if file.is_file()
    }
    assert found == {"manifest.json", "pyproject.toml", str(Path("server", "main.py")), str(Path("wheels", "a.whl"))}


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, ["local:", "--allow", "${user_config.allow}", "--folders"]),
        (
            {"remote": "home:", "allow": "transfer", "folders": ["/a", "/b c"]},
            ["home:", "--allow", "transfer", "--folders", "/a", "/b c"],
        ),
    ],
)
def test_hosts_fill_it_in_as_our_entry_point_expects(mcpb, node, run, chosen, expected):
    assert mcpb("--version")
    manifest = json.loads((ROOT / "packaging" / "mcpb" / "manifest.json").read_text("utf-8"))
    code, said, complaints = run(node, "-e", FILLED, str(MCPB), json.dumps([manifest, chosen]))
    assert code == 0, complaints
    config = json.loads(said)
    assert [config["command"], *config["args"]] == ["uv", "run", "--directory", "/here", "server/main.py", *expected]
