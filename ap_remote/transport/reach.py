"""Where an answer may lead: a service that lies must not make this machine read what only this machine can reach.

The service of an account's own plays all hosts on one origin and keeps everything there. Amazon keeps bytes in stores
whose names it tells nobody beforehand; they are reached by https, under a name of the public network. Such a name may
still be made to mean an address within: nothing there has a certificate for it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec

if TYPE_CHECKING:
    from ap_remote.transport.call import Call
    from ap_remote.transport.hosts import Hosts

Origin = tuple[str, str, int | None]

_TOP: Final = re.compile(r"[a-z][a-z0-9-]*")
"""The last part of a name; where it begins with a digit the whole is an IPv4 address, in one of its spellings."""
_WITHIN: Final = (".localhost", ".local", ".internal", ".home.arpa", ".lan", ".home", ".corp")
"""Ends of names that mean something within one network only (RFC 6761, 6762, 8375), or are used so."""


def refusal(url: httpx.URL, call: Call[Any], hosts: Hosts) -> str | None:
    """Return what an address is that *call* must not go to, without naming it; ``None`` where it may."""
    if url.scheme not in ("https", urlsplit(hosts.metadata).scheme):
        return "an unprotected address"
    own = origins(hosts)
    if origin(url) in own:
        return None
    if len(own) == 1:
        return "a host that is not this service"
    if call.host == "thumbnails":
        return "a host that is not the account's"
    if not _is_public(url.raw_host.decode("ascii")):
        return "a host without a public name"
    return None


def origins(hosts: Hosts) -> frozenset[Origin]:
    """Return the origins of an account's hosts, as far as they are known; a service of one's own has one."""
    return frozenset(origin_of(base) for base in msgspec.structs.astuple(hosts) if base)


def origin(url: httpx.URL) -> Origin:
    """Return what two addresses have in common that lead to the same server."""
    return url.scheme, url.host, url.port


@lru_cache(maxsize=64)  # the same few hosts, for every hop of every request
def origin_of(base: str) -> Origin:
    """Return the origin of a host's base."""
    return origin(httpx.URL(base))


def _is_public(host: str) -> bool:
    """Whether a name, in ASCII, can be one of the public network; an address of any spelling is none."""
    name = host.casefold().removesuffix(".")
    _, dot, top = name.rpartition(".")
    return bool(dot) and _TOP.fullmatch(top) is not None and not name.endswith(_WITHIN)
