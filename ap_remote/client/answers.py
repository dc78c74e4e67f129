"""What methods return beside frames: dictionaries in Amazon's words, as the seed's were, with our attributes too."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ap_remote.model import Kind, Status

if TYPE_CHECKING:
    from ap_remote.model import Entry, Facet, Person
    from ap_remote.transfer import Report

_KINDS: Final = {Kind.ALBUM: "VISUAL_COLLECTION"}
_STATES: Final = {Status.TRASHED: "TRASH"}
_FACES: Final = ("allPeople", "people", "clusterId")


class Node(dict[str, Any]):
    """A node under Amazon's names: ``node["id"]``, ``node["contentProperties"]["md5"]``; what is not known is absent.

    Attributes are those of :class:`~ap_remote.model.Entry`: ``node.path``, ``node.favorite`` …
    """

    def __init__(self, entry: Entry) -> None:
        super().__init__(_node(entry))
        self.entry = entry
        """The same, in our words."""

    def __getattr__(self, name: str) -> Any:
        # `copy` and `pickle` ask before there is an entry.
        if name == "entry" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.entry, name)


class Count(dict[str, Any]):
    """A row of an aggregation: ``value`` (also ``match``), ``count`` and ``searchData``, as either answer has them."""

    def __init__(self, facet: Facet) -> None:
        said = {} if facet.label is None else {"clusterName" if facet.category in _FACES else "label": facet.label}
        if facet.category in _FACES:
            said["clusterId"] = facet.value
        super().__init__(value=facet.value, match=facet.value, count=facet.count, searchData=said)
        self.category = str(facet.category)
        self.value = facet.value
        self.count = facet.count
        self.label = facet.label


class Downloaded(dict[str, Any]):
    """What came: ``nodes`` are the ids whose files are here now, ``timestamp`` nanoseconds since 1970.

    Attributes:
        report: a row for every file.
        missing: ids that name nothing any more.
    """

    def __init__(self, report: Report, *, timestamp: int, nodes: list[str], missing: list[str]) -> None:
        super().__init__(timestamp=timestamp, nodes=nodes)
        self.report = report
        self.missing = missing


def cluster(person: Person) -> dict[str, Any]:
    """Return a person as Amazon's answers say one."""
    return {
        "clusterId": person.id,
        "clusterName": person.name,
        "count": person.count,
        "nodeId": person.cover,
    }


def _node(entry: Entry) -> dict[str, Any]:
    said: dict[str, Any] = {
        "id": entry.id,
        "name": entry.name,
        "kind": _KINDS.get(entry.kind, entry.kind.upper()),
        "status": _STATES.get(entry.status, entry.status.upper()),
        "version": entry.version,
        "parents": list(entry.parents),
        "labels": list(entry.labels),
        "createdDate": _moment(entry.created),
        "modifiedDate": _moment(entry.modified),
        "ownerId": entry.owner_id,
        "description": entry.description,
        "settings": {"favorite": entry.favorite, "hidden": entry.hidden},
        "isRoot": True if not entry.name and entry.kind is Kind.FOLDER else None,
        "contentProperties": _content(entry) if entry.kind in (Kind.FILE, Kind.ASSET) else None,
    }
    return _told(said)


def _content(entry: Entry) -> dict[str, Any]:
    media = entry.media
    said: dict[str, Any] = {
        "size": entry.size,
        "md5": entry.md5,
        "contentType": entry.content_type,
        "contentDate": _moment(entry.taken),
        "extension": Path(entry.name).suffix[1:].lower() or None,
    }
    if media is not None:
        family = "video" if entry.is_video else "image"
        said[family] = _told(
            {
                "width": media.width,
                "height": media.height,
                "duration": media.duration,
                "make": media.make,
                "model": media.model,
                **media.exif,
            }
        )
    return _told(said)


def _told(said: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if value is not None}


def _moment(when: datetime | None) -> str | None:
    if when is None:
        return None
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
