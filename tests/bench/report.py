"""One figure a line, as JSON, beside its aim and its peer of the same run."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One measured value."""

    bench: str
    value: float
    unit: str
    aim: float | None = None
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    """Value over peer."""
    detail: dict[str, Any] | None = None


def show(figure: Figure) -> None:
    """Print one figure."""
    sys.stdout.write(msgspec.json.encode(figure).decode() + "\n")
    sys.stdout.flush()


def show_machine() -> None:
    """Print what the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    facts = {
        "bench": "machine",
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "processor": _processor(),
        "python": platform.python_version(),
    }
    sys.stdout.write(msgspec.json.encode(facts).decode() + "\n")


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:  # noqa: PTH123 - not a path of ours
            return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    except OSError:
        return platform.processor() or "unknown"
