"""What people and programs wrote into a picture's XMP packet: who is on it, what is on it, how good it is.

The packet comes from strangers. It is read as text and refused if it declares a document type, so no entity can be
in it; what is left is a tree whose size is bounded by the packet's.
"""

from __future__ import annotations

import codecs
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

MAX_PACKET: Final = 256 * 1024
"""Bytes. What Pillow hands over is one JPEG segment, or a chunk of another format."""
MAX_ITEMS: Final = 200
_BEST: Final = 5.0
_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DC: Final = "{http://purl.org/dc/elements/1.1/}"
_XMP: Final = "{http://ns.adobe.com/xap/1.0/}"
_LIGHTROOM: Final = "{http://ns.adobe.com/lightroom/1.0/}"
_IPTC: Final = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
_MWG: Final = "{http://www.metadataworkinggroup.com/schemas/regions/}"
_MP_INFO: Final = "{http://ns.microsoft.com/photo/1.2/t/RegionInfo#}"
_MP_REGION: Final = "{http://ns.microsoft.com/photo/1.2/t/Region#}"
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_LIST: Final = f"*/{_RDF}li"
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a packet says, as it stands there.

    Attributes:
        subjects: ``dc:subject``, and the last part of each ``lr:hierarchicalSubject``.
        people: names from face regions and ``PersonInImage``.
        unnamed_faces: face regions without a name.
        favorite: ``xmp:Rating`` is five stars.
        description: ``dc:description``.
    """

    subjects: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    unnamed_faces: int = 0
    favorite: bool = False
    description: str = ""


NOTHING: Final = Words()


def read(packet: Any) -> Words:
    """Read a packet, given as bytes or text; one that cannot be read, or must not be, says nothing."""
    root = _parse(packet)
    if root is None:
        return NOTHING
    named, unnamed = _regions(root)
    named += _items(root, f"{_IPTC}PersonInImage")
    subjects = _items(root, f"{_DC}subject")
    subjects += [
        each.replace("\\", "|").rpartition("|")[2] for each in _items(root, f"{_LIGHTROOM}hierarchicalSubject")
    ]
    return Words(
        subjects=tuple(subjects[:MAX_ITEMS]),
        people=tuple(named[:MAX_ITEMS]),
        unnamed_faces=min(unnamed, MAX_ITEMS),
        favorite=_rating(root) == _BEST,
        description=_description(root),
    )


def _parse(packet: Any) -> ET.Element | None:
    text = _text(packet)
    if text is None or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        return ET.fromstring(text.strip("\0 \r\n\t"))  # noqa: S314 - no document type, so no entities: see above
    except (ET.ParseError, ValueError):  # a declared encoding that does not exist is a ValueError
        return None


def _text(packet: Any) -> str | None:
    """Return a packet as text, so that no encoding can hide what must not be in it."""
    if isinstance(packet, str):
        return packet if len(packet) <= MAX_PACKET else None
    if not isinstance(packet, bytes) or len(packet) > MAX_PACKET:
        return None
    encoding = next((name for bom, name in _BOMS if packet.startswith(bom)), "utf-8")
    try:
        return packet.decode(encoding)
    except UnicodeDecodeError:
        return None


def _items(root: ET.Element, tag: str) -> list[str]:
    """Return the texts of a list, wherever it stands; a list that is plain text is a list of one."""
    found: list[str] = []
    for element in root.iter(tag):
        items = [item.text for item in element.iter(f"{_RDF}li") if item.text]
        if not items and element.text and element.text.strip():
            items = [element.text]
        found += items
    return found


def _regions(root: ET.Element) -> tuple[list[str], int]:
    """Return the names of face regions, and how many have none.

    Programs often write each face twice, in the words of the Metadata Working Group and in Microsoft's: unnamed faces
    are counted in the first that has any region, names are taken from both.
    """
    mwg = [
        _property(region, f"{_MWG}Name")
        for listing in root.iter(f"{_MWG}RegionList")
        for region in listing.findall(_LIST)
        if (_property(region, f"{_MWG}Type") or "Face").lower() == "face"
    ]
    microsoft = [
        _property(region, f"{_MP_REGION}PersonDisplayName")
        for listing in root.iter(f"{_MP_INFO}Regions")
        for region in listing.findall(_LIST)
    ]
    names = [name for name in (*mwg, *microsoft) if name]
    return names, sum(not name for name in mwg or microsoft)


def _property(region: ET.Element, tag: str) -> str:
    """Return a property of a region: an attribute or an element, of the item or of the description in it."""
    for element in _holders(region):
        value = element.get(tag)
        if value is None:
            child = element.find(tag)
            value = None if child is None else child.text
        if value and value.strip():
            return value.strip()
    return ""


def _holders(region: ET.Element) -> Iterator[ET.Element]:
    yield region
    yield from region.findall(f"{_RDF}Description")


def _rating(root: ET.Element) -> float | None:
    for element in root.iter():
        text = element.text if element.tag == f"{_XMP}Rating" else element.get(f"{_XMP}Rating")
        if text is not None:
            try:
                return float(text)
            except ValueError:
                return None
    return None


def _description(root: ET.Element) -> str:
    """Return the description in the default language, or else the first."""
    element = next(root.iter(f"{_DC}description"), None)
    if element is None:
        return next((text for each in root.iter() if (text := each.get(f"{_DC}description"))), "")
    items = [item for item in element.iter(f"{_RDF}li") if item.text]
    chosen = next((item for item in items if item.get(_LANGUAGE) == "x-default"), items[0] if items else element)
    return chosen.text or ""
