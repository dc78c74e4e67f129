"""Albums, people and the family vault."""

from __future__ import annotations

from typing import Any

from ap_remote.client.answers import Node, cluster
from ap_remote.client.core import Core
from ap_remote.client.ids import ids_of, texts_of
from ap_remote.model import NodeId
from ap_remote.remote.features import SupportsAlbums, SupportsFamily, SupportsFolders, SupportsPeople


class Groups(Core):
    """Methods that put photographs together. Ids are taken in every form of :func:`ap_remote.client.ids.ids_of`."""

    def create_album(self, album_name: str, node_ids: Any = ()) -> Node:
        """Make an album of nodes."""
        albums, ids = self._ability(SupportsAlbums, "keep albums"), _refs(node_ids)
        made = self._run(lambda: albums.create_album(album_name, members=ids))
        self._changed()
        return Node(made)

    def rename_album(self, album_id: str, name: str) -> Node:
        """Give an album another name."""
        folders = self._ability(SupportsFolders, "rename")
        moved = self._run(lambda: folders.move(NodeId(album_id), f".views/albums/{name}"))
        self._changed()
        return Node(moved)

    def add_to_album(self, album_id: str, node_ids: Any) -> Node:
        """Add nodes to an album, and return it."""
        albums, ids = self._ability(SupportsAlbums, "keep albums"), _refs(node_ids)
        self._run(lambda: albums.add_to_album(NodeId(album_id), ids))
        return self._node(album_id)

    def remove_from_album(self, album_id: str, node_ids: Any) -> Node:
        """Take nodes out of an album, and return it; they stay in the library."""
        albums, ids = self._ability(SupportsAlbums, "keep albums"), _refs(node_ids)
        self._run(lambda: albums.remove_from_album(NodeId(album_id), ids))
        return self._node(album_id)

    def rename_cluster(self, cluster_id: str, name: str) -> dict[str, Any]:
        """Give a person a name; ids are in ``aggregations("allPeople")``."""
        people = self._ability(SupportsPeople, "name people")
        self._run(lambda: people.name_person(cluster_id, name))
        return self._cluster(people, cluster_id)

    def combine_clusters(self, cluster_ids: Any, name: str) -> dict[str, Any]:
        """Make one person of several. There is no way back."""
        people, ids = self._ability(SupportsPeople, "join people"), texts_of(cluster_ids)
        self._run(lambda: people.merge_people(ids, name))
        return self._cluster(people, *ids)

    def update_cluster_thumbnail(self, cluster_id: str, node_id: str) -> dict[str, Any]:
        """Let a photograph stand for a person."""
        people = self._ability(SupportsPeople, "show people")
        self._run(lambda: people.set_person_cover(cluster_id, NodeId(node_id)))
        return self._cluster(people, cluster_id)

    def add_to_family_vault(self, family_id: str | None, node_ids: Any) -> dict[str, Any]:
        """Put nodes into the family vault; ``None`` is the family that a node of the account names already."""
        family, ids = self._ability(SupportsFamily, "share with a family"), _refs(node_ids)
        self._run(lambda: family.add_to_family(ids, family_id=family_id))
        return {"familyId": family_id, "nodeIds": [each.value for each in ids]}

    def remove_from_family_vault(self, family_id: str | None, node_ids: Any) -> dict[str, Any]:
        """Take nodes out of the family vault."""
        family, ids = self._ability(SupportsFamily, "share with a family"), _refs(node_ids)
        self._run(lambda: family.remove_from_family(ids, family_id=family_id))
        return {"familyId": family_id, "nodeIds": [each.value for each in ids]}

    def _node(self, node_id: str) -> Node:
        return Node(self._run(lambda: self._remote.stat(NodeId(node_id))))

    def _cluster(self, people: SupportsPeople, *ids: str) -> dict[str, Any]:
        """Return a person as the account now tells; of several that were joined, the one that is left."""
        known = {each.id: each for each in self._run(people.people)}
        found = next((known[each] for each in ids if each in known), None)
        return {"clusterId": ids[0]} if found is None else cluster(found)


def _refs(node_ids: Any) -> list[NodeId]:
    return [NodeId(each) for each in ids_of(node_ids)]
