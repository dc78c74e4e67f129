"""fsspec's own suite over the local service, in every form of caching. No test of it is skipped or overridden.

Warm: one filesystem by the entry point, whose node cache has seen all tests before. Cold: for each test a new
filesystem with an empty node cache, beside what other clients left on the service. ``AP_TEST_FORMS=all`` runs both with
the listings cache and without; else each comes with one of them.
"""

from __future__ import annotations

import itertools
import os
import posixpath

import fsspec
import pytest
from fsspec.tests import abstract

from ap_remote.backends.amazon import AmazonPhotosRemote
from ap_remote.fs import RemoteFileSystem
from ap_remote.fsspec import AmazonPhotosFileSystem
from ap_remote.transport.client import Transport
from ap_remote.transport.hosts import Hosts
from ap_remote.transport.session import Session, load_credentials
from ap_remote_emulator.app import create_app

FORMS = ["warm-listings", "cold-bare", "warm-bare", "cold-listings"]
_numbers = itertools.count()


@pytest.fixture(scope="module", params=FORMS if os.environ.get("AP_TEST_FORMS") == "all" else FORMS[:2])
def form(request):
    return request.param


@pytest.fixture(scope="module")
def make(form, quick_disk):
    """What returns the filesystem for the next test."""
    home = quick_disk / form
    home.mkdir()
    options = {"use_listings_cache": form.endswith("listings")}
    if form.startswith("cold"):
        app = create_app(home / "service")
        cookies = load_credentials(home / "service" / "credentials.json")

        def remote():
            transport = Transport(Session(cookies, Hosts.for_service("http://local.invalid")), app=app)
            return AmazonPhotosRemote("local", transport, home / f"cache-{next(_numbers)}")

        yield lambda: RemoteFileSystem(remote, skip_instance_cache=True, **options)
        app.state.store.close()
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AP_HOME", str(home))
        patch.delenv("AP_CONFIG", raising=False)
        patch.delenv("AP_REMOTE", raising=False)
        AmazonPhotosFileSystem.clear_instance_cache()
        yield lambda: fsspec.filesystem("ap", remote="local:", **options)
        fsspec.filesystem("ap", remote="local:", **options).close()
        AmazonPhotosFileSystem.clear_instance_cache()


class Fixtures(abstract.AbstractFixtures):
    @pytest.fixture
    def fs(self, make, form):
        fs = make()
        yield fs
        if form.startswith("cold"):
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
