"""A small library in memory, and clients of both protocol eras."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from types import SimpleNamespace

import pytest
from mcp import Client
from PIL import Image

from ap_remote.backends.memory import MemoryRemote
from ap_remote.errors import NotFoundError
from ap_remote.model import Place
from ap_remote.query import matches, parse_search
from ap_remote.semantic import Hit, IndexStatus
from ap_remote_mcp.server import build_server
from tests.unit.mcp.described import described_once  # noqa: F401 - for all modules of this folder


@cache
def jpeg(color, size=(640, 480), *, secret=""):
    picture = Image.new("RGB", size, color)
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    if secret:
        exif[0x010E] = secret
    stream = BytesIO()
    picture.save(stream, "JPEG", exif=exif)
    return stream.getvalue()


class FakeIndex:
    """An index that knows how near each name is, whatever is asked; it filters by the remote as the real one does."""

    def __init__(self, nearness, *, fails=None):
        self.nearness = nearness
        self.fails = fails
        self.asked = []

    def status(self):
        return IndexStatus(folder="/home/somebody/secret", built=True, photos=len(self.nearness))

    async def search(self, remote, *, text=None, like=None, query="", limit=20):
        self.asked.append((text, like and like.value, query, limit))
        if self.fails:
            raise self.fails
        if like is not None:
            await remote.stat(like)
        wanted = parse_search(query)
        entries = [entry async for entry in remote.search("") if matches(wanted, entry)]
        known = [entry for entry in entries if entry.name in self.nearness]
        known.sort(key=lambda entry: -self.nearness[entry.name])
        return [Hit(entry=each, score=self.nearness[each.name], reason="near") for each in known[:limit]]


@pytest.fixture
def library():
    """Seven photographs, a film and a text, in folders; ``ids`` by file name."""
    remote = MemoryRemote("home")
    vancouver = Place(label="CAN#BC#Vancouver", city="Vancouver", region="BC", country="Canada")
    rome = Place(label="ITA#RM#Rome", city="Rome", region="RM", country="Italy")
    rows = [
        ("Pictures/2022/dog.jpg", "brown", datetime(2022, 5, 1, 9, 30, tzinfo=UTC), ("dog",), None),
        ("Pictures/2023/beach.jpg", "yellow", datetime(2023, 7, 14, 12, 0, tzinfo=UTC), ("beach", "sea"), vancouver),
        ("Pictures/2023/cat.jpg", "orange", datetime(2023, 7, 20, 8, 15, tzinfo=UTC), ("cat",), vancouver),
        ("Pictures/2023/forum.jpg", "grey", datetime(2023, 8, 2, 18, 45, tzinfo=UTC), ("ruin",), rome),
        ("Pictures/2023/Trip/colosseum.jpg", "white", datetime(2023, 8, 3, 10, 5, tzinfo=UTC), ("ruin",), rome),
        ("Pictures/2024/coffee.jpg", "black", datetime(2024, 1, 6, 7, 0, tzinfo=UTC), ("cup",), None),
        ("Pictures/undated.jpg", "blue", None, (), None),
    ]
    ids = {}
    for path, color, taken, things, place in rows:
        name = path.rpartition("/")[2]
        ids[name] = remote.seed(path, jpeg(color), place=place, taken=taken, things=things)
    ids["film.mp4"] = remote.seed("Pictures/2023/film.mp4", b"\0" * 64, taken=datetime(2023, 7, 21, tzinfo=UTC))
    ids["notes.txt"] = remote.seed("notes.txt", b"hello")
    return SimpleNamespace(remote=remote, ids=ids)


@pytest.fixture
def make_index():
    return FakeIndex


@pytest.fixture
def make_jpeg():
    return jpeg


@pytest.fixture(params=["2026-07-28", "legacy"])
def era(request):
    return request.param


@pytest.fixture
def open_client(era):
    """Make a client of this era for a new server over a remote, or for a server in hand."""

    def make(remote=None, *, server=None, on_question=None, **options):
        server = server or build_server(remote, index=options.pop("index", None), **options)
        return Client(server, mode=era, elicitation_callback=on_question, raise_exceptions=True)

    return make


@pytest.fixture
def said():
    """Return the text of an answer, all blocks of it."""

    def read(result):
        return "\n".join(block.text for block in result.content if block.type == "text")

    return read


@pytest.fixture
def is_gone():
    async def look(remote, path):
        try:
            await remote.stat(path)
        except NotFoundError:
            return True
        return False

    return look
