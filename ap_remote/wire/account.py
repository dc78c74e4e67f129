"""The account: its state, what it holds, what it may hold, where its hosts are."""

from __future__ import annotations

from typing import Final

import msgspec

from ap_remote.wire._base import Lenient, Wire


class AccountInfo(Wire, frozen=True, kw_only=True):
    """The answer of ``account/info``, the cheapest question that needs a session."""

    status: str | None = None
    terms_of_use: str | None = None


class Tally(Wire, frozen=True, kw_only=True):
    """How many, and how many bytes. Both may arrive as strings."""

    bytes: int = 0
    count: int = 0


class Space(Wire, frozen=True, kw_only=True):
    """All of one family, and the part that counts against the quota."""

    total: Tally = msgspec.field(default_factory=Tally)
    billable: Tally = msgspec.field(default_factory=Tally)


class Usage(Wire, frozen=True, kw_only=True):
    """Space taken per family; calculated now and then, so it lags behind writes."""

    photo: Space = msgspec.field(default_factory=Space)
    video: Space = msgspec.field(default_factory=Space)
    doc: Space = msgspec.field(default_factory=Space)
    other: Space = msgspec.field(default_factory=Space)
    last_calculated: str | None = None


class Quota(Wire, frozen=True, kw_only=True):
    """Bytes granted and bytes left."""

    quota: int | None = None
    available: int | None = None
    last_calculated: str | None = None


class Endpoint(Wire, frozen=True, kw_only=True):
    """Where this account's hosts are; the authority on marketplaces and regions."""

    customer_exists: bool | None = None
    content_url: str | None = None
    metadata_url: str | None = None
    retail_url: str | None = None
    thumbnail_service_url: str | None = None
    download_service_url: str | None = None
    region: str | None = None
    country_at_signup: str | None = None
    marketplace_at_signup: str | None = None


INFO: Final = Lenient(AccountInfo)
USAGE: Final = Lenient(Usage)
QUOTA: Final = Lenient(Quota)
ENDPOINT: Final = Lenient(Endpoint)
