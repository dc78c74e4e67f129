"""From a position to a place, without a network: GeoNames through ``reverse_geocode``, codes through ``pycountry``."""

from __future__ import annotations

import math
import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

_LOADING: Final = threading.Lock()
_BIG: Final = 200_000
"""Inhabitants of a city that people name instead of its quarters."""
_NEAR_KM: Final = 12.0
_FAR_KM: Final = 300.0
"""Beyond this the nearest known town says nothing: open sea, or the poles."""
_EARTH_KM: Final = 6371.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something was taken.

    Attributes:
        location: ``ISO3#region#City``, as search facets write it; shorter where a level is unknown.
        address: ``contentProperties.address``.
        info: ``searchData.locationInfo``.
    """

    location: str
    address: Mapping[str, Any]
    info: Mapping[str, str]


def find(latitude: float, longitude: float) -> Place | None:
    """Return the place at a position in degrees, or ``None`` far from anywhere.

    The first call loads the table of towns, about a second.
    """
    town = _town(latitude, longitude)
    if town is None:
        return None
    city, state, country_code = town["city"], town.get("state", ""), town["country_code"]
    iso3 = _iso3(country_code)
    region = _region(country_code, state)
    address = {
        "city": city,
        "country": town.get("country", ""),
        "countryCode": country_code,
        "county": town.get("county", ""),
        "state": state,
        "latitude": round(latitude, 6),
        "longitude": round(longitude, 6),
    }
    info = {
        "city": city,
        "state": state,
        "stateCode": region,
        "country": town.get("country", ""),
        "countryIso3Code": iso3,
    }
    return Place(
        location="#".join(part.replace("#", " ") for part in (iso3, region, city) if part),
        address={key: value for key, value in address.items() if value not in ("", None)},
        info={key: value for key, value in info.items() if value},
    )


def _town(latitude: float, longitude: float) -> dict[str, Any] | None:
    """Return the big city whose quarter this is, or else the nearest town."""
    import reverse_geocode  # type: ignore[import-untyped]  # it ships no types

    with _LOADING:
        # Copies: the library hands out its own rows and writes into them.
        town = dict(reverse_geocode.get((latitude, longitude)))
        big = dict(reverse_geocode.get((latitude, longitude), min_population=_BIG))
    here = (latitude, longitude)
    if _distance_km(here, town) > _FAR_KM:
        return None
    same = big["country_code"] == town["country_code"] and big.get("state") == town.get("state")
    return big if same and _distance_km(here, big) <= _NEAR_KM else town


def _distance_km(here: tuple[float, float], town: Mapping[str, Any]) -> float:
    a, b = math.radians(here[0]), math.radians(town["latitude"])
    east = math.radians(town["longitude"] - here[1])
    chord = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(east / 2) ** 2
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(chord)))


@cache
def _iso3(country_code: str) -> str:
    import pycountry

    country = pycountry.countries.get(alpha_2=country_code)
    return str(country.alpha_3) if country else country_code


@cache
def _region(country_code: str, state: str) -> str:
    """Return the subdivision's code without its country (``BC``), or the state's name where there is none."""
    import pycountry

    wanted = _plain(state)
    if not wanted:
        return ""
    found = pycountry.subdivisions.get(country_code=country_code)  # type: ignore[no-untyped-call]  # it has half its types
    for subdivision in found or []:
        if wanted == _plain(subdivision.name):
            return str(subdivision.code).partition("-")[2]
    return state


def _plain(name: str) -> str:
    """Return a name without accents, case and hyphens, by which two spellings are compared."""
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold().replace("-", " ").strip()
