"""What hosts and registries read about the server: the files agree with the package and with what there is."""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import tomllib
import zipfile
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest

from ap_remote_mcp import server
from ap_remote_mcp.policy.abilities import Ability, parse

ROOT = Path(__file__).parents[3]
PACKAGE = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REGISTRY = json.loads((ROOT / "server.json").read_text("utf-8"))
BUNDLE = ROOT / "packaging" / "mcpb"
MANIFEST = json.loads((BUNDLE / "manifest.json").read_text("utf-8"))


class Input(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """What a person may be asked for, in the registry's format of 2025-12-11.

    Its schema ("server.json defining a Model Context Protocol (MCP) server") allows unknown fields everywhere, so that
    a misspelt one would pass; these structs have its fields and patterns, and refuse others.
    """

    description: str = ""
    is_required: bool = False
    is_secret: bool = False
    format: Literal["string", "number", "boolean", "filepath"] = "string"
    default: str | None = None
    placeholder: str | None = None
    value: str | None = None
    choices: list[str] = []
    is_repeated: bool = False


class Positional(Input, tag_field="type", tag="positional"):
    value_hint: str | None = None

    def __post_init__(self):
        if self.value is None and self.value_hint is None:
            raise ValueError("a positional argument has a value or a valueHint")


class Named(Input, tag_field="type", tag="named"):
    name: str


class Stdio(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["stdio"]


class Package(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    registry_type: Literal["npm", "pypi", "oci", "nuget", "mcpb"]
    identifier: str
    version: Annotated[str, msgspec.Meta(pattern=r"^\d+\.\d+\.\d+([-+.a-z0-9]*)$")]
    runtime_hint: str = ""
    runtime_arguments: list[Positional | Named] = []
    package_arguments: list[Positional | Named] = []
    transport: Stdio


class Registered(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    schema: Annotated[
        Literal["https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"],
        msgspec.Meta(description="the newest that is released"),
    ] = msgspec.field(name="$schema")
    name: Annotated[str, msgspec.Meta(min_length=3, max_length=200, pattern="^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$")]
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    description: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    version: Annotated[str, msgspec.Meta(max_length=255)]
    packages: list[Package]


def script(path):
    """Import what is run by its path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def test_the_registry_takes_the_file():
    told = msgspec.convert(REGISTRY, Registered)
    assert told.packages[0].registry_type == "pypi"
    assert told.packages[0].runtime_hint == "uvx", "its arguments are understood by no other"


@pytest.mark.parametrize(
    "broken",
    [
        {"name": "no-slash"},
        {"name": "a/b/c"},
        {"description": "x" * 101},
        {"title": ""},
        {"packges": []},
        {
            "packages": [
                {"registryType": "pypi", "identifier": "a", "version": "latest", "transport": {"type": "stdio"}}
            ]
        },
        {"packages": [{"registryType": "pypi", "identifier": "a", "version": "1.0.0"}]},
    ],
)
def test_the_registry_would_refuse_what_is_not_of_its_form(broken):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(REGISTRY | broken, Registered)


def test_the_readme_carries_the_mark_by_which_the_registry_knows_its_owner():
    assert PACKAGE["readme"] == "README.md", "the registry reads what is published with the package"
    marks = re.findall(r"mcp-name: ([^\s<]+)(?=\s|<|-->)", (ROOT / "README.md").read_text("utf-8"))
    assert marks == [REGISTRY["name"]]


@pytest.fixture
def claimed(tmp_path):
    """The files that carry the name, as a copy."""
    for name in ("README.md", "server.json"):
        (tmp_path / name).write_text((ROOT / name).read_text("utf-8"), "utf-8")
    return tmp_path


def test_nobody_can_hold_the_name_until_somebody_claims_one():
    name = script(ROOT / "packaging" / "claim.py").PLACEHOLDER
    assert name.startswith("com.example/")
    assert REGISTRY["name"] == name


def test_a_name_is_claimed_in_both_files_and_nothing_else_changes(claimed):
    script(ROOT / "packaging" / "claim.py").claim("io.github.someone/ap-remote", claimed)
    told = json.loads((claimed / "server.json").read_text("utf-8"))
    assert told == REGISTRY | {"name": "io.github.someone/ap-remote"}
    before = (ROOT / "README.md").read_text("utf-8")
    assert (claimed / "README.md").read_text("utf-8") == before.replace(REGISTRY["name"], told["name"])
    script(ROOT / "packaging" / "claim.py").claim("org.example.photos/ap-remote", claimed)
    assert "mcp-name: org.example.photos/ap-remote -->" in (claimed / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    "name", ["ap-remote", "io.github.someone", "one/ap-remote", "com.example/x", "a.b/c/d", "a.b/c d"]
)
def test_a_name_that_no_login_grants_is_refused_and_written_nowhere(claimed, name):
    with pytest.raises(ValueError, match="no name that the registry grants"):
        script(ROOT / "packaging" / "claim.py").claim(name, claimed)
    assert json.loads((claimed / "server.json").read_text("utf-8")) == REGISTRY


def test_a_readme_without_a_mark_is_told_of(claimed):
    (claimed / "README.md").write_text("# nothing\n", "utf-8")
    with pytest.raises(ValueError, match="0 marks"):
        script(ROOT / "packaging" / "claim.py").claim("io.github.someone/ap-remote", claimed)
    assert json.loads((claimed / "server.json").read_text("utf-8")) == REGISTRY


def test_the_bundle_starts_what_there_is():
    arguments = MANIFEST["server"]["mcp_config"]["args"]
    assert MANIFEST["server"]["entry_point"] in arguments
    asked = set(re.findall(r"\$\{user_config\.(\w+)\}", " ".join(arguments)))
    assert asked == MANIFEST["user_config"].keys()
    assert not any(each["required"] for each in MANIFEST["user_config"].values()), "it starts with nothing filled in"
    assert parse([MANIFEST["user_config"]["allow"]["default"]]) == frozenset(), "it begins with reading only"
    assert MANIFEST["license"] == PACKAGE["license"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["local:", "--allow", "", "--folders"], ["local:", "--allow", ""]),
        (["local:", "--allow", "${user_config.allow}", "--folders"], ["local:", "--allow", ""]),
        (
            ["${user_config.remote}", "--allow", "trash", "--folders", "${user_config.folders}"],
            ["", "--allow", "trash"],
        ),
        (
            ["home:", "--allow", "transfer", "--folders", "/a b", "/c"],
            ["home:", "--allow", "transfer", "--root=/a b", "--root=/c"],
        ),
        (["home:", "--allow", "transfer", "--folders", "--http"], ["home:", "--allow", "transfer", "--root=--http"]),
    ],
)
def test_what_a_host_fills_in_becomes_the_arguments_of_the_server(given, expected):
    assert script(BUNDLE / "server" / "main.py").arguments(given) == expected


def test_the_bundle_installs_the_wheel_that_lies_in_it_and_no_other_of_its_name(tmp_path):
    wheel = tmp_path / f"ap_remote-{PACKAGE['version']}-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    script(ROOT / "packaging" / "bundle.py").pack(wheel, tmp_path / "one.mcpb")
    with zipfile.ZipFile(tmp_path / "one.mcpb") as archive:
        inner = tomllib.loads(archive.read("pyproject.toml").decode())
        assert archive.read(inner["tool"]["uv"]["sources"][PACKAGE["name"]]["path"]) == b"a wheel"
        assert MANIFEST["server"]["entry_point"] in archive.namelist()
        assert json.loads(archive.read("manifest.json")) == MANIFEST


def test_the_bundle_holds_files_alone_and_is_the_same_each_time(tmp_path):
    wheel = tmp_path / "a.whl"
    wheel.write_bytes(b"a wheel")
    for name in ("one.mcpb", "two.mcpb"):
        assert script(ROOT / "packaging" / "bundle.py").main([str(wheel), str(tmp_path / name)]) == 0
    with zipfile.ZipFile(tmp_path / "one.mcpb") as archive:
        assert sorted(archive.namelist()) == ["manifest.json", "pyproject.toml", "server/main.py", "wheels/a.whl"]
        assert not any(each.is_dir() for each in archive.infolist()), "hosts' unpackers fail at a folder"
    assert (tmp_path / "one.mcpb").read_bytes() == (tmp_path / "two.mcpb").read_bytes()


def test_every_word_of_allow_is_told():
    told = " ".join(each.get("description", "") for each in REGISTRY["packages"][0]["packageArguments"])
    assert all(ability in told for ability in Ability)


def test_nothing_says_from_where_packages_are_to_be_taken():
    for file in [ROOT / "server.json", *BUNDLE.parent.rglob("*.*[!c]"), *(ROOT / "tests" / "mcp_check").glob("*.*")]:
        text = file.read_text("utf-8")
        told = re.search(r'"resolved"|(index|registry)[-_]url|^registry=|^--find-links', text, re.MULTILINE)
        assert told is None, file
