"""The account: is the session good, what is stored, what may be, and on which hosts."""

from __future__ import annotations

from typing import TypeVar

from ap_remote.api._common import READ
from ap_remote.transport.call import Call
from ap_remote.wire._base import Reply
from ap_remote.wire.account import ENDPOINT, INFO, QUOTA, USAGE, AccountInfo, Endpoint, Quota, Usage

T = TypeVar("T")


def info() -> Call[AccountInfo]:
    """Ask for the account's state: the cheapest proof that a session is good."""
    return _account("info", INFO)


def usage() -> Call[Usage]:
    """Ask what is stored, by family."""
    return _account("usage", USAGE)


def quota() -> Call[Quota]:
    """Ask what may be stored."""
    return _account("quota", QUOTA)


def endpoint() -> Call[Endpoint]:
    """Ask which hosts serve this account."""
    return _account("endpoint", ENDPOINT)


def _account(what: str, reply: Reply[T]) -> Call[T]:
    return Call(method="GET", path=f"account/{what}", params=dict(READ), reply=reply, idempotent=True)
