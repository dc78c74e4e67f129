"""rclone's patterns of file names: globs with ``**``, ``{a,b}``, classes and ``{{regexp}}``.

A glob becomes an expression of RE2, by which rclone's documentation defines it, and that one of :mod:`re`
(:mod:`ap_remote.transfer.re2`). No kept library reads these patterns: pathspec and wcmatch know those of git and of
shells.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ap_remote.errors import ConfigError
from ap_remote.transfer import re2

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN: Final = re.compile(r"\*+|\{\{(?P<regexp>.*?)\}\}(?!\})|\{\{|\\.|.", re.DOTALL)
_MEANING: Final = {"*": "[^/]*", "**": ".*", "?": "[^/]", "{": "(", "}": ")"}
_WRONG: Final = {
    "]": "a ']' without its '['",
    "{{": "a '{{' without its '}}'",
    "\\": "a backslash at the end",
}
_OPAQUE: Final = re.compile(r"\{[^{}]*(\*\*|/)[^{}]*\}|\{\{|\}\}|\{[^{}]*\{")
"""Patterns that do not tell which folders they reach into."""


def compiled(glob: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Return what finds a glob in a path; to be used with ``search``.

    A line break in a name is a character as any other; rclone never sees one, as it shows control characters as others.

    Raises:
        ConfigError: it is no pattern.
    """
    try:
        return re.compile(re2.python(expression(glob)), re.DOTALL | (re.IGNORECASE if ignore_case else 0))
    except (re.error, OverflowError, RecursionError) as exc:
        raise ConfigError(f"bad pattern {glob!r}: {exc}") from exc
    except ConfigError as exc:
        raise ConfigError(f"bad pattern {glob!r}: {exc}") from None


def folder_globs(glob: str) -> tuple[str, ...]:
    """Return the globs of the folders, with a slash behind, in which a file that *glob* takes can lie, innermost first.

    The root needs none. What cannot be told means every folder.
    """
    if _OPAQUE.search(glob):
        return ("/**",)
    squashed = re.sub("/{2,}", "/", glob)
    cuts = [squashed[: cut.end()].removesuffix("/") + "/" for cut in re.finditer(r"\*\*|/", squashed)]
    return tuple(dict.fromkeys(each for each in reversed(cuts or ["/**"]) if each != "/"))


def expression(glob: str) -> str:
    """Return a glob in RE2's syntax.

    Raises:
        ConfigError: unbalanced brackets or braces, or three stars in a row.
    """
    return ("^" if glob.startswith("/") else "(^|/)") + "".join(_pieces(glob.removeprefix("/"))) + "$"


def _pieces(glob: str) -> Iterator[str]:
    at = 0
    braces = 0
    while token := _TOKEN.match(glob, at):
        at = token.end()
        text = token[0]
        if token["regexp"] is not None:
            yield f"({token['regexp']})"
            continue
        if text == "[":
            start, at = at - 1, _closing(glob, at)
            yield glob[start:at]
            continue
        braces += {"{": 1, "}": -1}.get(text, 0)
        if braces < 0:
            raise ConfigError("a '}' without its '{'")
        yield "|" if text == "," and braces else _piece(text)
    if braces:
        raise ConfigError("a '{' without its '}'")


def _piece(text: str) -> str:
    if meaning := _MEANING.get(text):
        return meaning
    if wrong := _WRONG.get(text):
        raise ConfigError(wrong)
    if text.startswith("*"):
        raise ConfigError("more than two stars in a row")
    return "\\" + text if text in ".+()|^$" else text


def _closing(glob: str, at: int) -> int:
    """Return the end of a class whose bracket opened before *at*; brackets within it are counted, as rclone does."""
    depth = 1
    for position in range(at, len(glob)):
        depth += {"[": 1, "]": -1}.get(glob[position], 0)
        if not depth:
            return position + 1
    raise ConfigError("a '[' without its ']'")
