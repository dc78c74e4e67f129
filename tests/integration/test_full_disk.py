"""A disk that is really full: a tiny file system, mounted where the system lets us."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MIB = 2**20


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 6 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("this system has no mount")
    if mounted.returncode:
        pytest.skip(f"this system lets us mount nothing: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def ap(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AP_HOME": str(home)}
    environment.pop("AP_REMOTE", None)
    return subprocess.run(
        [sys.executable, "-m", "ap_remote", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_full_disk_under_the_service_loses_nothing_and_shows_no_half_file(small_disk: Path, tmp_path: Path) -> None:
    home = small_disk / "home"
    (tmp_path / "small.bin").write_bytes(os.urandom(MIB // 4))
    (tmp_path / "big.bin").write_bytes(os.urandom(8 * MIB))
    stored = ap(home, "put", str(tmp_path / "small.bin"), "local:Documents")
    assert stored.returncode == 0, stderr_of(stored)
    refused = ap(home, "put", str(tmp_path / "big.bin"), "local:Documents")
    assert refused.returncode == 1
    assert "space" in refused.stderr
    assert "Traceback" not in stderr_of(refused)
    assert ap(home, "lsf", "local:Documents").stdout == "small.bin\n"
    back = ap(home, "get", "local:Documents/small.bin", str(tmp_path / "back"))
    assert back.returncode == 0, stderr_of(back)
    assert (tmp_path / "back" / "small.bin").read_bytes() == (tmp_path / "small.bin").read_bytes()


def test_a_full_disk_under_a_download_leaves_no_half_file(small_disk: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (tmp_path / "big.bin").write_bytes(os.urandom(8 * MIB))
    assert ap(home, "put", str(tmp_path / "big.bin"), "local:Documents").returncode == 0
    refused = ap(home, "get", "local:Documents/big.bin", str(small_disk))
    assert refused.returncode == 1
    assert "space" in refused.stderr
    assert "Traceback" not in stderr_of(refused)
    assert not os.listdir(small_disk)  # noqa: PTH208 - every name, hidden ones too


def stderr_of(done: subprocess.CompletedProcess[str]) -> str:
    return done.stderr + done.stdout
