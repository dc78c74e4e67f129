"""What hosts and registries read about the server: the files agree with the package and with what there is."""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from pathlib import Path

import pytest

from ap_remote_mcp import server
from ap_remote_mcp.policy.abilities import Ability, parse

ROOT = Path(__file__).parents[3]
PACKAGE = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REGISTRY = json.loads((ROOT / "server.json").read_text("utf-8"))
BUNDLE = ROOT / "packaging" / "mcpb"
MANIFEST = json.loads((BUNDLE / "manifest.json").read_text("utf-8"))
GUIDE = (ROOT / "docs" / "mcp.md").read_text("utf-8")


def options(monkeypatch):
    """Return the options that the command takes."""
    seen = []
    add = argparse.ArgumentParser.add_argument

    def note(self, *names, **options):
        seen.extend(name for name in names if name.startswith("--"))
        return add(self, *names, **options)

    monkeypatch.setattr(argparse.ArgumentParser, "add_argument", note)
    with pytest.raises(SystemExit):
        server.main(["--version"])
    return set(seen)


def test_every_file_has_the_version_of_the_package():
    inner = tomllib.loads((BUNDLE / "pyproject.toml").read_text("utf-8"))["project"]
    (package,) = REGISTRY["packages"]
    versions = {REGISTRY["version"], package["version"], MANIFEST["version"], inner["version"]}
    assert versions == {PACKAGE["version"]}
    (needed,) = inner["dependencies"]
    assert needed == f"{PACKAGE['name']}[mcp]=={PACKAGE['version']}"
    assert package["runtimeArguments"][0]["value"] == needed
    assert inner["requires-python"] == PACKAGE["requires-python"]


def test_the_registry_is_told_a_command_that_there_is(monkeypatch):
    (package,) = REGISTRY["packages"]
    assert package["identifier"] == PACKAGE["name"]
    assert package["identifier"] in PACKAGE["scripts"], "uvx runs the command of the package's name"
    positional = [each for each in package["packageArguments"] if each["type"] == "positional"]
    assert positional[0]["value"] == "mcp"
    named = {each["name"] for each in package["packageArguments"] if each["type"] == "named"}
    assert named <= options(monkeypatch)
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", REGISTRY["name"])
    assert len(REGISTRY["description"]) <= 100, "the registry takes no more"


def test_the_readme_carries_the_mark_by_which_the_registry_knows_its_owner():
    assert f"mcp-name: {REGISTRY['name']}" in (ROOT / "README.md").read_text("utf-8")


def test_the_bundle_starts_what_there_is(monkeypatch):
    assert (BUNDLE / MANIFEST["server"]["entry_point"]).is_file()
    arguments = MANIFEST["server"]["mcp_config"]["args"]
    assert MANIFEST["server"]["entry_point"] in arguments
    ours = [each for each in arguments[arguments.index(MANIFEST["server"]["entry_point"]) :] if each.startswith("--")]
    assert set(ours) <= options(monkeypatch)
    asked = set(re.findall(r"\$\{user_config\.(\w+)\}", " ".join(arguments)))
    assert asked == MANIFEST["user_config"].keys()
    assert parse([MANIFEST["user_config"]["allow"]["default"]]) == frozenset(), "it begins with reading only"
    assert MANIFEST["license"] == PACKAGE["license"]


def test_every_word_of_allow_is_told():
    told = " ".join(each.get("description", "") for each in REGISTRY["packages"][0]["packageArguments"])
    assert all(ability in told for ability in Ability)


@pytest.mark.parametrize("language", ["json", "toml"])
def test_the_snippets_for_hosts_can_be_read_and_start_the_server(language):
    snippets = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert snippets
    for snippet in snippets:
        read = json.loads(snippet) if language == "json" else tomllib.loads(snippet)
        (servers,) = (read[key] for key in ("servers", "mcpServers", "mcp_servers") if key in read)
        for each in servers.values():
            if "command" in each:
                assert Path(each["command"]).name in PACKAGE["scripts"]
                assert each["args"][0] == "mcp"
            else:
                assert each["url"].endswith("/mcp")


def test_nothing_names_the_host_of_a_package_registry():
    for file in [ROOT / "server.json", *BUNDLE.rglob("*.*"), *(ROOT / "tests" / "mcp_check").glob("*.*")]:
        text = file.read_text("utf-8")
        assert not re.search(r"registry\.npmjs|pypi\.org|pythonhosted", text), file
        assert '"resolved"' not in text
