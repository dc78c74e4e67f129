"""What is measured, over any filesystem of fsspec: ours and the peers run the same lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def cat(fs: Any, paths: list[str]) -> int:
    """Read many files; returns bytes."""
    return sum(map(len, fs.cat(paths).values()))


def whole(fs: Any, path: str) -> int:
    """Read one file at once; returns bytes."""
    return len(fs.cat_file(path))


def pieces(fs: Any, path: str, piece: int) -> int:
    """Read one file through its file object, *piece* bytes at a time; returns bytes."""
    total = 0
    with fs.open(path) as file:
        while data := file.read(piece):
            total += len(data)
    return total


def ranges(fs: Any, path: str, starts: list[int], length: int) -> int:
    """Read ranges of one file; returns bytes."""
    found = fs.cat_ranges([path] * len(starts), starts, [start + length for start in starts], on_error="raise")
    return sum(map(len, found))


def pandas(fs: Any, path: str, columns: list[str]) -> int:
    """Read columns of a parquet file; returns rows."""
    from pandas import read_parquet

    return len(read_parquet(path, columns=columns, filesystem=fs))


def duckdb(fs: Any, path: str, columns: list[str]) -> list[float]:
    """Sum columns of a parquet file; returns the sums."""
    from duckdb import connect

    with connect() as connection:
        connection.register_filesystem(fs)
        sums = ", ".join(f"sum({each})" for each in columns)
        row = connection.execute(f"select {sums} from read_parquet('{path}')").fetchone()
    return [round(float(each), 3) for each in row or ()]


def ls(fs: Any, path: str, **options: Any) -> int:
    """List a folder; returns entries."""
    return len(fs.ls(path, detail=True, **options))


def info(fs: Any, paths: list[str], **options: Any) -> int:
    """Look at one path after the other; returns the sum of their sizes."""
    return sum(fs.info(path, **options)["size"] for path in paths)


def exists(fs: Any, paths: list[str], **options: Any) -> int:
    """Ask for one path after the other; returns how many are there."""
    return sum(fs.exists(path, **options) for path in paths)


def glob(fs: Any, pattern: str) -> int:
    """Return how many paths match."""
    return len(fs.glob(pattern))


def find(fs: Any, path: str, **options: Any) -> int:
    """Return how many files are below."""
    return len(fs.find(path, **options))


def du(fs: Any, path: str) -> int:
    """Return the bytes below."""
    return int(fs.du(path))


def walk(fs: Any, path: str) -> int:
    """Return how many files and folders are below."""
    return sum(len(folders) + len(files) for _, folders, files in fs.walk(path))


def forget(fs: Any) -> None:
    """Drop the listings that the filesystem keeps."""
    fs.invalidate_cache()


def put(fs: Any, source: str, target: str) -> None:
    """Upload a folder."""
    fs.put(source, target, recursive=True)


def ids(fs: Any, path: str) -> dict[str, str]:
    """Return the service's id of every file below."""
    return {name: each["id"] for name, each in fs.find(path, detail=True).items()}


def names(fs: Any, path: str, target: str) -> None:
    """Write path and size of every file below as JSON."""
    found = {name: each["size"] for name, each in fs.find(path, detail=True).items()}
    Path(target).write_text(json.dumps(found), "utf-8")
