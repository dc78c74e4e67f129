"""Ctrl-C while bytes are on their way: once to let them arrive, twice to stop at once; nothing is lost either way."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ap_remote.cli.main import app

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process there cannot be sent Ctrl-C alone")

_FILES = 6
_SIZE = 300_000
_WAIT = 60


class Typed:
    """``ap`` as a child process."""

    def __init__(self, home: Path, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ap_remote", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "AP_HOME": str(home), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self.said: list[str] = []

    def until(self, fits: Callable[[str], bool]) -> None:
        """Wait for a line on stderr."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if fits(line):
                return
        raise AssertionError(f"it ended with {self.process.wait()}: {''.join(self.said)}")

    def press(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=_WAIT)
        return self.process.returncode, out, "".join(self.said) + err


def ap(home: Path, *words: str) -> str:
    """Run ``ap`` in this process: it prepares, or looks at what the other left."""
    done = CliRunner(env={"AP_HOME": str(home), "AP_REMOTE": None, "AP_CONFIG": None}).invoke(app, list(words))
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def digests(folder: Path) -> dict[str, str]:
    """Return what lies in a folder under a final name: what is not whole yet has another."""
    return {
        file.name: hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
        for file in folder.glob("*")
        if not file.name.startswith(".")
    }


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(_FILES):
        (folder / f"{number}.bin").write_bytes(random.Random(number).randbytes(_SIZE))
    return folder


def is_under_way(line: str) -> bool:
    """Whether some bytes have passed, and not all files are there."""
    return "/6 files" in line and "(0 %)" not in line and not line.startswith("6/6")


@pytest.mark.parametrize(("way", "presses"), [("up", 1), ("up", 2), ("down", 2)])
def test_an_interrupted_run_leaves_whole_files_and_goes_on(
    tmp_path: Path, photos: Path, way: str, presses: int
) -> None:
    home, back = tmp_path / "home", tmp_path / "back"
    whole = digests(photos)
    ends = (str(photos), "local:Bin")
    if way == "down":
        ap(home, "copy", *ends)
        ends = ("local:Bin", str(back))
    run = Typed(home, "copy", *ends, "--transfers", "2", "--bwlimit", "600k", "--stats", "100ms")
    run.until(is_under_way)
    run.press()
    run.until(lambda line: line.startswith("stopping when what is on its way has arrived"))
    if presses == 2:
        run.press()
        run.until(lambda line: line.startswith("stopping at once"))
    code, out, err = run.end()
    assert code == 130, err
    assert "Traceback" not in err
    assert " copied" in out or "failed" in out
    last = err.splitlines()[-1]
    assert last.startswith("`ap transfer resume ")

    if way == "up":
        ap(home, "get", "local:Bin", str(tmp_path / "half"))
        arrived = digests(tmp_path / "half" / "Bin") if (tmp_path / "half" / "Bin").exists() else {}
    else:
        arrived = digests(back)
    assert len(arrived) < _FILES
    assert arrived.items() <= whole.items()
    if presses == 1:
        assert arrived

    told = ap(home, "transfer", "resume", last.split()[3].rstrip("`"))
    assert f"{_FILES - len(arrived)} copied" in told
    assert f"{_FILES} matching files" in ap(home, "check", str(photos), "local:Bin")
    if way == "down":
        assert digests(back) == whole
        assert sorted(each.name for each in back.iterdir()) == sorted(whole)
