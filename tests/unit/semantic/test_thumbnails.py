from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ap_remote.backends.memory import MemoryRemote
from ap_remote.connect import connect
from ap_remote.errors import AuthenticationError, UnavailableError, UnsupportedError
from ap_remote.model import NodeId
from ap_remote.semantic import thumbnails
from ap_remote_emulator.derive import places
from tests.contracts.pictures import jpeg, vast
from tests.unit.emulator.raws import dng, quarters
from tests.unit.emulator.test_formats import HEIC
from tests.unit.semantic.planted import picture
from tests.unit.semantic.running import made


def bomb() -> bytes:
    """A PNG of a few hundred bytes that says it is 40,000 pixels square."""
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"not a picture", "not a picture"),
        (picture("red", kind="JPEG", size=(200, 200))[:400], "cannot be decoded|not a picture"),
        (bomb(), "unfolds"),
    ],
    ids=["empty", "text", "truncated", "bomb"],
)
def test_bytes_that_are_no_picture_are_told_why(data, why):
    with pytest.raises(thumbnails.UnreadableError, match=why):
        thumbnails.decode(data, size=64)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_no_damage_to_a_file_gets_out_as_anything_but_unreadable(data):
    body = bytearray(jpeg(orientation=6))
    for _ in range(data.draw(st.integers(1, 12))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(body[: data.draw(st.integers(0, len(body)))])
    try:
        image = thumbnails.decode(cut, size=32)
    except thumbnails.UnreadableError:
        return
    assert image.mode == "RGB"
    assert max(image.size) <= 32


def test_a_sideways_original_is_turned_once_and_an_upright_thumbnail_never():
    data = jpeg(orientation=6, size=(48, 32))
    assert thumbnails.decode(data, size=512).size == (32, 48)
    assert thumbnails.decode(data, size=512, upright=True).size == (48, 32)


def test_transparency_is_laid_on_white():
    target = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(target, "PNG")
    assert thumbnails.decode(target.getvalue(), size=8).getpixel((4, 4)) == (255, 255, 255)


def test_sixteen_bits_are_spread_over_eight():
    target = io.BytesIO()
    Image.fromarray(np.linspace(0, 65_535, 64, dtype=np.uint16).reshape(8, 8)).save(target, "PNG")
    assert np.asarray(thumbnails.decode(target.getvalue(), size=8)).max() == 255


class Bare:
    """A remote without thumbnails."""

    def __init__(self, inner):
        self._inner = inner

    def get(self, target, *, span=None):
        return self._inner.get(target, span=span)


class Broken(MemoryRemote):
    def __init__(self, error):
        super().__init__()
        self._error = error

    async def thumbnail(self, target, *, size=512):
        raise self._error


async def _entry(remote, data, name="a.png"):
    remote.seed(name, data)
    return await remote.stat(name)


def test_a_photograph_of_two_hundred_million_pixels_is_read_and_nobody_is_warned():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert thumbnails.decode(vast(), size=64).size == (64, 48)


def test_a_photograph_of_more_is_a_bomb(monkeypatch):
    monkeypatch.setattr(thumbnails, "JPEG_LIMIT", 1_000_000)
    with pytest.raises(thumbnails.UnreadableError, match="16320 x 12240 pixels, more than 1000000"):
        thumbnails.decode(vast(), size=64)


async def test_the_service_is_asked_for_a_small_picture():
    remote = MemoryRemote()
    entry = await _entry(remote, picture("red", size=(300, 200)))
    fetched = await thumbnails.fetch(remote, entry, size=64)
    assert (fetched.status, fetched.upright) == ("ok", True)
    assert max(thumbnails.decode(fetched.data, size=512, upright=True).size) == 64


async def test_without_thumbnails_the_original_is_read():
    remote = MemoryRemote()
    data = picture("red")
    entry = await _entry(remote, data)
    fetched = await thumbnails.fetch(Bare(remote), entry, size=64)
    assert (fetched.status, fetched.data, fetched.upright) == ("ok", data, False)


async def test_where_the_service_can_make_none_the_original_is_read():
    remote = Broken(UnsupportedError("no rendition can be made"))
    entry = await _entry(remote, picture("red"))
    assert (await thumbnails.fetch(remote, entry, size=64)).status == "ok"


async def test_an_original_too_large_to_read_is_told_so(monkeypatch):
    monkeypatch.setattr(thumbnails, "BYTE_LIMIT", 10)
    remote = Broken(UnsupportedError("no rendition can be made"))
    entry = await _entry(remote, picture("red"))
    assert (await thumbnails.fetch(remote, entry, size=64)).status == "too_large"


async def test_what_is_gone_is_missing():
    remote = MemoryRemote()
    entry = await _entry(remote, picture("red"))
    await remote.trash("a.png")
    await remote.delete(NodeId(entry.id))
    assert (await thumbnails.fetch(remote, entry, size=64)).status == "missing"


async def test_a_broken_connection_is_transient_and_tells_its_reason():
    remote = Broken(UnavailableError("503 after 5 tries"))
    entry = await _entry(remote, picture("red"))
    fetched = await thumbnails.fetch(remote, entry, size=64)
    assert (fetched.status, fetched.reason) == ("transient", "503 after 5 tries")


async def test_expired_credentials_are_not_an_item_s_failure():
    remote = Broken(AuthenticationError("the cookies have expired"))
    entry = await _entry(remote, picture("red"))
    with pytest.raises(AuthenticationError):
        await thumbnails.fetch(remote, entry, size=64)


async def test_the_local_service_shows_heic_and_raw_files_and_so_a_build_reads_both(tmp_path, monkeypatch):
    monkeypatch.setenv("AP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AP_CONFIG", raising=False)
    monkeypatch.setattr(places, "find", lambda *_: None)  # the table of towns takes seconds to load
    async with connect("local:") as remote:
        await remote.put(HEIC.read_bytes(), "a.heic")
        await remote.put(dng(quarters((192, 256), sideways=True), orientation=6), "b.dng")
        for name, size in (("a.heic", (48, 64)), ("b.dng", (96, 128))):
            fetched = await thumbnails.fetch(remote, await remote.stat(name), size=128)
            shown = thumbnails.decode(fetched.data, size=128, upright=fetched.upright)
            assert (fetched.status, fetched.upright, shown.size) == ("ok", True, size)
            red, green = (shown.getpixel((shown.width - 4, y)) for y in (3, shown.height - 4))
            assert red[0] > 2 * red[1]
            assert green[1] > 2 * green[0]
        report = await made(remote, tmp_path / "index")
    assert (report.total, report.encoded, report.failed) == (2, 2, ())
