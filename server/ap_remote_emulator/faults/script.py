"""Scripted failures, as a middleware in front of everything: what a client must survive."""

from __future__ import annotations

import fnmatch
import threading
from typing import Final

import anyio
import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ap_remote_emulator.faults.bodies import shortened
from ap_remote_emulator.faults.requests import drain

_FOREVER: Final = -1


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One scripted failure.

    Attributes:
        path: a shell pattern that the request's path must match; a ``*`` crosses slashes.
        method: the request's method, or ``*``.
        status: answer with this status; 0 lets the service answer.
        body: the answer's text; its type is JSON if it begins with a brace, else HTML.
        headers: further headers of the answer, such as ``Retry-After``.
        times: how many requests fail; -1 is all of them.
        skip: how many matching requests pass first.
        delay: seconds to wait before anything else.
        after: let the service do its work, and then answer with *status* all the same.
        truncate: send only so many bytes of the service's answer, under its true headers; -1 sends all.
    """

    path: str = "*"
    method: str = "*"
    status: int = 0
    body: str = ""
    headers: dict[str, str] = {}
    times: int = 1
    skip: int = 0
    delay: float = 0.0
    after: bool = False
    truncate: int = -1


class Faults:
    """The script: faults are tried in the order in which they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._guard = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Add a fault to the end of the script."""
        with self._guard:
            self._faults.append(fault)

    def clear(self) -> None:
        """Let everything pass again."""
        with self._guard:
            self._faults.clear()

    def pending(self) -> list[Fault]:
        """Return the faults that have not been used up."""
        with self._guard:
            return list(self._faults)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault that befalls a request, and count it."""
        with self._guard:
            for fault in self._faults:
                if fault.method not in ("*", method) or not fnmatch.fnmatchcase(path, fault.path):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times != _FOREVER:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                return fault
        return None


class FaultMiddleware:
    """Lets the script befall requests. What lies under ``/_internal/`` is spared."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self.app = app
        self.faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or fail it."""
        spared = scope["type"] != "http" or scope["path"].startswith("/_internal/")
        fault = None if spared else self.faults.take(scope["method"], scope["path"])
        if fault is None:
            await self.app(scope, receive, send)
            return
        if fault.delay:
            await anyio.sleep(fault.delay)
        if fault.status == 0:
            await self.app(scope, receive, shortened(send, fault.truncate) if fault.truncate >= 0 else send)
            return
        if fault.after:
            await self.app(scope, receive, _nowhere)
        else:
            await drain(receive)
        await _answer(fault, send)


async def _answer(fault: Fault, send: Send) -> None:
    body = fault.body.encode()
    kind = "application/json" if fault.body.startswith(("{", "[")) else "text/html"
    headers = {"content-type": kind, **fault.headers, "content-length": str(len(body))}
    await send(
        {
            "type": "http.response.start",
            "status": fault.status,
            "headers": [(key.lower().encode(), value.encode()) for key, value in headers.items()],
        },
    )
    await send({"type": "http.response.body", "body": body})


async def _nowhere(message: Message) -> None:
    del message
