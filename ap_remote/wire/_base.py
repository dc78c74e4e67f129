"""The base of every wire struct, lenient decoding, and Amazon's way of writing a time.

What the service sends is read generously: unknown keys are allowed, nearly every key may be absent or ``null``,
integers may arrive as strings. What it must say for us to work at all (an id, a length) is still checked.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape in JSON; *half* is one half of a character pair without the other, which no text can hold."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Word = str | int | float | bool | None
"""A value whose JSON type nobody promises; the reader converts it."""


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
    """A piece of Amazon's JSON: camelCase there, snake_case here. JSON has no cycles for a collector to find."""


class Reply(Protocol[T_co]):
    """What turns the body of an answer into a value."""

    def decode(self, body: bytes, /) -> T_co:
        """Return the value.

        Raises:
            msgspec.DecodeError: the body is not what it should be.
        """
        ...


class Lenient(Generic[T]):
    """A decoder that is built once, and that forgives ``null`` and numbers in quotes."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._typed = msgspec.json.Decoder(kind, strict=False)

    def __repr__(self) -> str:
        return f"Lenient({self._kind.__name__})"

    def decode(self, body: bytes, /) -> T:
        """Return the struct.

        Raises:
            msgspec.DecodeError: not JSON, or an essential part is missing or of another type.
        """
        try:
            return self._typed.decode(body)
        except msgspec.ValidationError:
            # The quick way knows no null where a list or a number is expected; what is null is absent.
            return msgspec.convert(_without_nulls(_ANY.decode(body)), self._kind, strict=False)
        except msgspec.DecodeError:
            # A name that was cut within an emoji must not make its whole folder unreadable.
            whole = _ESCAPE.sub(_whole, body)
            if whole == body:
                raise
            return self.decode(whole)


class Unrecorded(Lenient[T]):
    """A decoder of an answer that nobody wrote down.

    JSON of another shape than the expected one is as good as an empty answer: the status has said that it was done.
    Only what it says under the names in *keep* must be understood, for that is where a failure would stand.
    """

    def __init__(self, kind: type[T], *, keep: tuple[str, ...]) -> None:
        super().__init__(kind)
        self._keep = keep

    def decode(self, body: bytes, /) -> T:
        """Return the struct, empty but for *keep* where the answer is another.

        Raises:
            msgspec.DecodeError: not JSON, or what must be understood cannot be.
        """
        try:
            return super().decode(body)
        except msgspec.ValidationError:
            said = _ANY.decode(body)
            kept = {name: said[name] for name in self._keep if said.get(name)} if isinstance(said, dict) else {}
            return msgspec.convert(_without_nulls(kept), self._kind, strict=False)


class Perhaps(Generic[T]):
    """A decoder of an answer that some say is the struct and others say is empty."""

    def __init__(self, reply: Reply[T]) -> None:
        self._reply = reply

    def __repr__(self) -> str:
        return f"Perhaps({self._reply!r})"

    def decode(self, body: bytes, /) -> T | None:
        """Return the struct, ``None`` for JSON of another shape.

        Raises:
            msgspec.DecodeError: not JSON.
        """
        try:
            return self._reply.decode(body)
        except msgspec.ValidationError:
            return None


class Raw:
    """The reply of a call whose body is not JSON: the bytes themselves."""

    def decode(self, body: bytes, /) -> bytes:
        """Return *body*."""
        return body


def _whole(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if escape["half"] else escape[0]


_ANY: Final = msgspec.json.Decoder()
BYTES: Final = Raw()


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value if each is not None]
    return value


def moment(text: object) -> datetime | None:
    """Read a time as Amazon writes it; ``None`` for what is absent or makes no sense.

    A time without a zone is taken for UTC. EXIF times come with a ``Z`` that is not to be trusted: EXIF has no zone.
    """
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text.strip())
        if found.tzinfo is UTC:
            return found
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def stamp(when: datetime) -> str:
    """Write a time as Amazon does: UTC, milliseconds, ``Z``. A time without a zone is taken for UTC."""
    utc = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
