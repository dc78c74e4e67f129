"""A session with the service is recorded; played again, it is the same session with the service gone."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ap_remote.api import account, nodes
from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.cli.main import app as ap
from ap_remote.errors import AlreadyExistsError, IntegrityError, NotFoundError
from ap_remote.model import Entry
from ap_remote.remote.base import Remote
from ap_remote.transport import Hosts, Session, Transport, load_credentials
from ap_remote.transport.recording import MANIFEST, Recorder
from ap_remote.transport.replay import Replay
from ap_remote_emulator.app import create_app
from tests.contracts.pictures import jpeg

HOSTS = Hosts.for_service("http://local.invalid")
STRANGER = Session({"session-id": "x", "ubid-main": "x", "at-main": "x"}, HOSTS)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "service"


@pytest.fixture
def opened(data: Path, tmp_path: Path) -> Callable[[Any, Path | None], AmazonPhotosRemote]:
    """Return what opens a remote with a cache of its own: over the service, or over a recording."""
    made = 0

    def opened(service: Any, folder: Path | None) -> AmazonPhotosRemote:
        nonlocal made
        made += 1
        cookies = load_credentials(data / "credentials.json") if folder is not None else STRANGER.cookies
        record = None if folder is None else Recorder(folder, keep_names=True)
        transport = Transport(Session(cookies, HOSTS), app=service, record=record)
        return AmazonPhotosRemote("home", transport, tmp_path / f"cache {made}")

    return opened


async def conversation(remote: Remote) -> list[Any]:
    """Do some of everything, and return what was heard."""
    heard: list[Any] = []
    heard += [each async for each in remote.list("", recursive=True, fresh=True)]
    heard.append(await remote.stat("Trip/sea.jpg", fresh=True))
    heard += sorted([each.name async for each in remote.search("type:(PHOTOS)")])
    heard += [(each.value, each.count) for each in await remote.aggregations("type")]
    for path in ("Trip/none.jpg", "nowhere/at/all"):
        with pytest.raises(NotFoundError) as caught:
            await remote.stat(path, fresh=True)
        heard.append(str(caught.value))
    heard.append(await remote.put(b"new", "Trip/new.txt"))
    with pytest.raises(AlreadyExistsError):
        await remote.put(b"other", "Trip/new.txt")
    heard += [each.error is None for each in await remote.trash("Trip/new.txt")]
    heard += [each.name async for each in remote.list("Trip", fresh=True)]
    return heard


def told(value: Any) -> Any:
    """Return what must be equal: all of an entry but whose it is."""
    return value if not isinstance(value, Entry) else (value.path, value.id, value.size, value.md5, value.modified)


async def test_a_recorded_session_is_played_again_with_the_service_gone(
    data: Path, tmp_path: Path, opened: Any
) -> None:
    folder = tmp_path / "truth"
    service = create_app(data)
    async with opened(service, tmp_path / "before") as remote:
        await remote.put(jpeg(), "Trip/sea.jpg")
        await remote.put(b"words", "Trip/a note.txt")
    async with opened(service, folder) as remote:
        first = await conversation(remote)
        assert b"".join([piece async for piece in remote.get("Trip/a note.txt")]) == b"words"
    await asyncio.to_thread(shutil.rmtree, data)
    replay = Replay(folder)
    async with opened(replay, None) as remote:
        second = await conversation(remote)
        with pytest.raises(IntegrityError):
            _ = [piece async for piece in remote.get("Trip/a note.txt")]
    assert [told(each) for each in second] == [told(each) for each in first]
    assert len(first) > 10
    assert replay.unused == []


async def test_what_is_recorded_of_the_service_is_a_fixture(data: Path, tmp_path: Path, opened: Any) -> None:
    """Every answer decodes with its struct; no cookie, token, signed address or owner of the service is in it."""
    folder = tmp_path / "truth"
    service = create_app(data)
    async with opened(service, folder) as remote:
        await remote.put(jpeg(), "Trip/sea.jpg")
        await conversation(remote)
        await remote._transport.send(nodes.node((await remote.stat("Trip/sea.jpg")).id))
        await remote._transport.send(account.endpoint())
    manifest = tomllib.loads(await asyncio.to_thread((folder / MANIFEST).read_text, "utf-8"))
    assert len({row["endpoint"] for row in manifest.values()}) > 6
    secrets = json.loads(await asyncio.to_thread((data / "credentials.json").read_text))
    flat = [*secrets["cookies"].values(), secrets["access_token"], secrets["owner_id"]]
    for each in await asyncio.to_thread(lambda: [file for file in folder.rglob("*") if file.is_file()]):
        text = await asyncio.to_thread(each.read_text, "utf-8")
        assert not [secret for secret in flat if secret in text]
        assert not re.search(r"X-Amz-|At[nz][ar]\||http://local", text)
    for name, row in manifest.items():
        if "reply" in row:
            module, _, attribute = row["reply"].partition(":")
            body = await asyncio.to_thread((folder / name).read_bytes)
            assert getattr(importlib.import_module(module), attribute).decode(body)
    assert sum("reply" in row for row in manifest.values()) > 6


def test_the_command_records_what_it_hears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AP_CONFIG", raising=False)
    monkeypatch.delenv("AP_REMOTE", raising=False)
    secret = tmp_path / "Grandmother.txt"
    secret.write_text("words")
    folder = tmp_path / "truth"

    def run(*words: str) -> str:
        result = CliRunner().invoke(ap, [*words])
        assert result.exit_code == 0, result.output
        return result.stdout

    run("--record", str(folder), "put", str(secret), "local:Anna")
    assert "Grandmother.txt" in run("ls", "local:Anna")
    everything = "".join(each.read_text() for each in folder.rglob("*") if each.is_file())
    assert "POST v2/upload" in everything
    assert "Grandmother" not in everything
    assert "Anna" not in everything
    run("--record", str(tmp_path / "named"), "--record-names", "ls", "--fresh", "local:Anna")
    named = "".join(each.read_text() for each in (tmp_path / "named").rglob("*") if each.is_file())
    assert "Grandmother.txt" in named


async def test_a_remote_records_when_it_is_opened_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AP_CONFIG", raising=False)
    from ap_remote.connect import connect

    async with connect("local:", record=tmp_path / "truth") as remote, connect("local:") as other:
        await remote.put(b"x", "a.txt")
        await other.put(b"y", "b.txt")
    manifest = await asyncio.to_thread((tmp_path / "truth" / MANIFEST).read_text, "utf-8")
    assert manifest.count("POST v2/upload") == 1
