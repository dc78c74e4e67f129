"""The tables of the catalogue, and how those of an older version are brought up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

FORMAT: Final = 4
_SCHEMA: Final = """
CREATE TABLE generations (
    fingerprint TEXT PRIMARY KEY, encoder TEXT NOT NULL, dim INTEGER NOT NULL, active INTEGER NOT NULL DEFAULT 0,
    changes INTEGER NOT NULL, updated TEXT
) STRICT;
CREATE TABLE nodes (id TEXT PRIMARY KEY, md5 TEXT NOT NULL, path TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX nodes_by_md5 ON nodes (md5);
CREATE TABLE failures (
    fingerprint TEXT NOT NULL, md5 TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, path TEXT NOT NULL,
    tries INTEGER NOT NULL, PRIMARY KEY (fingerprint, md5)
) STRICT, WITHOUT ROWID;
"""
_SECOND: Final = """
CREATE TABLE rows (
    fingerprint TEXT NOT NULL, row INTEGER NOT NULL, md5 TEXT NOT NULL, frame INTEGER NOT NULL DEFAULT 0,
    moment REAL NOT NULL DEFAULT 0, shard INTEGER NOT NULL, position INTEGER NOT NULL, labels TEXT NOT NULL,
    PRIMARY KEY (fingerprint, row), UNIQUE (fingerprint, md5, frame)
) STRICT, WITHOUT ROWID;
CREATE TABLE shards (
    shard INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL, name TEXT NOT NULL, retired INTEGER NOT NULL DEFAULT 0,
    UNIQUE (fingerprint, name)
) STRICT;
CREATE TABLE measures (
    md5 TEXT NOT NULL, frame INTEGER NOT NULL, phash INTEGER NOT NULL, dhash INTEGER NOT NULL,
    sharpness REAL NOT NULL, luma REAL NOT NULL, PRIMARY KEY (md5, frame)
) STRICT, WITHOUT ROWID;
"""
_RENAME: Final = "ALTER TABLE rows RENAME TO old_rows;"
_COPY: Final = """
INSERT INTO shards (fingerprint, name) SELECT DISTINCT fingerprint, printf('shard-%06d', shard) FROM old_rows;
INSERT INTO rows (fingerprint, row, md5, shard, position, labels)
    SELECT o.fingerprint, o.row, o.md5, s.shard, o.position, o.labels FROM old_rows o JOIN shards s
    ON s.fingerprint = o.fingerprint AND s.name = printf('shard-%06d', o.shard);
DROP TABLE old_rows;
"""
"""Format 1 had no measures and numbered its shards."""
_THIRD: Final = "ALTER TABLE failures ADD COLUMN again TEXT;"
"""Format 2 did not know when a transient failure is tried again (ISO 8601)."""
_FOURTH: Final = """
ALTER TABLE shards ADD COLUMN table_bytes INTEGER;
ALTER TABLE shards ADD COLUMN owners_bytes INTEGER;
"""
"""Format 3 did not know how long a shard's two files are, and had to read one of them at every build."""


def grow(db: sqlite3.Connection) -> None:
    """Make the tables, or bring older ones up to date; within a transaction of the caller's."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    script = {
        0: _SCHEMA + _SECOND + _THIRD + _FOURTH,
        1: _RENAME + _SECOND + _COPY + _THIRD + _FOURTH,
        2: _THIRD + _FOURTH,
        3: _FOURTH,
    }.get(version, "")
    for statement in filter(str.strip, script.split(";")):
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {FORMAT}")
