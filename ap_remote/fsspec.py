"""``ap://`` and ``amazonphotos://`` for everything that speaks fsspec.

fsspec.open("ap://Pictures/a.jpg")            the default remote (AP_REMOTE, else local:)
fsspec.open("ap:///Pictures/a.jpg")           the same
fsspec.open("ap://home@/Pictures/a.jpg")      the account "home"
pandas.read_csv("ap://trips.csv", storage_options={"remote": "home:"})
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from ap_remote.errors import ConfigError
from ap_remote.fs import RemoteFileSystem

if TYPE_CHECKING:
    from ap_remote.remote.base import Remote

_PROTOCOLS: Final = ("ap", "amazonphotos")
_SECRETS: Final = frozenset({"access_token", "cookies", "credentials", "key", "password", "secret", "token"})
"""Options that other filesystems take. Ours would end up in pickles, JSON and task graphs."""


class _Factory(msgspec.Struct, frozen=True):
    """Makes the remote that a spec names; the settings are read then, not before."""

    spec: str | None

    def __call__(self) -> Remote:
        from ap_remote.connect import connect

        return connect(self.spec)


class AmazonPhotosFileSystem(RemoteFileSystem):
    """The filesystem behind ``ap://``. Its options are names, so it can be pickled and written down safely."""

    protocol: ClassVar[tuple[str, ...]] = _PROTOCOLS

    def __init__(self, *, remote: str | None = None, fresh: bool = False, **options: Any) -> None:
        """Keep the options; nothing is opened before the first use.

        Args:
            remote: an account's name and a colon (``local:``, ``home:``); ``None`` is the default remote.
            fresh: ask the service even where the node cache could answer.
            options: those of :class:`~ap_remote.fs.RemoteFileSystem` (``asynchronous``, ``batch_size`` ...).

        Raises:
            ConfigError: *remote* is no such name, or a secret was given as an option.
        """
        secrets = sorted(_SECRETS & options.keys())
        if secrets:
            raise ConfigError(
                f"{secrets[0]!r} is no option here: configure an account (`ap login`) and name it, remote='home:'",
            )
        if remote is not None and not _is_account(remote):
            raise ConfigError("remote must be an account's name and a colon, as in 'home:'; the path is the URL's")
        super().__init__(_Factory(remote), fresh=fresh, **options)
        self.remote = remote

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, str):
            _, path = _split(path)
        return super()._strip_protocol(path)

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        account, _ = _split(path)
        return {} if account is None else {"remote": f"{account}:"}

    def unstrip_protocol(self, name: str) -> str:
        """Return the URL of a path, with the account that this filesystem was made for."""
        account = "" if self.remote is None else self.remote.removesuffix(":") + "@"
        return f"{_PROTOCOLS[0]}://{account}{self._strip_protocol(name)}"


def _split(url: str) -> tuple[str | None, str]:
    """Return the account and the path of ``ap://ACCOUNT@/path``; a plain path is its own and has no account."""
    for protocol in _PROTOCOLS:
        mark = f"{protocol}://"
        if url.startswith(mark):
            head, _, rest = url.removeprefix(mark).partition("/")
            if head.endswith("@"):
                return head[:-1] or None, f"/{rest}"
            return None, url
    return None, url


def _is_account(remote: object) -> bool:
    return isinstance(remote, str) and len(remote) > 1 and remote.endswith(":") and remote.count(":") == 1
