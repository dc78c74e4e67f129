"""Tries a freshly installed wheel, without extras, from outside the checkout. Run by `make wheel`."""

from __future__ import annotations

import importlib
import importlib.resources
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

BIN = Path(sys.executable).parent


def run(*words: str, home: str) -> subprocess.CompletedProcess[str]:
    """Run an installed command with an empty home."""
    environment = {"AP_HOME": home, "HOME": home, "PATH": os.defpath}
    return subprocess.run(
        [str(BIN / words[0]), *words[1:]], capture_output=True, text=True, env=environment, timeout=120, check=False
    )


def expect(condition: object, what: str) -> None:
    """Stop with a sentence when something does not hold."""
    if not condition:
        sys.exit(f"wheel smoke: {what}")


def main() -> None:
    """Try imports, entry points, the embedded service, and what is said when an extra is missing."""
    for package in ("ap_remote", "ap_remote_emulator", "ap_remote.cli.main"):
        importlib.import_module(package)
    for data in ("taxonomy.yaml", "pages/plan.html"):
        expect(importlib.resources.files("ap_remote.organise").joinpath(data).is_file(), f"{data} is in the wheel")
    for absent in ("server", "tests", "fixtures", "torch", "faiss", "mcp", "pandas"):
        expect(importlib.util.find_spec(absent) is None, f"{absent} must not be installed by the base wheel")
    with tempfile.TemporaryDirectory() as home:
        version = run("ap", "--version", home=home)
        expect(version.returncode == 0 and version.stdout.startswith("ap "), f"ap --version: {version.stderr}")
        photo = Path(home, "a b.txt")
        photo.write_text("hello", "utf-8")
        put = run("ap", "put", str(photo), "local:Pictures", home=home)
        expect(put.returncode == 0, f"ap put: {put.stderr}")
        cat = run("ap", "cat", "local:Pictures/a b.txt", home=home)
        expect((cat.returncode, cat.stdout) == (0, "hello"), f"ap cat: {cat.stderr}")
        os.environ["AP_HOME"] = home
        fsspec = importlib.import_module("fsspec")
        with fsspec.open("ap://Pictures/a b.txt", "rb") as stream:
            expect(stream.read() == b"hello", "fsspec reads the file")
        for words, extra in ((("ap", "mcp"), "mcp"), (("ap", "index", "build"), "semantic")):
            missing = run(*words, home=home)
            told = missing.returncode == 2 and f"ap-remote[{extra}]" in missing.stderr
            expect(told and "Traceback" not in missing.stderr, f"{words} names its extra: {missing.stderr}")
    sys.stdout.write("wheel smoke: good\n")


if __name__ == "__main__":
    main()
