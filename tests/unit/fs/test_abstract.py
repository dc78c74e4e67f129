"""fsspec's own suite over the memory remote, in every form of caching. No test of it is skipped or overridden.

``AP_TEST_FORMS=all`` runs both ways of looking with the listings cache and without; else each comes with one of them.
"""

from __future__ import annotations

import os
import posixpath

import pytest
from fsspec.tests import abstract

from ap_remote.backends.memory import MemoryRemote
from ap_remote.fs import RemoteFileSystem

FORMS = ["peeking-listings", "asking-bare", "peeking-bare", "asking-listings"]


@pytest.fixture(scope="module", params=FORMS if os.environ.get("AP_TEST_FORMS") == "all" else FORMS[:2])
def made(request):
    """A filesystem that looks at once where it can, or asks each time; with the listings cache and without."""
    looking, _, listings = request.param.partition("-")
    remote = MemoryRemote()
    fs = RemoteFileSystem(
        lambda: remote, fresh=looking == "asking", use_listings_cache=listings == "listings", skip_instance_cache=True
    )
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
