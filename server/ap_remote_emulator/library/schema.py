"""The tables, and how an empty or older database becomes one of today's.

Times are milliseconds since 1970 UTC. ``name_key`` is :func:`ap_remote_emulator.query.name_key` of the name.
``edges.name_key`` and ``edges.live`` repeat what stands in ``nodes``, so that the database itself keeps names unique
among the live children of a folder and finds them without a join.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from ap_remote_emulator.errors import StoreError

VERSION: Final = 3

_TABLES: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;

CREATE TABLE nodes (
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    name TEXT,
    name_key TEXT,
    status TEXT NOT NULL,
    trash_root TEXT,            -- the node whose trashing took this one along; its own id when it was trashed itself
    is_root INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1,
    seq INTEGER NOT NULL,       -- the change that made it what it is
    created_by TEXT NOT NULL,
    description TEXT,
    labels TEXT,                -- JSON list
    keywords TEXT,              -- JSON list
    favorite INTEGER NOT NULL DEFAULT 0,
    hidden INTEGER NOT NULL DEFAULT 0,
    sha TEXT,                   -- the blob; NULL for what has no bytes here
    md5 TEXT,
    size INTEGER,
    content_version INTEGER,
    content_type TEXT,
    extension TEXT,
    content_date INTEGER,
    year INTEGER,
    month INTEGER,
    day INTEGER,
    media TEXT,                 -- PHOTOS, VIDEOS, ALBUMS: what search finds
    location TEXT,
    location_key TEXT,
    image TEXT,                 -- JSON object
    video TEXT,                 -- JSON object
    address TEXT,               -- JSON object
    body BLOB                   -- the whole node as JSON; NULL from a change until its transaction ends
);
-- Status leads, because every listing asks for one; the kind at the end lets a page be found without touching the rows.
CREATE INDEX nodes_by_kind ON nodes (status, kind, id);
CREATE INDEX nodes_by_status ON nodes (status, id, kind);
CREATE INDEX nodes_by_name ON nodes (status, name_key, id, kind);
CREATE INDEX nodes_by_created ON nodes (status, created, id, kind);
CREATE INDEX nodes_by_modified ON nodes (status, modified, id, kind);
CREATE INDEX nodes_by_date ON nodes (status, content_date, id, kind);
CREATE UNIQUE INDEX nodes_by_seq ON nodes (seq);
CREATE UNIQUE INDEX nodes_root ON nodes (is_root) WHERE is_root = 1;
CREATE INDEX nodes_by_md5 ON nodes (md5) WHERE md5 IS NOT NULL;
CREATE INDEX nodes_by_sha ON nodes (sha) WHERE sha IS NOT NULL;
CREATE INDEX nodes_by_trash_root ON nodes (trash_root) WHERE trash_root IS NOT NULL;
CREATE INDEX search_by_date ON nodes (status, hidden, content_date, id, media);
CREATE INDEX search_by_created ON nodes (status, hidden, created, id, media);
CREATE INDEX search_by_day ON nodes (status, hidden, year, month, day, media);
CREATE INDEX search_by_place ON nodes (status, hidden, location_key, media, location);

CREATE TABLE edges (
    parent_id TEXT NOT NULL,
    child_id TEXT NOT NULL,
    parent_kind TEXT NOT NULL,
    added INTEGER NOT NULL,     -- the change that made it; orders a node's parents
    name_key TEXT,
    live INTEGER NOT NULL,      -- the child is not in the trash
    PRIMARY KEY (parent_id, child_id)
) WITHOUT ROWID;
CREATE INDEX edges_by_child ON edges (child_id);
CREATE UNIQUE INDEX edges_names ON edges (parent_id, name_key) WHERE live = 1 AND parent_kind = 'FOLDER';

CREATE TABLE tags (
    category TEXT NOT NULL,     -- label, thing, person
    value TEXT NOT NULL,
    node_id TEXT NOT NULL,
    PRIMARY KEY (category, value, node_id)
) WITHOUT ROWID;
CREATE INDEX tags_by_node ON tags (node_id);

CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT, hero TEXT) WITHOUT ROWID;
CREATE TABLE places (location TEXT PRIMARY KEY, info TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE purged (id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT, seq INTEGER NOT NULL, purged INTEGER NOT NULL);
CREATE INDEX purged_by_seq ON purged (seq);
CREATE TABLE garbage (sha TEXT PRIMARY KEY) WITHOUT ROWID; -- blobs that may have lost their last node
"""


_SECOND: Final = """
ALTER TABLE nodes ADD COLUMN family_id TEXT;
ALTER TABLE nodes ADD COLUMN properties TEXT;   -- JSON object: owner to key to value
ALTER TABLE nodes ADD COLUMN asset_type TEXT;   -- of an ASSET: LIVE_VIDEO
ALTER TABLE nodes ADD COLUMN asset_types TEXT;  -- JSON list: what assets a FILE has
ALTER TABLE nodes ADD COLUMN covers TEXT;       -- JSON list: of an album
ALTER TABLE nodes ADD COLUMN uploader TEXT;     -- the id of the family member whose photograph it is; NULL is the owner
CREATE INDEX nodes_by_family ON nodes (family_id) WHERE family_id IS NOT NULL;
CREATE INDEX nodes_by_uploader ON nodes (uploader, id) WHERE uploader IS NOT NULL;

CREATE TABLE shares (
    id TEXT PRIMARY KEY,
    node_id TEXT NOT NULL,      -- a SHARED_COLLECTION, whose children are what is shared
    secret TEXT,                -- of a group's link; NULL for a plain share
    created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE archives (id TEXT PRIMARY KEY, node_ids TEXT NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE local_ids (local_id TEXT PRIMARY KEY, node_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE part_uploads (
    id TEXT PRIMARY KEY,
    node_id TEXT NOT NULL,
    wish TEXT NOT NULL,         -- JSON: the query parameters that it began with
    md5 TEXT,
    created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE parts (
    upload_id TEXT NOT NULL REFERENCES part_uploads (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    size INTEGER NOT NULL,
    md5 TEXT NOT NULL,
    PRIMARY KEY (upload_id, number)
) WITHOUT ROWID;
CREATE TABLE sessions (
    at TEXT PRIMARY KEY,        -- the value of an at- cookie, hashed
    created INTEGER NOT NULL,
    expired INTEGER             -- when it was taken back; NULL while it is good
) WITHOUT ROWID;
"""
"""What format 2 adds: families, properties, assets, shares, archives, multipart uploads, sessions that end."""

_THIRD: Final = """
ALTER TABLE nodes ADD COLUMN signatures TEXT;   -- JSON list: contentProperties.contentSignatures
ALTER TABLE nodes ADD COLUMN access_rules TEXT; -- JSON list: accessRuleIds
"""
"""What format 3 adds: what only an uploader can tell."""

_STEPS: Final = (_TABLES, _SECOND, _THIRD)
"""The statements that lead from each format to the next."""


def prepare(connection: sqlite3.Connection) -> bool:
    """Bring a database to today's schema inside the caller's transaction; return whether it was empty.

    Raises:
        StoreError: it was written by a newer version.
    """
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        raise StoreError(f"the store was written by a newer version (format {found}, this one knows {VERSION})")
    if found == VERSION:
        return False
    for step in _STEPS[found:]:
        for statement in _statements(step):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    return bool(found == 0)


def _statements(step: str) -> list[str]:
    statements: list[str] = []
    pending = ""
    for line in step.splitlines():
        pending += line + "\n"
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
