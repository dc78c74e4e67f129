"""A taxonomy: the classes that a person wants photographs sorted into, as a YAML file.

A list of classes, each with::

    - name: Receipts              # the album's name; needed
      prompts: [a receipt, a bill with prices]
      negatives: [a newspaper]    # what looks alike and is meant otherwise
      min_score: 0.2              # a cosine; without it the library and background prompts decide
      min_precision: 0.9          # the share that should be right; needs `ap index calibrate`, else the plan says so
      priority: 1                 # with --move, of two classes that fit equally well the higher number wins; else 0
      min_size: 5                 # photographs that make an album
      parent: Documents           # its photographs are in this class as well; with --move its folder lies in that one
      see: Bills                  # another word for a class: what it finds goes there
      filter: "type:(PHOTOS)"     # only photographs that this search finds, in Amazon's syntax
      template: "{name} {year}"   # what an album is called: name, parent, year, month, day, city, country

What cannot be is said in one sentence with its line. ``negatives``, scores and precisions are those of
:mod:`ap_remote.organise.fits`.
"""

from __future__ import annotations

import string
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ap_remote.errors import ConfigError, QuerySyntaxError
from ap_remote.organise.names import album_name
from ap_remote.query import parse_search
from ap_remote.semantic.extras import need

if TYPE_CHECKING:
    from pathlib import Path

FIELDS: Final = ("name", "parent", "year", "month", "day", "city", "country")
"""What a template may hold."""
_BYTES: Final = 1 << 20
_MOST: Final = 2000
"""Classes of one taxonomy."""
_LISTS: Final = ("prompts", "negatives")
_WORDS: Final = ("name", "parent", "see", "filter", "template")
_SHARES: Final = {"min_score": (-1, 1), "min_precision": (0.01, 1)}
_COUNTS: Final = {"min_size": (1, 1_000_000), "priority": (-1000, 1000)}
_KEYS: Final = (*_WORDS, *_LISTS, *_SHARES, *_COUNTS)


class TaxonomyClass(NamedTuple):
    """One class."""

    name: str
    line: int
    """Where it begins in its file, counted from 1."""
    prompts: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    min_score: float | None = None
    min_precision: float | None = None
    priority: int = 0
    min_size: int | None = None
    parent: str | None = None
    see: str | None = None
    filter: str = ""
    template: str = "{name}"


class Taxonomy(NamedTuple):
    """Classes in the order of their file, which is that of their importance."""

    source: str
    classes: tuple[TaxonomyClass, ...]

    def named(self, name: str) -> TaxonomyClass:
        """Return the class of that name, which exists."""
        return next(each for each in self.classes if each.name == name)

    def meant(self, name: str) -> TaxonomyClass:
        """Return the class that a name stands for, by way of ``see``."""
        one = self.named(name)
        while one.see is not None:
            one = self.named(one.see)
        return one

    def above(self, name: str) -> list[str]:
        """Return the parents of a class, the nearest first."""
        found: list[str] = []
        parent = self.named(name).parent
        while parent is not None:
            one = self.meant(parent)
            found.append(one.name)
            parent = one.parent
        return found


def load_taxonomy(file: Path | None = None) -> Taxonomy:
    """Read a taxonomy; without a file the one that comes with the package.

    Raises:
        ConfigError: the file is missing, cannot be read, or says what cannot be; the sentence names the line.
        MissingExtraError: the semantic extra is not installed.
    """
    if file is None:
        return read_taxonomy((files("ap_remote.organise") / "taxonomy.yaml").read_text("utf-8"), "the default taxonomy")
    try:
        if file.stat().st_size > _BYTES:
            raise ConfigError(f"{file} is too large for a taxonomy: more than {_BYTES >> 20} MiB")
        text = file.read_text("utf-8")
    except FileNotFoundError as exc:
        raise ConfigError(f"there is no taxonomy {file}") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"cannot read the taxonomy {file}: {getattr(exc, 'strerror', None) or exc}") from exc
    return read_taxonomy(text, str(file))


def read_taxonomy(text: str, source: str) -> Taxonomy:
    """Return the taxonomy that a YAML text tells.

    Raises:
        ConfigError: as :func:`load_taxonomy`.
    """
    yaml = need("yaml", "a taxonomy")
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        why = getattr(exc, "problem", None) or "it is no YAML"
        raise ConfigError(f"{source}{where}: {why}") from exc
    except (RecursionError, ValueError, OverflowError) as exc:  # what the parser does not look out for itself
        raise ConfigError(f"{source} cannot be read as YAML: {exc}") from exc
    reader = _Reader(yaml, source)
    if not isinstance(tree, yaml.SequenceNode) or not tree.value:
        raise ConfigError(f"{source}, line 1: a taxonomy is a list of classes, each with a name")
    if len(tree.value) > _MOST:
        raise ConfigError(f"{source}: a taxonomy has at most {_MOST} classes, not {len(tree.value)}")
    taxonomy = Taxonomy(source, tuple(map(reader.one, tree.value)))
    _check(taxonomy)
    return taxonomy


class _Reader:
    """Makes classes of YAML's nodes, whose lines are known."""

    def __init__(self, yaml: Any, source: str) -> None:
        self._yaml = yaml
        self._source = source

    def _fail(self, node: Any, why: str) -> ConfigError:
        return _wrong(self._source, node.start_mark.line + 1, why)

    def one(self, node: Any) -> TaxonomyClass:
        if not isinstance(node, self._yaml.MappingNode):
            raise self._fail(node, "a class is written as `name: …` with its prompts below")
        given: dict[str, Any] = {}
        for key, value in node.value:
            word = key.value if isinstance(key, self._yaml.ScalarNode) else "?"
            if word not in _KEYS:
                raise self._fail(key, f"unknown key {word[:40]!r}; known are {', '.join(_KEYS)}")
            if word in given:
                raise self._fail(key, f"{word} is given twice")
            given[word] = self._value(word, value)
        name = given.get("name", "")
        if not name:
            raise self._fail(node, "a class has no name")
        if album_name(name, "") != name:
            raise self._fail(node, f"{name[:40]!r} cannot be an album's name")
        return TaxonomyClass(line=node.start_mark.line + 1, **given)

    def _value(self, word: str, node: Any) -> Any:
        if word in _LISTS:
            return self._list(word, node)
        if not isinstance(node, self._yaml.ScalarNode):
            raise self._fail(node, f"{word} is one value, not several")
        text = str(node.value).strip()
        if word in _SHARES:
            return self._number(word, node, text, *_SHARES[word])
        if word in _COUNTS:
            count = self._number(word, node, text, *_COUNTS[word])
            if count != int(count):
                raise self._fail(node, f"{word} is a whole number, not {text}")
            return int(count)
        if not text or _torn(text):
            raise self._fail(node, f"{word} is empty or no text")
        if word == "template":
            self._template(node, text)
        if word == "filter":
            try:
                parse_search(text)
            except QuerySyntaxError as exc:
                raise self._fail(node, f"the filter cannot be read: {str(exc).splitlines()[0]}") from exc
        return text

    def _list(self, word: str, node: Any) -> tuple[str, ...]:
        if not isinstance(node, self._yaml.SequenceNode):
            raise self._fail(node, f"{word} is a list: [one, two]")
        found = []
        for each in node.value:
            if not isinstance(each, self._yaml.ScalarNode) or not str(each.value).strip() or _torn(each.value):
                raise self._fail(each, f"a prompt among {word} is empty or no text")
            found.append(str(each.value).strip())
        return tuple(found)

    def _number(self, word: str, node: Any, text: str, least: float, most: float) -> float:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            raise self._fail(node, f"{word} is a number from {least:g} to {most:g}, not {text[:40]!r}")
        return number

    def _template(self, node: Any, text: str) -> None:
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as exc:
            raise self._fail(node, f"the template cannot be read: {exc}") from exc
        for _, field, form, conversion in parts:
            if field is not None and (field not in FIELDS or form or conversion):
                raise self._fail(
                    node, f"the template has an unknown field {field[:40]!r}; known are {', '.join(FIELDS)}"
                )


def _torn(text: str) -> bool:
    """Whether a text holds half a character, which YAML can write and no encoder can read."""
    return any("\ud800" <= each <= "\udfff" for each in text)


def _wrong(source: str, line: int, why: str) -> ConfigError:
    return ConfigError(f"{source}, line {line}: {why}")


def _check(taxonomy: Taxonomy) -> None:
    """Check what no class can tell alone: names, what they name, and that nothing goes round in circles."""
    source = taxonomy.source
    classes: dict[str, TaxonomyClass] = {}
    for one in taxonomy.classes:
        key = one.name.casefold()
        if key in classes:
            raise _wrong(source, one.line, f"the class {one.name!r} is there already, in line {classes[key].line}")
        classes[key] = one
    names = {one.name: one for one in taxonomy.classes}
    parents = {one.parent for one in taxonomy.classes}
    for one in taxonomy.classes:
        for word, other in (("parent", one.parent), ("see", one.see)):
            if other is not None and other not in names:
                raise _wrong(source, one.line, f"{one.name!r} names {other!r} as its {word}, which is no class here")
        if not (one.prompts or one.see or one.filter or one.name in parents):
            raise _wrong(source, one.line, f"the class {one.name!r} has no prompts, so nothing would be in it")
        if one.min_precision is not None and not one.prompts:
            raise _wrong(source, one.line, f"the class {one.name!r} asks for a precision and has no prompts")
        _no_circle(source, one, names)


def _no_circle(source: str, one: TaxonomyClass, names: dict[str, TaxonomyClass]) -> None:
    seen = [one.name]
    here = one
    while (next_ := here.see or here.parent) is not None:
        seen.append(next_)
        if next_ in seen[:-1]:
            raise _wrong(source, one.line, f"the classes go round in a circle: {' > '.join(seen)}")
        here = names[next_]
