"""Steps from one schema of the cache to the next, all within one transaction.

A step is registered under the version that it starts from and leaves the store in the version after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import lmdb

from ap_remote.errors import CorruptStoreError, NewerStoreError

KNOWN: Final = 2
"""The schema that this code reads and writes."""

SCHEMA: Final = b"schema"
"""The one row of the unnamed table that is not a table's name: the schema's number in ASCII."""

Step = Callable[[lmdb.Environment, Any], None]
"""Takes the environment and a write transaction."""


def _rows_as_maps_and_indexes_of_time(env: lmdb.Environment, txn: Any) -> None:
    """From 1 to 2: rows decode straight into entries, and times are indexed along with what a node is."""
    from ap_remote.cache import format_1, records
    from ap_remote.cache.view import times

    old, nodes, children = (env.open_db(name, txn=txn) for name in (b"dates", b"nodes", b"children"))
    index = env.open_db(b"times", txn=txn)
    txn.drop(old)
    for table in (nodes, children):
        with txn.cursor(table) as cursor:
            more = cursor.first()
            while more:
                key, entry = cursor.key(), format_1.decode(cursor.value())
                cursor.put(key, records.encode(entry))
                if table is nodes:
                    for row, moment in times(entry):
                        txn.put(row, moment, db=index)
                more = cursor.next()


STEPS: Final[Mapping[int, Step]] = {1: _rows_as_maps_and_indexes_of_time}


def read_version(txn: Any) -> int | None:
    """Return the schema of the store, or ``None`` when it is new.

    Raises:
        CorruptStoreError: it is no node cache.
    """
    found = txn.get(SCHEMA)
    if found is None:
        if txn.stat()["entries"]:
            raise CorruptStoreError("the folder of the node cache holds an LMDB store of something else")
        return None
    if not found.isdigit():
        raise CorruptStoreError("the node cache does not say its format; its folder may be removed, it is only a cache")
    return int(found)


def check(found: int, known: int = KNOWN) -> None:
    """Refuse what a newer version wrote.

    Raises:
        NewerStoreError: *found* is beyond *known*.
    """
    if found > known:
        raise NewerStoreError("the node cache", found, known)


def migrate(
    env: lmdb.Environment,
    txn: Any,
    found: int,
    *,
    known: int = KNOWN,
    steps: Mapping[int, Step] = STEPS,
) -> None:
    """Bring a store from schema *found* to *known*, step by step.

    Raises:
        NewerStoreError: it is newer than *known*.
        CorruptStoreError: no step starts from a version on the way.
    """
    check(found, known)
    for version in range(found, known):
        step = steps.get(version)
        if step is None:
            raise CorruptStoreError(
                f"the node cache has format {version}, which cannot be upgraded; its folder may be removed",
            )
        step(env, txn)
    write_version(txn, known)


def write_version(txn: Any, version: int = KNOWN) -> None:
    """Record the schema."""
    txn.put(SCHEMA, str(version).encode())
