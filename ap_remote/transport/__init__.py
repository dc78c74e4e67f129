"""HTTP: a request as a value, the session, retry, pacing, faults, and the one client that sends."""

from __future__ import annotations

from ap_remote.transport.anonymous import AnonymousSession
from ap_remote.transport.answer import ContentRange, Download
from ap_remote.transport.breaker import Breaker
from ap_remote.transport.call import Address, Call
from ap_remote.transport.client import Transport
from ap_remote.transport.discovery import Discovery
from ap_remote.transport.hosts import MARKETPLACES, Hosts, Marketplace, marketplace_of
from ap_remote.transport.pacer import CONCURRENCY, RATE, Pacer, Pacing
from ap_remote.transport.pacer_dask import pacing
from ap_remote.transport.retry import Retry, RetryPolicy
from ap_remote.transport.session import Session, load_credentials, save_credentials
from ap_remote.transport.stores import FileStore, KeyringStore, Store

__all__ = [
    "CONCURRENCY",
    "MARKETPLACES",
    "RATE",
    "Address",
    "AnonymousSession",
    "Breaker",
    "Call",
    "ContentRange",
    "Discovery",
    "Download",
    "FileStore",
    "Hosts",
    "KeyringStore",
    "Marketplace",
    "Pacer",
    "Pacing",
    "Retry",
    "RetryPolicy",
    "Session",
    "Store",
    "Transport",
    "load_credentials",
    "marketplace_of",
    "pacing",
    "save_credentials",
]
