"""fsspec's own suite over the local service, through the entry point."""

from __future__ import annotations

import posixpath

import fsspec
import pytest
from fsspec.tests import abstract

from ap_remote.fsspec import AmazonPhotosFileSystem


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AP_HOME", str(tmp_path_factory.mktemp("home")))
        patch.delenv("AP_CONFIG", raising=False)
        patch.delenv("AP_REMOTE", raising=False)
        AmazonPhotosFileSystem.clear_instance_cache()
        fs = fsspec.filesystem("ap", remote="local:")
        yield fs
        fs.close()
        AmazonPhotosFileSystem.clear_instance_cache()


class Fixtures(abstract.AbstractFixtures):
    @pytest.fixture
    def fs(self, local):
        return local

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
