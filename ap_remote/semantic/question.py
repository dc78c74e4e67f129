r"""What a person asks of pictures: words with weights and minus signs, and examples with weights.

::

    a dog on a beach            one text
    beach sunset^2              two: sunset counts twice as much as beach
    dog -people                 a dog; the more a picture looks like people, the lower it comes
    beach -"old town"^0.5       quotation marks keep words together, and keep signs from being read

Words that follow each other without a sign are one text, since encoders were trained on sentences. A minus sign counts
only before a word, a weight only behind one, so that `black-and-white` and `dog - beach` are plain words. Inside
quotation marks ``\"`` and ``\\`` stand for themselves.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ap_remote.errors import ConfigError, LimitError, QuerySyntaxError
from ap_remote.model import NodeId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LONGEST: Final = 1000
"""Characters of a text; every encoder reads fewer (CLIP 77 tokens, MiniLM 256)."""
TERMS: Final = 32
"""Terms of one question."""
HEAVIEST: Final = 100.0
"""The largest weight."""

_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_WORD: Final = re.compile(r'[^\s"^]+')
_NUMBER: Final = re.compile(r"\d+(?:\.\d*)?|\.\d+")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


class Term(NamedTuple):
    """A text and how much it counts; below zero it is unwanted."""

    text: str
    weight: float = 1.0


class Example(msgspec.Struct, frozen=True):
    """A picture and how much it counts; below zero such pictures are unwanted."""

    like: Path | bytes | NodeId
    weight: float = 1.0


class Wish(NamedTuple):
    """A whole question, checked."""

    terms: tuple[Term, ...]
    examples: tuple[Example, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """What has to be encoded."""
        return tuple(each.text for each in self.terms)

    def __str__(self) -> str:
        """Return in words what is wanted."""
        wanted = [_worded(f"“{each.text}”", each.weight) for each in self.terms if each.weight > 0]
        shown = [each.weight for each in self.examples if each.weight > 0]
        if shown:
            wanted.append("the picture given" if len(shown) == 1 else f"the {len(shown)} pictures given")
        unwanted = [_worded(f"“{each.text}”", -each.weight) for each in self.terms if each.weight < 0]
        if any(each.weight < 0 for each in self.examples):
            unwanted.append("the picture that was ruled out")
        return " and ".join(wanted) + (" without " + " and ".join(unwanted) if unwanted else "")


def wish(text: str | None, like: Path | bytes | NodeId | Example | Sequence[Example] | None) -> Wish:
    """Return what is asked for.

    Raises:
        ConfigError: nothing is asked for, or only what is unwanted, or a weight that is none.
        QuerySyntaxError: in *text*.
        LimitError: *text* is too long, or there are too many terms.
    """
    terms = parse(text) if text and text.strip() else ()
    if like is None:
        examples: tuple[Example, ...] = ()
    elif isinstance(like, (Path, bytes, NodeId)):
        examples = (Example(like),)
    else:
        examples = (like,) if isinstance(like, Example) else tuple(like)
    for each in examples:
        if not math.isfinite(each.weight) or not 0 < abs(each.weight) <= HEAVIEST:
            raise ConfigError(f"an example's weight is above 0 and at most {HEAVIEST:g}, or minus that: {each.weight}")
    if len(terms) + len(examples) > TERMS:
        raise LimitError(f"a question has at most {TERMS} terms and examples, this one {len(terms) + len(examples)}")
    if not terms and not examples:
        raise ConfigError("a search by meaning needs a text, or a picture to be like")
    if not any(weight > 0 for weight in [each.weight for each in terms] + [each.weight for each in examples]):
        raise ConfigError("everything in the question is unwanted; say as well what the picture shows")
    return Wish(terms, examples)


def parse(text: str) -> tuple[Term, ...]:
    """Read terms; a blank text has none.

    Raises:
        QuerySyntaxError: an open quotation mark, or a weight that is none; it has the position.
        LimitError: more than :data:`LONGEST` characters.
    """
    if len(text) > LONGEST:
        raise LimitError(f"a text to search for has at most {LONGEST} characters, this one has {len(text)}")
    broken = _SURROGATE.search(text)
    if broken:
        raise QuerySyntaxError(_SURROGATE.sub("\ufffd", text), broken.start(), "half a character")
    terms: list[Term] = []
    plain: list[str] = []
    for found in _pieces(text):
        if found.is_plain:
            plain.append(found.term.text)
            continue
        if plain:
            terms.append(Term(" ".join(plain)))
            plain = []
        terms.append(found.term)
    if plain:
        terms.append(Term(" ".join(plain)))
    return tuple(terms)


def show(terms: Sequence[Term]) -> str:
    """Return what :func:`parse` reads as these terms."""
    return " ".join(
        ("-" if each.weight < 0 else "")
        + '"'
        + each.text.replace("\\", "\\\\").replace('"', '\\"')
        + '"'
        + ("" if abs(each.weight) == 1 else f"^{_number(abs(each.weight))}")
        for each in terms
    )


class _Piece(NamedTuple):
    term: Term
    is_plain: bool


def _pieces(text: str) -> Iterator[_Piece]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        sign = 1.0
        begun = at
        if text[at] == "-" and at + 1 < len(text) and not text[at + 1].isspace() and text[at + 1] not in "-^":
            sign, at = -1.0, at + 1
        quoted = text[at] == '"'
        words, at = _quoted(text, at) if quoted else _word(text, at)
        weight, at = _weight(text, at)
        if not words:
            raise QuerySyntaxError(text, begun, "nothing between the quotation marks")
        is_plain = not quoted and sign > 0 and weight is None
        yield _Piece(Term(words, sign * (1.0 if weight is None else weight)), is_plain)


def _quoted(text: str, at: int) -> tuple[str, int]:
    found = _QUOTED.match(text, at)
    if found is None:
        raise QuerySyntaxError(text, at, "this quotation mark is never closed")
    return " ".join(_ESCAPED.sub(r"\1", found[1]).split()), found.end()


def _word(text: str, at: int) -> tuple[str, int]:
    found = _WORD.match(text, at)
    if found is None:
        raise QuerySyntaxError(text, at, "a weight stands behind a word: sunset^2")
    return found[0], found.end()


def _weight(text: str, at: int) -> tuple[float | None, int]:
    if at >= len(text) or text[at] != "^":
        return None, at
    found = _NUMBER.match(text, at + 1)
    if found is None or (found.end() < len(text) and not text[found.end()].isspace()):
        raise QuerySyntaxError(text, at, "a number and a blank come after ^: sunset^2")
    weight = float(found[0])
    if not 0 < weight <= HEAVIEST:
        raise QuerySyntaxError(text, at + 1, f"a weight is above 0 and at most {HEAVIEST:g}")
    return weight, found.end()


def _number(value: float) -> str:
    """Return a number without an exponent that is read as the same one."""
    shown = repr(value)
    return f"{value:.340f}".rstrip("0") if "e" in shown else shown.removesuffix(".0")


def _worded(text: str, weight: float) -> str:
    return text if weight == 1 else f"{text} (weight {weight:g})"
