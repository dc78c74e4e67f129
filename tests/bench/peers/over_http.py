"""fsspec's own ``HTTPFileSystem``, signed in with the cookies of the credentials file that is the argument."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fsspec.implementations.http import HTTPFileSystem

from tests.bench.peers.orders import work


class _Dated(HTTPFileSystem):  # type: ignore[misc]  # fsspec ships no types
    """With the date that duckdb wants of every file; this one costs nothing."""

    def modified(self, path: str) -> datetime:
        """Return some date."""
        del path
        return datetime(2026, 1, 1, tzinfo=UTC)


def _headers(credentials: Path) -> dict[str, str]:
    cookies: dict[str, Any] = json.loads(credentials.read_text("utf-8"))["cookies"]
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return {"cookie": cookie, "x-amzn-sessionid": cookies["session-id"]}


if __name__ == "__main__":
    # Over its default cache, "bytes", duckdb gets wrong bytes: it seems to read one file object from several threads.
    work(_Dated(cache_type="readahead", client_kwargs={"headers": _headers(Path(sys.argv[1]))}))
