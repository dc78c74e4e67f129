"""Work in a process of its own that is killed at a chosen step.

Importing what the work needs takes a second, the work itself milliseconds. So one process imports it once, and forks
another for each piece of work; that one is killed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from functools import cache

_FORKING = """
import json, os, sys, tempfile
sys.path.insert(0, os.getcwd())
import tests.unit.semantic.test_compaction
from ap_remote.semantic.extras import need

need("faiss")
for line in sys.stdin:
    asked = json.loads(line)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.argv = ["-c", *asked["arguments"]]
            exec(asked["script"], {"__name__": "__main__"})
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        told = os.waitstatus_to_exitcode(status), out.read().decode(), err.read().decode()
    print(json.dumps(told), flush=True)
"""

_COUNTING = """
import os, signal, sys
from pathlib import Path
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
    forking = _forking()
    assert forking.stdin is not None
    assert forking.stdout is not None
    print(json.dumps({"script": script, "arguments": [str(folder), str(step)]}), file=forking.stdin, flush=True)
    status, out, err = json.loads(forking.stdout.readline())
    return subprocess.CompletedProcess(script, status, out, err)


@cache
def _forking() -> subprocess.Popen[str]:
    """Return the process that forks; it ends with this one, which its input comes from."""
    return subprocess.Popen(
        [sys.executable, "-c", _FORKING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=os.getcwd(),  # noqa: PTH109 - where the tests are imported from
    )
