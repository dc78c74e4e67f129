"""A service of few lines that counts what it is asked, and can lack, refuse, cut off or lose whatever a test says."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.transport import Hosts, Pacer, Retry, Session, Transport

COOKIES = {"session-id": "canary-111-2222222", "ubid-main": "canary-444-555555", "at-main": "Atza|canary-token"}
SIGNATURE = "X-Amz-Algorithm=AWS4&X-Amz-Signature=canary-signature"
OWNER = "A1EXAMPLE0OWNR"
ROOT = "r" * 22

Reply = tuple[int, Any, dict[str, str]]


class Clock:
    """Time that passes when it is slept."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class OddService:
    """An ASGI application.

    Attributes:
        asked: how often each endpoint was called, e.g. ``POST v2/upload``.
        lacks: endpoints that are not there, with the status they answer.
        after: statuses with which an endpoint answers after it did its work; ``0`` breaks the connection.
        before: the same, before it does anything.
        ranges: the ways at whose end a range is understood.
        breaks: how many bytes of each next content are sent before the connection breaks.
        leaks: endpoints that need no credentials and were sent some.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.nodes: dict[str, dict[str, Any]] = {ROOT: {"id": ROOT, "kind": "FOLDER", "isRoot": True, "version": 1}}
        self.data: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()
        self.queries: list[tuple[str, dict[str, str]]] = []
        self.lacks: dict[str, int] = {}
        self.after: dict[str, list[int | None]] = {}
        self.before: dict[str, list[int | None]] = {}
        self.ranges = {"redirect", "link", "direct"}
        self.links = True
        self.breaks: list[int] = []
        self.leaks: list[str] = []
        self.pending: dict[str, dict[str, Any]] = {}
        self.archive_states: list[tuple[str, int | None]] = []
        self.archive_cut = False
        self.asset_positions = "children"

    # -- behind the verbs' back ----------------------------------------------------------------------------------------

    def add(self, name: str, data: bytes | None, parent: str = ROOT, kind: str = "FILE", **fields: Any) -> str:
        node_id = f"n{len(self.nodes):0>21}"
        self.nodes[node_id] = {
            "id": node_id,
            "name": name,
            "kind": kind,
            "status": "AVAILABLE",
            "version": 1,
            "ownerId": OWNER,
            "parents": [parent],
            **fields,
        }
        if data is not None:
            self.fill(node_id, data)
        return node_id

    def fill(self, node_id: str, data: bytes) -> None:
        self.data[node_id] = data
        self.nodes[node_id]["contentProperties"] = {
            "size": len(data),
            "md5": hashlib.md5(data).hexdigest(),
            "contentType": "image/jpeg",
        }

    def named(self, name: str) -> list[dict[str, Any]]:
        return [node for node in self.nodes.values() if node.get("name") == name]

    # -- the application -----------------------------------------------------------------------------------------------

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix("/drive/v1").lstrip("/")
        query = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        body = bytearray()
        message = await receive()
        while message["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
            message = await receive()
        if message["type"] == "http.disconnect":
            return
        endpoint, handler = self._route(scope["method"], path)
        self.asked[endpoint] += 1
        self.queries.append((endpoint, query))
        if path.startswith("signed") and {"cookie", "x-amzn-sessionid"} & headers.keys():
            self.leaks.append(endpoint)
        if endpoint in self.lacks:
            await _answer(send, self.lacks[endpoint], {"message": "Unknown operation"}, {})
            return
        if early := _next(self.before, endpoint):
            await self._fail(send, early)
            return
        status, content, extra = await handler(query, headers, bytes(body))
        if late := _next(self.after, endpoint):
            await self._fail(send, late)
            return
        await _answer(send, status, content, extra, cut=self.breaks.pop(0) if self._breaks(content) else None)

    def _breaks(self, content: Any) -> bool:
        return isinstance(content, bytes) and bool(content) and bool(self.breaks)

    async def _fail(self, send: Any, status: int) -> None:
        if status <= 0:
            raise ConnectionError("cut")
        await _answer(send, status, {"message": "Internal failure"}, {})

    def _route(self, method: str, path: str) -> tuple[str, Callable[..., Awaitable[Reply]]]:
        handlers: dict[str, Callable[..., Awaitable[Reply]]] = {
            "GET nodes": self._nodes,
            "GET nodes/*": self._node,
            "POST nodes": self._make,
            "GET nodes/*/children": self._children,
            "GET nodes/*/contentRedirection": self._redirect,
            "GET signed/zip": self._zip,
            "GET signed/*/*": self._signed,
            "GET cdproxy/nodes/*": self._direct,
            "POST cdproxy/nodes": self._upload,
            "POST v2/upload": self._upload,
            "PUT v2/upload/*": self._overwrite,
            "POST v2/upload/multipart-upload": self._start,
            "PUT v2/upload/multipart-upload/*/parts/*": self._part,
            "GET v2/upload/multipart-upload/*": self._state,
            "POST v2/upload/multipart-upload/*/complete": self._complete,
            "DELETE v2/upload/multipart-upload/*": self._abort,
            "POST batchLink": self._batch_link,
            "POST bulk/nodeByDigest": self._digests,
            "PATCH trash": self._trash,
        }
        for title, handler in handlers.items():
            if found := re.fullmatch(title.replace("*", "([^/]+)"), f"{method} {path}"):
                return title, functools.partial(handler, *found.groups())
        return f"{method} {path}", self._unknown

    async def _unknown(self, *_: Any) -> Reply:
        return 404, b"<UnknownOperationException/>", {"content-type": "text/xml"}

    # -- reading -------------------------------------------------------------------------------------------------------

    async def _nodes(self, query: dict[str, str], *_: Any) -> Reply:
        filters = query.get("filters", "")
        if filters == "isRoot:true":
            return 200, {"count": 1, "data": [self.nodes[ROOT]]}, {}
        found = list(self.nodes.values())
        if md5 := re.fullmatch(r"contentProperties\.md5:([0-9a-f]{32})", filters):
            found = [each for each in found if each.get("contentProperties", {}).get("md5") == md5[1]]
        return _page(found, query)

    async def _node(self, node_id: str, query: dict[str, str], *_: Any) -> Reply:
        if node_id not in self.nodes:
            return 404, {"code": "NODE_NOT_FOUND", "message": "no"}, {}
        node = dict(self.nodes[node_id])
        if query.get("tempLink") == "true" and self.links:
            node["tempLink"] = f"https://storage.invalid/signed/link/{node_id}?{SIGNATURE}"
        parts = [each for each in self.nodes.values() if each["kind"] == "ASSET" and node_id in each["parents"]]
        if parts and self.asset_positions == "objects":
            node["assets"] = parts
        if parts and self.asset_positions == "ids":
            node["assets"] = [each["id"] for each in parts]
        return 200, node, {}

    async def _children(self, node_id: str, query: dict[str, str], *_: Any) -> Reply:
        kinds_with_children = ("FOLDER", "VISUAL_COLLECTION")
        if self.nodes[node_id]["kind"] not in kinds_with_children and self.asset_positions != "children":
            return 400, {"message": "Invalid parent"}, {}
        found = [each for each in self.nodes.values() if node_id in each.get("parents", ())]
        found += [self.nodes[each] for each in self.nodes[node_id].get("members", ())]
        if name := re.fullmatch(r'name:"?([^"]*)"?', query.get("filters", "").replace("\\", "")):
            found = [each for each in found if each["name"].casefold() == name[1].casefold()]
        return _page(found, query)

    async def _redirect(self, node_id: str, query: dict[str, str], *_: Any) -> Reply:
        suffix = query["querySuffix"].lstrip("?")
        target = f"https://storage.invalid/signed/redirect/{node_id}?{suffix}&{SIGNATURE}"
        return 302, b"", {"location": target}

    async def _signed(self, way: str, node_id: str, query: dict[str, str], headers: Any, _: Any) -> Reply:
        if "viewBox" in query:
            return 200, f"view {query['viewBox']}".encode(), {}
        return self._bytes(node_id, headers, ranges=way in self.ranges)

    async def _direct(self, node_id: str, _query: Any, headers: Any, _body: Any) -> Reply:
        if "cookie" not in headers:
            return 401, {"message": "No Auth Method Provided"}, {}
        return self._bytes(node_id, headers, ranges="direct" in self.ranges)

    def _bytes(self, node_id: str, headers: dict[str, str], *, ranges: bool) -> Reply:
        data = self.data[node_id]
        wanted = headers.get("range")
        if wanted is None or not ranges:
            return 200, data, {"content-length": str(len(data))}
        first, last = map(int, wanted.removeprefix("bytes=").split("-"))
        part = data[first : last + 1]
        told = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
        return 206, part, {"content-length": str(len(part)), "content-range": told}

    # -- writing -------------------------------------------------------------------------------------------------------

    async def _make(self, _query: Any, _headers: Any, body: bytes) -> Reply:
        fields = json.loads(body)
        node_id = self.add(fields["name"], None, *fields["parents"], kind=fields["kind"])
        return 201, self.nodes[node_id], {}

    async def _upload(self, query: dict[str, str], _headers: Any, body: bytes) -> Reply:
        conflict = self._conflict(query, body)
        if conflict:
            return conflict
        node_id = self.add(query["name"], body, query["parentNodeId"])
        return 201, self.nodes[node_id], {}

    def _conflict(self, query: dict[str, str], body: bytes | None) -> Reply | None:
        if query["parentNodeId"] not in self.nodes:
            return 404, {"code": "NODE_NOT_FOUND", "message": "no"}, {}
        for node in self.nodes.values():
            if query["parentNodeId"] in node.get("parents", ()) and node["name"].casefold() == query["name"].casefold():
                said = f"Node with the name {query['name'].lower()} already exists"
                return 409, {"code": "NAME_ALREADY_EXISTS", "message": said, "info": {"nodeId": node["id"]}}, {}
        for node_id, data in self.data.items():
            if data == body and "suppress" not in query:
                return 409, {"message": "conflict", "info": {"nodeId": node_id}}, {}
        return None

    async def _overwrite(self, node_id: str, _query: Any, _headers: Any, body: bytes) -> Reply:
        self.fill(node_id, body)
        self.nodes[node_id]["version"] += 1
        return 200, self.nodes[node_id], {}

    async def _start(self, query: dict[str, str], headers: dict[str, str], _body: Any) -> Reply:
        conflict = self._conflict(query, None)
        if conflict:
            return conflict
        node_id = f"p{len(self.pending):0>21}"
        self.pending[node_id] = {"query": query, "md5": headers["x-amzn-file-md5"], "parts": {}}
        return 200, {"nodeId": node_id, "uploadId": "upload-1", "partSize": 100}, {}

    async def _part(self, node_id: str, number: str, query: Any, headers: dict[str, str], body: bytes) -> Reply:
        assert query["uploadId"] == "upload-1"
        md5 = hashlib.md5(body).hexdigest()
        assert headers["x-amzn-part-md5"] == md5
        self.pending[node_id]["parts"][int(number)] = body
        return 200, {"serverSidePartMD5": md5, "serverSidePartSize": len(body), "status": "OK"}, {}

    async def _state(self, node_id: str, *_: Any) -> Reply:
        if node_id not in self.pending:
            return 404, {"code": "NODE_NOT_FOUND", "message": "no"}, {}
        parts = self.pending[node_id]["parts"].items()
        rows = [
            {"part-number": number, "part-size": len(data), "eTag": f'"{hashlib.md5(data).hexdigest()}"'}
            for number, data in parts
        ]
        return 200, {"parts": rows}, {}

    async def _complete(self, node_id: str, *_: Any) -> Reply:
        begun = self.pending.pop(node_id)
        data = b"".join(begun["parts"][each] for each in sorted(begun["parts"]))
        if hashlib.md5(data).hexdigest() != begun["md5"]:
            return 400, {"message": "Cannot complete upload: md5"}, {}
        made = self.add(begun["query"]["name"], None, begun["query"]["parentNodeId"])
        node = self.nodes.pop(made) | {"id": node_id}
        self.nodes[node_id] = node
        self.fill(node_id, data)
        return 200, node, {}

    async def _abort(self, node_id: str, *_: Any) -> Reply:
        self.pending.pop(node_id, None)
        return 204, b"", {}

    async def _trash(self, _query: Any, _headers: Any, body: bytes) -> Reply:
        for each in json.loads(body)["value"]:
            self.nodes[each]["status"] = "TRASH"
        return 200, {}, {}

    # -- in bulk -------------------------------------------------------------------------------------------------------

    async def _batch_link(self, _query: Any, _headers: Any, body: bytes) -> Reply:
        self.wanted = json.loads(body)["nodeIds"]
        status, expires = self.archive_states.pop(0) if self.archive_states else ("AVAILABLE", None)
        link = {"content": f"https://storage.invalid/signed/zip?{SIGNATURE}"} if status == "AVAILABLE" else {}
        expires = expires or int(self.clock() * 1000) + 60_000
        return 201, {"links": link, "expires": expires, "status": status}, {}

    async def _zip(self, *_: Any) -> Reply:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for owned in self.wanted:
                owner, _, node_id = owned.partition(":")
                assert owner == OWNER
                archive.writestr(self.nodes[node_id]["name"], self.data[node_id])
        data = buffer.getvalue()
        return 200, data[: len(data) // 2] if self.archive_cut else data, {}

    async def _digests(self, _query: Any, _headers: Any, body: bytes) -> Reply:
        wanted = json.loads(body)
        assert wanted["digestType"] == "MD5"
        found = {
            node["contentProperties"]["md5"]: node
            for node in self.nodes.values()
            if node.get("contentProperties", {}).get("md5") in wanted["digestList"]
        }
        return 200, {"digestType": "MD5", "digestToNodeMap": found}, {}


def _page(found: list[dict[str, Any]], query: dict[str, str]) -> Reply:
    start, limit = int(query.get("offset", 0)), int(query["limit"])
    return 200, {"count": len(found), "data": found[start : start + limit]}, {}


def _next(faults: dict[str, list[int | None]], endpoint: str) -> int | None:
    """Return what goes wrong this time: a status, ``-1`` for a connection that breaks, ``None`` for nothing."""
    if not faults.get(endpoint):
        return None
    fault = faults[endpoint].pop(0)
    return -1 if fault == 0 else fault


async def _answer(send: Any, status: int, content: Any, extra: dict[str, str], *, cut: int | None = None) -> None:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    kind = "application/octet-stream" if isinstance(content, bytes) else "application/json"
    headers = {"content-type": kind, "content-length": str(len(body)), **extra}
    raw = [(key.encode(), value.encode()) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body if cut is None else body[:cut]})


def remote_over(service: OddService, folder: Path) -> AmazonPhotosRemote:
    """Return a remote that waits without waiting."""
    session = Session(COOKIES, Hosts.for_marketplace("com"))
    retry = Retry(sleep=service.clock.sleep)
    transport = Transport(session, app=service, retry=retry, pacer=Pacer.unlimited())
    return AmazonPhotosRemote("odd", transport, folder, clock=service.clock, sleep=service.clock.sleep)
