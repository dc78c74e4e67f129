"""The wire fixtures: all listed, all decoded, no key unaccounted for, nothing personal in them."""

from __future__ import annotations

import importlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest

WIRE = Path(__file__).parents[2] / "fixtures" / "wire"
MANIFEST: dict[str, dict[str, Any]] = tomllib.loads((WIRE / "MANIFEST.toml").read_text("utf-8"))


def reply(name: str) -> Any:
    module, _, attribute = MANIFEST[name]["reply"].partition(":")
    return getattr(importlib.import_module(module), attribute)


def structs(kind: Any) -> list[type[msgspec.Struct]]:
    """Every struct that a field of this type may hold, directly or within a container."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [kind]
    return [found for each in get_args(kind) for found in structs(each)]


def unaccounted(value: Any, kinds: list[type[msgspec.Struct]], *, mapping: bool = False, at: str = "") -> set[str]:
    """Paths of the keys in *value* that no struct among *kinds* has; list indexes are left out of the path."""
    if isinstance(value, list):
        return {path for each in value for path in unaccounted(each, kinds, at=at)}
    if not isinstance(value, dict) or not kinds:
        return set()
    if mapping:
        return {path for each in value.values() for path in unaccounted(each, kinds, at=at)}
    known = {
        field.encode_name: get_type_hints(kind)[field.name] for kind in kinds for field in msgspec.structs.fields(kind)
    }
    missing = {f"{at}{key}" for key in value if key not in known}
    for key in value.keys() & known.keys():
        inner = known[key]
        missing |= unaccounted(value[key], structs(inner), mapping=get_origin(inner) is dict, at=f"{at}{key}.")
    return missing


def test_every_file_is_in_the_manifest_and_every_entry_has_its_file() -> None:
    assert {str(file.relative_to(WIRE)) for file in WIRE.rglob("*.json")} == set(MANIFEST)


@pytest.mark.parametrize("name", MANIFEST)
def test_every_key_is_modelled_or_knowingly_left_unread(name: str) -> None:
    body = (WIRE / name).read_bytes()
    decoded = reply(name).decode(body)
    several = isinstance(decoded, tuple)
    kinds = [type(decoded[0] if several else decoded)]
    values = [json.loads(line) for line in body.splitlines() if line.strip()] if several else json.loads(body)
    assert unaccounted(values, kinds) == set(MANIFEST[name].get("ignored", ()))


def test_a_key_that_is_new_would_be_noticed() -> None:
    node = json.loads((WIRE / "nodes/photo.json").read_bytes())
    node["contentProperties"]["image"]["brandNew"] = 1
    kinds = [type(reply("nodes/photo.json").decode(json.dumps(node).encode()))]
    assert "contentProperties.image.brandNew" in unaccounted(node, kinds)


@pytest.mark.parametrize("name", MANIFEST)
def test_nothing_in_a_fixture_is_a_persons(name: str) -> None:
    text = (WIRE / name).read_text("utf-8")
    assert not re.search(r"[\w.+-]+@[\w-]+\.\w+", text), "an e-mail address"
    assert not re.search(r"At[nz][ar]\|", text), "a token"
    assert not re.search(r"(session-id|ubid-|at-main|x-main|X-Amz-)", text), "a cookie or a signed address"
    assert set(re.findall(r'"ownerId": "([^"]+)"', text)) <= {"A1EXAMPLE0OWNR"}, "an account's id"
