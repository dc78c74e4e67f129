"""s3fs, against the moto server whose address is the argument."""

from __future__ import annotations

import sys

from s3fs import S3FileSystem

from tests.bench.peers.orders import work

if __name__ == "__main__":
    work(S3FileSystem(key="bench", secret="bench", endpoint_url=sys.argv[1]))
