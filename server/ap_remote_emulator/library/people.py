"""People: clusters of faces. A cluster is a row of ``people``, its photographs are the tags that name it.

The real service finds faces by machine learning; this one takes what the files themselves tell, and what was seeded.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ap_remote_emulator.errors import BadRequestError, ClusterNotFoundError
from ap_remote_emulator.library.nodes import find, id_list, set_tags
from ap_remote_emulator.library.store import Sql, Store, Write, new_id
from ap_remote_emulator.query import name_key

if TYPE_CHECKING:
    from ap_remote_emulator.derive import Derived

PERSON: Final = "person"
"""The category of their tags."""
CONTEXTS: Final = frozenset({"customer", "family", "all"})
MAX_NAME: Final = 256
"""Characters of a person's name (own choice)."""
MAX_CLUSTERS: Final = 1000
"""Clusters that one request joins (own choice)."""
HERO: Final = (
    "(SELECT h.id FROM people p JOIN nodes h ON h.id = p.hero"
    " WHERE p.id = t.value AND h.status = 'AVAILABLE' AND h.hidden = 0)"
)
"""The photograph that stands for the cluster of a tag ``t``; NULL where none was chosen or it is not to be seen."""


def rename(store: Store, body: Mapping[str, Any]) -> dict[str, Any]:
    """Give a cluster a name; several may have the same one.

    Returns:
        The cluster. The real answer is in no source, so this one is (inferred).

    Raises:
        ClusterNotFoundError: there is no such cluster.
        BadRequestError: the body makes no sense.
    """
    cluster_id, name = _text(body, "sourceCluster"), _name(body)
    _check_context(body)
    with store.write() as write:
        _find(write, cluster_id)
        _set_name(write, cluster_id, name)
        return _show(write, cluster_id)


def combine(store: Store, body: Mapping[str, Any]) -> dict[str, Any]:
    """Make one cluster of several: the first of them, which gets the name.

    The photographs of the others become its own; the others' ids are unknown from then on (own choice).

    Returns:
        The cluster that is left (inferred).

    Raises:
        ClusterNotFoundError: one of them does not exist; then nothing was changed.
        BadRequestError: the body makes no sense, or names fewer than two.
    """
    ids, name = id_list(body.get("clusterIds")), _name(body)
    _check_context(body)
    if not 1 < len(ids) <= MAX_CLUSTERS:
        raise BadRequestError(f"clusterIds are two to {MAX_CLUSTERS} different ids")
    with store.write() as write:
        for each in ids:
            _find(write, each)
        kept, *others = ids
        for other in others:
            write.execute(
                "INSERT OR IGNORE INTO tags SELECT category, ?, node_id FROM tags WHERE category = ? AND value = ?",
                (kept, PERSON, other),
            )
            write.execute("DELETE FROM tags WHERE category = ? AND value = ?", (PERSON, other))
            write.execute("DELETE FROM people WHERE id = ?", (other,))
        _set_name(write, kept, name)
        return _show(write, kept)


def set_hero(store: Store, cluster_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Let a photograph stand for a cluster; it must show the person (inferred).

    Returns:
        The cluster (inferred).

    Raises:
        ClusterNotFoundError: there is no such cluster.
        NodeNotFoundError: there is no such photograph.
        BadRequestError: the body makes no sense, or the photograph shows somebody else.
    """
    node_id = _text(body, "nodeId")
    if body.get("clusterId", cluster_id) != cluster_id:
        raise BadRequestError("clusterId is not that of the path")
    with store.write() as write:
        _find(write, cluster_id)
        find(write, node_id)
        shown = write.execute(
            "SELECT 1 FROM tags WHERE category = ? AND value = ? AND node_id = ?",
            (PERSON, cluster_id, node_id),
        ).fetchone()
        if shown is None:
            raise BadRequestError(f"{node_id} is not in cluster {cluster_id}")
        write.execute("UPDATE people SET hero = ? WHERE id = ?", (node_id, cluster_id))
        write.next_seq()
        return _show(write, cluster_id)


def adopt(write: Write, node_id: str, derived: Derived) -> None:
    """Take over what a file tells about itself: who is on it, that it is a favourite, what it is called.

    A cluster belongs to each name; a face without a name begins a cluster of its own. What the account already says of
    a description stays.
    """
    former = write.execute("SELECT value FROM tags WHERE category = ? AND node_id = ?", (PERSON, node_id)).fetchall()
    clusters = make(write, [*derived.people, *[None] * derived.unnamed_faces])
    set_tags(write, node_id, PERSON, clusters)
    for (cluster_id,) in former:  # a face without a name that nothing shows any more was never told to anybody
        write.execute(
            "DELETE FROM people WHERE id = ? AND name IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM tags WHERE category = ? AND value = people.id)",
            (cluster_id, PERSON),
        )
    write.execute(
        "UPDATE nodes SET favorite = MAX(favorite, ?), description = COALESCE(description, ?) WHERE id = ?",
        (int(derived.favorite), derived.description, node_id),
    )


def make(write: Write, wanted: Iterable[str | None], fresh_id: Callable[[], str] = new_id) -> list[str]:
    """Return a cluster for each name: the one that has it, or a new one; always a new one for ``None``."""
    wanted = list(wanted)
    known = _by_name(write) if any(wanted) else {}
    clusters: list[str] = []
    for name in wanted:
        cluster_id = known.get(name_key(name)) if name else None
        if cluster_id is None:
            cluster_id = fresh_id()
            write.execute("INSERT INTO people (id, name) VALUES (?, ?)", (cluster_id, name))
        if name:
            known[name_key(name)] = cluster_id
        clusters.append(cluster_id)
    return clusters


def _by_name(sql: Sql) -> dict[str, str]:
    """Return the cluster of each name; of several with one name the first by id, always the same."""
    rows = sql.execute("SELECT id, name FROM people WHERE name IS NOT NULL ORDER BY id DESC").fetchall()
    return {name_key(row["name"]): row["id"] for row in rows}


def _find(sql: Sql, cluster_id: str) -> None:
    try:
        found = sql.execute("SELECT 1 FROM people WHERE id = ?", (cluster_id,)).fetchone()
    except UnicodeEncodeError:
        found = None
    if found is None:
        raise ClusterNotFoundError(cluster_id)


def _set_name(write: Write, cluster_id: str, name: str) -> None:
    write.execute("UPDATE people SET name = ? WHERE id = ?", (name, cluster_id))
    write.next_seq()  # no node changes by it, but what was counted and remembered does


def _show(sql: Sql, cluster_id: str) -> dict[str, Any]:
    row = sql.execute("SELECT name, hero FROM people WHERE id = ?", (cluster_id,)).fetchone()
    shown = {"clusterId": cluster_id, "clusterName": row["name"], "nodeId": row["hero"]}
    return {key: value for key, value in shown.items() if value is not None}


def _name(body: Mapping[str, Any]) -> str:
    name = unicodedata.normalize("NFC", _text(body, "newName")).strip()
    if not name or len(name) > MAX_NAME:
        raise BadRequestError(f"newName has 1 to {MAX_NAME} characters")
    return name


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise BadRequestError(f"{key} is needed")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadRequestError(f"{key} is not Unicode text") from None
    return value


def _check_context(body: Mapping[str, Any]) -> None:
    if body.get("context", "customer") not in CONTEXTS:
        raise BadRequestError("Invalid context")
