"""rclone 1.65.2, unmodified: its Amazon Drive backend, which later versions dropped.

Its first question goes to a host that is compiled in; a proxy answers for that host. All else follows from
``account/endpoint``.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.interop.conftest import picture, served
from tests.interop.proxy import proxied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ODD_NAMES = (
    "semicolon; and & ampersand.txt",
    "quote ' and \" double.txt",
    "brackets [1] (2) {3}.txt",
    "plus + tilde ~ caret ^.txt",
    "ümlaut and 日本語.txt",
    "star and hash #.txt",
    ".hidden",
    "trailing dot..txt",
    "percent %41.txt",
)


@pytest.fixture(scope="module")
def rclone(stranger: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Return what runs one command and gives its output; the remote is called ``acd:``."""
    folder = tmp_path_factory.mktemp("rclone")
    with served(folder / "store") as service, proxied(service.url, folder) as (proxy, certificate):
        token = {"access_token": service.access_token, "token_type": "bearer", "refresh_token": "none"}
        environ = {
            **{key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")},
            "HOME": str(folder),
            "HTTPS_PROXY": proxy,
            "RCLONE_CONFIG": str(folder / "rclone.conf"),
            "RCLONE_CONFIG_ACD_TYPE": "amazon cloud drive",
            "RCLONE_CONFIG_ACD_TOKEN": json.dumps({**token, "expiry": "2099-01-01T00:00:00Z"}),
            "RCLONE_CA_CERT": str(certificate),
            "RCLONE_LOW_LEVEL_RETRIES": "2",
            "RCLONE_RETRIES": "1",
        }

        def run(*arguments: str, code: int = 0, stdin: bytes | None = None) -> str:
            done = subprocess.run(
                [stranger("rclone"), *arguments],
                env=environ,
                capture_output=True,
                timeout=180,
                check=False,
                input=stdin,
            )
            said = done.stderr.decode()
            assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout.decode()}\n{said[-3000:]}"
            return done.stdout.decode()

        yield run


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs, odd names, nested folders, and one file of some size."""
    folder = tmp_path_factory.mktemp("tree")
    for number in range(8):
        picture(folder / f"set {number % 3}" / f"IMG_{number:04}.JPG", number, taken=f"2020:01:0{number + 1} 12:00:00")
    for number, name in enumerate(ODD_NAMES):
        (folder / "odd").mkdir(exist_ok=True)
        (folder / "odd" / name).write_text(f"text number {number}")
    (folder / "large.bin").write_bytes(random.Random(7).randbytes(12 << 20))
    return folder


@pytest.fixture(scope="module")
def copied(rclone: Callable[..., str], tree: Path) -> Path:
    """The tree, copied to ``acd:backup``."""
    rclone("copy", str(tree), "acd:backup")
    return tree


def listing(rclone: Callable[..., str], path: str, *options: str) -> list[dict[str, Any]]:
    """Return what rclone lists."""
    rows: list[dict[str, Any]] = json.loads(rclone("lsjson", path, *options))
    return rows


def test_the_account_has_its_folders(rclone: Callable[..., str]) -> None:
    assert {row["Path"] for row in listing(rclone, "acd:")} >= {"Pictures", "Videos", "Documents", "Backup"}


def test_a_copied_tree_is_the_same_by_every_hash(rclone: Callable[..., str], copied: Path) -> None:
    rclone("check", str(copied), "acd:backup")
    rclone("check", "--download", str(copied), "acd:backup")


def test_names_and_sizes_come_back_as_they_went(rclone: Callable[..., str], copied: Path) -> None:
    rows = {row["Path"]: row["Size"] for row in listing(rclone, "acd:backup", "-R", "--files-only")}
    assert rows == {str(file.relative_to(copied)): file.stat().st_size for file in copied.rglob("*") if file.is_file()}


def test_a_second_copy_has_nothing_to_do(rclone: Callable[..., str], copied: Path) -> None:
    def rows() -> list[dict[str, object]]:
        # rclone lists folders side by side, in whatever order they answer.
        return sorted(listing(rclone, "acd:backup", "-R"), key=lambda row: str(row["Path"]))

    before = rows()
    rclone("copy", "--size-only", str(copied), "acd:backup")
    assert rows() == before


def test_a_tree_is_fetched_back(rclone: Callable[..., str], copied: Path, tmp_path: Path) -> None:
    rclone("copy", "acd:backup", str(tmp_path))
    there = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert there == {file.relative_to(copied): file.read_bytes() for file in copied.rglob("*") if file.is_file()}


def test_part_of_a_file_is_read(rclone: Callable[..., str], copied: Path) -> None:
    del copied
    assert rclone("cat", "--offset", "5", "--count", "6", "acd:backup/odd/.hidden") == "number"


def test_a_changed_file_replaces_the_old_one(rclone: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("first")
    rclone("copy", str(tmp_path), "acd:changing")
    (tmp_path / "note.txt").write_text("second, and longer")
    rclone("copy", str(tmp_path), "acd:changing")
    assert rclone("cat", "acd:changing/note.txt") == "second, and longer"
    assert len(listing(rclone, "acd:changing")) == 1


def test_a_file_is_moved_and_renamed_without_sending_it_again(rclone: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("moved, not sent")
    rclone("copy", str(tmp_path), "acd:from")
    before = listing(rclone, "acd:from")[0]["ID"]
    rclone("moveto", "acd:from/a.txt", "acd:to/b.txt")
    (row,) = listing(rclone, "acd:to")
    assert (row["Name"], row["ID"]) == ("b.txt", before)
    assert listing(rclone, "acd:from") == []


def test_a_folder_is_moved_with_all_below_it(rclone: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "deep" / "deeper" / "c.txt").write_text("far down")
    rclone("copy", str(tmp_path), "acd:one")
    rclone("moveto", "acd:one/deep", "acd:two/deep")
    assert rclone("cat", "acd:two/deep/deeper/c.txt") == "far down"
    assert listing(rclone, "acd:one") == []


def test_sync_makes_the_remote_equal_and_bins_the_rest(rclone: Callable[..., str], tmp_path: Path) -> None:
    for name in ("keep.txt", "drop.txt"):
        (tmp_path / name).write_text(name)
    rclone("sync", str(tmp_path), "acd:synced")
    (tmp_path / "drop.txt").unlink()
    (tmp_path / "new.txt").write_text("new")
    rclone("sync", str(tmp_path), "acd:synced")
    assert {row["Name"] for row in listing(rclone, "acd:synced")} == {"keep.txt", "new.txt"}


def test_folders_are_made_and_removed(rclone: Callable[..., str]) -> None:
    rclone("mkdir", "acd:empty/inside")
    assert [row["IsDir"] for row in listing(rclone, "acd:empty")] == [True]
    rclone("rmdir", "acd:empty/inside")
    assert listing(rclone, "acd:empty") == []
    rclone("purge", "acd:empty")
    assert "empty" not in {row["Path"] for row in listing(rclone, "acd:")}


def test_standard_input_is_stored(rclone: Callable[..., str]) -> None:
    rclone("rcat", "acd:piped/letter.txt", stdin=b"Dear Grace,\n" * 50_000)
    assert rclone("cat", "acd:piped/letter.txt") == "Dear Grace,\n" * 50_000


def test_what_is_not_there_is_said_so(rclone: Callable[..., str]) -> None:
    rclone("lsjson", "acd:nowhere", code=3)
