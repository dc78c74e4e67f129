"""fsspec's own suite over the memory remote."""

from __future__ import annotations

import posixpath

import pytest
from fsspec.tests import abstract

from ap_remote.backends.memory import MemoryRemote
from ap_remote.fs import RemoteFileSystem


class Fixtures(abstract.AbstractFixtures):
    @pytest.fixture
    def fs(self):
        remote = MemoryRemote()
        fs = RemoteFileSystem(lambda: remote, skip_instance_cache=True)
        yield fs
        fs.close()

    @pytest.fixture
    def fs_join(self):
        return posixpath.join

    @pytest.fixture
    def fs_path(self):
        return "/tests"


class TestCopy(abstract.AbstractCopyTests, Fixtures):
    pass


class TestGet(abstract.AbstractGetTests, Fixtures):
    pass


class TestPut(abstract.AbstractPutTests, Fixtures):
    pass


class TestPipe(abstract.AbstractPipeTests, Fixtures):
    pass


class TestOpen(abstract.AbstractOpenTests, Fixtures):
    pass
