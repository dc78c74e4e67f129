"""Work in a process of its own that is killed at a chosen step."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

_COUNTING = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, os.getcwd())
from ap_remote.semantic import catalog, depot

folder, step, seen = Path(sys.argv[1]), int(sys.argv[2]), 0

def counted(inner):
    def call(*args, **kwargs):
        global seen
        seen += 1
        if seen == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return inner(*args, **kwargs)
    return call

# Every border between two steps of a write to the disk.
depot.os.fsync = counted(os.fsync)
Path.replace = counted(Path.replace)
"""


def killed(folder, step, work) -> subprocess.CompletedProcess[str]:
    """Run *work*, lines that know ``folder`` and ``counted``, and kill it where the *step*-th counted call begins."""
    script = f'{_COUNTING}{textwrap.dedent(work)}\nprint("lived")\n'
    return subprocess.run(
        [sys.executable, "-c", script, str(folder), str(step)],
        capture_output=True,
        text=True,
        check=False,
        cwd=os.getcwd(),  # noqa: PTH109 - where the tests are imported from
    )
