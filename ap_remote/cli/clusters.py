"""A dask cluster for a build, and how its workers open the account: by name, and by their own configuration."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ap_remote import config
from ap_remote.connect import connect, split_spec
from ap_remote.errors import ConfigError
from ap_remote.semantic.extras import need

if TYPE_CHECKING:
    from ap_remote.config import Account
    from ap_remote.remote.base import Remote
    from ap_remote.semantic.distributed import Cluster

Dask = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="Let the workers of a dask cluster fetch and embed; ADDRESS is its scheduler's, e.g. tcp://10.0.0.1:8786.",
        show_default=False,
    ),
]

_IN_PROCESS: Final = {
    config.LOCAL: "the library is inside one process, which the workers of a cluster cannot share: serve it with "
    "`ap emulator --port 8000`, add that as an account of kind service, and build over that account",
    "memory": "what is in the memory of one process cannot be shared by the workers of a cluster",
}


def cluster(address: str, spec: str | None, *, device: str, compiled: bool) -> Cluster:
    """Return the cluster at *address* for the account of *spec*.

    Raises:
        ConfigError: no such account, or one that worker processes cannot share.
        MissingExtraError: a library is not installed.
    """
    need("numpy")
    from ap_remote.semantic.distributed import Cluster

    settings = config.load()
    name, _ = split_spec(spec, settings)
    account = settings.account(name)
    if account.kind in _IN_PROCESS:
        raise ConfigError(f"{account.name}: {_IN_PROCESS[account.kind]}")
    return Cluster(address, partial(opened, account.name, _mark(account)), device=device, compiled=compiled)


def opened(name: str, mark: str) -> Remote:
    """Return the account of that name, in a worker.

    Raises:
        ConfigError: it is not known there, or it is another one.
        AuthenticationError: its credentials are missing there.
    """
    settings = config.load()
    if _mark(settings.account(name)) != mark:
        raise ConfigError(f"the account {name!r} is another one there: give it the same kind, marketplace and address")
    return connect(f"{name}:", settings=settings)


def _mark(account: Account) -> str:
    """Return what tells an account from others; not where its credentials are, which may differ by machine."""
    return hashlib.sha256(f"{account.kind} {account.tld} {account.url}".encode()).hexdigest()[:16]
