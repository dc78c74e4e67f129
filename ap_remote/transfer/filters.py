"""Which files a listing or a transfer takes: rclone's filters, with rclone's answers.

Rules stand in an order, and the first that matches decides; what none matches is taken. A path is also left out when a
folder above it is not entered: rules about files imply rules about the folders in which such files can lie, and those,
too, are asked in their order. So ``+ a/*.jpg``, ``- *`` takes ``a/1.jpg`` and not ``x/a/1.jpg``, because ``x`` is left
out as a folder: this is what rclone does on a disk, and it makes it possible not to look where nothing can be found.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import sys
import unicodedata
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from ap_remote.errors import ConfigError
from ap_remote.transfer.patterns import compiled, folder_globs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_ALL: Final = frozenset({"*", "**", "/**"})
_PART: Final = re.compile(r"(@|\d+)/(\d+)")

STANDARD_INPUT: Final = "-"


class Rule(msgspec.Struct, frozen=True):
    """One rule, written ``+ pattern`` or ``- pattern``."""

    takes: bool
    pattern: str

    @property
    def glob(self) -> str:
        """The pattern in full: to leave out a folder is to leave out all below it."""
        return self.pattern + "**" if self.is_folder and not self.takes else self.pattern

    @property
    def is_folder(self) -> bool:
        """Whether it is about a folder, by its trailing slash."""
        return self.pattern.endswith("/")

    def __str__(self) -> str:
        return f"{'+' if self.takes else '-'} {self.pattern}"


class _Match(msgspec.Struct, frozen=True):
    """A rule, ready to be asked."""

    takes: bool
    found_in: Callable[[str], object]


class Filters(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """What to take. It can be pickled, compared and kept in a plan; patterns are compiled at their first use."""

    min_size: int | None = None
    max_size: int | None = None
    not_after: datetime | None = None
    """The newest time that is taken (``--min-age``)."""
    not_before: datetime | None = None
    """The oldest time that is taken (``--max-age``)."""
    rules: tuple[Rule, ...] = ()
    files: frozenset[str] | None = None
    """Exactly these paths (``--files-from``)."""
    ignore_case: bool = False
    part: tuple[int, int] | None = None
    """Of so many parts of all paths the one of this number, from nought (``--hash-filter``): (number, of)."""

    def takes(self, path: str, *, size: int, modified: datetime | None) -> bool:
        """Whether a file is taken; one without a time passes the bounds of time."""
        if self.files is not None:
            return path in self.files
        if self.min_size is not None and size < self.min_size:
            return False
        if self.max_size is not None and size > self.max_size:
            return False
        if modified is not None and (
            (self.not_after is not None and modified > self.not_after)
            or (self.not_before is not None and modified < self.not_before)
        ):
            return False
        return self._takes_path(path)

    def enters(self, path: str) -> bool:
        """Whether anything below a folder can be taken, so that it is worth a look. The root always is."""
        if not path or (not self.rules and self.files is None):
            return True
        known = self._entered.get(path)
        if known is None:
            known = self._entered[path] = self._enters(path)
        return known

    def checked(self) -> Filters:
        """Return these filters if their patterns can be read and something can pass.

        Raises:
            ConfigError: a bad pattern, or bounds and rules that leave nothing.
        """
        if self.min_size is not None and self.max_size is not None and self.min_size > self.max_size:
            raise ConfigError(f"no file passes: --min-size {self.min_size} is above --max-size {self.max_size}")
        if self.not_after is not None and self.not_before is not None and self.not_after < self.not_before:
            raise ConfigError("no file passes: --min-age is longer than --max-age")
        if self.files is not None and not self.files:
            raise ConfigError("no file passes: the list of files is empty")
        for rule in self.rules:
            if rule.glob in _ALL and not rule.takes:
                raise ConfigError(
                    f"no file passes: no rule takes any before '{rule}' leaves out the rest{self._hint()}"
                )
            if rule.takes and not rule.is_folder:
                break
        _ = self._file_rules, self._folder_rules
        return self

    def _hint(self) -> str:
        folder = next((rule.pattern for rule in self.rules if rule.takes and rule.is_folder), None)
        return f" (the files of a folder are written {folder}**)" if folder else ""

    def _takes_path(self, path: str) -> bool:
        if self.part is not None and not _in_part(path, *self.part):
            return False
        return not self.rules or (_first(self._file_rules, path) and self.enters(path.rpartition("/")[0]))

    def _enters(self, path: str) -> bool:
        if self.files is not None:
            return path in self._folders
        return self.enters(path.rpartition("/")[0]) and _first(self._folder_rules, path + "/")

    @cached_property
    def _entered(self) -> dict[str, bool]:
        return {}

    @cached_property
    def _folders(self) -> frozenset[str]:
        return frozenset(folder for path in self.files or () for folder in _above(path))

    @cached_property
    def _file_rules(self) -> tuple[_Match, ...]:
        return tuple(
            self._match(rule.takes, rule.glob) for rule in self.rules if not rule.is_folder or "**" in rule.glob
        )

    @cached_property
    def _folder_rules(self) -> tuple[_Match, ...]:
        return tuple(self._match(takes, glob) for rule in self.rules for takes, glob in _folder_rules(rule))

    def _match(self, takes: bool, glob: str) -> _Match:  # noqa: FBT001 - a rule's two halves, in its order
        return _Match(takes, compiled(glob, ignore_case=self.ignore_case).search)


EVERYTHING: Final = Filters()


def _folder_rules(rule: Rule) -> Iterator[tuple[bool, str]]:
    """Yield what a rule means for folders, as rclone derives it.

    A file that is taken lets its folders be entered; a file that is left out says nothing of folders, unless all are.
    """
    reaches_down = "**" in rule.glob
    if (not rule.is_folder or reaches_down) and (rule.takes or rule.glob == "*"):
        for glob in folder_globs(rule.glob):
            yield rule.takes, glob
    if rule.is_folder or reaches_down:
        yield rule.takes, rule.glob


def _first(rules: tuple[_Match, ...], path: str) -> bool:
    for rule in rules:
        if rule.found_in(path):
            return rule.takes
    return True


def _above(path: str) -> Iterator[str]:
    """Yield the folders above a path, the nearest first."""
    folder = path.rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _in_part(path: str, number: int, of: int) -> bool:
    """Whether a path falls into a part; the same paths as with rclone, whose documentation has examples."""
    folded = unicodedata.normalize("NFC", path).lower()
    digest = hashlib.md5(folded.encode("utf-8", "surrogateescape"), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "little") % of == number


def parse_rule(text: str) -> Rule | None:
    """Read ``+ pattern`` or ``- pattern``; ``!``, which drops all rules before it, is ``None``.

    Raises:
        ConfigError: it is none of them.
    """
    if text == "!":
        return None
    sign, blank, pattern = text[:1], text[1:2], text[2:]
    if sign in ("+", "-") and blank == " " and pattern:
        return _rule(pattern, takes=sign == "+")
    raise ConfigError(f"a filter rule is '+ PATTERN', '- PATTERN' or '!', not {text!r}")


def parse_rules(
    *,
    include: Sequence[str] = (),
    include_from: Sequence[str] = (),
    exclude: Sequence[str] = (),
    exclude_from: Sequence[str] = (),
    rules: Sequence[str] = (),
    filter_from: Sequence[str] = (),
) -> tuple[Rule, ...]:
    """Return the rules of all options in the order in which rclone puts them: that of these parameters.

    An include leaves out, at the end, all that no rule took. Files hold a rule a line; ``-`` is standard input.

    Raises:
        ConfigError: a bad pattern, or a file without any; with the file's name and the line.
        OSError: a file cannot be read.
    """
    found: list[Rule] = []

    def add(text: str, read: Callable[[str], Rule | None]) -> None:
        rule = read(text)
        if rule is None:
            found.clear()
        else:
            found.append(rule)

    for texts, files, read in (
        (include, include_from, _include),
        (exclude, exclude_from, _exclude),
        (rules, filter_from, parse_rule),
    ):
        for text in texts:
            add(text, read)
        for file in files:
            for number, line in _lines(file):
                try:
                    add(line, read)
                except ConfigError as exc:
                    raise ConfigError(f"{_name(file)}, line {number}: {exc}") from None
    if include or include_from:
        found.append(Rule(takes=False, pattern="/**"))
    elif (rules or filter_from) and not found:
        raise ConfigError("the filter is empty: '!' drops all rules before it, and none follows")
    return tuple(found)


def parse_files(files: Sequence[str]) -> frozenset[str]:
    """Return the paths that files list, one a line; ``-`` is standard input.

    Raises:
        ConfigError: a file lists none.
        OSError: a file cannot be read.
    """
    return frozenset(line.strip("/") for file in files for _, line in _lines(file))


def parse_part(text: str) -> tuple[int, int]:
    """Read ``K/N``: the part K of N; ``@/N`` is one by chance. Parts count from nought, and ``N/N`` is ``0/N``.

    Raises:
        ConfigError: it is no such fraction.
    """
    found = _PART.fullmatch(text)
    if found is None or not int(found[2]):
        raise ConfigError(f"a part of the files is written K/N, e.g. 0/4, or @/4 for one by chance, not {text!r}")
    of = int(found[2])
    return (secrets.randbelow(of) if found[1] == "@" else int(found[1]) % of), of


def _include(text: str) -> Rule:
    return _rule(text, takes=True)


def _exclude(text: str) -> Rule:
    return _rule(text, takes=False)


def _rule(pattern: str, *, takes: bool) -> Rule:
    """Return a rule whose patterns have been read once."""
    if not pattern:
        raise ConfigError("a pattern is empty")
    rule = Rule(takes=takes, pattern=pattern)
    compiled(rule.glob)
    for _, glob in _folder_rules(rule):
        compiled(glob)
    return rule


def _lines(file: str) -> Iterable[tuple[int, str]]:
    """Return the lines of a file with their numbers, without blanks around, remarks (``#``, ``;``) and empty ones."""
    try:
        text = sys.stdin.read() if file == STANDARD_INPUT else Path(file).expanduser().read_text("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{_name(file)} is no text in UTF-8: {exc.reason} at byte {exc.start}") from exc
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1)]
    found = [(number, line) for number, line in lines if line and line[0] not in "#;"]
    if not found:
        raise ConfigError(f"{_name(file)} is empty: there is no line in it that is no remark")
    return found


def _name(file: str) -> str:
    return "standard input" if file == STANDARD_INPUT else file
