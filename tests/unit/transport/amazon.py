"""A small stand-in for Amazon's hosts in one application: it knows who is let in, and nothing of photographs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

REFRESH = "/ap/exchangetoken/refresh"
TOKEN = "/photos/auth/token"
INFO = "/drive/v1/account/info"
NO_AUTH = {"Message": "No Auth Method Provided"}
NODE = {"id": "n" * 22, "name": "a.jpg", "kind": "FILE", "status": "AVAILABLE"}


class Request:
    """What was asked."""

    def __init__(self, scope: dict[str, Any], body: bytes) -> None:
        self.method: str = scope["method"]
        self.host: str = scope["server"][0]
        self.path: str = scope["path"]
        self.headers = {key.decode(): value.decode("latin-1") for key, value in scope["headers"]}
        self.body = body

    @property
    def cookies(self) -> dict[str, str]:
        pairs = self.headers.get("cookie", "").split("; ")
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


Answer = tuple[int, object] | tuple[int, object, dict[str, str]]


class Amazon:
    """Lets in whoever has the present ``at-`` cookie, on the content host too unless *tokens* says otherwise.

    Attributes:
        at: the present cookie; ``None`` lets nobody in.
        refresh: answers a renewal; the default is a good one, once for each refresh token.
        overrides: by path, answers in place of its own, the first of which is used up.
    """

    def __init__(self, at: str | None, *, sess: str = "canary-refresh-1", tokens: bool = False) -> None:
        self.at = at
        self.sess = sess
        self.tokens = tokens
        self.token: str | None = None
        self.suffix = "main"
        self.requests: list[Request] = []
        self.overrides: dict[str, list[Answer]] = {}
        self.refresh: Callable[[Request], Answer] = self.renew
        self._count = 0

    def asked(self, path: str) -> list[Request]:
        return [each for each in self.requests if each.path == path]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        request = Request(scope, body)
        self.requests.append(request)
        status, content, *more = self.answer(request)
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        kind = "text/html" if raw.startswith(b"<") else "application/json"
        headers = {"content-type": kind, "content-length": str(len(raw)), **(more[0] if more else {})}
        pairs = [(key.encode(), value.encode()) for key, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": raw})

    def answer(self, request: Request) -> Answer:
        waiting = self.overrides.get(request.path)
        if waiting:
            return waiting.pop(0)
        if request.path == REFRESH:
            return self.refresh(request)
        if not self.admits(request):
            return 401, NO_AUTH
        if request.path == TOKEN:
            self._count += 1
            self.token = f"Atza|canary-access-{self._count}"
            return 200, {"access_token": self.token, "duration": "3600"}
        return (201 if request.method == "POST" else 200), {**NODE, "status": "ACTIVE"}

    def admits(self, request: Request) -> bool:
        content = request.host.startswith("content-")
        if content and (shown := request.headers.get("x-amz-access-token")) is not None:
            return shown == self.token
        return not (content and self.tokens) and request.cookies.get(f"at-{self.suffix}") == self.at is not None

    def renew(self, request: Request) -> Answer:
        if request.form.get("source_token") != self.sess:
            return 401, NO_AUTH
        self._count += 1
        self.at, self.sess = f"Atza|canary-new-{self._count}", f"canary-refresh-new-{self._count}"
        fresh = {f"at-{self.suffix}": self.at, f"sess-at-{self.suffix}": self.sess}
        rows = [{"Name": name, "Value": value} for name, value in fresh.items()]
        return 200, {"response": {"tokens": {"cookies": rows}}}
