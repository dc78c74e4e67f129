"""What holds for the code as a whole."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 400
SOURCES = [*ROOT.glob("ap_remote/**/*.py"), *ROOT.glob("server/**/*.py")]


def test_no_module_outgrows_its_purpose() -> None:
    long = {
        str(file.relative_to(ROOT)): lines
        for file in SOURCES
        if (lines := len(file.read_text("utf-8").splitlines())) > LIMIT
    }
    assert long == {}


def test_no_file_names_a_registry_or_a_path_of_a_machine() -> None:
    pins = (ROOT / "constraints.txt").read_text("utf-8")
    assert "://" not in pins
    assert "--index" not in pins


@pytest.mark.parametrize("name", ["ap_remote", "ap_remote.transfer", "ap_remote.query"])
def test_public_names_are_importable(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__all__
    for each in module.__all__:
        assert getattr(module, each) is not None


def test_connect_stays_a_function_whatever_was_imported() -> None:
    importlib.import_module("ap_remote.connect")
    package = importlib.import_module("ap_remote")
    assert callable(package.connect)
