"""Error bodies. Four JSON shapes are known, and some answers are no JSON at all.

====  =========================================================================  =============================
A     ``{"Message"}``                                                            the front of ``www.amazon.*``
B     ``{"logref", "message", "code", "info": {"nodeId"}}``                      drive service, ``cdproxy``
C     ``{"message"}``                                                            throttling, gateway
D     ``{"message", "errorCode", "requestId", "errorDetails":                    ``v2/upload``
      {"conflictNodeIds": []}}``
====  =========================================================================  =============================
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

_ANY: Final = msgspec.json.Decoder()
_LONGEST: Final = 300
_SPACES: Final = re.compile(r"[\s\x00-\x1f\x7f]+")


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What the service says about a failure, whichever shape it came in."""

    message: str = ""
    code: str = ""
    node_ids: tuple[str, ...] = ()
    """The nodes in the way, for a conflict."""
    request_id: str | None = None
    json: bool = False
    """Whether the body was one of the JSON shapes."""


def parse(body: bytes) -> Fault:
    """Read an error body of any shape; never raises. Keys are compared without regard to case."""
    try:
        content = _ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Fault()
    if not isinstance(content, dict):
        return Fault()
    fields = _folded(content)
    details = {**_folded(fields.get("info")), **_folded(fields.get("errordetails"))}
    return Fault(
        message=_sentence(fields.get("message")),
        code=_sentence(fields.get("errorcode") or fields.get("code")),
        node_ids=_ids(details.get("nodeid")) + _ids(details.get("conflictnodeids")),
        request_id=_sentence(fields.get("requestid") or fields.get("logref")) or None,
        json=True,
    )


def _folded(value: Any) -> dict[str, Any]:
    return {key.casefold(): each for key, each in value.items()} if isinstance(value, dict) else {}


def _sentence(value: Any) -> str:
    """Return one short line; what the service says may hold anything."""
    if not isinstance(value, str | int):
        return ""
    line = _SPACES.sub(" ", str(value)).strip()
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _ids(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(each for each in value if isinstance(each, str) and each) if isinstance(value, list) else ()
