"""Recursive descent over both grammars.

Drive filters (``/nodes``, ``/trash``)::

    query  := all { OR all }            all := item { AND item }
    item   := field ":" value | "(" query ")"
    value  := term | "(" group ")" | range | ( ">" | ">=" | "<" | "<=" ) term
    range  := ("[" | "{") bound TO bound ("]" | "}")
    term   := word ["*"] | '"' phrase '"' ["*"]

Search filters differ in three ways: ``AND`` between facets may be a space, a value inside parentheses may be several
words, and there are no ranges. Binding ``AND`` tighter than ``OR`` is (inferred) in both.
"""

from __future__ import annotations

from typing import Final

from ap_remote_emulator.errors import InvalidFilterError
from ap_remote_emulator.query.tree import AllOf, And, AnyOf, Clause, Or, Query, Range, Term, Value, clauses

MAX_CLAUSES: Final = 8
MAX_LENGTH: Final = 16_384
"""Characters of one filter; beyond it is abuse."""
MAX_VALUES: Final = 250
"""Values in one filter; keeps the SQL expression under SQLite's depth limit of 1000."""
MAX_DEPTH: Final = 16
_STOP: Final = frozenset(' \t\r\n()[]{}"')
_SPACE: Final = " \t\r\n"


def parse_drive(text: str) -> Query:
    """Read a drive filter; blank text is a query that everything satisfies.

    Raises:
        InvalidFilterError: the text is not in the grammar.
    """
    return _Parser(text, search=False).parse()


def parse_search(text: str) -> Query:
    """Read a search filter; blank text is a query that everything satisfies.

    Raises:
        InvalidFilterError: the text is not in the grammar.
    """
    return _Parser(text, search=True).parse()


class _Parser:
    def __init__(self, text: str, *, search: bool) -> None:
        self.text = text
        self.search = search
        self.at = 0
        self.depth = 0
        self.values = 0

    def parse(self) -> Query:
        if len(self.text) > MAX_LENGTH:
            raise InvalidFilterError(f"longer than {MAX_LENGTH} characters", MAX_LENGTH)
        if not self.text.strip():
            return And(())
        if (nul := self.text.find("\0")) >= 0:
            raise InvalidFilterError("a NUL character", nul)
        query = self.query()
        self.skip()
        if self.at < len(self.text):
            raise self.error(f"unexpected {self.text[self.at]!r}")
        found = clauses(query)
        if len(found) > MAX_CLAUSES:
            raise InvalidFilterError(f"more than {MAX_CLAUSES} clauses", found[MAX_CLAUSES].position)
        return query

    # What both grammars share: queries of clauses.

    def query(self) -> Query:
        parts = [self.conjunction()]
        while self.keyword("OR"):
            parts.append(self.conjunction())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def conjunction(self) -> Query:
        parts = [self.item()]
        while True:
            if self.keyword("AND"):
                parts.append(self.item())
                continue
            self.skip()
            if not self.search or self.at == len(self.text) or self.peek() == ")" or self.sees("OR"):
                return parts[0] if len(parts) == 1 else And(tuple(parts))
            parts.append(self.item())

    def item(self) -> Query:
        self.skip()
        if self.peek() != "(":
            return self.clause()
        self.enter()
        query = self.query()
        self.leave()
        return query

    def clause(self) -> Clause:
        start = self.at
        end = start
        while end < len(self.text) and (self.text[end].isalnum() or self.text[end] in "._-"):
            end += 1
        if end == start:
            raise self.error("a field name is needed" if start < len(self.text) else "the filter ends too early")
        field = self.text[start:end]
        self.at = end
        self.skip()
        if self.peek() != ":":
            raise self.error(f"':' is needed after {field[:40]!r}")
        self.at += 1
        self.skip()
        return Clause(field, self.value(), start)

    # Values.

    def value(self) -> Value:
        self.skip()
        mark = self.peek()
        if mark == "(":
            self.enter()
            value = self.group()
            self.leave()
            return value
        if not self.search:
            if mark in ("[", "{"):
                return self.range()
            if mark in (">", "<"):
                return self.comparison()
        return self.term(words=False)

    def group(self) -> Value:
        anys = [self.group_conjunction()]
        while self.keyword("OR"):
            anys.append(self.group_conjunction())
        return anys[0] if len(anys) == 1 else AnyOf(tuple(anys))

    def group_conjunction(self) -> Value:
        alls = [self.group_value()]
        while self.keyword("AND"):
            alls.append(self.group_value())
        return alls[0] if len(alls) == 1 else AllOf(tuple(alls))

    def group_value(self) -> Value:
        self.skip()
        if self.peek() == "(" or (not self.search and self.peek() in ("[", "{", ">", "<")):
            return self.value()
        return self.term(words=self.search)

    def term(self, *, words: bool) -> Term:
        """Read a term; with *words* the words up to AND, OR or ``)`` are one value, joined by single spaces."""
        self.skip()
        start = self.at
        self.values += 1
        if self.values > MAX_VALUES:
            raise self.error(f"more than {MAX_VALUES} values")
        if self.peek() == '"':
            text = self.phrase()
            prefix = self.peek() == "*"
            self.at += prefix
            return Term(text, start, prefix)
        if self.sees("AND") or self.sees("OR"):
            raise self.error("a value is needed")
        parts: list[str] = []
        while True:
            word, prefix = self.word()
            parts.append(word)
            if prefix or not words:
                break
            self.skip()
            if self.peek() in ("", ")") or self.peek() in _STOP or self.sees("AND") or self.sees("OR"):
                break
        return Term(" ".join(parts), start, prefix)

    def word(self, stop: frozenset[str] = _STOP) -> tuple[str, bool]:
        start = self.at
        out: list[str] = []
        prefix = False
        while self.at < len(self.text) and (char := self.text[self.at]) not in stop:
            if prefix:
                raise self.error("'*' may only end a value")
            self.at += 1
            if char == "\\":
                if self.at == len(self.text):
                    raise self.error("nothing follows the backslash")
                out.append(self.text[self.at])
                self.at += 1
            elif char == "*":
                prefix = True
            else:
                out.append(char)
        if self.at == start:
            raise self.error("a value is needed" if self.at < len(self.text) else "the filter ends too early")
        return "".join(out), prefix

    def phrase(self) -> str:
        start = self.at
        self.at += 1
        out: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            self.at += 1
            if char == '"':
                return "".join(out)
            if char == "\\":
                if self.at == len(self.text):
                    break
                char = self.text[self.at]
                self.at += 1
            out.append(char)
        raise InvalidFilterError("the quotation mark is never closed", start)

    def range(self) -> Range:
        start = self.at
        include_low = self.peek() == "["
        self.at += 1
        low = self.bound()
        if not self.keyword("TO"):
            raise self.error("TO is needed")
        high = self.bound()
        self.skip()
        if self.peek() not in ("]", "}") or not self.peek():
            raise self.error("']' or '}' is needed")
        include_high = self.peek() == "]"
        self.at += 1
        return Range(low, high, include_low, include_high, start)

    def bound(self) -> Term | None:
        self.skip()
        if self.peek() == "*":
            self.at += 1
            return None
        if self.sees("TO"):
            raise self.error("a value is needed")
        term = self.term(words=False)
        if term.prefix:
            raise InvalidFilterError("a range's end cannot be a prefix", term.position)
        return term

    def comparison(self) -> Range:
        start = self.at
        sign = self.peek()
        self.at += 1
        include = self.peek() == "="
        self.at += include
        term = self.term(words=False)
        if term.prefix:
            raise InvalidFilterError("a comparison needs a whole value", term.position)
        if sign == ">":
            return Range(term, None, include, include_high=False, position=start)
        return Range(None, term, include_low=False, include_high=include, position=start)

    # Characters.

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in _SPACE:
            self.at += 1

    def sees(self, word: str) -> bool:
        end = self.at + len(word)
        return self.text.startswith(word, self.at) and (end == len(self.text) or self.text[end] in _STOP)

    def keyword(self, word: str) -> bool:
        self.skip()
        if not self.sees(word):
            return False
        self.at += len(word)
        return True

    def enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"more than {MAX_DEPTH} nested parentheses")
        self.at += 1

    def leave(self) -> None:
        self.skip()
        if self.peek() != ")":
            raise self.error("AND, OR or ')' is needed")
        self.at += 1
        self.depth -= 1

    def error(self, problem: str) -> InvalidFilterError:
        return InvalidFilterError(problem, self.at)
