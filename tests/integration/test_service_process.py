"""The local service as a real process: its one line, its signals, and what a kill leaves behind."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from ap_remote_emulator.library.check import check
from ap_remote_emulator.serve import _listen

_PATH = os.pathsep.join(path for path in sys.path if path)
_ROUNDS = 4
_WRITERS = 4


class Service:
    """A service process that a test owns."""

    def __init__(self, data: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "ap_remote_emulator", "--data", str(data), "--port", "0", *arguments]
        self.ended = False
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": _PATH},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read() if self.process.stderr else ""
        self.ready: dict[str, Any] = json.loads(line)
        credentials = json.loads(Path(self.ready["credentials"]).read_text())
        cookies = credentials["cookies"]
        self.http = httpx.Client(
            base_url=self.ready["url"],
            cookies=cookies,
            headers={"x-amzn-sessionid": cookies["session-id"]},
            timeout=60,
            trust_env=False,
        )

    def kill(self) -> None:
        self.process.kill()
        self._end()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self._end()

    def _end(self) -> int:
        self.ended = True
        self.http.close()
        self.rest, self.log = self.process.communicate(timeout=30)
        return self.process.returncode

    def files(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        query = {"filters": "kind:FILE", "resourceVersion": "V2"}
        while True:
            page = self.http.get("/drive/v1/nodes", params=query).raise_for_status().json()
            found |= {node["name"]: node for node in page["data"]}
            if "nextToken" not in page:
                return found
            query["startToken"] = page["nextToken"]


@contextlib.contextmanager
def running(data: Path, *arguments: str) -> Iterator[Service]:
    service = Service(data, *arguments)
    try:
        yield service
    finally:
        if not service.ended:
            service.kill()


def _put(service: Service, name: str, content: bytes) -> httpx.Response:
    return service.http.post("/cdproxy/nodes", params={"name": name, "kind": "FILE"}, content=content)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_one_line_and_stops_cleanly(tmp_path, number):
    data = tmp_path / "data"
    with running(data) as service:
        assert set(service.ready) == {"url", "credentials"}
        assert service.ready["credentials"] == str(data / "credentials.json")
        assert _put(service, "a.txt", b"a").status_code == 201
        assert service.http.post("/_internal/reset").status_code == 404
        assert service.stop(number) == 0
        assert service.rest == ""
        assert service.log == ""
    assert check(data) == []


def test_a_folder_that_cannot_be_used_is_one_sentence_and_status_2(tmp_path):
    (tmp_path / "file").write_text("x")
    command = [sys.executable, "-m", "ap_remote_emulator", "--data", str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": _PATH})
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("ap_remote_emulator: cannot use")
    assert done.stderr.count("\n") == 1


def test_a_taken_port_is_one_sentence_and_status_2(tmp_path):
    with running(tmp_path / "data") as service:
        port = service.ready["url"].rpartition(":")[2]
        command = [sys.executable, "-m", "ap_remote_emulator", "--data", str(tmp_path / "other"), "--port", port]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": _PATH},
        )
        assert done.returncode == 2
        assert "cannot listen" in done.stderr


class Writers:
    """Several clients that upload until their service dies, and remember what was answered with success."""

    def __init__(self, answered: dict[str, str], number: int, wanted: int) -> None:
        self.answered = answered
        self.number = number
        self.wanted = wanted
        self.enough = threading.Event()
        self._guard = threading.Lock()

    def write(self, service: Service, writer: int) -> None:
        own = random.Random(f"{self.number} {writer}")
        for index in range(10_000):
            content = own.randbytes(own.choice([0, 10, 5_000, 300_000, 2_000_000]) + index % 7)
            content += f"{self.number} {writer} {index}".encode()
            name = f"{self.number}-{writer}-{index}.bin"
            try:
                status = _put(service, name, content).status_code
            except httpx.TransportError:
                return
            assert status == 201
            with self._guard:
                self.answered[name] = hashlib.md5(content, usedforsecurity=False).hexdigest()
                self.wanted -= 1
                if self.wanted <= 0:
                    self.enough.set()


def test_a_kill_loses_nothing_that_was_answered_and_shows_nothing_half(tmp_path):
    data = tmp_path / "data"
    answered: dict[str, str] = {}
    dice = random.Random(20_240_229)

    with contextlib.ExitStack() as stack:
        service = stack.enter_context(running(data))
        for number in range(_ROUNDS):
            writers = Writers(answered, number, dice.randint(3, 25))
            _until_killed(service, writers)
            service = stack.enter_context(running(data))
            found = service.files()
            assert answered.keys() <= found.keys()
            for name, node in found.items():
                md5 = node["contentProperties"]["md5"]
                assert answered.get(name, md5) == md5
                assert node["status"] == "AVAILABLE"
            for name in dice.sample(sorted(found), min(10, len(found))):
                content = service.http.get(f"/cdproxy/nodes/{found[name]['id']}").content
                expected = found[name]["contentProperties"]["md5"]
                assert hashlib.md5(content, usedforsecurity=False).hexdigest() == expected
            assert check(data) == []
            assert list((data / "tmp").iterdir()) == []
        assert service.stop() == 0


def _until_killed(service: Service, writers: Writers) -> None:
    with ThreadPoolExecutor(_WRITERS) as pool:
        jobs = [pool.submit(writers.write, service, writer) for writer in range(_WRITERS)]
        assert writers.enough.wait(timeout=120)
        service.process.kill()
        for job in jobs:
            job.result()


class Changers(Writers):
    """Clients that upload, trash, restore and purge until their service dies."""

    def __init__(self, number: int, wanted: int) -> None:
        super().__init__({}, number, wanted)
        self.purged: set[str] = set()

    def write(self, service: Service, writer: int) -> None:
        own = random.Random(f"{self.number} {writer}")
        mine: list[str] = []
        try:
            for index in range(10_000):
                name = f"{self.number}-{writer}-{index}.bin"
                answer = _put(service, name, own.randbytes(own.choice([1, 4_000, 200_000])) + name.encode())
                assert answer.status_code == 201
                mine.append(answer.json()["id"])
                if len(mine) < 3:
                    continue
                chosen = own.sample(mine, 2)
                _change(service, "add", chosen)
                _change(service, "remove", chosen[:1])
                _purge(service, chosen[1:])
                mine.remove(chosen[1])
                with self._guard:
                    self.purged.update(chosen[1:])
                    self.wanted -= 1
                    if self.wanted <= 0:
                        self.enough.set()
        except httpx.TransportError:
            return


def _change(service: Service, op: str, ids: list[str]) -> None:
    service.http.patch("/drive/v1/trash", json={"op": op, "value": ids, "recurse": "true"}).raise_for_status()


def _purge(service: Service, ids: list[str]) -> None:
    answer = service.http.post("/drive/v1/bulk/nodes/purge", json={"nodeIds": ids}).raise_for_status()
    assert answer.json() == {"errorMap": {}}


def test_a_kill_in_the_middle_of_trashing_and_purging_leaves_no_fault(tmp_path):
    data = tmp_path / "data"
    dice = random.Random(20_260_101)
    purged: set[str] = set()
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(running(data))
        for number in range(_ROUNDS):
            changers = Changers(number, dice.randint(2, 12))
            _until_killed(service, changers)
            purged |= changers.purged
            service = stack.enter_context(running(data))
            for node_id in purged:
                assert service.http.get(f"/drive/v1/nodes/{node_id}").status_code == 404
            assert check(data) == []
        hashes = {node["contentProperties"]["md5"] for node in service.files().values()}
        trashed = service.http.get("/drive/v1/trash").json()["data"]
        hashes |= {node["contentProperties"]["md5"] for node in trashed}
        assert service.stop() == 0
    assert len(list((data / "blobs").glob("*/*"))) == len(hashes)


def test_a_wrong_length_breaks_the_connection(tmp_path):
    with running(tmp_path / "data", "--internal") as service:
        node = _put(service, "a.bin", b"0123456789" * 1000).json()
        service.http.post("/_internal/behaviour", json={"bodies": {"lengthOff": 7}}).raise_for_status()
        with pytest.raises(httpx.RemoteProtocolError):
            service.http.get(f"/cdproxy/nodes/{node['id']}")
        service.http.post("/_internal/behaviour", json={"bodies": {"lengthOff": -7}}).raise_for_status()
        assert len(service.http.get(f"/cdproxy/nodes/{node['id']}").content) == 9_993


def test_the_check_of_the_command_line_ends_with_0_or_1_and_names_the_fault(tmp_path):
    data = tmp_path / "data"
    with running(data) as service:
        node = _put(service, "a.bin", b"0123456789").json()
        assert _ap_check(data) == (0, "", "")
        assert service.stop() == 0
    [blob] = (data / "blobs").glob("*/*")
    blob.write_bytes(b"012345678x")
    status, out, err = _ap_check(data)
    assert (status, out) == (1, f"content of node {node['id']} is damaged\n")
    assert err == "ap: 1 fault\n"


def test_the_command_serves_a_folder_and_can_be_told_to_check_it(tmp_path):
    data = tmp_path / "data"
    command = [sys.executable, "-m", "ap_remote", "emulator", "--data", str(data), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": _PATH}
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert httpx.get(f"{ready['url']}/_internal/health", trust_env=False).json() == {"status": "ok"}
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == ""
    assert process.returncode == 0
    assert _ap_check(data) == (0, "", "")


def test_the_check_of_a_folder_that_is_none_is_one_sentence(tmp_path):
    status, out, err = _ap_check(tmp_path / "typo")
    assert (status, out, err) == (1, "", f"ap: there is no store in {tmp_path / 'typo'}\n")
    assert not (tmp_path / "typo").exists()


def _ap_check(data: Path) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "ap_remote", "emulator", "check", "--data", str(data)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": _PATH, "COLUMNS": "500"}
    )
    return done.returncode, done.stdout, done.stderr


def test_an_upload_that_breaks_off_in_the_middle_leaves_nothing(tmp_path):
    data = tmp_path / "data"

    def broken() -> Iterator[bytes]:
        yield b"x" * 3_000_000
        raise ConnectionAbortedError

    with running(data) as service:
        with pytest.raises(ConnectionAbortedError):
            service.http.post("/cdproxy/nodes", params={"name": "half.bin"}, content=broken())
        assert _put(service, "whole.bin", b"y").status_code == 201
        assert list(service.files()) == ["whole.bin"]
        assert service.stop() == 0
    assert check(data) == []
    assert list((data / "tmp").iterdir()) == []


def test_two_processes_serve_one_folder(tmp_path):
    data = tmp_path / "data"
    with running(data) as one, running(data) as two:
        assert one.ready["credentials"] == two.ready["credentials"]

        def write(service: Service, who: str) -> list[int]:
            return [_put(service, f"{who}-{n}.txt", f"{who} {n}".encode()).status_code for n in range(25)]

        with ThreadPoolExecutor(4) as pool:
            jobs = [
                pool.submit(write, service, who) for service, who in ((one, "a"), (two, "b"), (one, "c"), (two, "d"))
            ]
            assert [status for job in jobs for status in job.result()] == [201] * 100
        assert one.files() == two.files()
        node = one.files()["a-0.txt"]
        assert two.http.get(f"/cdproxy/nodes/{node['id']}").content == b"a 0"
        assert _put(two, "A-0.TXT", b"new").status_code == 409
        assert one.stop() == two.stop() == 0
    assert check(data) == []


def test_a_truncated_download_breaks_the_connection(tmp_path):
    with running(tmp_path / "data", "--internal") as service:
        node = _put(service, "a.bin", b"0123456789" * 1000).json()
        service.http.post("/_internal/fault", json={"path": "/cdproxy/*", "truncate": 4000})
        with pytest.raises(httpx.RemoteProtocolError):
            service.http.get(f"/cdproxy/nodes/{node['id']}")
        assert len(service.http.get(f"/cdproxy/nodes/{node['id']}").content) == 10_000


def test_answers_do_not_wait_for_delayed_acknowledgements():
    with _listen("127.0.0.1", 0, socket.AF_INET) as listener:
        address = listener.getsockname()
        with socket.create_connection(address), listener.accept()[0] as accepted:
            assert accepted.proto == socket.IPPROTO_TCP  # what asyncio looks at before it sets TCP_NODELAY
