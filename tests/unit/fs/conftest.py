from __future__ import annotations

import pytest

from ap_remote.backends.memory import MemoryRemote
from ap_remote.fs import RemoteFileSystem
from ap_remote.model import NodeId


class Watched(MemoryRemote):
    """A memory remote that notes what is asked of it and fails where it is told to."""

    def __init__(self):
        super().__init__()
        self.calls: list[tuple] = []
        self.failures: dict[tuple[str, str], Exception] = {}

    def named(self, verb: str) -> list[tuple]:
        return [call[1:] for call in self.calls if call[0] == verb]

    def fail(self, verb: str, path: str, error: Exception) -> None:
        self.failures[verb, path] = error

    def _note(self, verb, target, *rest):
        path = target if isinstance(target, NodeId) else target.strip("/")
        self.calls.append((verb, path, *rest))
        if (verb, path) in self.failures:
            raise self.failures[verb, path]

    def peek(self, path):
        """Nothing: all is asked for by the verbs, which are watched."""

    def peek_list(self, path):
        """Nothing, as above."""

    async def list(self, target="", *, recursive=False, fresh=False):
        self._note("list", target, recursive, fresh)
        async for entry in super().list(target, recursive=recursive, fresh=fresh):
            if recursive and ("list", entry.path) in self.failures:
                raise self.failures["list", entry.path]
            yield entry

    async def stat(self, target, *, fresh=False):
        self._note("stat", target, fresh)
        return await super().stat(target, fresh=fresh)

    async def put(self, source, path, **options):
        self._note("put", path, source, options)
        return await super().put(source, path, **options)

    async def get(self, target, *, span=None):
        self._note("get", target, span)
        async for piece in super().get(target, span=span):
            yield piece

    async def trash(self, *targets):
        self.calls.append(("trash", targets))
        return await super().trash(*targets)

    async def mkdir(self, path, *, parents=True, exist_ok=True):
        self._note("mkdir", path)
        return await super().mkdir(path, parents=parents, exist_ok=exist_ok)

    async def move(self, source, path):
        self._note("move", path, source)
        return await super().move(source, path)


@pytest.fixture
def remote() -> Watched:
    return Watched()


@pytest.fixture
def fs(remote):
    fs = RemoteFileSystem(lambda: remote, skip_instance_cache=True)
    yield fs
    fs.close()
