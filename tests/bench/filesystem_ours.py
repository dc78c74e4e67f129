"""Our filesystem as a worker, on the account ``bench`` of the settings that the environment names."""

from __future__ import annotations

from ap_remote.fsspec import AmazonPhotosFileSystem
from tests.bench.peers.orders import work

if __name__ == "__main__":
    work(AmazonPhotosFileSystem(remote="bench:"))
