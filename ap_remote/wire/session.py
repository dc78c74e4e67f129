"""Sessions: what is given in exchange for a refresh token, and the browser's access token. Neither can be printed."""

from __future__ import annotations

from typing import Final

import msgspec

from ap_remote.wire._base import Lenient, Wire


class Cookie(Wire, frozen=True, kw_only=True, rename="pascal"):
    """A fresh cookie."""

    name: str = ""
    value: str = ""

    def __repr__(self) -> str:
        """Show its name only."""
        return f"Cookie({self.name}=***)"


class Tokens(Wire, frozen=True, kw_only=True):
    """What the answer of a renewal holds, two levels down."""

    cookies: tuple[Cookie, ...] | dict[str, tuple[Cookie, ...]] = ()
    """A list [amazon-photos-api.md 3.2]; or lists by the domain that they are for (inferred)."""


class Exchanged(Wire, frozen=True, kw_only=True):
    """The level between."""

    tokens: Tokens = msgspec.field(default_factory=Tokens)


class Refreshed(Wire, frozen=True, kw_only=True):
    """The answer of ``ap/exchangetoken/refresh`` (one source)."""

    response: Exchanged = msgspec.field(default_factory=Exchanged)

    @property
    def cookies(self) -> dict[str, str]:
        """The fresh cookies by name."""
        given = self.response.tokens.cookies
        rows = [each for rows in given.values() for each in rows] if isinstance(given, dict) else given
        return {each.name: each.value for each in rows if each.name}


class AccessToken(Wire, frozen=True, kw_only=True, rename=None):
    """The answer of ``photos/auth/token``: what a browser shows the content host, which it can send no cookies."""

    access_token: str = ""
    duration: float = 0.0
    """Seconds; they come in quotes."""

    def __repr__(self) -> str:
        """Show how long it lives."""
        return f"AccessToken(***, {self.duration:g} s)"


REFRESHED: Final = Lenient(Refreshed)
ACCESS_TOKEN: Final = Lenient(AccessToken)
