"""Files between a local tree and any remote: planned, verified, reported row by row.

What stands here is loaded when it is first asked for: a command that only lists must not wait for the engine.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ap_remote.transfer.report import Meter, Report, Row
    from ap_remote.transfer.simple import Upload, download, plan_upload, upload

__all__ = ["Meter", "Report", "Row", "Upload", "download", "plan_upload", "upload"]

_HOMES = {"Meter": "report", "Report": "report", "Row": "report"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'simple')}"), name)
