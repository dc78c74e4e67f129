"""fsspec over any remote: a filesystem class, its files, and what keeps both from losing data."""

from __future__ import annotations

from ap_remote.fs.files import RemoteFile
from ap_remote.fs.filesystem import RemoteFileSystem

__all__ = ["RemoteFile", "RemoteFileSystem"]
