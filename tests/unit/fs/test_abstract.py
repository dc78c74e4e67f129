"""fsspec's own suite over the memory remote, in every form of caching. No test of it is skipped or overridden."""

from __future__ import annotations

import posixpath

import pytest
from fsspec.tests import abstract

from ap_remote.backends.memory import MemoryRemote
from ap_remote.fs import RemoteFileSystem


@pytest.fixture(
    scope="module",
    params=[(fresh, listings) for fresh in (False, True) for listings in (False, True)],
    ids=lambda each: f"{'asking' if each[0] else 'peeking'}-{'listings' if each[1] else 'bare'}",
)
def made(request):
    """A filesystem that looks at once where it can, or asks each time; with the listings cache and without."""
    fresh, listings = request.param
    remote = MemoryRemote()
    fs = RemoteFileSystem(lambda: remote, fresh=fresh, use_listings_cache=listings, skip_instance_cache=True)
    yield fs
    fs.close()


class Fixtures(abstract.AbstractFixtures):
    @pytest.fixture
    def fs(self, made):
        return made

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
