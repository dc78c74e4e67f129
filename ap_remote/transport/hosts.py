"""Amazon's marketplaces, and the three hosts an account speaks to.

The table follows what public clients know; the authority is ``account/endpoint``. A marketplace is found by the suffix
of its cookies through this table, never by putting strings together: ``at-acbuk`` belongs to ``amazon.co.uk``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, Self, cast, get_args
from urllib.parse import urlsplit

import msgspec

from ap_remote.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ap_remote.transport.call import Role

Region = Literal["na", "eu", "jp"]

_TLD: Final = re.compile(r"[a-z]{2,3}(\.[a-z]{2,3})?")


class Marketplace(msgspec.Struct, frozen=True, kw_only=True):
    """One of Amazon's sites."""

    tld: str
    suffix: str
    """What follows ``at-`` and ``ubid-`` in cookie names."""
    region: Region | None
    """Where its content host is; ``None`` where no source knows."""


def _table() -> tuple[Marketplace, ...]:
    # `in`, `sg` and the others of the last row are named by their users only; their region is in no source.
    rows: tuple[tuple[Region | None, str], ...] = (
        ("na", "com:main ca:acbca com.mx:acbmx com.br:acbbr"),
        ("eu", "co.uk:acbuk de it fr es nl se pl be ie at bg cy cz dk ee fi gr hr hu lt lu lv mt pt ro si sk"),
        ("jp", "co.jp:acbjp"),
        (None, "com.au:acbau in sg com.tr:acbtr ae sa"),
    )
    return tuple(
        Marketplace(tld=tld, suffix=suffix or f"acb{tld}", region=region)
        for region, names in rows
        for tld, _, suffix in (name.partition(":") for name in names.split())
    )


MARKETPLACES: Final = _table()
_BY_TLD: Final = {each.tld: each for each in MARKETPLACES}
_BY_SUFFIX: Final = {each.suffix: each for each in MARKETPLACES}


def marketplace_of(cookie_names: Iterable[str]) -> Marketplace | None:
    """Return the marketplace that issued cookies of these names (hyphens or underscores), if the table knows it.

    Raises:
        ConfigError: the cookies belong to several marketplaces, or to one that is not in the table.
    """
    suffixes = {
        match[1].replace("_", "-")
        for name in cookie_names
        if (match := re.fullmatch(r"(?:at|ubid)[-_](main|acb[a-z.\-_]+)", name))
    }
    if len(suffixes) > 1:
        raise ConfigError(
            f"the cookies belong to several marketplaces: {', '.join(sorted(suffixes))}; keep those of one",
        )
    for suffix in suffixes:
        if suffix not in _BY_SUFFIX:
            raise ConfigError(f"no marketplace has cookies that end in {suffix!r}; name its tld and its region")
        return _BY_SUFFIX[suffix]
    return None


class Hosts(msgspec.Struct, frozen=True, kw_only=True):
    """The bases of the three hosts, each with a slash at its end."""

    metadata: str
    content: str
    thumbnails: str

    @classmethod
    def for_marketplace(cls, tld: str, region: str | None = None) -> Self:
        """Return the hosts of ``amazon.<tld>``; *region* is needed only where the table has none.

        Raises:
            ConfigError: the marketplace, or its region, is unknown.
        """
        known = _BY_TLD.get(tld)
        if region is not None and region not in get_args(Region):
            raise ConfigError(f"no region {region!r}; there are {', '.join(get_args(Region))}")
        if known is None and (region is None or not _TLD.fullmatch(tld)):
            raise ConfigError(f"no marketplace amazon.{tld} is known; known are {', '.join(sorted(_BY_TLD))}")
        found = region or (known.region if known else None)
        if found is None:
            raise ConfigError(f"the region of amazon.{tld} is not known; name it: {', '.join(get_args(Region))}")
        return cls(
            metadata=f"https://www.amazon.{tld}/drive/v1/",
            content=f"https://content-{found}.drive.amazonaws.com/",
            thumbnails=f"https://thumbnails-photos.amazon.{tld}/",
        )

    @classmethod
    def for_service(cls, url: str) -> Self:
        """Return the hosts of a local service, which are all one origin.

        Raises:
            ConfigError: *url* is not an ``http`` or ``https`` address, or carries more than an address.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError("a service needs an address such as http://127.0.0.1:8400")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ConfigError("a service's address has neither user, nor query, nor fragment; cookies come from a file")
        base = url.rstrip("/")
        return cls(metadata=f"{base}/drive/v1/", content=f"{base}/", thumbnails=f"{base}/")

    def base(self, role: Role) -> str:
        """Return the base of one host."""
        return cast("str", getattr(self, role))
