"""RE2's regular expressions, which rclone's patterns are made of, in the syntax of :mod:`re`.

They differ in the classes that are named (RE2's are of ASCII), in flags in the middle of a group, in what ``$`` means,
and in what is an error. What :mod:`re` has no word for (classes of Unicode, the flag U) is refused.
"""

from __future__ import annotations

import re
from typing import Final

from ap_remote.errors import ConfigError

_DIGIT: Final = "0-9"
_WORD: Final = "0-9A-Z_a-z"
_SPACE: Final = r"\t\n\f\r "
_LAST: Final = "\U0010ffff"
_NAMED: Final = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
"""RE2's named classes are of ASCII, those of :mod:`re` are not."""
_NOT_NAMED: Final = {
    "D": f"\\x00-/:-{_LAST}",
    "W": f"\\x00-/:-@\\[-\\^`{{-{_LAST}",
    "S": f"\\x00-\\x08\\x0b\\x0e-\\x1f!-{_LAST}",
}
_POSIX: Final = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": _DIGIT,
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t-\r ",
    "upper": "A-Z",
    "word": _WORD,
    "xdigit": "0-9A-Fa-f",
}
_NOT_POSIX: Final = {
    "alnum": f"\\x00-/:-@\\[-`{{-{_LAST}",
    "alpha": f"\\x00-@\\[-`{{-{_LAST}",
    "ascii": f"\\x80-{_LAST}",
    "blank": f"\\x00-\\x08\\n-\\x1f!-{_LAST}",
    "cntrl": f" -~\\x80-{_LAST}",
    "digit": _NOT_NAMED["D"],
    "graph": f"\\x00- \\x7f-{_LAST}",
    "lower": f"\\x00-`{{-{_LAST}",
    "print": f"\\x00-\\x1f\\x7f-{_LAST}",
    "punct": f"\\x00- 0-9A-Za-z\\x7f-{_LAST}",
    "space": f"\\x00-\\x08\\x0e-\\x1f!-{_LAST}",
    "upper": f"\\x00-@\\[-{_LAST}",
    "word": _NOT_NAMED["W"],
    "xdigit": f"\\x00-/:-@G-`g-{_LAST}",
}
_CONTROL: Final = {"a": r"\x07", "f": r"\f", "n": r"\n", "r": r"\r", "t": r"\t", "v": r"\v"}
_PLACE: Final = {"A": r"\A", "z": r"\Z", "b": r"(?a:\b)", "B": r"(?a:\B)"}


_ESCAPE: Final = re.compile(
    r"\\(?:(?P<octal>[1-7][0-7]{1,2}|0[0-7]{0,2})|x\{(?P<long>[0-9A-Fa-f]+)\}|x(?P<hex>[0-9A-Fa-f]{2})|(?P<one>.))",
    re.DOTALL,
)
_CLASS: Final = re.compile(r"\[:(?P<no>\^?)(?P<posix>\w+):\]|(?P<escape>\\)|(?P<one>.)", re.DOTALL)
_GROUP: Final = re.compile(r"\((?:\?(?:P?<\w+>|(?P<flags>[a-zA-Z]*(?:-[a-zA-Z]+)?)(?P<end>[:)])|(?P<odd>.?)))?")
_REPEAT: Final = re.compile(r"(?:[*+?]|\{\d+(?:,\d*)?\})\??")


def python(text: str) -> str:
    """Return an expression of RE2 in the syntax of :mod:`re`, where it is to be used with ``search``.

    Raises:
        ConfigError: RE2 would refuse it, or :mod:`re` has no word for it.
    """
    reader = _Reader(text)
    while reader.more():
        reader.read()
    return reader.end()


class _Level:
    """A group that is open, and the flags that were set within."""

    def __init__(self, *, multiline: bool) -> None:
        self.multiline = multiline
        self.flags: list[str] = []


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._out: list[str] = []
        self._levels = [_Level(multiline=False)]
        self._meaning = {
            "(": self._open,
            ")": self._close,
            "[": self._class,
            "\\": self._escape,
            "|": self._or,
            "$": self._dollar,
        }

    def more(self) -> bool:
        """Whether the end is not reached."""
        return self._at < len(self._text)

    def read(self) -> None:
        """Read one thing, and how often it is to be repeated."""
        char = self._text[self._at]
        if meaning := self._meaning.get(char):
            meaning()
        elif _REPEAT.match(self._text, self._at):
            raise ConfigError(f"nothing to repeat before {char!r}")
        else:
            self._out.append(char if char in "^." else re.escape(char))
            self._at += 1
        if repeat := _REPEAT.match(self._text, self._at):
            self._out.append(repeat[0])
            self._at = repeat.end()
            if _REPEAT.match(self._text, self._at):
                raise ConfigError("a repetition of a repetition")

    def end(self) -> str:
        """Return what was read.

        Raises:
            ConfigError: a group is still open.
        """
        if len(self._levels) > 1:
            raise ConfigError("a '(' without its ')'")
        return "".join(self._out) + ")" * len(self._levels[0].flags)

    def _open(self) -> None:
        found = _GROUP.match(self._text, self._at)
        assert found is not None  # noqa: S101 - it stands at a bracket
        self._at = found.end()
        level = self._levels[-1]
        if found["odd"] is not None:
            raise ConfigError(f"'(?{found['odd']}' is not known")
        flags = found["flags"]
        if not flags:
            if found["end"] == ")":
                raise ConfigError("'(?)' sets no flag")
            self._out.append("(?:")
            self._levels.append(_Level(multiline=level.multiline))
            return
        if unknown := set(flags) - set("ims-"):
            raise ConfigError(f"the flag {''.join(sorted(unknown))!r} is not known")
        on, _, off = flags.partition("-")
        multiline = "m" in on or (level.multiline and "m" not in off)
        self._out.append(f"(?{flags}:")
        if found["end"] == ":":
            self._levels.append(_Level(multiline=multiline))
        else:
            level.flags.append(f"(?{flags}:")
            level.multiline = multiline

    def _close(self) -> None:
        if len(self._levels) == 1:
            raise ConfigError("a ')' without its '('")
        self._out.append(")" * (len(self._levels.pop().flags) + 1))
        self._at += 1

    def _or(self) -> None:
        # A flag holds to the end of its group, alternatives included; Python's ends with the alternative.
        flags = self._levels[-1].flags
        self._out.append(")" * len(flags) + "|" + "".join(flags))
        self._at += 1

    def _dollar(self) -> None:
        self._out.append("$" if self._levels[-1].multiline else r"\Z")
        self._at += 1

    def _escape(self) -> None:
        name = self._text[self._at + 1 : self._at + 2]
        if name == "Q":
            quoted, _, _ = self._text[self._at + 2 :].partition(r"\E")
            self._out.append(re.escape(quoted))
            self._at = min(self._at + 4 + len(quoted), len(self._text))
        elif span := _span(name):
            self._out.append(f"[{span}]")
            self._at += 2
        elif place := _PLACE.get(name):
            self._out.append(place)
            self._at += 2
        else:
            self._out.append(self._character())

    def _character(self) -> str:
        """Read the single character that a backslash begins."""
        found = _ESCAPE.match(self._text, self._at)
        if found is None:
            raise ConfigError("a backslash at the end")
        self._at = found.end()
        name = found["one"]
        if name is None:
            hexadecimal = found["long"] or found["hex"]
            number = int(hexadecimal, 16) if hexadecimal else int(found["octal"], 8)
            if number > ord(_LAST):
                raise ConfigError(f"{found[0]!r} is no character")
            return re.escape(chr(number))
        if name in _CONTROL:
            return _CONTROL[name]
        if name.isascii() and not name.isalnum():
            return re.escape(name)
        raise ConfigError(f"{found[0]!r} is not known")

    def _class(self) -> None:
        negated = self._text.startswith("[^", self._at)
        self._at += 2 if negated else 1
        members = [self._member()]
        while not self._text.startswith("]", self._at):
            members.append(self._member())
        self._at += 1
        self._out.append(f"[{'^' if negated else ''}{''.join(members)}]")

    def _member(self) -> str:
        found = _CLASS.match(self._text, self._at)
        if found is None:
            raise ConfigError("a '[' without its ']'")
        if posix := found["posix"]:
            table = _NOT_POSIX if found["no"] else _POSIX
            if posix not in table:
                raise ConfigError(f"{found[0]!r} is no class")
            self._at = found.end()
            return table[posix]
        if found["escape"] and (span := _span(self._text[self._at + 1 : self._at + 2])):
            self._at += 2
            return span
        low = self._bound()
        if not self._text.startswith("-", self._at) or self._text.startswith("-]", self._at):
            return low
        self._at += 1
        return f"{low}-{self._bound()}"

    def _bound(self) -> str:
        """Read one end of a range."""
        if self._text.startswith("\\", self._at):
            return self._character()
        if not self.more():
            raise ConfigError("a '[' without its ']'")
        self._at += 1
        return re.escape(self._text[self._at - 1])


def _span(name: str) -> str | None:
    return _NAMED.get(name) or _NOT_NAMED.get(name)
