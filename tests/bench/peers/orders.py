"""A worker: reads orders as JSON lines, runs each on its filesystem, answers what it took. It knows only fsspec."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.peers import cases


def work(filesystem: Any) -> None:
    """Run orders until there are no more.

    An order is ``{"case": …, "arguments": {…}}``, a function of :mod:`tests.bench.peers.cases`; its answer has the
    seconds by the clock, those of the processor, what the process needed of memory until now, and what came out.
    """
    for line in sys.stdin:
        order = json.loads(line)
        run = getattr(cases, order["case"])
        cpu, begun = time.process_time(), time.perf_counter()
        found = run(filesystem, **order["arguments"])
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        answer = {"seconds": seconds, "cpu": cpu, **_memory(), "found": found}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _memory() -> dict[str, float]:
    """Return the most memory that this program had, and what it has of files now, both in MiB."""
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except OSError:
        return {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "mapped_mib": 0}
    told = {
        name: int(rest.split()[0]) / 1024 for name, _, rest in (line.partition(":") for line in lines) if "kB" in rest
    }
    return {"peak_mib": told["VmHWM"], "mapped_mib": told["RssFile"]}
