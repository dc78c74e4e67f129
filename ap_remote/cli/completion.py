"""What the Tab key offers: accounts, remote paths out of the node cache, local paths. It never asks a service.

Typer's scripts (``ap --install-completion``) call ``ap`` with ``_AP_COMPLETE`` set. Typer answers Fish and PowerShell.
Bash takes a word apart at each colon and inserts what it is given as it is; Zsh evaluates it as code. Both need more
care with names that anybody may have given, so :func:`answer` asks Typer in Fish's plain form and quotes by itself.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ap_remote import config
from ap_remote.cli.console import shown
from ap_remote.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ap_remote.model import Entry

VARIABLE: Final = "_AP_COMPLETE"
"""What the scripts set, by Typer's rule for the name ``ap``."""

_BASH: Final = "complete_bash"
_ZSH: Final = "complete_zsh"
_PLAIN: Final = "complete_fish"
_WINDOWS: Final = ("complete_powershell", "complete_pwsh")
_ACTION: Final = "_TYPER_COMPLETE_FISH_ACTION"
_WIDE: Final = "100000"
"""Columns of the terminal that Typer is to think of: it breaks a help in two, and a line is a proposal."""
_JOINERS: Final = re.compile("[:=]+")
"""Words that Bash makes of what ends a word for it (COMP_WORDBREAKS) and not for us."""
_APART: Final = ("-", "./", "../", "~")
"""What no remote path begins with: behind ``local:`` and a blank stands another argument."""
_QUOTES: Final = ('"', "'")
_HOME: Final = "~"
_FILES: Final = "_files\n"
_BARE: Final = re.compile(r"[^\w@%+=:,./-]")


# -- what there is -----------------------------------------------------------------------------------------------------


def remote_paths(incomplete: str) -> list[str]:
    """Return accounts and remote paths that begin so, as far as the node cache knows them, however long ago."""
    try:
        return _settled(_remote_paths(incomplete, config.load()))
    except (RemoteError, OSError):
        # A damaged cache or settings file is told by the next command; nobody reads an error at the Tab key.
        return []


def local_paths(incomplete: str) -> list[str]:
    """Return local files and folders that begin so."""
    above, _, begun = incomplete.rpartition("/")
    folder = Path(os.path.expanduser(above + "/" if incomplete.startswith("/") or above else "."))  # noqa: PTH111 - an unknown ~user stays as it is
    prefix = incomplete[: len(incomplete) - len(begun)]
    try:
        found = sorted(os.scandir(folder), key=lambda each: each.name)
    except OSError:
        return []
    hidden = begun.startswith(".")
    return [
        prefix + each.name + ("/" if each.is_dir() else "")
        for each in found
        if each.name.startswith(begun) and hidden == each.name.startswith(".")
    ]


def any_paths(incomplete: str) -> list[str]:
    """Return what may stand where both are taken: remote paths, then local ones."""
    return [*remote_paths(incomplete), *local_paths(incomplete)]


def accounts(incomplete: str) -> list[str]:
    """Return the names of accounts that begin so."""
    try:
        names = [config.LOCAL, *sorted(config.load().accounts)]
    except (RemoteError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete)]


def _remote_paths(incomplete: str, settings: config.Settings) -> list[str]:
    name, colon, path = incomplete.partition(":")
    if colon:
        return [f"{name}:{each}" for each in _cached(settings, name, path)]
    default, _, above = settings.default.partition(":")
    found = [f"{each}:" for each in (config.LOCAL, *sorted(settings.accounts)) if each.startswith(incomplete)]
    if len(found) == 1:
        # Entered at once, so that no shell takes the name alone for finished.
        return [found[0] + each for each in _cached(settings, found[0][:-1], "")] or found
    return found + ([] if above or not incomplete else _cached(settings, default, incomplete))


def _cached(settings: config.Settings, name: str, begun: str) -> list[str]:
    """Return paths on one account that begin so; a folder has a slash behind it. One folder alone is entered."""
    from ap_remote.cache import NodeCache
    from ap_remote.remote.paths import VIEWS

    account = settings.account(name).name
    if begun[:1] == VIEWS[0]:
        # Listings leave them out and no cache holds them, but who types the dot means them: their names are known.
        return _views(begun)
    folder = settings.folder(account) / "cache"
    if not (folder / "data.mdb").is_file():
        return []
    cache = NodeCache(folder)
    try:
        above, slash, start = begun.rpartition("/")
        where = cache.stat(above.strip("/"))
        found = [] if where is None else _children(cache.children, where, above + slash, start)
        if len(found) == 1 and found[0].endswith("/"):
            only = cache.stat(found[0].strip("/"))
            found = (_children(cache.children, only, found[0], "") if only else []) or found
        return found
    finally:
        cache.close()


def _views(begun: str) -> list[str]:
    from ap_remote.backends.views import TABLE

    tops = sorted(f"{row.pattern}/" for row in TABLE if row.folder and "/" in row.pattern)
    return [each for each in tops if each.startswith(begun)]


def _children(children: Callable[[str, str], list[Entry]], folder: Entry, prefix: str, start: str) -> list[str]:
    return [
        prefix + each.name + ("/" if each.is_folder else "")
        for each in children(folder.id, folder.path)
        if each.name.startswith(start) and shown(each.name) == each.name
    ]


def _settled(found: list[str]) -> list[str]:
    return list(dict.fromkeys(found))


# -- how a shell is told -----------------------------------------------------------------------------------------------


def answer(environ: Mapping[str, str], ask: Callable[[], None]) -> str | None:
    """Return what to print for a script's question, ``None`` where Typer's own answer will do.

    Args:
        environ: what the script set.
        ask: runs the command with the process' environment.
    """
    shell = environ.get(VARIABLE)
    if shell == _BASH:
        words, current = _bash_words(environ.get("COMP_WORDS", ""), int(environ.get("COMP_CWORD", "0")))
        found = _asked(words[1:], current.text, ask)
        return "".join(f"{_for_bash(value, current)}\n" for value, _ in found)
    if shell == _ZSH:
        line = environ.get("_TYPER_COMPLETE_ARGS", "")
        words = _split(line)
        begun = words.pop() if len(words) > 1 and not line.endswith(" ") else ""
        if begun.startswith(_HOME):
            return _FILES  # which Zsh expands itself, and would quote in what it is given
        return _for_zsh(_asked(words[1:], begun, ask))
    if shell in _WINDOWS or (shell == _PLAIN and environ.get(_ACTION) == "get-args"):
        return _said(ask, {})
    return None


class _Word:
    """The word at the cursor: its text, whether Bash split it, whether it stands in quotes."""

    def __init__(self, text: str, *, split: bool, quoted: bool) -> None:
        self.text = text
        self.split = split
        self.quoted = quoted


def _bash_words(joined: str, position: int) -> tuple[list[str], _Word]:
    """Return the words before the cursor and the one at it, those put together again that a colon had parted."""
    raw = joined.split("\n")[: position + 1]
    while len(raw) <= position:
        raw.append("")
    whole: list[str] = []
    joins = parted = False
    for index, word in enumerate(raw):
        joiner = bool(_JOINERS.fullmatch(word))
        # An empty word at the cursor stands for itself: directly behind a colon, the colon would be at the cursor.
        if index > 1 and word and (joiner or (joins and not word.startswith(_APART))):
            whole[-1] += word
            parted = True
        else:
            whole.append(word)
            parted = False
        joins = joiner
    last = whole.pop()
    words = [part for each in whole for part in _split(each)]
    # Behind a colon a quote may begin anew: local:"My tr
    quoted = last[:1] in _QUOTES or (parted and raw[-1][:1] in _QUOTES)
    return words, _Word(next(iter(_split(last)), ""), split=parted, quoted=quoted)


def _split(text: str) -> list[str]:
    """Split as a shell does, where a quote may still be open or a backslash be the last character."""
    for end in ("", '"', "'", "\\"):
        with contextlib.suppress(ValueError):
            return shlex.split(text + end)
    return text.split()


def _asked(words: list[str], begun: str, ask: Callable[[], None]) -> list[tuple[str, str]]:
    """Let Typer answer in its plainest form: a value a line, with its help behind a tab."""
    line = " ".join(["ap", *map(shlex.quote, words), shlex.quote(begun) if begun else ""])
    said = _said(ask, {VARIABLE: _PLAIN, _ACTION: "get-args", "_TYPER_COMPLETE_ARGS": line})
    rows = (line.partition("\t") for line in said.split("\n"))
    return [(value, text) for value, _, text in rows if value]


def _said(ask: Callable[[], None], told: Mapping[str, str]) -> str:
    """Return what Typer prints when it is asked with these variables."""
    told = {**told, "COLUMNS": _WIDE}
    before = {key: os.environ.get(key) for key in told}
    os.environ.update(told)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            ask()
    finally:
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.update({key: value})
    return said.getvalue()


def _for_bash(value: str, current: _Word) -> str:
    if current.split:
        # Bash replaces only what stands behind the last colon.
        value = value.removeprefix(current.text[: current.text.rfind(":") + 1])
    if current.quoted:
        return value
    quoted = _BARE.sub(r"\\\g<0>", value)
    return quoted.removeprefix("\\") if current.text.startswith(_HOME) else quoted


def _for_zsh(found: list[tuple[str, str]]) -> str:
    if not found:
        return _FILES
    rows = "\n".join(_zsh_rows(found))
    return f"_arguments {shlex.quote(f'*: :(({rows}))')}\n"


def _zsh_rows(found: list[tuple[str, str]]) -> Iterator[str]:
    """Quote for the two times that Zsh reads it: here what stands in double quotes, around it the whole."""
    for value, text in found:
        quoted = f'"{_escaped(value)}"'
        yield f'{quoted}:"{_escaped(text)}"' if text else quoted


def _escaped(text: str) -> str:
    for char in ("\\", '"', "$", "`"):
        text = text.replace(char, "\\" + char)
    return text.replace(":", r"\\:")
