"""What a person calls places, people and things, found among those that the library knows."""

from __future__ import annotations

import difflib
import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ap_remote.query.tree import AllOf, AnyOf, Term
from ap_remote_mcp.errors import Code, CodedError
from ap_remote_mcp.results.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ap_remote.model import Facet
    from ap_remote.query import Query
    from ap_remote.query.tree import Value
    from ap_remote_mcp.context import App

_PLACES: Final = 30
"""Values of one facet; a country with more places is asked for by its code."""
_HINTS: Final = 5
_BEGINS: Final = 4
"""Letters from which on the beginning of a word is enough."""
_WORD: Final = re.compile(r"\w+")
_ALSO: Final = {"uk": "GBR", "england": "GBR", "great britain": "GBR", "holland": "NLD", "america": "USA"}
"""What people call countries and ISO 3166 does not."""


def folded(text: str) -> str:
    """Return the words of a text without case, accents and signs."""
    if not text.isascii():
        text = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
        text = text.replace("\u2019", "")
    return " ".join(_WORD.findall(text.casefold().replace("'", "")))


fold: Final = lru_cache(maxsize=8192)(folded)
"""The same for short texts that come again and again."""


# -- places ------------------------------------------------------------------------------------------------------------


def places(text: str, known: Sequence[Facet]) -> tuple[list[str], str]:
    """Return the values of the places that a text means, and a note where they are several.

    The parts of a text, between commas or else its words, must each equal a part of the place: country, region, city,
    by name or by code. Where none does, each must at least begin a word of it, with four letters or more.

    Raises:
        CodedError: the library has no such place.
    """
    wanted = _parts(text)
    found: list[Facet] = []
    for alternative in wanted:
        for fits in (_equals, _begins):
            found = [each for each in known if all(fits(part, each) for part in alternative)]
            if found:
                break
        if found:
            break
    if not found:
        raise unknown("place", text, known, "photos_facets(by=place) lists the places.")
    values = list(dict.fromkeys(each.value for each in found))
    shown = ", ".join(clean(each.label or each.value, 40) for each in found[:_HINTS])
    more = f" and {len(found) - _HINTS} more" if len(found) > _HINTS else ""
    note = f"{clean(text, 40)!r} is {len(values)} places: {shown}{more}" if len(values) > 1 else ""
    if len(values) > _PLACES:
        values = list(dict.fromkeys(value.partition("#")[0] for value in values))
        note += "; searched by their whole countries"
    return values[:_PLACES], note


def _parts(text: str) -> list[list[str]]:
    """Return how a text may be read, the likeliest first: a value as facets have it, one name, several words."""
    if "#" in text:
        return [[part] for part in [fold(text)] if part]
    parts = [fold(part) for part in text.split(",")]
    parts = [part for part in parts if part]
    ways = [parts] if parts else []
    words = fold(text).split()
    return ways if words == parts or not words else [*ways, words]


def _equals(part: str, place: Facet) -> bool:
    names, codes = place_names(place.value, place.label or "")
    return part in names or part in codes


def _begins(part: str, place: Facet) -> bool:
    if _equals(part, place):
        return True
    names, _ = place_names(place.value, place.label or "")
    return len(part) >= _BEGINS and any(f" {name}".find(f" {part}") >= 0 for name in names)


@lru_cache(maxsize=8192)
def place_names(value: str, label: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of a place, folded: its own and those of what it lies in; and the codes of those."""
    parts = value.split("#")
    names = {fold(part) for part in (*parts[1:], *label.split(","), label, value)}
    codes = {fold(part) for part in parts[:2]}
    country, country_codes = _country(parts[0])
    also = {name for name, code in _ALSO.items() if code == parts[0].upper()}
    return frozenset((names | country | also) - {""}), frozenset((codes | country_codes) - {""})


@lru_cache(maxsize=512)
def _country(code: str) -> tuple[frozenset[str], frozenset[str]]:
    import pycountry  # reads its tables when it is first asked

    found = pycountry.countries.get(alpha_3=code.upper())
    if found is None:
        return frozenset(), frozenset()
    told = [getattr(found, each, "") for each in ("name", "common_name", "official_name")]
    # ``Korea, Republic of`` is looked for by what stands before the comma too.
    names = {fold(each) for each in (*told, *(each.partition(",")[0] for each in told))}
    return frozenset(names), frozenset((fold(found.alpha_2), fold(found.alpha_3)))


# -- people and things -------------------------------------------------------------------------------------------------


def person(text: str, known: Sequence[Facet]) -> str:
    """Return the id of the person who has an id or a name; a part of the name is enough if only one has it.

    Raises:
        CodedError: nobody has it, or several have.
    """
    wanted = fold(text)
    found = [each for each in known if text.strip() == each.value]
    found = found or [each for each in known if wanted and wanted == fold(each.label or "")]
    words = set(wanted.split())
    found = found or [each for each in known if words and words <= set(fold(each.label or "").split())]
    if not found:
        raise unknown("person", text, known, "photos_facets(by=person) lists the people.")
    if len(found) > 1:
        shown = ", ".join(f"{clean(each.label or '', 40)!r} is {each.value}" for each in found[:_HINTS])
        raise CodedError(Code.AMBIGUOUS, f"{len(found)} people have that name: {shown}")
    return found[0].value


def thing(text: str, known: Sequence[Facet]) -> str:
    """Return the label that a text means, as the service spells it.

    Raises:
        CodedError: no picture has it.
    """
    wanted = fold(text)
    for each in known:
        if wanted and fold(each.value) == wanted:
            return each.value
    raise unknown("label", text, known, "photos_facets(by=thing) lists the labels; query= finds by meaning.")


def unknown(what: str, text: str, known: Sequence[Facet], then: str) -> CodedError:
    """Return the error that names what is near; where nothing is, what there is most of."""
    several = {"person": "people"}.get(what, what + "s")
    if not known:
        return CodedError(Code.NOT_FOUND, f"The library has no {several}", then)
    spelt = {fold(each.label or each.value): clean(each.label or each.value, 40) for each in known}
    wanted = fold(text)
    begins = [name for name in spelt if wanted and f" {name}".find(f" {wanted}") >= 0]
    ends = [name for name in spelt if name and wanted in (name + "s", name + "es", name.removesuffix("y") + "ies")]
    near = difflib.get_close_matches(wanted, spelt, n=_HINTS, cutoff=0.6)
    # A long name is near to a short one if one of its words is.
    words = {word: name for name in spelt for word in name.split()}
    near += [words[word] for word in difflib.get_close_matches(wanted, words, n=_HINTS, cutoff=0.6)]
    shown = list(dict.fromkeys([*ends, *begins, *near]))[:_HINTS]
    said = "near are" if shown else "there are"
    hints = ", ".join(repr(spelt[name]) for name in shown or list(spelt)[:_HINTS])
    return CodedError(Code.NOT_FOUND, f"The library knows no {what} {clean(text, 40)!r}; {said} {hints}", then)


# -- the caller's own filter -------------------------------------------------------------------------------------------


async def remarks(app: App, query: Query) -> str:
    """Say which values of a filter the library does not know: nothing is found by them, and nothing else says why."""
    told: list[str] = []
    for clause in query.clauses:
        values = list(_terms(clause.value))
        if clause.name == "location":
            known = {fold(each.value) for each in await app.library("location")}
            strange = [each for each in values if not any(f"{name} ".startswith(f"{fold(each)} ") for name in known)]
            hint = "location values look like CAN#BC#Vancouver; place= takes names"
        elif clause.name == "things":
            strange = _strangers(values, [each.value for each in await app.library("things")])
            hint = "photos_facets(by=thing) lists the labels"
        elif clause.name in ("people", "clusterId"):
            strange = _strangers(values, [each.value for each in await app.library("allPeople")])
            hint = "people in a filter are ids; people= takes names"
        else:
            continue
        if strange:
            told.append(f"the library knows no {', '.join(repr(clean(each, 40)) for each in strange[:_HINTS])}: {hint}")
    return "; ".join(told)


def _strangers(values: Sequence[str], known: Sequence[str]) -> list[str]:
    names = {each.casefold() for each in known}
    return [each for each in values if each.casefold() not in names]


def _terms(value: Value) -> Iterator[str]:
    if isinstance(value, Term):
        yield value.text
    elif isinstance(value, AllOf | AnyOf):
        for each in value.values:
            yield from _terms(each)
