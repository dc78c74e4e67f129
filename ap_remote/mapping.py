"""From Amazon's node to our entry: the one place that knows both."""

from __future__ import annotations

import math
import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ap_remote.model import Entry, Kind, Media, Place, Status
from ap_remote.wire import nodes as wire
from ap_remote.wire._base import Word, moment

if TYPE_CHECKING:
    from ap_remote.wire.nodes import Address, ContentProperties, ImageProperties, Node, VideoProperties

_KINDS: Final = {
    wire.FILE: Kind.FILE,
    wire.FOLDER: Kind.FOLDER,
    wire.ALBUM: Kind.ALBUM,
    wire.ASSET: Kind.ASSET,
    wire.SHARE: Kind.FOLDER,
}
_WORDS: Final = {
    Kind.FILE: wire.FILE,
    Kind.FOLDER: wire.FOLDER,
    Kind.ALBUM: wire.ALBUM,
    Kind.ASSET: wire.ASSET,
}
_STATUSES: Final = {
    wire.AVAILABLE: Status.AVAILABLE,
    wire.TRASH: Status.TRASHED,
    wire.PURGED: Status.TRASHED,
    wire.PENDING: Status.PENDING,
}
_NUMBER: Final = r"[+-]?\d+(?:\.\d+)?"
_LAT_LON: Final = re.compile(rf"\s*({_NUMBER})\s*[,/ ]?\s*({_NUMBER})\s*(?:[,/+-].*)?")
_LABEL_PARTS: Final = 3
_ISO2: Final = 2
_ELSEWHERE: Final = frozenset({"width", "height", "duration", "make", "model", "location"})
"""Properties that have a field of their own in :class:`~ap_remote.model.Media`."""


def kind(word: str) -> Kind:
    """Return our word for Amazon's ``kind``; one that is not known counts as a file."""
    return _KINDS.get(word, Kind.FILE)


def kind_word(kind: Kind) -> str:
    """Return Amazon's word for a kind."""
    return _WORDS[kind]


def name(node: Node) -> str:
    """Return a node's name as a path can hold it.

    The service promises neither ``/`` nor NUL in a name; one that is no component all the same is shown with the
    fullwidth twins of what it may not have, and a node without a name, unless it is the root, by its id.
    """
    found = node.name or ""
    if not found:
        return node.id if node.parents else ""
    if found in (".", ".."):
        return found.replace(".", "\uff0e")
    return found.replace("/", "\uff0f").replace("\0", "\u2400")


def entry(node: Node, *, path: str) -> Entry:
    """Return a node as it is seen at *path*.

    The root has no name. A purged node, which only deltas show, comes out as trashed.
    """
    content = node.content_properties or wire.ContentProperties()
    return Entry(
        path=path,
        name=name(node),
        id=node.id,
        kind=kind(node.kind),
        size=content.size or 0,
        md5=content.md5.lower() if content.md5 else None,
        modified=moment(node.modified_date),
        created=moment(node.created_date),
        taken=moment(content.content_date),
        content_type=content.content_type,
        version=node.version,
        status=_STATUSES.get(node.status, Status.AVAILABLE),
        parents=node.parents,
        owner_id=node.owner_id,
        favorite=node.settings.favorite,
        hidden=node.settings.hidden,
        description=node.description or None,
        labels=tuple(dict.fromkeys((*node.labels, *node.keywords))) if node.labels or node.keywords else (),
        things=node.things,
        media=media(content),
        assets=_assets(node) if node.child_asset_type_info else (),
        family_id=node.family_id,
        properties=properties(node) if node.properties else {},
    )


def properties(node: Node) -> dict[str, dict[str, str]]:
    """Return what applications keep with a node; what is not text is none of theirs."""
    return {
        owner: kept
        for owner, pairs in node.properties.items()
        if isinstance(pairs, dict) and (kept := {key: text for key, text in pairs.items() if isinstance(text, str)})
    }


def _assets(node: Node) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.asset_type for each in node.child_asset_type_info if each.asset_type))


def media(content: ContentProperties) -> Media | None:
    """Return what a picture or a film says about itself; ``None`` where it says nothing."""
    said = content.image or content.video
    place_ = place(content)
    if said is None and place_ is None:
        return None
    if said is None:
        return Media(place=place_)
    return Media(
        width=_whole(said.width),
        height=_whole(said.height),
        duration=_number(content.video.duration) if content.video else None,
        make=_text(said.make),
        model=_text(said.model),
        place=place_,
        exif=_exif(said),
    )


def place(content: ContentProperties) -> Place | None:
    """Return where it was taken: from the address, else from the location that image or video carry."""
    said = content.image or content.video
    location = _text(said.location) if said else None
    if content.address is None and content.location_id is None and location is None:
        return None
    label = next((each for each in (content.location_id, location) if each and _is_label(each)), None)
    latitude, longitude = _coordinates(location) if location else (None, None)
    if content.address is not None:
        found = _from_address(content.address, label)
    elif label:
        country, region, city = (part or None for part in label.split("#"))
        found = Place(label=label, country=country, region=region, city=city)
    else:
        found = Place()
    if found.latitude is None:
        found = msgspec.structs.replace(found, latitude=latitude, longitude=longitude)
    return None if found == Place() else found


def _from_address(address: Address, label: str | None) -> Place:
    latitude, longitude = _position(_number(address.latitude), _number(address.longitude))
    country, made = _labelled(address.country_code, address.state, address.city)
    label = label or made
    return Place(
        latitude=latitude,
        longitude=longitude,
        label=label,
        city=address.city,
        region=address.state,
        country=address.country or country,
    )


@lru_cache(maxsize=4096)
def _labelled(code: str | None, state: str | None, city: str | None) -> tuple[str | None, str | None]:
    """Return a country's three letters and the label of a place.

    (inferred) A region is its ISO 3166-2 code, as in `CAN#BC#Vancouver`; the address spells it out.
    """
    if not code:
        return None, None
    country = _iso3(code)
    parts = (country, _subdivision(country, state or ""), city or "")
    return country, "#".join(part.replace("#", " ") for part in parts if part)


def _is_label(text: str) -> bool:
    return len(text.split("#")) == _LABEL_PARTS


@lru_cache(maxsize=512)
def _iso3(code: str) -> str:
    """Return a country's three letters; what is no known code stays as it is."""
    if len(code) != _ISO2:
        return code.upper()
    import pycountry  # reads its tables when it is first asked

    found = pycountry.countries.get(alpha_2=code.upper())
    return str(found.alpha_3) if found else code.upper()


@lru_cache(maxsize=2048)
def _subdivision(country: str, state: str) -> str:
    """Return a state's code without its country's; what is no known name, a code perhaps, stays as it is."""
    import pycountry  # reads its tables when it is first asked

    known = pycountry.countries.get(alpha_3=country)
    rows = pycountry.subdivisions.get(country_code=known.alpha_2) if known else None  # type: ignore[no-untyped-call]  # it has half its types
    found = next((row.code for row in rows or () if _bare(row.name) == _bare(state)), None)
    return str(found).partition("-")[2] if found else state


def _bare(name: str) -> str:
    """Return a name without accents and case: sources spell `Île-de-France` in several ways."""
    letters = unicodedata.normalize("NFKD", name)
    return "".join(each for each in letters if not unicodedata.combining(each)).casefold().replace("-", " ")


def _coordinates(location: str | None) -> tuple[float | None, float | None]:
    """Read ``lat,lon``, and the ``+lat+lon/`` that films carry (ISO 6709)."""
    found = _LAT_LON.fullmatch(location or "")
    return _position(float(found[1]), float(found[2])) if found else (None, None)


def _position(latitude: float | None, longitude: float | None) -> tuple[float | None, float | None]:
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:  # noqa: PLR2004 - the globe
        return None, None
    return latitude, longitude


def _exif(said: ImageProperties | VideoProperties) -> dict[str, str]:
    # What is not said is left out by the struct itself, which is quicker than asking each of thirty fields.
    found: dict[str, Any] = msgspec.to_builtins(said)
    for each in _ELSEWHERE:
        found.pop(each, None)
    # Nearly always all are texts in which nothing is to be stripped, and to look at each costs more than all the rest.
    try:
        if len("".join(found.values()).split(None, 1)) == 1 and "" not in found.values():
            return found
    except TypeError:  # one of them is no text
        pass
    return {
        shown: text
        for shown, value in found.items()
        if (text := value.strip() if isinstance(value, str) else _text(value))
    }


def _text(value: Word) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    return str(value).strip() or None


def _number(value: Word) -> float | None:
    try:
        found = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _whole(value: Word) -> int | None:
    if type(value) is int:
        return value if value >= 0 else None
    found = _number(value)
    return None if found is None or found < 0 else round(found)
