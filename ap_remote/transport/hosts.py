"""Amazon's marketplaces, and the hosts an account speaks to.

The table follows what public clients know; the authority is ``account/endpoint`` (:meth:`Hosts.corrected`). A
marketplace is found by the suffix of its cookies through this table, never by putting strings together: ``at-acbuk``
belongs to ``amazon.co.uk``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, Self, cast, get_args
from urllib.parse import urlsplit

import msgspec

from ap_remote.errors import ConfigError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ap_remote.transport.call import Role
    from ap_remote.wire.account import Endpoint

Region = Literal["na", "eu", "jp"]

_RENTED: Final = frozenset({"compute", "compute-1", "elb", "execute-api", "lambda-url", "rds", "elasticbeanstalk"})
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
            raise ConfigError(f"no marketplace has cookies that end in {suffix!r}: name it with --tld and --region")
        return _BY_SUFFIX[suffix]
    return None


class Hosts(msgspec.Struct, frozen=True, kw_only=True):
    """The bases of the hosts, each with a slash at its end; an empty one is not known yet."""

    metadata: str
    content: str
    thumbnails: str
    retail: str = ""
    """The shop's site, where sessions are renewed."""

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
            raise ConfigError(
                f"no marketplace amazon.{tld} is known ({', '.join(sorted(_BY_TLD))} are); "
                "name it with --tld and --region"
            )
        found = region or (known.region if known else None)
        if found is None:
            raise ConfigError(
                f"the region of amazon.{tld} is not known; name it with --region: {', '.join(get_args(Region))}"
            )
        return cls(
            metadata=f"https://www.amazon.{tld}/drive/v1/",
            content=f"https://content-{found}.drive.amazonaws.com/",
            thumbnails=f"https://thumbnails-photos.amazon.{tld}/",
            retail=f"https://www.amazon.{tld}/",
        )

    @classmethod
    def as_known(cls, tld: str) -> Self:
        """Return the hosts as the table has them; the content host is empty where it says nothing of the region.

        Raises:
            ConfigError: the marketplace is unknown.
        """
        known = _BY_TLD.get(tld)
        if known is None or known.region is not None:
            return cls.for_marketplace(tld)
        return msgspec.structs.replace(cls.for_marketplace(tld, "na"), content="")

    def corrected(self, endpoint: Endpoint) -> Self:
        """Return the hosts with those for content and thumbnails that ``account/endpoint`` names.

        The metadata host stays: ``metadataUrl`` is another door's, and perhaps takes no cookies (uncertain).

        Raises:
            ProtocolError: an address leads to where no cookie may go.
        """
        content = self._checked(endpoint.content_url) or self.content
        thumbnails = self._checked(endpoint.thumbnail_service_url) or self.thumbnails
        return msgspec.structs.replace(self, content=content, thumbnails=thumbnails)

    def _checked(self, url: str | None) -> str:
        """Return the origin of an address, with a slash; the paths below it are the calls' own."""
        if not url:
            return ""
        parts, own = urlsplit(url), urlsplit(self.metadata)
        same = (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
        if not same and (parts.scheme != "https" or not _is_amazons(parts.netloc)):
            raise ProtocolError("the service names a host for this account that is not Amazon's")
        return f"{parts.scheme}://{parts.netloc}/"

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
        return cls(metadata=f"{base}/drive/v1/", content=f"{base}/", thumbnails=f"{base}/", retail=f"{base}/")

    def base(self, role: Role) -> str:
        """Return the base of one host."""
        return cast("str", getattr(self, role))


def _is_amazons(host: str) -> bool:
    """Whether a host is one of Amazon's own: under a site in the table, or among the cloud's that nobody can rent."""
    labels = host.casefold().split(".")
    if not all(re.fullmatch(r"[a-z0-9-]+", label) for label in labels):
        return False
    if labels[-2:] == ["amazonaws", "com"]:
        # (own choice) Anybody's files and machines have names of these kinds.
        return not any(label.startswith("s3") or label in _RENTED for label in labels)
    return any(f".{host.casefold()}".endswith(f".amazon.{tld}") for tld in _BY_TLD)
