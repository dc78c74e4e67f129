"""Kinds of remote by name. This module knows no backend; :mod:`ap_remote.connect` registers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ap_remote.errors import ConfigError

if TYPE_CHECKING:
    from ap_remote.config import Account, Settings
    from ap_remote.remote.base import Remote


class Factory(Protocol):
    """Makes a remote for a configured account; does no I/O before the first verb."""

    def __call__(self, account: Account, settings: Settings) -> Remote:
        """Return the remote."""
        ...


class Registry:
    """Maps a kind of account (``amazon``, ``local``, ``memory``) to what makes its remote."""

    def __init__(self) -> None:
        """Begin empty."""
        self._factories: dict[str, Factory] = {}

    def register(self, kind: str, factory: Factory) -> None:
        """Add a kind; a second registration of one name is a programming error."""
        if kind in self._factories:
            message = f"remote kind {kind!r} is registered twice"
            raise ValueError(message)
        self._factories[kind] = factory

    def make(self, account: Account, settings: Settings) -> Remote:
        """Return a remote for *account*.

        Raises:
            ConfigError: nobody registered the account's kind.
        """
        try:
            factory = self._factories[account.kind]
        except KeyError:
            known = ", ".join(sorted(self._factories))
            message = f"account {account.name!r} has the unknown kind {account.kind!r}; known are {known}"
            raise ConfigError(message) from None
        return factory(account, settings)
