"""One name for one thing: what a file is, which camera took it, where that was."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ap_remote.insight.library import Sort
from ap_remote.model import FILE_TYPES

if TYPE_CHECKING:
    from ap_remote.model import Entry, Place

_MORE_TYPES: Final = {
    extension: sort
    for sort, extensions in (
        (Sort.RAW, "3fr arw cr2 cr3 crw dcr dng erf fff gpr iiq k25 kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl"),
        (Sort.RAW, "sr2 srf srw x3f"),
        (Sort.PHOTO, "avif heic heif hif jp2 jpe jxl tiff webp"),
        (Sort.VIDEO, "m2ts mkv mts ogv ts webm"),
    )
    for extension in extensions.split()
}
"""What :data:`~ap_remote.model.FILE_TYPES` has no group for."""

_DOCUMENT: Final = frozenset({"pdf", "doc", "xls", "ppt", "txt", "markup"})
_DOCUMENT_TYPES: Final = ("application/pdf", "application/msword", "application/rtf", "application/vnd.", "text/")
_UNTOLD: Final = frozenset({None, "", "application/octet-stream", "binary/octet-stream"})

_LEGAL: Final = re.compile(
    r"[\s,]+(?:ag|co\.?|company|computer|corp\.?|corporation|electric|electronics|gmbh|imaging|inc\.?|k\.?k\.?|ltd\.?|"
    r"limited|optical|camera|technologies|mobile|communications)(?=[\s,.]|$)\.?",
    re.IGNORECASE,
)
"""What companies write behind their name."""

_BRANDS: Final = {
    "eastman kodak": "Kodak",
    "fujifilm": "Fujifilm",
    "hewlett-packard": "HP",
    "lge": "LG",
    "lg": "LG",
    "hmd global": "Nokia",
    "konica minolta": "Konica Minolta",
    "seiko epson": "Epson",
    "oneplus": "OnePlus",
    "gopro": "GoPro",
    "sony ericsson": "Sony Ericsson",
    "research in motion": "BlackBerry",
    "asahi": "Pentax",
}
_OWN_NAMES: Final = ("Pentax", "Nikon", "Canon", "Kodak", "Olympus", "Leica", "Panasonic", "Fujifilm", "BlackBerry")
"""Brands whose models carry them whoever is written as the maker, as `RICOH IMAGING` with `PENTAX K-5`."""

_SHORT: Final = 3
"""Brands of so few letters are written in capitals: DJI, HTC, JVC."""
_CAMERA_LIMIT: Final = 80
_ISO3: Final = 3
_LABEL_PARTS: Final = 3


def extension_of(name: str) -> str:
    """Return what stands behind a name's last dot, in lower case; ``""`` where there is none."""
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem else ""


def sort_of(entry: Entry) -> Sort:
    """Return what a file is: by its content type, and by its extension where the type does not say."""
    return _sort(entry.content_type, extension_of(entry.name))


@lru_cache(maxsize=4096)
def _sort(content_type: str | None, extension: str) -> Sort:
    # Raw files are sent as image/x-canon-cr2, as image/dng, as image/tiff, or as nothing in particular.
    if _MORE_TYPES.get(extension) is Sort.RAW and (content_type in _UNTOLD or str(content_type).startswith("image/")):
        return Sort.RAW
    if content_type in _UNTOLD:
        return _by_extension(extension)
    told = str(content_type).lower()
    if told.startswith("image/"):
        return Sort.RAW if _MORE_TYPES.get(told.rpartition("-")[2]) is Sort.RAW else Sort.PHOTO
    if told.startswith("video/"):
        return Sort.VIDEO
    return Sort.DOCUMENT if told.startswith(_DOCUMENT_TYPES) else Sort.OTHER


def _by_extension(extension: str) -> Sort:
    if extension in _MORE_TYPES:
        return _MORE_TYPES[extension]
    group = FILE_TYPES.get(extension)
    if group == "img":
        return Sort.PHOTO
    if group == "vid":
        return Sort.VIDEO
    return Sort.DOCUMENT if group in _DOCUMENT else Sort.OTHER


@lru_cache(maxsize=4096)
def camera(make: str | None, model: str | None) -> str:
    """Return a camera's name as people say it: the brand once, then the model; ``""`` where nothing is known.

    ``NIKON CORPORATION`` with ``NIKON D750`` is ``Nikon D750``; ``Apple`` with ``iPhone 12`` is ``Apple iPhone 12``,
    and so is ``Apple`` with ``Apple iPhone 12``.
    """
    brand, type_ = _brand(_clean(make)), _clean(model).strip(" -_")
    own = next((each for each in _OWN_NAMES if _begins(type_, each)), None)
    brand = own or brand
    while brand and _begins(type_, brand):
        type_ = type_[len(brand) :].strip(" -_")
    return f"{brand} {type_}".strip()[:_CAMERA_LIMIT].rstrip()


def _clean(text: str | None) -> str:
    return " ".join((text or "").replace("\0", " ").split())


def _begins(text: str, word: str) -> bool:
    """Whether *text* starts with *word* as a word of its own."""
    return text[: len(word)].casefold() == word.casefold() and not text[len(word) : len(word) + 1].isalnum()


def _brand(make: str) -> str:
    bare = _LEGAL.sub("", make).strip(" ,.") or make
    known = _BRANDS.get(bare.casefold())
    if known:
        return known
    if bare.isupper() or bare.islower():
        return bare.upper() if len(bare) <= _SHORT else bare.title()
    return bare


def where(place: Place | None) -> tuple[str, str, str]:
    """Return country, region and city in words; ``""`` for what is not known."""
    if place is None:
        return "", "", ""
    return _where(place.country, place.region, place.city, place.label)


@lru_cache(maxsize=16384)
def _where(country: str | None, region: str | None, city: str | None, label: str | None) -> tuple[str, str, str]:
    if label and not (country or region or city):
        country, region, city = (*label.split("#"), "", "")[:_LABEL_PARTS]
    land, part = _clean(country), _clean(region)
    return _country(land), _region(land, part), _clean(city)


@lru_cache(maxsize=512)
def _country(code: str) -> str:
    if len(code) != _ISO3 or not code.isupper():
        return code
    import pycountry  # reads its tables when it is first asked

    found = pycountry.countries.get(alpha_3=code)
    return str(getattr(found, "common_name", None) or found.name) if found else code


@lru_cache(maxsize=4096)
def _region(country: str, code: str) -> str:
    if len(country) != _ISO3 or not 0 < len(code) <= _ISO3:
        return code
    import pycountry  # reads its tables when it is first asked

    land = pycountry.countries.get(alpha_3=country)
    found = pycountry.subdivisions.get(code=f"{land.alpha_2}-{code}") if land else None  # type: ignore[no-untyped-call]  # it has half its types
    return str(found.name) if found else code
