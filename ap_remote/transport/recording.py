"""Keeps what the service answers, redacted, so that an account's truth can be sent to somebody and played again.

A recording is a folder: a JSON file per answer, and ``MANIFEST.toml`` with a row for each, in order, in the manner of
``fixtures/wire``. Bytes of pictures and web pages are never kept, only their length and type; what a request sends is
not kept either, but for the parameters that tell one listing from another. :mod:`ap_remote.transport.replay` plays it.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import msgspec
import tomli_w

from ap_remote.atomic import make_private
from ap_remote.errors import ConfigError
from ap_remote.transport import pages
from ap_remote.transport.answer import length_of
from ap_remote.transport.redaction import PROPERTIES, Redactor
from ap_remote.transport.session import is_cookie
from ap_remote.wire.changes import Lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from ap_remote.transport.call import Call

_log: Final = logging.getLogger("ap_remote.transport")
MANIFEST: Final = "MANIFEST.toml"
_ABOUT: Final = (
    "# Answers of the service, redacted and in order. Pseudonyms are equal where the values were.\n"
    "# Read them all the same before you give them away.\n"
)
_HEADERS: Final = {
    "retry-after": re.compile(r"\d{1,6}|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"),
    "content-range": re.compile(r"bytes [\d*/-]{1,40}"),
    "accept-ranges": re.compile(r"bytes|none"),
}
_TYPE: Final = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,60}")
_LONGEST: Final = 32 << 20
"""Bytes of a body that is kept."""


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the manifest says of an answer; its key there is the file's name, or a number for one without a file."""

    endpoint: str
    """Verb and path, ids as ``{id}``."""
    host: str
    path: str
    query: dict[str, str] = {}
    """``*`` for a parameter that is not kept."""
    status: int
    content_type: str = ""
    length: int | None = None
    """Bytes, where the body is not kept."""
    headers: dict[str, str] = {}
    rotated: tuple[str, ...] = ()
    """Names of the cookies that the answer replaced."""
    page: tuple[str, ...] = ()
    """Words that give away what kind of web page it was."""
    reply: str = ""
    """The decoder that reads it, as in ``fixtures/wire/MANIFEST.toml``."""


class Recorder:
    """Writes one recording.

    Args:
        folder: new or empty; it becomes readable by its owner alone.
        keep_names: leave names of files, albums and people as they are.

    Raises:
        ConfigError: something is in the folder already.
        OSError: it cannot be written to.
    """

    def __init__(self, folder: Path, *, keep_names: bool = False) -> None:
        make_private(folder)
        if any(folder.iterdir()):
            # Pseudonyms hold for one recording: two in a folder would call different things by one name.
            raise ConfigError(f"{folder} is not empty: choose a new folder for each recording")
        self._folder = folder
        self._redactor = Redactor(keep_names=keep_names)
        self._count = 0
        self._append(MANIFEST, _ABOUT.encode())

    def __repr__(self) -> str:
        return f"Recorder({str(self._folder)!r})"

    def keep(
        self, call: Call[Any], response: httpx.Response, body: bytes | None, *, mask: Callable[[str], str]
    ) -> None:
        """Keep one answer. A disk that is full ends the recording, not the call.

        Args:
            call: what was asked.
            response: the answer's head.
            body: the answer's bytes; ``None`` where they go elsewhere.
            mask: takes the session's secrets out of a text.
        """
        self._count += 1
        try:
            self._learn(call)
            kept = None if body is None or call.raw else self._redacted(call, body, mask)
            family = next((part for part in call.path.split("/") if part.isalpha()), "answers")
            name = f"{family}/{self._count:04}.json" if kept is not None else f"{self._count:04}"
            if kept is not None:
                self._folder.joinpath(family).mkdir(exist_ok=True, mode=0o700)
                self._append(name, kept)
            row = self._row(call, response, body, mask, bare=kept is None)
            self._append(MANIFEST, f"\n{tomli_w.dumps({name: msgspec.to_builtins(row)})}".encode())
        except OSError as exc:
            _log.warning("an answer could not be recorded: %s", exc.strerror)

    def _row(
        self, call: Call[Any], response: httpx.Response, body: bytes | None, mask: Callable[[str], str], *, bare: bool
    ) -> Row:
        parts = [self._redactor.segment(unquote(part), mask) for part in call.path.split("/")]
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        lines = response.headers.get_list("set-cookie")
        size = length_of(response) if body is None else len(body)
        return Row(
            endpoint=f"{call.method} {'/'.join('{id}' if _is_id(part) else part for part in parts)}",
            host=call.host,
            path="/".join(parts),
            query={name: self._redactor.parameter(name, value, mask) for name, value in call.params.items()},
            status=response.status_code,
            content_type=kind if _TYPE.fullmatch(kind) else "",
            length=(size or 0) if bare else None,
            headers={
                name: value
                for name, pattern in _HEADERS.items()
                if pattern.fullmatch(value := response.headers.get(name, ""))
            },
            rotated=tuple(name for line in lines if is_cookie(name := line.partition("=")[0].strip())),
            page=tuple(pages.robot_words(body)) if body is not None and pages.is_html(kind) else (),
            reply="" if bare or response.is_error else _decoder(call.reply),
        )

    def _redacted(self, call: Call[Any], body: bytes, mask: Callable[[str], str]) -> bytes | None:
        """Return JSON, or JSON line by line; ``None`` for what is neither."""
        if len(body) > _LONGEST or not body.strip():
            return None
        within = PROPERTIES if PROPERTIES in call.path.split("/") else ""
        values, whole = _decoded(body)
        try:
            found = [msgspec.json.encode(self._redactor.json(each, mask, within=within)) for each in values]
        except RecursionError:
            # Nested deeper than anything the service says: its length will do, and the call must not fail over it.
            return None
        if whole and not isinstance(call.reply, Lines):
            return msgspec.json.format(found[0], indent=2) + b"\n"
        return b"".join(each + b"\n" for each in found) or None

    def _learn(self, call: Call[Any]) -> None:
        """Know the name that a request gives something: a refusal repeats it."""
        if name := call.params.get("name"):
            self._redactor.learn(name)
        if call.json is not None:
            fields = msgspec.json.decode(call.json)
            if isinstance(fields, dict) and isinstance(fields.get("name"), str) and fields["name"]:
                self._redactor.learn(fields["name"])

    def _append(self, name: str, content: bytes) -> None:
        flags = os.O_CREAT | os.O_APPEND | os.O_WRONLY
        with os.fdopen(os.open(self._folder / name, flags, 0o600), "ab") as stream:
            stream.write(content)


def _decoded(body: bytes) -> tuple[list[Any], bool]:
    """Return what a body holds, and whether it is one value; nothing where it is not JSON."""
    for parts in ([body], [line for line in body.splitlines() if line.strip()]):
        try:
            return [msgspec.json.decode(part) for part in parts], len(parts) == 1
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return [], False


def _is_id(part: str) -> bool:
    return len(part) == 22 and not part.isalpha()  # noqa: PLR2004 - the length of every node's id


def _decoder(reply: object) -> str:
    """Return where the decoder stands in ``ap_remote.wire``, ``""`` for one that is made as it is needed."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith("ap_remote.wire."):
            found = next((key for key, value in vars(module).items() if value is reply and key.isupper()), None)
            if found is not None and getattr(module, "__name__", "") == name:
                return f"{name}:{found}"
    return ""
