"""Many synthetic photographs at once: rows without bytes, for benchmarks and paging tests.

The same arguments always describe the same photographs; only their ids are fresh.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from ap_remote_emulator.errors import BadRequestError
from ap_remote_emulator.library import Store, names
from ap_remote_emulator.library.nodes import add_edge, make_path
from ap_remote_emulator.library.store import SERVICE, Write, new_id

MAX_COUNT: Final = 1_000_000
_BATCH: Final = 10_000
_FIRST_DAY: Final = 1_420_070_400_000
"""2015-01-01 UTC, in milliseconds."""
_STEP: Final = 1_753_000
"""Milliseconds between two photographs: 20,000 of them span a good year."""
_DAY: Final = 86_400_000
_THINGS: Final = ("beach", "dog", "cat", "tree", "mountain", "food", "car", "flower", "snow", "city")
_PLACES: Final = (
    ("CAN#BC#Vancouver", "Vancouver", "British Columbia", "BC", "Canada", "CAN"),
    ("USA#OH#Columbus", "Columbus", "Ohio", "OH", "United States", "USA"),
    ("FRA#IDF#Paris", "Paris", "Île-de-France", "IDF", "France", "FRA"),
    ("JPN#13#Tokyo", "Tokyo", "Tokyo", "13", "Japan", "JPN"),
)
_CAMERAS: Final = (("Apple", "iPhone XS"), ("Canon", "EOS R6"), ("FUJIFILM", "X-T4"))


def seed(store: Store, count: int, *, folder: str = "Pictures/Seed", per_folder: int = 1000) -> dict[str, int]:
    """Make *count* photographs under *folder*, in subfolders ``0000``, ``0001``, … of *per_folder* each.

    With ``per_folder=0`` all of them stand in *folder* itself.

    Raises:
        BadRequestError: a number out of range.
        NameTakenError: they were made there before.
    """
    if not 0 <= count <= MAX_COUNT or per_folder < 0:
        raise BadRequestError(f"count is 0 to {MAX_COUNT}, perFolder is not negative")
    path = [part for part in folder.split("/") if part]
    made, parents = 0, 0
    while made < count:
        with store.write() as write:
            parent = make_path(write, *path)
            stop = min(count, made + _BATCH)
            for index in range(made, stop):
                if per_folder and (index % per_folder == 0 or index == made):
                    parent = make_path(write, *path, f"{index // per_folder:04d}")
                    parents += index % per_folder == 0
                _photograph(write, index, parent)
            for location, city, state, code, country, iso3 in _PLACES:
                info = {"city": city, "state": state, "stateCode": code, "country": country, "countryIso3Code": iso3}
                write.execute(
                    "INSERT OR IGNORE INTO places VALUES (?, ?)",
                    (location, msgspec.json.encode(info).decode()),
                )
        made = stop
    return {"nodes": made, "folders": parents}


def _photograph(write: Write, index: int, parent: str) -> None:
    node_id, name = new_id(), f"IMG_{index:07d}.jpg"
    names.refuse_taken(write, parent, name)
    taken = _FIRST_DAY + index * _STEP
    year, month, day = _date(taken // _DAY)
    make, model = _CAMERAS[index % len(_CAMERAS)]
    place = _PLACES[index % len(_PLACES)] if index % 2 else None
    thing = _THINGS[index % len(_THINGS)]
    image = {"make": make, "model": model, "orientation": "1", "width": 4032, "height": 3024}
    address = {"city": place[1], "state": place[2], "country": place[4]} if place else None
    write.execute(
        "INSERT INTO nodes (id, kind, name, name_key, status, created, modified, seq, created_by, favorite, md5, size,"
        " content_version, content_type, extension, content_date, year, month, day, media, location, location_key,"
        " image, address, keywords) VALUES (?, 'FILE', ?, ?, 'AVAILABLE', ?, ?, ?, ?, ?, ?, ?, 1, 'image/jpeg', 'jpg',"
        " ?, ?, ?, ?, 'PHOTOS', ?, ?, ?, ?, ?)",
        (
            node_id,
            name,
            name.lower(),
            write.now,
            write.now,
            write.next_seq(),
            SERVICE,
            int(index % 50 == 0),
            hashlib.md5(f"{parent}{index}".encode(), usedforsecurity=False).hexdigest(),
            1_000_000 + index * 37 % 4_000_000,
            taken,
            year,
            month,
            day,
            place[0] if place else None,
            place[0].lower() if place else None,
            msgspec.json.encode(image).decode(),
            msgspec.json.encode(address).decode() if address else None,
            msgspec.json.encode([thing]).decode(),
        ),
    )
    add_edge(write, parent, "FOLDER", node_id, name.lower(), live=True)
    write.execute("INSERT INTO tags VALUES ('thing', ?, ?)", (thing, node_id))


def _date(days: int) -> tuple[int, int, int]:
    from datetime import date, timedelta

    when = date(1970, 1, 1) + timedelta(days=days)
    return when.year, when.month, when.day
