"""A moto server with a bucket ``bench``, filled in process from a JSON object of path to size; prints its address."""

from __future__ import annotations

import json
import sys
from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import FakeKey, S3Backend, s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "bench"
_REGION = "us-east-1"


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections, as S3 does

    def log_request(self, *_: Any) -> None:
        """Say nothing."""


def _fill(sizes: dict[str, int]) -> None:
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    bucket = backend.create_bucket(BUCKET, _REGION)
    for path, size in sizes.items():
        name = path.lstrip("/")
        key = FakeKey(name, b"", DEFAULT_ACCOUNT_ID, _REGION, etag="0" * 32, bucket_name=BUCKET)
        key.contentsize = size
        bucket.keys[name] = key


@cache
def _sorted(backend: S3Backend, bucket: Any, prefix: str | None, delimiter: str | None) -> tuple[list[str], list[Any]]:
    keys, folders, *_ = backend.list_objects(bucket, prefix, delimiter, marker=None, max_keys=None)
    found = {each if isinstance(each, str) else each.name: each for each in (*keys, *folders)}
    names = sorted(found)
    return names, [found[name] for name in names]


def _page(  # noqa: PLR0917 - moto's signature
    self: S3Backend,
    bucket: Any,
    prefix: str | None,
    delimiter: str | None,
    continuation_token: str | None,
    start_after: str | None,
    max_keys: int,
) -> tuple[list[Any], bool, str | None]:
    """Return one page. Moto's own goes through the whole bucket for each, which would be counted against s3fs."""
    names, found = _sorted(self, bucket, prefix, delimiter)
    first = bisect_right(names, continuation_token or start_after or "")
    page = found[first : first + max_keys]
    more = first + max_keys < len(names)
    return page, more, names[first + max_keys - 1] if more else None


def main() -> None:
    """Fill and serve until the end."""
    _fill(json.loads(Path(sys.argv[1]).read_text("utf-8")))
    S3Backend.list_objects_v2 = _page
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), True, request_handler=_Quiet)  # noqa: FBT003 - werkzeug's signature: threaded
    sys.stdout.write(f"http://127.0.0.1:{server.port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
