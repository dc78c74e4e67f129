"""``acd_cli`` 0.3.2, unmodified: the command of the OAuth door, by ``Authorization: Bearer`` and form uploads.

It reads its token and its two addresses from files, so nothing of it has to be redirected.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.interop.conftest import Service

FAR = 9_999_999_999


@pytest.fixture(scope="module")
def acd(
    service: Service, stranger: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., str]:
    """Return what runs one command and gives its output."""
    home = tmp_path_factory.mktemp("acd")
    token = {"access_token": service.access_token, "refresh_token": "none", "expires_in": 3600, "exp_time": FAR}
    (home / "oauth_data").write_text(json.dumps({**token, "token_type": "bearer"}))
    endpoints = {"contentUrl": f"{service.url}/cdproxy/", "metadataUrl": f"{service.url}/drive/v1/", "exp_time": FAR}
    (home / "endpoint_data").write_text(json.dumps({"customerExists": True, **endpoints}))
    environ = {**os.environ, "ACD_CLI_CACHE_PATH": str(home), "ACD_CLI_SETTINGS_PATH": str(home), "HOME": str(home)}

    def run(*arguments: str, code: int = 0, stdin: bytes | None = None) -> str:
        # A file, because `cat` asks its output how far it is, which a pipe does not know.
        with (home / "output").open("w+b") as output_file:
            done = subprocess.run(
                [stranger("acd_cli"), "--no-log", "--verbose", *arguments],
                env=environ,
                stdout=output_file,
                stderr=subprocess.PIPE,
                timeout=120,
                check=False,
                input=stdin,
            )
        output = (home / "output").read_text()
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{output}\n{done.stderr.decode()[-2000:]}"
        return output

    run("sync")
    return run


@pytest.fixture(scope="module")
def uploaded(acd: Callable[..., str], holiday: Path) -> Path:
    """The tree, uploaded."""
    acd("upload", str(holiday), "/Pictures")
    acd("sync")
    return holiday


def id_of(acd: Callable[..., str], path: str) -> str:
    """Return the id of what is at a path, which the command prints as ``Node('id', 'name')``."""
    return acd("resolve", path).split("'")[1]


def test_a_first_sync_learns_the_tree_from_the_delta_stream(acd: Callable[..., str]) -> None:
    tree = acd("tree")
    assert all(f"{name}/" in tree for name in ("Pictures", "Videos", "Documents", "Backup"))


def test_the_account_answers_usage_and_quota(acd: Callable[..., str]) -> None:
    assert "Photos" in acd("usage")
    assert int(json.loads(acd("quota"))["quota"]) > 0


def test_a_tree_goes_up_and_comes_back_with_the_same_bytes(
    acd: Callable[..., str], uploaded: Path, tmp_path: Path
) -> None:
    acd("download", "/Pictures/holiday", str(tmp_path))
    there = {file.relative_to(tmp_path / "holiday"): file.read_bytes() for file in tmp_path.rglob("*.*")}
    assert there == {file.relative_to(uploaded): file.read_bytes() for file in uploaded.rglob("*.*")}


def test_content_is_found_by_its_md5(acd: Callable[..., str], uploaded: Path) -> None:
    digest = hashlib.md5((uploaded / "red.jpg").read_bytes(), usedforsecurity=False).hexdigest()
    assert "red.jpg" in acd("find-md5", digest)


def test_a_stream_of_unknown_length_is_stored(acd: Callable[..., str]) -> None:
    acd("stream", "letter.txt", "/Documents", stdin=b"Dear Ada,\n" * 10_000)
    acd("sync")
    assert acd("cat", "/Documents/letter.txt") == "Dear Ada,\n" * 10_000


def test_a_file_is_overwritten_and_keeps_its_id(acd: Callable[..., str], uploaded: Path, tmp_path: Path) -> None:
    del uploaded
    before = id_of(acd, "/Pictures/holiday/notes.txt")
    (tmp_path / "notes.txt").write_text("the sea was wild")
    acd("overwrite", before, str(tmp_path / "notes.txt"))
    acd("sync")
    assert id_of(acd, "/Pictures/holiday/notes.txt") == before
    assert acd("cat", before) == "the sea was wild"
    assert json.loads(acd("metadata", before))["contentProperties"]["version"] == 2


def test_folders_are_made_and_nodes_renamed_and_moved(acd: Callable[..., str], uploaded: Path) -> None:
    del uploaded
    acd("mkdir", "/Backup/from acd")
    acd("sync")
    acd("rename", "/Pictures/holiday/green.jpg", "greener.jpg")
    acd("sync")
    acd("move", "/Pictures/holiday/greener.jpg", "/Backup/from acd")
    acd("sync")
    assert "greener.jpg" in acd("ls", "/Backup/from acd")
    assert "green" not in acd("ls", "/Pictures/holiday")


def test_a_node_has_a_second_parent_for_a_while(acd: Callable[..., str], uploaded: Path) -> None:
    del uploaded
    node = id_of(acd, "/Pictures/holiday/red.jpg")
    acd("add-child", "/Backup", node)
    acd("sync")
    assert "red.jpg" in acd("ls", "/Backup")
    assert "red.jpg" in acd("ls", "/Pictures/holiday")
    acd("remove-child", "/Backup", node)
    acd("sync")
    assert "red.jpg" not in acd("ls", "/Backup")


def test_the_bin_takes_and_gives_back(acd: Callable[..., str], uploaded: Path) -> None:
    # In the root, where alone its list of the bin looks.
    acd("upload", str(uploaded / "day one"), "/")
    acd("sync")
    node = id_of(acd, "/day one")
    acd("trash", node)
    acd("sync")
    assert "day one" not in acd("ls", "/")
    assert "day one" in acd("list-trash")
    acd("restore", node)
    acd("sync")
    assert "blue sky.jpg" in acd("ls", "-r", "/day one")


def test_bytes_that_are_known_are_refused_where_deduplication_is_wanted(
    acd: Callable[..., str], uploaded: Path
) -> None:
    acd("upload", "--deduplicate", str(uploaded / "red.jpg"), "/Documents", code=1)  # its own code for a duplicate
    acd("sync", "--full")
    assert "red.jpg" not in acd("ls", "/Documents")
