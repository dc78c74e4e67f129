"""A request as a value: endpoint functions build it, the client sends it, tests compare it with ``==``."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Generic, Literal, TypeVar
from urllib.parse import quote

import msgspec

from ap_remote.wire._base import Raw, Reply

T = TypeVar("T")

MOST: Final = 64 << 20
"""Bytes of an answer that are gathered where its call says nothing else (own choice)."""

Role = Literal["metadata", "content", "thumbnails", "retail"]
"""Which of an account's hosts is meant."""


class Address(msgspec.Struct, frozen=True):
    """An absolute address that the service made for one thing. Whoever has it needs no cookies: it is never shown."""

    url: str

    def __repr__(self) -> str:
        return "Address(…)"


class Call(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One request, without host and credentials; ``T`` is what its answer becomes."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """Below the host's base, without a leading slash, its parts percent-encoded (:func:`segment`)."""
    reply: Reply[T]
    host: Role = "metadata"
    params: dict[str, str] = msgspec.field(default_factory=dict)
    json: bytes | None = None
    """A JSON body, ready to be sent."""
    body: bytes | Path | None = None
    """A raw body: bytes in hand, or a local file that is streamed."""
    size: int | None = None
    """Bytes in ``body``, where they are promised: a file of another length is refused."""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    address: Address | None = None
    """Where it goes instead of to a host of the account's, without credentials; ``path`` is but a label then."""
    idempotent: bool = False
    """Whether sending it twice has the effect of sending it once."""
    harmless: bool = False
    """Whether it changes nothing that anybody sees, though it is no GET: a question, or parts that are given up."""
    most: int = MOST
    """Bytes of the answer at most, where it is gathered; a longer one is refused unread. A stream has no bound."""
    leads: str = ""
    """What the answer's redirect holds for, such as a file's id and version: where it led is remembered under this name
    for some seconds (:mod:`ap_remote.transport.onward`). Only for what is asked to find bytes."""
    subject: str = ""
    """What an error calls the thing this is about: a path or a name. Defaults to ``path``."""

    @property
    def raw(self) -> bool:
        """Whether the answer is bytes, not JSON."""
        return isinstance(self.reply, Raw)

    @property
    def changes(self) -> bool:
        """Whether it may change what others see."""
        return self.method != "GET" and not self.harmless

    @property
    def about(self) -> str:
        """The name of the thing for an error's sentence."""
        return self.subject or self.path

    @property
    def title(self) -> str:
        """Verb and path, without the query: what logs and errors show."""
        return f"{self.method} {self.path}"


def segment(text: str) -> str:
    """Return *text* as one part of a path."""
    return quote(text, safe="")
