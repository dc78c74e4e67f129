"""Uploads that end early, over a socket, at every door: nothing is there afterwards, and what was there stays."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from ap_remote_emulator.library.check import check

_PATH = os.pathsep.join(path for path in sys.path if path)
_BODY = b"0123456789abcdef" * 200_000
_BOUNDARY = "b7"
_HALF_FORM = (
    f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{{"name": "half.bin"}}\r\n'
    f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="content"; filename="x"\r\n\r\n'
).encode() + _BODY


class Service:
    """The service as a process, and a client of it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ap_remote_emulator", "--data", str(data), "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": _PATH},
        )
        assert self.process.stdout is not None
        ready = json.loads(self.process.stdout.readline())
        self.url: str = ready["url"]
        self.token: str = json.loads(Path(ready["credentials"]).read_text())["access_token"]
        self.http = httpx.Client(
            base_url=self.url,
            headers={"x-amz-access-token": self.token},
            timeout=60,
            trust_env=False,
        )

    def end(self, number: int) -> None:
        self.http.close()
        self.process.send_signal(number)
        self.process.communicate(timeout=30)

    def call(self, method: str, path: str, status: int, **arguments: Any) -> Any:
        answer = self.http.request(method, path, **arguments)
        assert answer.status_code == status, answer.text
        return answer.json()

    def files(self) -> list[str]:
        query = {"filters": "kind:FILE", "resourceVersion": "V2"}
        return sorted(node["name"] for node in self.call("GET", "/drive/v1/nodes", 200, params=query)["data"])

    def half(self, target: Target) -> socket.socket:
        """Send half a body, once the service has begun to receive it."""
        where = urlsplit(self.url)
        connection = socket.create_connection((where.hostname, where.port), timeout=60)
        head = [
            f"{target.method} {target.path} HTTP/1.1",
            f"host: {where.netloc}",
            f"x-amz-access-token: {self.token}",
            "expect: 100-continue",
            *target.headers,
            "",
            "",
        ]
        connection.sendall("\r\n".join(head).encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
        connection.sendall(target.half)
        return connection


@dataclass(frozen=True)
class Target:
    """A request that breaks off: what stands in its head, and the half of its body."""

    method: str
    path: str
    headers: tuple[str, ...]
    half: bytes


@contextlib.contextmanager
def running(data: Path) -> Iterator[Service]:
    service = Service(data)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.end(signal.SIGKILL)


def _chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def _targets(service: Service) -> dict[str, Target]:
    """Every way to send bytes; a file to overwrite and an upload in parts are there already."""
    old = service.call("POST", "/cdproxy/nodes", 201, params={"name": "old.txt"}, content=b"old")["id"]
    parts = service.call("POST", "/v2/upload/multipart-upload", 201, params={"name": "parts.bin"})
    base = f"/v2/upload/multipart-upload/{parts['nodeId']}/parts/"
    kept = service.http.put(base + "1", params={"uploadId": parts["uploadId"]}, content=b"first")
    assert kept.status_code == 200
    length = (f"content-length: {2 * len(_BODY)}",)
    chunked = ("transfer-encoding: chunked",)
    form = f"content-type: multipart/form-data; boundary={_BOUNDARY}"
    part = f"{base}2?uploadId={parts['uploadId']}"
    return {
        "A": Target("POST", "/cdproxy/nodes?name=half.bin", length, _BODY),
        "A in chunks": Target("POST", "/cdproxy/nodes?name=half.bin", chunked, _chunk(_BODY)),
        "B": Target("POST", "/v2/upload?name=half.bin", length, _BODY),
        "B over a file": Target("PUT", f"/v2/upload/{old}", length, _BODY),
        "C": Target("POST", "/cdproxy/nodes", (*length, form), _HALF_FORM),
        "C in chunks": Target("POST", "/cdproxy/nodes", (*chunked, form), _chunk(_HALF_FORM)),
        "C over a file": Target("PUT", f"/cdproxy/nodes/{old}/content", length, _BODY),
        "part": Target("PUT", part, length, _BODY),
    }


def _nothing_new(service: Service) -> None:
    assert service.files() == ["old.txt"]
    [node] = service.call("GET", "/drive/v1/nodes", 200, params={"filters": "name:old.txt"})["data"]
    assert service.http.get(f"/cdproxy/nodes/{node['id']}").content == b"old"
    [pending] = service.call("GET", "/drive/v1/nodes", 200, params={"filters": "status:PENDING"})["data"]
    assert pending["name"] == "parts.bin"


def _clean(data: Path) -> None:
    assert check(data) == []
    assert list((data / "tmp").iterdir()) == []
    assert [path.name[:5] for path in (data / "parts").glob("*/*")] == ["00001"]


def test_a_client_that_hangs_up_leaves_nothing_at_any_door(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as service:
        for target in _targets(service).values():
            service.half(target).close()
        _nothing_new(service)
        service.end(signal.SIGTERM)
    _clean(data)


def test_a_kill_in_the_middle_of_every_upload_leaves_nothing_at_any_door(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as service, contextlib.ExitStack() as stack:
        targets = _targets(service)
        for target in targets.values():
            stack.enter_context(contextlib.closing(service.half(target)))
        assert len(list((data / "tmp").iterdir())) == len(targets)
        service.end(signal.SIGKILL)
    with running(data) as service:
        _nothing_new(service)
        service.end(signal.SIGTERM)
    _clean(data)


def test_an_upload_in_parts_goes_on_after_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    base = "/v2/upload/multipart-upload"
    with running(data) as service:
        started = service.call("POST", base, 201, params={"name": "a.bin", "fileSize": str(2 * len(_BODY))})
        node, query = f"{base}/{started['nodeId']}", {"uploadId": started["uploadId"]}
        service.call("PUT", f"{node}/parts/1", 200, params=query, content=_BODY)
        length = (f"content-length: {len(_BODY)}",)
        target = Target("PUT", f"{node}/parts/2?uploadId={started['uploadId']}", length, _BODY[:1000])
        with contextlib.closing(service.half(target)):
            service.end(signal.SIGKILL)
    with running(data) as service:
        assert [part["part-number"] for part in service.call("GET", node, 200, params=query)["parts"]] == [1]
        service.call("PUT", f"{node}/parts/2", 200, params=query, content=_BODY)
        made = service.call("POST", f"{node}/complete", 200, params=query)
        assert service.http.get(f"/cdproxy/nodes/{made['id']}").content == 2 * _BODY
        service.end(signal.SIGTERM)
    assert check(data) == []
    assert list((data / "parts").iterdir()) == []


@pytest.mark.parametrize("door", ["B", "C", "part"])
def test_a_body_that_is_not_what_it_promised_leaves_nothing(tmp_path: Path, door: str) -> None:
    data = tmp_path / "data"
    with running(data) as service:
        target = _targets(service)[door]
        # The length is true for HTTP; what the body was to hold is not there.
        headers = {
            "B": {"x-amzn-file-md5": "0" * 32},
            "C": {"content-type": f"multipart/form-data; boundary={_BOUNDARY}"},
            "part": {"x-amzn-part-md5": "0" * 32},
        }[door]
        service.call(target.method, target.path, 400, content=target.half, headers=headers)
        _nothing_new(service)
        service.end(signal.SIGTERM)
    _clean(data)
