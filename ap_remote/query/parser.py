"""Text to tree, for both languages. What cannot be read is explained with its position.

Search: ``type:(PHOTOS OR VIDEOS) AND things:(plant AND beach OR moon) timeYear:(2023)``; AND or a blank between facets.
Nodes: ``kind:(FILE OR FOLDER) AND createdDate:["2024-01-01" TO *] AND name:IMG*``; AND between clauses, at most eight.

Inside parentheses AND binds tighter than OR (inferred: Amazon accepts both side by side and documents nothing).
"""

from __future__ import annotations

import functools
import re
from typing import Final

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from ap_remote.errors import QuerySyntaxError
from ap_remote.query.names import check
from ap_remote.query.tree import Bound, Clause, Language, Query, Range, Term, Value, every, some

_SHARED: Final = r"""
COLON: ":"
LPAR: "("
RPAR: ")"
AND: /AND(?![^\s()"])/
OR: /OR(?![^\s()"])/
NAME: /(?!(?:AND|OR|NOT)(?![\w.:-]))[A-Za-z_][\w.-]*/
PHRASE: /"(?:[^"\\]|\\.)*"/s
%ignore /\s+/
"""

_SEARCH: Final = (
    r"""
start: [facet (AND? facet)*]
facet: NAME COLON LPAR any RPAR
any: all (OR all)*
all: term (AND term)*
term: WORD | PHRASE
WORD: /(?!(?:AND|OR|NOT)(?:[\s()"]|$))(?:(?:[^\s()":\\*]|\\.)+\*?|\*)/s
"""
    + _SHARED
)

_NODES: Final = (
    r"""
start: [clause (AND clause)*]
clause: NAME COLON value | LPAR clause (AND clause)* RPAR
value: term | range | comparison | LPAR any RPAR
any: all (OR all)*
all: value (AND value)*
range: OPEN term TO term CLOSE
comparison: COMPARE term
term: WORD | PHRASE
OPEN: /[\[{]/
CLOSE: /[\]}]/
COMPARE: />=|<=|>|</
TO: /TO(?![^\s()"])/
WORD: /(?!(?:AND|OR|NOT|TO)(?:[\s()"\]}]|$))(?:(?:[^\s()\[\]{}"\\*^~?!|&<>=]|\\.)+\*?|\*)/s
"""
    + _SHARED
)

_SPOKEN: Final = {
    "COLON": "':'",
    "LPAR": "'('",
    "RPAR": "')'",
    "AND": "AND",
    "OR": "OR",
    "TO": "TO",
    "OPEN": "a range",
    "CLOSE": "']' or '}'",
    "COMPARE": "a comparison",
    "WORD": "a value",
    "PHRASE": "a value",
    "$END": "the end",
}
_DEEPEST: Final = 40
"""Parentheses within parentheses; far beyond what eight clauses need."""

_LAST: Final = re.compile(r'("(?:[^"\\]|\\.)*"|[^\s()\[\]{}":]+|[^\s])\s*\Z', re.DOTALL)
_KEYWORDS: Final = ("AND", "OR", "TO")
_SPECIAL: Final = frozenset("^~?!|&<>=:")
_NEXT: Final = re.compile(r"[A-Za-z]+")
_CHARACTER: Final = re.compile(r"\\(.)|(.)", re.DOTALL)


def parse_search(text: str) -> Query:
    """Read a query in the language of Amazon's search. ``""`` finds all photographs and videos.

    Raises:
        QuerySyntaxError: with the position of what is wrong.
    """
    return _parse(text, "search")


def parse_nodes(text: str) -> Query:
    """Read a filter in the language of node listings. ``""`` finds all nodes.

    Raises:
        QuerySyntaxError: with the position of what is wrong.
    """
    return _parse(text, "nodes")


@functools.cache
def _lark(language: Language) -> Lark:
    """Build the tables once, and only when a query is parsed."""
    return Lark(
        _SEARCH if language == "search" else _NODES, parser="lalr", lexer="contextual", maybe_placeholders=False
    )


@functools.lru_cache(maxsize=256)
def _parse(text: str, language: Language) -> Query:
    parser = _lark(language).parse_interactive(text)
    try:
        tokens = list(parser.iter_parse())
        tree: Tree[Token] = parser.feed_eof(tokens[-1] if tokens else None)  # type: ignore[no-untyped-call]  # lark leaves it bare
    except UnexpectedInput as exc:
        expected: set[str] = parser.accepts()  # type: ignore[no-untyped-call]  # lark leaves it bare
        raise _explain(text, language, exc, expected) from None
    reader = _Reader(text)
    clauses = [clause for child in tree.children for clause in reader.clauses(child)]
    return check(Query(language=language, clauses=tuple(clauses)), text)


class _Reader:
    """Turns lark's tree into ours."""

    def __init__(self, text: str) -> None:
        self._text = text

    def clauses(self, node: Tree[Token] | Token, depth: int = 0) -> list[Clause]:
        if isinstance(node, Token):
            return []
        first, *rest = node.children
        if isinstance(first, Token) and first.type == "NAME":
            value = next(child for child in reversed(rest) if isinstance(child, Tree))
            return [Clause(name=str(first), value=self.value(value, 0), at=_position(first))]
        self._not_too_deep(first, depth)
        return [clause for child in node.children for clause in self.clauses(child, depth + 1)]

    def value(self, node: Tree[Token], depth: int) -> Value:
        inner = [child for child in node.children if isinstance(child, Tree)]
        match str(node.data):
            case "any":
                return some(*(self.value(child, depth) for child in inner))
            case "all":
                return every(*(self.value(child, depth) for child in inner))
            case "value":
                self._not_too_deep(node.children[0], depth)
                return self.value(inner[0], depth + 1)
            case "range":
                opened, _, _, _, closed = node.children
                low, high = (_term(child) for child in inner)
                return Range(low=_bound(low, opened == "["), high=_bound(high, closed == "]"), at=_position(opened))
            case "comparison":
                sign, bound = str(node.children[0]), _bound(_term(inner[0]), "=" in str(node.children[0]))
                at = _position(node.children[0])
                return Range(low=bound, at=at) if sign.startswith(">") else Range(high=bound, at=at)
        return _term(node)

    def _not_too_deep(self, node: Tree[Token] | Token, depth: int) -> None:
        if depth > _DEEPEST:
            raise QuerySyntaxError(self._text, _position(node), "parentheses are nested too deeply")


def _position(node: Tree[Token] | Token) -> int:
    while isinstance(node, Tree):
        node = node.children[0]
    return node.start_pos or 0


def _term(node: Tree[Token]) -> Term:
    token = node.children[0]
    raw = str(token)
    at = _position(token)
    if raw.startswith('"'):
        return Term(text=_unescape(raw[1:-1]), at=at)
    characters = [match.group() for match in _CHARACTER.finditer(raw)]
    prefix = characters[-1] == "*"
    return Term(text=_unescape("".join(characters[:-1] if prefix else characters)), prefix=prefix, at=at)


def _bound(term: Term, included: bool) -> Bound | None:  # noqa: FBT001 - the bracket's meaning, private
    if term.prefix and not term.text:
        return None
    return Bound(text=term.text + ("*" if term.prefix else ""), included=included, at=term.at)


def _unescape(text: str) -> str:
    return _CHARACTER.sub(lambda match: match.group(1) or match.group(2), text)


def _explain(text: str, language: Language, exc: UnexpectedInput, expected: set[str]) -> QuerySyntaxError:
    """Say what is wrong at the place where reading stopped."""
    at = len(text)
    if isinstance(exc, UnexpectedCharacters):
        at = exc.pos_in_stream  # type: ignore[assignment]  # lark says None and means int
    elif isinstance(exc, UnexpectedToken) and exc.token.type != "$END":
        at = _position(exc.token)
    problem = _mistake(text, at, language, expected) or _expectation(text, at, language, expected)
    return QuerySyntaxError(text, at, problem)


def _mistake(text: str, at: int, language: Language, expected: set[str]) -> str | None:
    """Return a sentence for the mistakes that people make, or ``None``."""
    rest = text[at:]
    found = _NEXT.match(rest)
    word = found.group() if found else ""
    here = rest[:1]
    value = "WORD" in expected
    joint = "OR" in expected
    before = text[:at].rsplit(maxsplit=1)[-1] if text[:at].split() else ""
    known = (
        (here == '"' and value, "the quote is never closed"),
        (here == "\\", "a backslash stands before the character it protects"),
        (
            here == "*" or (text[max(at - 1, 0) : at] == "*" and word),
            "a '*' stands only at the end of a value; quote it if it belongs to the value",
        ),
        (before in ("and", "or") and "COLON" in expected, f"write {before.upper()} in capitals"),
        (word == "NOT" or (here == "-" and "NAME" in expected), "there is no NOT in Amazon's language"),
        (word == "OR" and not value, "OR stands inside parentheses only, as in type:(PHOTOS OR VIDEOS)"),
        (word in _KEYWORDS and value, f"expected a value, found {word}; quote it to look for the word itself"),
        (word in ("and", "or") and joint, f"write {word.upper()} in capitals, or quote a value that has blanks in it"),
        (
            here == "(" and value and language == "search",
            "parentheses cannot be nested in a facet; write the facet twice, joined by AND",
        ),
        (here in _SPECIAL and (joint or "AND" in expected), f"quote a value that has {here!r} in it"),
        (word and joint, f"expected AND, OR or ')' before '{word}'; quote a value that has blanks in it"),
    )
    return next((sentence for applies, sentence in known if applies), None)


def _expectation(text: str, at: int, language: Language, expected: set[str]) -> str:
    spoken = {**_SPOKEN, "NAME": "a facet" if language == "search" else "a field"}
    wanted = list(dict.fromkeys(spoken[name] for name in (*spoken,) if name in expected))
    what = f"{', '.join(wanted[:-1])} or {wanted[-1]}" if len(wanted) > 1 else "".join(wanted) or "something else"
    last = _LAST.search(text[:at])
    if last:
        return f"expected {what} after '{last.group(1)}'"
    return f"expected {spoken['NAME']} at the beginning"
