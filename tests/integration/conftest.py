from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The filesystem of ``ap://`` over a local service that a module's tests share, in a home of its own."""
    import fsspec

    from ap_remote.fsspec import AmazonPhotosFileSystem

    with pytest.MonkeyPatch.context() as patch:
        for name in ("AP_CONFIG", "AP_REMOTE"):
            patch.delenv(name, raising=False)
        patch.setenv("AP_HOME", str(tmp_path_factory.mktemp("library") / "home"))
        AmazonPhotosFileSystem.clear_instance_cache()
        yield fsspec.filesystem("ap")
        for fs in list(AmazonPhotosFileSystem._cache.values()):
            fs._remotes.shutdown()  # also what others opened on their own loops
        AmazonPhotosFileSystem.clear_instance_cache()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
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
