r"""Files of checksums, as ``md5sum`` writes them: an md5, two blanks, a path.

A path with a line break or a backslash in it is escaped (``\n``, ``\r``, ``\\``), and its line begins with a backslash.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ap_remote.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_LINE: Final = re.compile(r"(?P<escaped>\\?)(?P<md5>[0-9a-fA-F]{32}) [ *](?P<path>.+)", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.?)", re.DOTALL)
_MEANING: Final = {"\\": "\\", "n": "\n", "r": "\r"}
_ESCAPES: Final = str.maketrans({char: "\\" + name for name, char in _MEANING.items()})


def sum_line(path: str, md5: str) -> str:
    """Return the line of a file, without its line break."""
    escaped = path.translate(_ESCAPES)
    return f"{'' if escaped == path else chr(92)}{md5}  {escaped}"


def parse_sums(text: str, *, name: str = "the file of checksums") -> dict[str, str]:
    """Return the md5s of a file of checksums by path, in its order; ``#`` begins a remark.

    Raises:
        ConfigError: a line is no checksum, a path has two, or there is none; with the number of the line.
    """
    sums: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = line.removesuffix("\r")  # noqa: PLW2901 - what Windows ends lines with is not of the path
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ConfigError(f"{name}, line {number}: an md5, two blanks and a path belong here, not {line[:60]!r}")
        path = found["path"]
        if found["escaped"]:
            path = _unescaped(path, f"{name}, line {number}")
        path = path.removeprefix("./").strip("/")
        md5 = found["md5"].lower()
        if sums.setdefault(path, md5) != md5:
            raise ConfigError(f"{name}, line {number}: {path!r} has two checksums")
    if not sums:
        raise ConfigError(f"{name}: there is no checksum in it")
    return sums


def read_sums(file: Path) -> dict[str, str]:
    """Return the md5s of a local file of checksums by path.

    Raises:
        ConfigError: as :func:`parse_sums`, or the file is no text.
        OSError: it cannot be read.
    """
    try:
        text = file.expanduser().read_bytes().decode()
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{file}: is no text in UTF-8, at byte {exc.start}") from exc
    return parse_sums(text, name=str(file))


def _unescaped(path: str, where: str) -> str:
    def meant(escape: re.Match[str]) -> str:
        meaning = _MEANING.get(escape[1])
        if meaning is None:
            raise ConfigError(f"{where}: {escape[0]!r} is no escaped character")
        return meaning

    return _ESCAPED.sub(meant, path)
