r"""Files of checksums, as ``md5sum`` writes them: an md5, two blanks, a path.

A path with a line break or a backslash in it is escaped (``\n``, ``\r``, ``\\``), and its line begins with a backslash.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ap_remote.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_LINE: Final = r"(?P<escaped>\\?)(?P<sum>%s) [ *](?P<path>.+)"
_MD5: Final = 32
"""Hexadecimal digits."""
_ESCAPED: Final = re.compile(r"\\(.?)", re.DOTALL)
_MEANING: Final = {"\\": "\\", "n": "\n", "r": "\r"}


def parse_sums(text: str, *, name: str = "the file of checksums", digits: int | None = _MD5) -> dict[str, str]:
    """Return the sums of a file of checksums by path, in its order; ``#`` begins a remark.

    Args:
        text: what is in the file.
        name: what errors call it.
        digits: hexadecimal digits of a sum, which is returned in lower case; ``None`` takes any word as it is.

    Raises:
        ConfigError: a line is no checksum, a path has two, or there is none; with the number of the line.
    """
    pattern = re.compile(_LINE % (r"\S+" if digits is None else f"[0-9a-fA-F]{{{digits}}}"), re.DOTALL)
    what = "a sum" if digits is None else f"a sum of {digits} hexadecimal digits"
    sums: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = line.removesuffix("\r")  # noqa: PLW2901 - what Windows ends lines with is not of the path
        if not line.strip() or line.startswith("#"):
            continue
        found = pattern.fullmatch(line)
        if found is None:
            raise ConfigError(f"{name}, line {number}: {what}, two blanks and a path belong here, not {line[:60]!r}")
        path = found["path"]
        if found["escaped"]:
            path = _unescaped(path, f"{name}, line {number}")
        path = path.removeprefix("./").strip("/")
        digest = found["sum"] if digits is None else found["sum"].lower()
        if sums.setdefault(path, digest) != digest:
            raise ConfigError(f"{name}, line {number}: {path!r} has two checksums")
    if not sums:
        raise ConfigError(f"{name}: there is no checksum in it")
    return sums


def decode_sums(body: bytes, *, name: str, digits: int | None = _MD5) -> dict[str, str]:
    """Return the sums in the bytes of a file of checksums; otherwise as :func:`parse_sums`.

    Raises:
        ConfigError: as :func:`parse_sums`, or they are no text.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{name}: is no text in UTF-8, at byte {exc.start}") from exc
    return parse_sums(text, name=name, digits=digits)


def read_sums(file: Path, *, digits: int | None = _MD5) -> dict[str, str]:
    """Return the sums of a local file of checksums; otherwise as :func:`decode_sums`.

    Raises:
        ConfigError: as :func:`decode_sums`.
        OSError: it cannot be read.
    """
    return decode_sums(file.expanduser().read_bytes(), name=str(file), digits=digits)


def _unescaped(path: str, where: str) -> str:
    def meant(escape: re.Match[str]) -> str:
        meaning = _MEANING.get(escape[1])
        if meaning is None:
            raise ConfigError(f"{where}: {escape[0]!r} is no escaped character")
        return meaning

    return _ESCAPED.sub(meant, path)
