"""Temporary links of the local service: who has one needs no login, and nobody keeps it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.errors import IsFolderError, NotFoundError
from ap_remote.fs import RemoteFileSystem
from ap_remote.remote.features import SupportsLinks
from ap_remote.transport.client import Transport
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.session import Session, load_credentials
from ap_remote_emulator.app import create_app

URL = "http://local.invalid"


@pytest.fixture
def app(tmp_path: Path) -> Any:
    return create_app(tmp_path / "service")


@pytest.fixture
async def remote(app: Any, tmp_path: Path) -> AsyncIterator[AmazonPhotosRemote]:
    cookies = load_credentials(tmp_path / "service" / "credentials.json")
    transport = Transport(Session(cookies, Hosts.for_service(URL)), app=app)
    async with AmazonPhotosRemote("home", transport, tmp_path / "cache") as opened:
        yield opened
    app.state.store.close()


async def test_a_link_is_read_without_a_login_and_leaves_no_trace(
    remote: AmazonPhotosRemote, app: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    await remote.put(b"bytes", "Pictures/a.jpg")
    fs = RemoteFileSystem(lambda: remote, asynchronous=True, signed_links=True, skip_instance_cache=True)
    assert isinstance(remote, SupportsLinks)
    link = await fs._sign("ap-remote://Pictures/a.jpg")
    logged = caplog.text

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), follow_redirects=True) as anybody:
        assert (await anybody.get(link)).content == b"bytes"
    secret = link.rpartition("/")[2].rpartition("=")[2]
    assert len(secret) > 8
    assert link not in logged
    assert secret not in logged
    remote._cache.close()
    kept = b"".join(each.read_bytes() for each in (tmp_path / "cache").rglob("*") if each.is_file())
    assert secret.encode() not in kept
    assert secret not in repr(fs) + repr(remote) + repr(await fs._info("/Pictures/a.jpg"))


async def test_what_is_no_file_has_no_link(remote: AmazonPhotosRemote):
    with pytest.raises(IsFolderError):
        await remote.temporary_link("Pictures")
    with pytest.raises(NotFoundError):
        await remote.temporary_link("Pictures/none.jpg")
