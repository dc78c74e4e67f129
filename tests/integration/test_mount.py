"""A real mount of the local service, as programs see it."""

from __future__ import annotations

import filecmp
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ap_remote.fs.mount import why_not

REASON = why_not()
pytestmark = pytest.mark.skipif(bool(REASON), reason=f"no real mount here: {REASON}")


def ap(*words, home, **options):
    environment = {**os.environ, "AP_HOME": str(home)}
    environment.pop("AP_REMOTE", None)
    command = [sys.executable, "-m", "ap_remote", *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False, **options)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def mounted(tmp_path, home):
    """Mount, in the background, what a test asks for; unmount it at the end."""
    folders = []

    def mount(spec="local:", *options):
        folder = tmp_path / f"mount{len(folders)}"
        folder.mkdir()
        done = ap("mount", spec, folder, "--daemon", *options, home=home)
        assert done.returncode == 0, done.stderr
        folders.append(folder)
        return folder

    yield mount
    for folder in folders:
        if os.path.ismount(folder):
            done = ap("unmount", folder, home=home)
            assert done.returncode == 0, done.stderr


@pytest.fixture
def tree(tmp_path):
    dice = random.Random(1)
    top = tmp_path / "tree"
    (top / "deep" / "er").mkdir(parents=True)
    for number, name in enumerate(("a b.txt", "é 日本 🎉.bin", "[1]{2}.dat", ".hidden", "semi;colon&.txt")):
        (top / "deep" / name).write_bytes(dice.randbytes(1000 * number))
    (top / "deep" / "er" / "large.bin").write_bytes(dice.randbytes(9 << 20))
    return top


def test_a_tree_is_copied_in_and_comes_out_the_same(mounted, tree, home, tmp_path):
    there = mounted("local:", "--writable")
    shutil.copytree(tree, there / "tree")
    names = sorted(str(each.relative_to(there)) for each in (there / "tree").rglob("*"))
    assert names == sorted(str(each.relative_to(tree.parent)) for each in tree.rglob("*"))
    shutil.copytree(there / "tree", tmp_path / "back")
    assert not filecmp.dircmp(tree, tmp_path / "back").diff_files
    assert (tmp_path / "back" / "deep" / "er" / "large.bin").read_bytes() == (
        tree / "deep" / "er" / "large.bin"
    ).read_bytes()
    done = ap("unmount", there, home=home)
    assert done.returncode == 0, done.stderr
    assert "tree/deep/er/large.bin" in ap("lsf", "-R", "local:", home=home).stdout


def test_a_shell_works_in_it(mounted):
    there = mounted("local:", "--writable")
    script = (
        "mkdir d && echo one > d/f && echo two >> d/f && mv d/f d/g && cat d/g && rm d/g && rmdir d && ls -a .views"
    )
    done = subprocess.run(["sh", "-ec", script], cwd=there, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.stdout.startswith("one\ntwo\n")
    assert "trash" in done.stdout


def test_nothing_can_be_changed_unless_it_was_asked_for(mounted, home, tree):
    assert ap("put", f"{tree}/", "local:Pictures", home=home).returncode == 0
    there = mounted("local:Pictures")
    assert (there / "deep" / "er" / "large.bin").stat().st_size == 9 << 20
    with pytest.raises(OSError, match="Read-only"):
        (there / "deep" / "new").write_text("x")
    with pytest.raises(OSError, match="Read-only"):
        (there / "deep" / "a b.txt").unlink()


def test_a_wrong_folder_is_refused_with_a_sentence(mounted, home, tmp_path, tree):
    missing = ap("mount", "local:", tmp_path / "nowhere", home=home)
    assert missing.returncode == 2
    assert "make it first" in missing.stderr
    full = ap("mount", "local:", tree, home=home)
    assert "not empty" in full.stderr
    there = mounted()
    twice = ap("mount", "local:", there, home=home).stderr
    assert f"a mount already: `ap unmount {there}` ends it" in twice
    assert "nothing is mounted" in ap("unmount", tree, home=home).stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    absent = ap("mount", "local:No such folder", empty, "--daemon", home=home)
    assert absent.returncode != 0
    assert "No such folder" in absent.stderr


def test_a_killed_mount_leaves_the_library_whole(mounted, home):
    there = mounted("local:", "--writable")
    (there / "kept.txt").write_text("kept")
    ours = [each for each in psutil.process_iter(["cmdline"]) if str(there) in (each.info["cmdline"] or [])]
    assert ours
    for each in ours:
        each.kill()
    subprocess.run(["fusermount3", "-uz", str(there)], check=False, capture_output=True)
    assert ap("cat", "local:kept.txt", home=home).stdout == "kept"


@pytest.fixture(autouse=True)
def _left_over(tmp_path):
    yield
    assert not [each for each in tmp_path.iterdir() if os.path.ismount(each)], "a mount was left"
    assert Path(tmp_path).exists()
